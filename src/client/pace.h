/* SPDX-License-Identifier: MIT */
/*
 * How many requests may be under way at once, so that a slow server, a small
 * receive buffer or a thin line is not flooded: the window is what the server
 * allows, this is what the path has been seen to carry.
 *
 * Few at first; one more for each answer until it was too much, from then on
 * one more for each round of answers. When it was too much half as many go on.
 * A single loss is too much where the path is crowded, that is, where round
 * trips have become long: then its queues are full. Where they are not, it is
 * too much when more than a quarter of a round is lost: radio loses one
 * datagram in twenty by itself, and TCP, which halves for each, stays at four
 * under way there.
 *
 * A datagram that left before the last halving says nothing about what came of
 * it: its loss does not count. So it is halved once for each round trip.
 */
#ifndef BH_CLIENT_PACE_H
#define BH_CLIENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define BH_PACE_INITIAL 8u

struct bh_pace {
    unsigned window;    /* `allowed` never passes it */
    unsigned allowed;   /* 1 to `window` */
    unsigned threshold; /* below it each answer allows one more */
    unsigned answers;   /* since the last one more */
    unsigned outcomes;  /* of this round: answers and losses ... */
    unsigned lost;      /* ... and these alone */
    uint32_t halvings;
};

/* A new path to a server with this window, 1 at least. */
void bh_pace_init(struct bh_pace *pace, unsigned window);

/* A new session on the same path: what was learnt stays. */
void bh_pace_set_window(struct bh_pace *pace, unsigned window);

/* A request that was sent once was answered. */
void bh_pace_answered(struct bh_pace *pace);

/* A datagram that had left after so many halvings was lost. */
void bh_pace_lost(struct bh_pace *pace, uint32_t halvings, bool crowded);

#endif
