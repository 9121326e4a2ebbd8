/* SPDX-License-Identifier: MIT */
/*
 * What the images of the benchmarks hold, and what WRITEs bring: every granule
 * of 128 bytes begins with its own number (u64, big-endian), and the rest
 * follows from that. So a sector of any size is known by its place, and a WRITE
 * changes nothing: whatever order requests run in, every READ can be checked.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_GRANULE_LEN 128u

/* `len` bytes, a multiple of the granule, of an image from granule `first`. */
void pattern_fill(uint8_t *bytes, size_t len, uint64_t first);

/* The first granule's number alone, and all of it. */
bool pattern_begins(const uint8_t *bytes, uint64_t first);
bool pattern_is(const uint8_t *bytes, size_t len, uint64_t first);

#endif
