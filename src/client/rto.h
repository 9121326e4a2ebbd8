/* SPDX-License-Identifier: MIT */
/*
 * How long to wait for an answer before the request is sent again: the
 * arithmetic of RFC 6298, in microseconds.
 *
 * Three constants differ from the RFC's, because its own are made for streams
 * across the Internet that share a bottleneck with others. Here a few requests
 * at a time cross a local network:
 *   margin   5 ms above the mean, where the RFC has a floor of 1 s below the
 *            sum. The RFC's second would make every lost datagram a pause that
 *            a person sees. 5 ms is still well above the time a busy server
 *            needs for a sector from its memory. On a path whose round trips
 *            are long and all alike the deviation goes to nothing; without a
 *            margin the first answer that is late by a little would count as
 *            lost.
 *   initial  200 ms in place of 1 s: a slow machine's serial line or a wireless
 *            link answer within that, and one needless CONNECT costs nothing.
 *   cap      2 s in place of 60 s: a server that comes back is noticed soon,
 *            and two datagrams in 2 s congest no line that this is used on.
 */
#ifndef BH_CLIENT_RTO_H
#define BH_CLIENT_RTO_H

#include <stdbool.h>
#include <stdint.h>

#define BH_RTO_MARGIN_US 5000u
#define BH_RTO_INITIAL_US 200000u
#define BH_RTO_CAP_US 2000000u
#define BH_RTO_LINE_MARGIN_US 50000u /* for who answers, and an adapter */
#define BH_RTO_LINE_MAX_US 20000000u /* what tiny's 16 bits can wait for */

/*
 * A serial line is slow in a way that is known beforehand, and carries one
 * datagram at a time: nothing is waited for less than its `line_us`, the time
 * that all takes which may be under way, and for no more than twice that. What
 * gets lost there was damaged: no queue was full, and to wait longer each time
 * only leaves fewer tries before a request's time-out.
 */
struct bh_rto {
    uint32_t srtt_us;   /* smoothed round trip; 0: none measured yet */
    uint32_t rttvar_us; /* its mean deviation */
    uint32_t least_us;  /* the shortest round trip; 0: none measured yet */
    uint32_t rto_us;    /* the time-out now, back-off included */
    uint32_t line_us;   /* 0: no such line */
};

void bh_rto_init(struct bh_rto *rto);

/* The path is such a line, or other things may be under way on it now. */
void bh_rto_set_line(struct bh_rto *rto, uint32_t line_us);

/* No request is to wait longer than that, however often it was sent. */
uint32_t bh_rto_most_us(const struct bh_rto *rto);

/* A request that was sent only once took `rtt_us`. Of one that was sent twice
 * nobody knows which datagram was answered: not to be called then (Karn's
 * rule). It also ends a back-off. */
void bh_rto_measured(struct bh_rto *rto, uint32_t rtt_us);

/* A request was sent again after `wait_us`, the longest wait it came to: the
 * next request starts from there, until a round trip has been measured. */
void bh_rto_backed_off(struct bh_rto *rto, uint32_t wait_us);

/* Whether the path holds as much in its queues as on its way, and 1 ms more:
 * what gets lost then is too much for it. */
bool bh_rto_is_crowded(const struct bh_rto *rto);

#endif
