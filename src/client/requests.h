/* SPDX-License-Identifier: MIT */
/*
 * What the caller has asked for and not yet been told the end of, in the order
 * in which it asked. A READ and a WRITE are about a run of sectors, of which
 * each goes its own way; TRIM, ZERO and CHECKSUM about one that is cut into
 * parts of `unit` sectors, and what is said of sectors below goes for those
 * parts, as it does for the edges of a WRITE of bytes (edges.h). It refuses to
 * know sessions, numbers and time-outs: those are traffic.c's.
 *
 *   sector      0 ........ begun ........... count
 *               have or had a number | not yet
 *
 * `under_way` of those begun have no answer, `again` have lost their number,
 * and want another one; all others have been answered.
 *
 * Invariants
 *   1. Of two requests that have a sector in common and of which either changes
 *      it (WRITE, TRIM, ZERO), the second begins when the first is over.
 *   2. A FLUSH or a CHECKPOINT begins when all that changes sectors and was
 *      started before it is over; and after a CHECKPOINT, when that is.
 *   3. IDENTIFY, EJECT, LOCK and UNLOCK are alone: each begins when all that
 * was started before is over, and what was started after it when it is.
 *   4. Requests that no rule keeps waiting pass those that it does.
 *   5. One that has failed begins nothing more, and is over when nothing of it
 *      is under way.
 */
#ifndef BH_CLIENT_REQUESTS_H
#define BH_CLIENT_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/edges.h"
#include "wire/label.h"
#include "wire/moment.h"

#define BH_REQUESTS_MAX 64u /* the largest window */

enum bh_request_kind {
    BH_REQUEST_OPEN,
    BH_REQUEST_IDENTIFY,
    BH_REQUEST_READ,
    BH_REQUEST_WRITE,
    BH_REQUEST_FLUSH,
    BH_REQUEST_CLOSE,
    BH_REQUEST_TRIM,
    BH_REQUEST_ZERO,
    BH_REQUEST_CHECKSUM,
    BH_REQUEST_TIME,
    BH_REQUEST_CHECKPOINT,
    BH_REQUEST_EJECT,
    BH_REQUEST_LOCK,
    BH_REQUEST_UNLOCK
};

struct bh_request {
    enum bh_request_kind kind;
    uint32_t lsn;   /* READ, WRITE: the first sector ... */
    uint32_t count; /* ... of so many parts; 1 for all others */
    uint32_t unit;  /* sectors of each but the last; 0: one */
    uint32_t span;  /* sectors in all; 0: `count` */
    struct bh_edges edges;
    uint8_t *in;        /* READ: the caller's buffer */
    const uint8_t *out; /* WRITE: the caller's data */
    void *told;         /* CHECKSUM, TIME: where the caller wants that */
    union {
        uint8_t label[1 + BH_LABEL_LEN]; /* CHECKPOINT: its body */
        uint8_t answer[BH_MOMENT_LEN];   /* CHECKSUM, TIME: the data */
    };
    void *tag;            /* the caller's */
    uint64_t deadline_us; /* put off with each answer */
    uint32_t begun;
    unsigned under_way, again;
    bool sent; /* any of it, in whatever session */
    bool over;
    uint64_t covers;     /* FLUSH: `changes` of the disk when it was sent */
    int result;          /* 0 or the first negative errno, ... */
    uint8_t status;      /* ... the server's status behind it ... */
    const char *why;     /* ... its reason, where those do not tell ... */
    uint32_t failed_lsn; /* ... and the sector */
};

struct bh_requests {
    unsigned count;
    unsigned over;                  /* of them */
    unsigned holding;               /* that make others wait, not over */
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

/* Where its slot is: the same as long as it is there. */
unsigned bh_requests_slot(const struct bh_requests *requests,
                          const struct bh_request *request);

/* Whether it changes sectors. */
bool bh_request_changes(const struct bh_request *request);

/* The sector at which its part `at` begins. */
uint32_t bh_request_lsn(const struct bh_request *request, uint32_t at);

/* It is over. */
void bh_requests_end(struct bh_requests *requests, struct bh_request *request);

/* Whether an older one has to be over before this one begins. */
bool bh_requests_must_wait(const struct bh_requests *requests, unsigned place);

#endif
