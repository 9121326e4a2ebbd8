/* SPDX-License-Identifier: MIT */
/* The clock that never goes back. */
#ifndef BH_DAEMON_CLOCK_H
#define BH_DAEMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t bh_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t bh_clock_ms(void)
{
    return bh_clock_ns() / 1000000;
}

#endif
