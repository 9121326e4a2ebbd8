/* SPDX-License-Identifier: MIT */
/*
 * How many requests may be under way at once, so that a slow server, a small
 * receive buffer or a thin line is not flooded: the window is what the server
 * allows, this is what the path has been seen to carry.
 *
 * As TCP does it: few at first; one more for each answer until the first
 * time-out, from then on one more for each round of answers; a time-out halves
 * the number. Time-outs of one round are one event: a datagram that left before
 * the last halving says nothing about what came of it.
 */
#ifndef BH_CLIENT_PACE_H
#define BH_CLIENT_PACE_H

#include <stdint.h>

#define BH_PACE_INITIAL 8u

struct bh_pace {
    unsigned window;    /* `allowed` never passes it */
    unsigned allowed;   /* 1 to `window` */
    unsigned threshold; /* below it each answer allows one more */
    unsigned answers;   /* since the last one more */
    uint32_t round;     /* counts halvings */
};

/* A new path to a server with this window, 1 at least. */
void bh_pace_init(struct bh_pace *pace, unsigned window);

/* A new session on the same path: what was learnt stays. */
void bh_pace_set_window(struct bh_pace *pace, unsigned window);

/* A request that was sent once was answered. */
void bh_pace_answered(struct bh_pace *pace);

/* A datagram that had left in `round` was not answered in time. */
void bh_pace_timed_out(struct bh_pace *pace, uint32_t round);

#endif
