/* SPDX-License-Identifier: MIT */
/*
 * Whether a write to a file's page cache is likely to wait. There is no way to
 * ask: hardly any file system takes RWF_NOWAIT for one. It does while a thread
 * writes to the same file, which many file systems let one do at a time, or
 * syncs it, and when there are too many dirty pages, which is found out by
 * waiting once.
 */
#ifndef BH_VOLUME_CALM_H
#define BH_VOLUME_CALM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A write to the page cache takes microseconds. One that took BH_SLOW_NS may
 * have waited for the disk, and then others may. So that only a part of the
 * time is spent in waiting, the next ones go elsewhere for so many times as
 * long. */
#define BH_SLOW_NS 500000u
#define BH_SLOW_REST 20u

struct bh_calm {
    atomic_int busy;     /* writes and syncs of threads under way */
    uint64_t slow_until; /* of the one thread that asks; ns */
};

static inline uint64_t bh_calm_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline bool bh_calm_is(struct bh_calm *calm, uint64_t now)
{
    return calm->busy == 0 && now >= calm->slow_until;
}

/* After a write in the loop. */
static inline void bh_calm_wrote(struct bh_calm *calm, uint64_t began)
{
    uint64_t ended = bh_calm_clock_ns();

    if (ended - began > BH_SLOW_NS)
        calm->slow_until = ended + (ended - began) * BH_SLOW_REST;
}

#endif
