/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

static void print(const struct trace_entry *entry)
{
    const uint64_t values[] = {entry->a, entry->b, entry->c};
    unsigned next = 0;

    printf("%" PRIu64 ".%03u #%" PRIu64 " ", entry->now_ms / 1000,
           (unsigned)(entry->now_ms % 1000), entry->step);
    for (const char *at = entry->what; *at != '\0'; at++) {
        if (*at == '%' && next < 3)
            printf("%" PRIu64, values[next++]);
        else if (*at == '$' && next < 3)
            printf("%" PRIx64, values[next++]);
        else
            putchar(*at);
    }
    putchar('\n');
}

void trace_print(const struct trace *trace, uint64_t count)
{
    uint64_t kept = trace->count < TRACE_ROOM ? trace->count : TRACE_ROOM;

    if (count > kept)
        count = kept;
    for (uint64_t i = trace->count - count; i < trace->count; i++)
        print(&trace->of[i % TRACE_ROOM]);
}
