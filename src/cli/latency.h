/* SPDX-License-Identifier: MIT */
/*
 * How long each of many requests took, in bounded memory: counted in buckets
 * that are 1/64 of their value wide, so that a percentile is at most 1.6 per
 * cent too high. Pure.
 */
#ifndef BH_CLI_LATENCY_H
#define BH_CLI_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 64u /* buckets for each doubling */
#define LATENCY_DOUBLINGS 35u
#define LATENCY_MAX_NS ((UINT64_C(1) << 40) - 1) /* longer counts as this */

struct latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns; /* 0: there is none */
    uint64_t max_ns;
    uint64_t buckets[LATENCY_STEPS * LATENCY_DOUBLINGS];
};

/* One more took `ns`. `latency` is zero before the first. */
void latency_add(struct latency *latency, uint64_t ns);

/* What `thousandths` of them did not exceed: 500 is the median, 999 is often
 * called p999. 0 if there are none. */
uint64_t latency_at(const struct latency *latency, unsigned thousandths);

/* Their mean, 0 if there are none. */
uint64_t latency_mean(const struct latency *latency);

#endif
