/* SPDX-License-Identifier: MIT */
/*
 * Requests to the disk, in the order in which they were asked for. The disk
 * takes as many at a time as its window has room for; the others wait here.
 *
 * Invariants
 *   1. Calls are started in the order of calls_ask(). So those that overlap
 *      take effect in that order (blockhead.h).
 *   2. `finish` is called once for each, never from within calls_ask().
 *   3. Once `lost` is set it stays, and every call fails with it: those that
 *      are under way fail by themselves.
 */
#ifndef BH_MOUNT_CALLS_H
#define BH_MOUNT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_disk;

struct call {
    struct call *next;
    /* One of the disk's start calls; this call is the tag. */
    int (*start)(struct bh_disk *disk, struct call *call);
    /* It is over: 0 or a negative errno. May ask for more, and free `call`. */
    void (*finish)(struct call *call, int result);
};

struct calls {
    struct bh_disk *disk;      /* borrowed; open */
    struct call *first, **end; /* that wait */
    unsigned waiting, started;
    uint64_t asked; /* in all */
    int lost;       /* the session's end, a negative errno; or 0 */
    int told;       /* the failure that was told last; 0: all went well since */
    bool to_log;    /* where failures are told */
};

void calls_begin(struct calls *calls, struct bh_disk *disk);

/* Its `start` and `finish` are set. Owned until it is over. */
void calls_ask(struct calls *calls, struct call *call);

/* Lets the disk go on: sends what waits and finishes what is over. */
void calls_step(struct calls *calls);

static inline bool calls_idle(const struct calls *calls)
{
    return calls->waiting + calls->started == 0;
}

#endif
