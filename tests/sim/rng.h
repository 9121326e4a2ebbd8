/* SPDX-License-Identifier: MIT */
/* The one source of chance: splitmix64. A seed replays everything. */
#ifndef BH_SIM_RNG_H
#define BH_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* 0 to limit - 1; limit > 0. */
static inline uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    return (uint32_t)(((rng_next(rng) >> 32) * limit) >> 32);
}

/* first to last, both included. */
static inline uint32_t rng_between(struct rng *rng, uint32_t first,
                                   uint32_t last)
{
    return first + rng_below(rng, last - first + 1);
}

/* True in `share` of 65,536 cases. */
static inline bool rng_hits(struct rng *rng, uint32_t share)
{
    return share > 0 && (rng_next(rng) & 0xFFFF) < share;
}

#define PERCENT(n) ((uint32_t)((n)*65536 / 100))
#define PERMILLE(n) ((uint32_t)((n)*65536 / 1000))

#endif
