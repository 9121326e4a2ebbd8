/* SPDX-License-Identifier: MIT */
/* The last events, for whoever looks into a failure. */
#ifndef BH_SIM_TRACE_H
#define BH_SIM_TRACE_H

#include <stdint.h>

#define TRACE_ROOM 131072u

struct trace_entry {
    uint64_t now_ms, step;
    const char *what; /* words; % is the next number, $ in hexadecimal */
    uint64_t a, b, c;
};

struct trace {
    uint64_t count;
    struct trace_entry of[TRACE_ROOM];
};

/* Prints the last `count` entries. */
void trace_print(const struct trace *trace, uint64_t count);

#endif
