/* SPDX-License-Identifier: MIT */
/*
 * The 8-bit numbers of a default session. Its client may count or not; nobody
 * has told the server. One that has counted for a while can be protected from
 * its own late datagrams; another must not be.
 *
 *   step = number - highest, mod 256
 *        0          the newest again: carried out
 *        1..127     new: carried out, and the highest from now on
 *        128..255   from a client that counts: old. A READ is carried out, a
 *                   WRITE is not. From any other: new, as above
 *
 * Invariants:
 *  1. No WRITE is ever dropped before BH_COUNTING_RUN requests in a row had
 *     each a number one higher than the last, one at a time.
 *  2. A client that has shown itself naive (two requests unanswered at once,
 *     two sessions of one peer) stays so.
 *  3. Of a client that counts, no WRITE is carried out after one that has a
 *     number up to 127 higher.
 */
#ifndef BH_CORE_COUNT_H
#define BH_CORE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

enum bh_count_verdict {
    BH_COUNT_RUN,  /* to be carried out */
    BH_COUNT_NEXT, /* the same, and nothing has changed but the number */
    BH_COUNT_DROP, /* an old WRITE: no answer */
    BH_COUNT_LOST  /* the client has lost count: its session ends with 4 */
};

struct bh_count {
    _Alignas(8) uint64_t old_since_ms; /* lagging: when `old` came first */
    uint8_t highest;                   /* number of the newest request */
    uint8_t old;  /* lagging: the number that comes again and again */
    uint8_t run;  /* requests in a row, each one more */
    bool naive;   /* never counts */
    bool lagging; /* nothing newer has come since `old` */
};

/* `seq` is that of the CONNECT. */
void bh_count_init(struct bh_count *count, uint8_t seq);

/* What is to be done with a request: whether it changes data, and whether one
 * that was its session's newest is still unanswered. */
enum bh_count_verdict bh_count_check(struct bh_count *count, uint8_t seq,
                                     bool changes, bool unanswered,
                                     uint64_t now);

#endif
