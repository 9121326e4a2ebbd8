/* SPDX-License-Identifier: MIT */
/*
 * Which sectors of a file and a volume differ, found by CHECKSUM: pieces of 64
 * KiB are compared, as many under way as the session allows, and what differs
 * is halved down to a few sectors.
 *
 * Invariant: halves wait on a stack, and no new piece begins while one does. So
 * all of them together are parts of no more pieces than may be under way.
 */
#ifndef BH_CLI_COMPARE_H
#define BH_CLI_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/extents.h"
#include "cli/sectors.h"
#include "cli/transfer.h"

struct progress;

#define COMPARE_PIECE_LEN 65536u
#define COMPARE_FINE_LEN 4096u /* what is so long is not halved */
#define COMPARE_WINDOW 64u
#define COMPARE_WAITING (COMPARE_WINDOW * COMPARE_PIECE_LEN / COMPARE_FINE_LEN)

struct probe {
    uint64_t lsn;
    uint32_t count;
    uint32_t crc; /* of the volume */
    bool half;    /* counted with its piece */
};

struct compare {
    struct transfer *transfer; /* borrowed, as all that follows */
    struct progress *progress;
    struct sectors *sectors;
    struct extents *differing;
    uint64_t next, end;
    uint32_t most, fine; /* sectors of a piece, and of what is not halved */
    uint32_t zeros;      /* the CRC of a piece of zeros */
    unsigned waiting, idle;
    struct probe stack[COMPARE_WAITING];
    struct probe probes[COMPARE_WINDOW];
    struct probe *unused[COMPARE_WINDOW]; /* `idle` of them */
};

/* The first `count` sectors. The members up to `differing` are set. 0, -EINTR,
 * or a negative errno: then the disk has a sentence if `*complained` is false.
 */
int compare_checksums(struct compare *compare, uint64_t count,
                      bool *complained);

/* The same by their data, which all travels. */
int compare_data(struct compare *compare, uint64_t count, bool *complained);

#endif
