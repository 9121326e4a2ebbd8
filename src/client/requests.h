/* SPDX-License-Identifier: MIT */
/*
 * What the caller has asked for and not yet been told the end of, in the order
 * in which it asked. It refuses to know sessions, numbers and time-outs: those
 * are disk.c's.
 *
 *             add             sent             end            remove
 *     (none) -----> WAITING -------> RUNNING ------> OVER ------------> (none)
 *                      ^                |              ^
 *                      +-- the session -+              |
 *                      |    was lost                   |
 *                      +------------- end -------------+
 *
 * Invariants
 *   1. Of two requests for one sector of which either is a WRITE, the second is
 *      WAITING until the first is over.
 *   2. A FLUSH is WAITING until every WRITE that was started before it is over.
 *   3. Requests that neither rule keeps waiting pass those that it does.
 */
#ifndef BH_CLIENT_REQUESTS_H
#define BH_CLIENT_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/exchange.h"

#define BH_REQUESTS_MAX 64u /* the largest window */

enum bh_request_kind {
    BH_REQUEST_OPEN,
    BH_REQUEST_IDENTIFY,
    BH_REQUEST_READ,
    BH_REQUEST_WRITE,
    BH_REQUEST_FLUSH,
    BH_REQUEST_CLOSE
};

enum bh_request_state {
    BH_REQUEST_WAITING,
    BH_REQUEST_RUNNING,
    BH_REQUEST_OVER
};

struct bh_request {
    enum bh_request_kind kind;
    enum bh_request_state state;
    uint32_t lsn;
    uint8_t *in;        /* READ: the caller's buffer */
    const uint8_t *out; /* WRITE: the caller's data */
    void *tag;          /* the caller's */
    uint64_t deadline_us;
    bool sent;         /* in whatever session */
    uint32_t halvings; /* of the pace, when its datagram last left */
    uint64_t covers;   /* FLUSH: `changes` of the disk when it was sent */
    int result;        /* OVER: 0 or a negative errno, ... */
    uint8_t status;    /* ... the server's status behind it ... */
    const char *why;   /* ... and its reason, where those do not tell */
    struct bh_exchange exchange;
};

struct bh_requests {
    unsigned count;
    uint8_t order[BH_REQUESTS_MAX]; /* of slots: `count` used, then the free */
    struct bh_request slots[BH_REQUESTS_MAX];
};

void bh_requests_init(struct bh_requests *requests);

/* A copy of `wanted` behind all others; the caller knows that there is room. */
struct bh_request *bh_requests_add(struct bh_requests *requests,
                                   const struct bh_request *wanted);

/* The one at `place`, 0 being the oldest. */
struct bh_request *bh_requests_at(struct bh_requests *requests, unsigned place);

/* The same, to look at. */
const struct bh_request *bh_requests_look(const struct bh_requests *requests,
                                          unsigned place);

void bh_requests_remove(struct bh_requests *requests, unsigned place);

unsigned bh_requests_in(const struct bh_requests *requests,
                        enum bh_request_state state);

/* Whether an older one has to be over before this one is sent. */
bool bh_requests_must_wait(const struct bh_requests *requests, unsigned place);

#endif
