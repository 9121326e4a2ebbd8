/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#define STEP_BITS 6u

/* Below 64 each value has a place; above, each power of two has 64. */
static unsigned place_of(uint64_t ns)
{
    unsigned power;

    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    power = 63u - (unsigned)__builtin_clzll(ns);
    return (power - STEP_BITS + 1) * HISTOGRAM_STEPS +
           ((unsigned)(ns >> (power - STEP_BITS)) & (HISTOGRAM_STEPS - 1));
}

static uint64_t value_at(unsigned place)
{
    unsigned octave = place / HISTOGRAM_STEPS;
    uint64_t step = place % HISTOGRAM_STEPS;

    return octave == 0 ? step : (HISTOGRAM_STEPS + step) << (octave - 1);
}

void histogram_note(struct histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->of[place_of(ns)]++;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_LEN; i++) {
        seen += histogram->of[i];
        if (seen > 0 && (double)seen >= wanted)
            return value_at(i);
    }
    return 0;
}
