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
    int silent;    /* nothing is under way */
    int loses;     /* who comes late misses bytes */
    unsigned lost; /* so many so far */
};

/* Whether a byte is there, waiting for it if the machine has nothing to do. */
static inline int host_is_there(struct host_line *line, uint64_t now)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int wait_ms = 0;

    if (now - line->idle_since > line->idle_cycles) {
        line->idle_since = now;
        wait_ms = 1;
    }
    return poll(&in, 1, wait_ms) > 0;
}

/* A byte that has come at `now`, or -1. The bytes of a frame come one behind
 * the other, whether the machine looks or not. */
static inline int host_get(struct host_line *line, uint64_t now)
{
    uint8_t byte;
    int got = -1;

    while (now >= line->ready_at && host_is_there(line, now) &&
           read(STDIN_FILENO, &byte, 1) == 1) {
        line->lost += got >= 0;
        got = byte;
        if (line->silent || !line->loses)
            line->ready_at = now;
        line->ready_at += line->byte_cycles;
        line->idle_since = now;
        line->silent = 0;
    }
    if (now >= line->ready_at)
        line->silent = 1;
    return got;
}

static inline void host_put(struct host_line *line, uint8_t byte, uint64_t now)
{
    if (write(STDOUT_FILENO, &byte, 1) != 1)
        exit(3);
    line->idle_since = now;
    line->silent = 1;
}

#endif
