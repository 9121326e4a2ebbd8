/* SPDX-License-Identifier: MIT */
/*
 * A granule is 128 bytes of a disk, the smallest sector there is; requests
 * cover 1, 2, 4 or 8 of them. What it holds describes itself: which write of
 * which client to which place it is from, and every byte of it follows from
 * that.
 */
#ifndef BH_SIM_GRANULE_H
#define BH_SIM_GRANULE_H

#include <stdbool.h>
#include <stdint.h>

#define GRANULE_LEN 128u

/*
 * A write's number, which is unique, and its client in the low byte, with one
 * bit for what a TRIM or ZERO has made. Zeros do not say whose they are; here
 * they do, and so nothing less is found of a TRIM or ZERO than of a WRITE. Two
 * things see through it: the core, when it examines a ZERO that is in doubt
 * (core/doubt.h), is shown zeros; and nobody else looks at what sectors hold.
 */
#define VALUE_INITIAL 0u
#define VALUE_ZEROS 1u                 /* a hole in a volume that has grown */
#define VALUE_ZEROED 0x80u             /* bit: by a TRIM or ZERO */
#define VALUE_TORN ((uint64_t)1 << 63) /* with a hash of what is there */

enum granule_kind { GRANULE_WHOLE, GRANULE_TORN, GRANULE_STRAY };

void granule_fill(uint8_t *bytes, uint32_t disk, uint32_t at, uint64_t value);

/* What is there. STRAY: a whole granule of another place, which is in
 * `*place`. */
enum granule_kind granule_parse(const uint8_t *bytes, uint32_t disk,
                                uint32_t at, uint64_t *value, uint64_t *place);

#endif
