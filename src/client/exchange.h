/* SPDX-License-Identifier: MIT */
/*
 * One request and its answer: a tiny client, and the measured time-out that
 * drives it over a path which it may share with others. What a status means is
 * the caller's, and so is patience; but for BUSY (16) in a strict session:
 * then the same datagram is due again when the server wants it, for as long as
 * the caller lets it.
 *
 *      begin             received: the answer
 *     -------> running ------------------------> over (`tiny.status`)
 *                ^  |
 *     time to go |  | received: BUSY
 *                |  v
 *                held
 */
#ifndef BH_CLIENT_EXCHANGE_H
#define BH_CLIENT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/path.h"
#include "tiny/tiny.h"

struct bh_exchange {
    struct bh_tiny tiny;
    void *data; /* for the answer's data; borrowed, may be NULL */
    size_t data_len;
    bool measured; /* the round trip tells of the path */
    bool resent;
    bool too_long;   /* the path cannot carry the datagram: it has to end */
    bool held;       /* the server is busy: to be sent again at `resume_us` */
    size_t refusals; /* since the last timed transmission */
    uint64_t resume_us;
    uint64_t begun_us; /* first sent */
    uint64_t sent_us;  /* last sent */
    uint32_t rtt_us;   /* of the answer */
};

/*
 * The request that a bh_tiny_ call has just set up in `tiny` leaves now: by
 * bh_exchange_send(), or in another datagram. The data of its answer goes to
 * `data`, which nothing else touches. `quick`: the server answers from memory
 * or disk at once, so that the round trip counts; FLUSH and DISCON take as long
 * as storage takes.
 */
void bh_exchange_begin(struct bh_exchange *exchange, const struct bh_path *path,
                       void *data, size_t data_len, bool quick,
                       uint64_t now_us);

/* Its datagram leaves with the path's next flush. */
void bh_exchange_send(struct bh_exchange *exchange, struct bh_path *path,
                      uint64_t now_us);

/* Whether it is neither over nor given up. */
bool bh_exchange_runs(const struct bh_exchange *exchange);

/* Whether the path's last datagram was for this exchange; if so and it does
 * not run any more, that was the answer. */
bool bh_exchange_received(struct bh_exchange *exchange, struct bh_path *path,
                          uint64_t now_us);

/* Nobody listens at this address: on to the next one, once around. */
void bh_exchange_refused(struct bh_exchange *exchange, struct bh_path *path,
                         uint64_t now_us);

/* Whether the answer is late, or a busy server wants to hear it again. */
bool bh_exchange_due(const struct bh_exchange *exchange, uint64_t now_us);

/* It leaves again now, as in bh_exchange_begin(). */
void bh_exchange_again(struct bh_exchange *exchange, uint64_t now_us);

/* For one that is alone on its path: sends it again if that is due, to the
 * next address if no one has answered yet. */
void bh_exchange_repeat(struct bh_exchange *exchange, struct bh_path *path,
                        uint64_t now_us);

/* Milliseconds until bh_exchange_due(). */
uint64_t bh_exchange_wait_ms(const struct bh_exchange *exchange,
                             uint64_t now_us);

/* The caller's patience is over, if it still runs. */
void bh_exchange_give_up(struct bh_exchange *exchange, struct bh_path *path);

#endif
