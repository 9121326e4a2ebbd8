/* SPDX-License-Identifier: MIT */
/*
 * What the simulated machines share: the line is standard input and output, the
 * console is standard error. A machine that waits for a byte gives its time
 * away, so that its time-outs mean something outside; a busy one runs as fast
 * as it can.
 */
#ifndef HOST_H
#define HOST_H

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct host_line {
    uint64_t byte_cycles; /* that a byte takes on the line */
    uint64_t ready_at;    /* when the next one may have come */
    uint64_t idle_cycles; /* so many without a byte are worth a millisecond */
    uint64_t idle_since;
};

/* A byte that has come at `now`, or -1. */
static inline int host_get(struct host_line *line, uint64_t now)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    uint8_t byte;
    int wait_ms = 0;

    if (now < line->ready_at)
        return -1;
    if (now - line->idle_since > line->idle_cycles) {
        line->idle_since = now;
        wait_ms = 1;
    }
    if (poll(&in, 1, wait_ms) <= 0 || read(STDIN_FILENO, &byte, 1) != 1)
        return -1;
    line->ready_at = now + line->byte_cycles;
    line->idle_since = now;
    return byte;
}

static inline void host_put(struct host_line *line, uint8_t byte, uint64_t now)
{
    if (write(STDOUT_FILENO, &byte, 1) != 1)
        exit(3);
    line->idle_since = now;
}

#endif
