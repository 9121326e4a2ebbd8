/* SPDX-License-Identifier: MIT */
/* The status line of a copy: how far it has come. */
#ifndef BH_CLI_PROGRESS_H
#define BH_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/status_line.h"

#define PROGRESS_LINE_LEN 512

struct progress {
    const char *label; /* borrowed */
    uint64_t total;    /* bytes; PROGRESS_UNKNOWN */
    uint64_t done;     /* bytes */
    uint64_t start_ns;
    uint64_t sampled_ns;   /* when `rate` was last brought up to date, */
    uint64_t sampled_done; /* and `done` at that time */
    double rate;           /* bytes per second, smoothed */
    struct status_line status;
};

#define PROGRESS_UNKNOWN UINT64_MAX

/* Draws nothing yet: what is over in a moment needs no bar. */
void progress_begin(struct progress *progress, const char *label,
                    uint64_t total, bool quiet);

/* `bytes` more are done. */
void progress_advance(struct progress *progress, uint64_t bytes);

/* Redraws if it is time to; also while nothing arrives. */
void progress_tick(struct progress *progress);

/* Takes the line off the screen, before something else is printed. */
void progress_clear(struct progress *progress);

/* Nanoseconds since progress_begin(). */
uint64_t progress_elapsed_ns(const struct progress *progress);

/* The line itself, of at most `columns` columns. Pure. */
void progress_line(const struct progress *progress, size_t columns,
                   char line[PROGRESS_LINE_LEN]);

#endif
