/* SPDX-License-Identifier: MIT */
/*
 * The log: sentences on standard error, one a line. What a stranger can
 * provoke is limited to a few lines of a kind in a while, and what was left
 * out is counted and said.
 */
#ifndef BH_DAEMON_LOG_H
#define BH_DAEMON_LOG_H

#include "core/event.h"
#include "core/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_LOG_BURST 10u        /* lines of one kind ... */
#define BH_LOG_PERIOD_MS 10000u /* ... in this time */

/* The kinds of lines: the core's events, and these. */
enum bh_log_kind {
    BH_LOG_STORAGE = BH_EVENT_COUNT,
    BH_LOG_LINE, /* serial lines, and connections in their place */
    BH_LOG_KINDS
};

struct bh_log {
    struct {
        uint64_t since_ms;
        uint32_t lines, left_out;
    } kinds[BH_LOG_KINDS];
};

/* One sentence, at once. */
__attribute__((format(printf, 1, 2))) void bh_log_say(const char *format, ...);

/* What the core noted. */
void bh_log_event(struct bh_log *log, uint64_t now,
                  const struct bh_event *event);

/* What went wrong with a job; nothing if `cause` is empty. */
void bh_log_storage(struct bh_log *log, uint64_t now, const struct bh_job *job,
                    const char *cause);

/* Whether one more line of this kind (an event's, or enum bh_log_kind) may be
 * written now. */
bool bh_log_may(struct bh_log *log, uint64_t now, unsigned kind);

/* Writes what was left out in periods that are over. */
void bh_log_flush(struct bh_log *log, uint64_t now);

/* `text` with every byte that is no printable ASCII as \xNN; `out` holds `len`
 * bytes. Returns `out`. */
const char *bh_log_clean(const char *text, char *out, size_t len);

#endif
