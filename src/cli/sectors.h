/* SPDX-License-Identifier: MIT */
/*
 * A file as the sectors that a volume is to have. Its last one, where the file
 * ends within it, goes on with what the volume has there.
 */
#ifndef BH_CLI_SECTORS_H
#define BH_CLI_SECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/transfer.h"

struct source;

struct sectors {
    const struct source *source; /* borrowed; a file that can be read twice */
    uint64_t base;               /* where in the file it begins */
    uint32_t len;                /* of a sector */
    uint64_t count;
    uint64_t hole_from, hole_to;           /* bytes known to be a hole, ... */
    uint64_t data_from, data_to;           /* ... and to be none */
    uint8_t last[TRANSFER_SECTOR_LEN_MAX]; /* of use if it is a partial one */
};

/* Every call here but sectors_are_hole() complains itself and returns 0 or a
 * negative errno. */

/* `last` is still to be completed by the caller if sectors_rest() is not 0. */
int sectors_begin(struct sectors *sectors, const struct source *source,
                  uint32_t sector_len);

/* The bytes of the last sector that the file has; 0: all. */
uint32_t sectors_rest(const struct sectors *sectors);

int sectors_read(struct sectors *sectors, uint64_t lsn, size_t count,
                 uint8_t *data);

/* Whether the file has a hole there, and so reads as zeros. False is always
 * right. */
bool sectors_are_hole(struct sectors *sectors, uint64_t lsn, size_t count);

#endif
