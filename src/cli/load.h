/* SPDX-License-Identifier: MIT */
/*
 * Requests of one kind to an open volume, as many under way at a time as are
 * asked for, and how long each took: what bench measures.
 *
 * Writes put back what is there already, so that they change nothing.
 */
#ifndef BH_CLI_LOAD_H
#define BH_CLI_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/interrupt.h"
#include "cli/latency.h"

struct bh_disk;

#define LOAD_WINDOW_MAX 64u

struct load {
    struct bh_disk *disk;        /* borrowed, open */
    struct interrupt *interrupt; /* borrowed */
    const uint8_t *image;        /* writes: the sectors' bytes; NULL: reads */
    uint8_t *data;         /* reads: `window` times `run` sectors; borrowed */
    uint64_t sector_count; /* of the volume, from LSN 0 on; `run` at least */
    uint32_t sector_len;   /* bytes */
    uint32_t run;          /* sectors of one request */
    unsigned window;       /* requests under way, to LOAD_WINDOW_MAX */
    bool sequential;       /* else at random */

    struct latency latency; /* of those that are over */
    unsigned under_way;
    uint64_t next;   /* sequential: LSN */
    uint64_t random; /* the generator's state */
    struct load_slot {
        uint64_t started_ns;
        bool busy;
    } slots[LOAD_WINDOW_MAX];
};

/* Starts what may be started, if `more`; waits `wait_ms` at most for what
 * comes; takes back what is over. 0, -EINTR after a signal, or the negative
 * errno of the request that failed, of which the disk's sentence speaks. After
 * a failure requests are still under way, and `image` and `data` belong to the
 * disk until that is freed. */
int load_step(struct load *load, bool more, int wait_ms);

#endif
