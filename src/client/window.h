/* SPDX-License-Identifier: MIT */
/*
 * The window of a session: which numbers have no answer, and what was sent with
 * each. A pane is one sector's READ or WRITE, or another request, under its
 * number. It refuses to know what is to be sent when.
 *
 * Invariants
 *   1. Of the numbers from `oldest` to `next` - 1, which are at most 64, those
 *      without a final answer have their bit in `open`. The lowest is `oldest`.
 *   2. A pane in use has a number with such a bit. A number whose request was
 *      given up has no pane and keeps its bit, until the window is cleared.
 *   3. `stamps` counts what was sent; of two panes the one with the higher
 *      stamp was sent later.
 */
#ifndef BH_CLIENT_WINDOW_H
#define BH_CLIENT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "client/exchange.h"

#define BH_WINDOW_MAX 64u

/* So many answers to what was sent later say that a datagram is lost. */
#define BH_WINDOW_LATER 3u

struct bh_pane {
    bool used;
    bool alone;   /* not to be part of a run */
    bool in_run;  /* left as part of one at first: an error may be the run's */
    bool lost;    /* to be sent again as soon as the pace allows */
    uint8_t slot; /* of its request */
    uint8_t body[2];   /* TRIM, ZERO, CHECKSUM: how many sectors */
    uint8_t run_count; /* of a run of which nothing was sent but the run: ... */
    uint16_t run_first; /* ... its first number; run_count 0: of none */
    uint16_t number;
    uint32_t at;       /* which of the request's sectors */
    uint32_t halvings; /* of the pace, when its datagram last left */
    uint64_t stamp;
    struct bh_exchange exchange;
};

struct bh_window {
    uint64_t open;
    uint16_t oldest, next;
    unsigned used; /* panes */
    unsigned lost; /* of them */
    uint64_t stamps;
    uint64_t answered[BH_WINDOW_LATER]; /* the highest stamps, falling */
    struct bh_pane panes[BH_WINDOW_MAX];
};

/* No number is open, no pane is in use. */
void bh_window_clear(struct bh_window *window);

/* The next number has been given to something. */
void bh_window_take(struct bh_window *window, uint16_t number);

/* It has had its final answer. */
void bh_window_settle(struct bh_window *window, uint16_t number);

/* How many numbers may be taken if no more than `width` may be open. */
unsigned bh_window_room(const struct bh_window *window, unsigned width);

/* The pane of a number that was just taken; only `exchange` keeps what it has.
 */
struct bh_pane *bh_window_use(struct bh_window *window, uint16_t number);

/* Its pane is free; whether the number is settled is another thing. */
void bh_window_free(struct bh_window *window, struct bh_pane *pane);

/* The pane whose number ends in these bits, in use or not. */
struct bh_pane *bh_window_at(struct bh_window *window, unsigned number);

/* The datagram of this pane leaves. */
void bh_window_sent(struct bh_window *window, struct bh_pane *pane);

/* It is not on its way any more. */
void bh_window_lose(struct bh_window *window, struct bh_pane *pane);

/* It was sent once and has been answered. */
void bh_window_answered(struct bh_window *window, const struct bh_pane *pane);

/* Whether enough of what was sent later has been answered. */
bool bh_window_passed(const struct bh_window *window,
                      const struct bh_pane *pane);

#endif
