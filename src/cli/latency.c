/* SPDX-License-Identifier: MIT */
#include "cli/latency.h"

/* Below LATENCY_STEPS a bucket is one nanosecond; then the steps between two
 * powers of two are LATENCY_STEPS. */
static unsigned bucket_of(uint64_t ns)
{
    unsigned doublings = 0;

    while (ns >> doublings >> 1 >= LATENCY_STEPS)
        doublings++;
    return doublings * LATENCY_STEPS + (unsigned)(ns >> doublings);
}

/* The longest time that falls into a bucket. */
static uint64_t end_of(unsigned bucket)
{
    unsigned doublings =
        bucket < LATENCY_STEPS ? 0 : bucket / LATENCY_STEPS - 1;

    return ((uint64_t)(bucket - doublings * LATENCY_STEPS + 1) << doublings) -
           1;
}

void latency_add(struct latency *latency, uint64_t ns)
{
    if (ns > LATENCY_MAX_NS)
        ns = LATENCY_MAX_NS;
    if (latency->count == 0 || ns < latency->min_ns)
        latency->min_ns = ns;
    if (ns > latency->max_ns)
        latency->max_ns = ns;
    latency->count++;
    latency->sum_ns += ns;
    latency->buckets[bucket_of(ns)]++;
}

uint64_t latency_at(const struct latency *latency, unsigned thousandths)
{
    uint64_t wanted = (latency->count * thousandths + 999) / 1000, seen = 0;
    unsigned bucket = 0;

    if (latency->count == 0)
        return 0;
    if (wanted == 0)
        return latency->min_ns;
    for (; seen < wanted; bucket++)
        seen += latency->buckets[bucket];
    return end_of(bucket - 1) < latency->max_ns ? end_of(bucket - 1)
                                                : latency->max_ns;
}

uint64_t latency_mean(const struct latency *latency)
{
    return latency->count == 0 ? 0 : latency->sum_ns / latency->count;
}
