/* SPDX-License-Identifier: MIT */
/*
 * One load of requests for all protocols, so that the client's cost is alike.
 * Lanes are sockets; each has sessions (an NBD connection is a lane with one),
 * and each session a ring of slots, a slot a request, found by its number. The
 * loop fills a lane with requests up to its limit, sends them together, waits
 * in the kernel for answers, takes all that have come, and fills again.
 *
 * A protocol puts requests on the wire and hands in answers; it knows nothing
 * of rates and times.
 *
 * Invariants:
 * 1. A session never has a number under way that is RING or more above its
 *    oldest one that is unanswered (W of docs/protocol.md).
 * 2. Where anything is written, a slot has sectors of its own: no sector has
 *    two requests under way.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "histogram.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum slot_kind { SLOT_FREE, SLOT_READ, SLOT_WRITE };

struct slot {
    uint64_t sent_ns, due_ns;
    uint32_t lsn;
    uint8_t kind;
    uint8_t run; /* sectors of the READ_RUN that begins here; 0: single */
};

struct session {
    uint16_t id;
    uint32_t next; /* number of its next request */
    struct slot *slots;
};

struct lane {
    int fd;
    unsigned index, session_count, turn;
    unsigned under_way, limit;
    struct session *sessions;
    void *link; /* the protocol's */
};

struct load {
    const struct options *options;
    const struct protocol *protocol;
    struct lane *lanes;
    struct session *sessions;
    struct slot *slots;
    unsigned ring; /* slots of a session, a power of two */
    uint64_t sectors, next_lsn, random;
    uint64_t now_ns, look_ns;
    bool stopped;  /* no new requests, and nothing counts but errors */
    bool has_lost; /* it has retransmitted, be it while it warmed up */

    uint64_t begin_ns;
    uint64_t operations, retransmissions, errors;
    struct histogram latency;
};

struct protocol {
    /* Opens the lane and its sessions; finds out load->sectors. */
    void (*open)(struct load *load, struct lane *lane);

    /* Queues a request: a READ, a WRITE, a READ_RUN, as its slot says. */
    void (*put)(struct load *load, struct lane *lane, struct session *session,
                uint32_t number);
    void (*flush)(struct load *load, struct lane *lane);

    /* Waits for answers and hands them in; false if none came in time. */
    bool (*receive)(struct load *load, struct lane *lane);

    void (*close)(struct load *load, struct lane *lane);
    bool lossy; /* what is not answered is sent again */
};

extern const struct protocol blockhead_protocol, nbd_protocol;

static inline struct slot *load_slot(const struct load *load,
                                     const struct session *session,
                                     uint32_t number)
{
    return &session->slots[number & (load->ring - 1)];
}

uint64_t load_clock(struct load *load);

/* The answer to the request in `slot`, which is under way; data may be NULL. */
void load_answered(struct load *load, struct lane *lane, struct slot *slot,
                   unsigned status, const uint8_t *data);

/* A reply that answers nothing, or has the wrong length. */
void load_stray(struct load *load, const char *what);

/* Exits with a sentence. */
_Noreturn void load_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
