/* SPDX-License-Identifier: MIT */
/* Times in nanoseconds, counted with a resolution of 1 in 64. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64u
#define HISTOGRAM_LEN (59u * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t of[HISTOGRAM_LEN];
};

void histogram_note(struct histogram *histogram, uint64_t ns);

/* The time that `share` of all do not exceed; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
