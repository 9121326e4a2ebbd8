/* SPDX-License-Identifier: MIT */
/*
 * Sessions, pending and proven.
 *
 *   CONNECT -> pending -> first COMMAND: the volume is free, or its holder
 *                 |        yields -> PROVEN -> ENDING -> closed id
 *                 |                    displaced, DISCON, reclaimed
 *                 '-> refused (9), or pushed out by newer ones -> closed id
 *
 * A pending session owns nothing. While its first COMMAND waits for a
 * displaced session's last job it is in bh_server.proving.
 *
 * Invariants:
 *  1. Two sessions that conflict (core/lock.c) are never both PROVEN.
 *  2. An ENDING session accepts no request; it keeps its lock until the last
 *     one that it had has finished, then it is gone.
 *  3. Its id answers only to the host that it was given to, unless the volume
 *     lets clients roam.
 *  4. From a change of its medium on, every new number of a strict session is
 *     answered 11, until an IDENTIFY that was first seen after such an answer
 *     was sent. That settles every lower number; `base` is its own. What
 *     brought data before is not carried out again; the 11 that it gets may be
 *     for a copy of which the client knows nothing, and ends nothing.
 */
#ifndef BH_CORE_SESSION_H
#define BH_CORE_SESSION_H

#include "core/count.h"
#include "core/event.h"
#include "core/hint.h"
#include "core/list.h"
#include "core/peer.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_host;
struct bh_request;
struct bh_server;
struct bh_volume;
struct bh_window;

enum bh_session_state { BH_SESSION_FREE, BH_SESSION_PROVEN, BH_SESSION_ENDING };

struct bh_session {
    struct bh_link of_host;
    struct bh_link of_volume; /* also in bh_server.free_sessions while free */
    struct bh_host *host;
    struct bh_volume *volume;
    struct bh_link requests; /* not finished: ring of bh_request.of_session */
    struct bh_request *closing; /* the DISCON among them */
    struct bh_window *window;   /* strict: its numbers; NULL: not strict */
    struct bh_count count;      /* not strict: its numbers */
    uint64_t doubts;            /* bit n mod W: WRITE n is in doubt */
    uint64_t base; /* strict: data of lower numbers is of an earlier medium */
    uint64_t heard_ms; /* the last valid request */
    uint32_t request_count;
    uint32_t unkept; /* numbers of READs since they were last kept */
    uint16_t id;
    struct bh_peer peer; /* heard last: another host's if it roams */
    uint8_t state;       /* enum bh_session_state */
    uint8_t access;      /* enum bh_access */
    uint8_t flags;       /* of its CONNECT */
    uint8_t exponent;
    uint8_t refuse; /* what a COMMAND gets, unless that is BH_OK: 4 while it is
                       ENDING, 10 without a medium, 11 after a change of it */
    bool told;      /* 11: once it has been said, IDENTIFY ends it */
    bool locks;     /* its slot's medium is not to be changed */
    bool over;      /* ENDING: no server after this one goes on with it */
    bool lost;      /* its volume was reopened: what it wrote may be lost */
    uint8_t reason; /* ENDING: enum bh_end_reason */
    uint8_t end_status; /* what a DISCON of the closed id gets */
};

struct bh_pending {
    struct bh_link of_host;
    struct bh_link age;     /* in bh_server.pending_ages or free_pendings */
    struct bh_link proving; /* in bh_server.proving while it waits */
    struct bh_host *host;
    struct bh_volume *volume;
    struct bh_request *request; /* the COMMAND that is to prove it */
    uint64_t connect_hash;      /* of the CONNECT's format bytes */

    uint32_t wrong_ids;
    uint64_t unknown; /* strict: bit n - 1: number n got error 15 */
    uint16_t id;      /* 0: the slot is free */
    struct bh_peer peer;
    uint8_t access;
    uint8_t flags;
    uint8_t seq; /* of its CONNECT */
};

/*
 * Pending sessions.
 */

/* The one with this id, if this peer may use it. */
struct bh_pending *bh_pending_find(struct bh_server *server, uint16_t id,
                                   const struct bh_peer *peer);
/* A new one of this peer; an older one makes room. NULL: no id is left. */
struct bh_pending *bh_pending_new(struct bh_server *server,
                                  const struct bh_peer *peer);
/* Puts one in its place among those of its host. */
void bh_pending_seat(struct bh_server *server, struct bh_pending *pending,
                     uint16_t id, const struct bh_peer *peer);
/* The one that the same CONNECT of the same peer has made. */
struct bh_pending *bh_pending_same(struct bh_server *server,
                                   const struct bh_peer *peer, uint64_t hash);
/* It ends; its request, if one waits, gets `status`, and so does a repeated
 * DISCON if that is BH_OK. */
void bh_pending_end(struct bh_server *server, struct bh_pending *pending,
                    uint8_t status);
/* Another wrong id came from this host. */
void bh_pending_guessed(struct bh_server *server, struct bh_host *host);

/* `request` is the first COMMAND of `pending`, well-formed: decides whether
 * the session is proven, and answers or runs the request. */
void bh_pending_prove(struct bh_server *server, struct bh_pending *pending,
                      struct bh_request *request);

/* A session is gone: whoever waited for its lock may go on. */
void bh_proving_advance(struct bh_server *server);

/*
 * Proven sessions.
 */

/* The one with this id, if this peer may use it; PROVEN or ENDING. */
struct bh_session *bh_session_find(struct bh_server *server, uint16_t id,
                                   const struct bh_peer *peer);

/* Whether this host could have a session: within its share, and a slot is free
 * or may be reclaimed. */
bool bh_session_available(struct bh_server *server, const struct bh_host *host);

/* A proven session for what `pending` asked for. It takes its id over, and
 * frees the pending slot. NULL if there is no room. */
struct bh_session *bh_session_new(struct bh_server *server,
                                  struct bh_pending *pending);

/* An empty window for the strict session of this slot. */
struct bh_window *bh_session_window(struct bh_server *server, uint32_t slot);

/* Its fields, for one that is not in its place yet. */
void bh_session_init(struct bh_session *session, uint16_t id,
                     const struct bh_peer *peer, uint8_t access, uint8_t flags);

/* Puts it there: among those of its volume and its host. */
void bh_session_seat(struct bh_server *server, struct bh_session *session,
                     struct bh_volume *volume, struct bh_host *host);

/* The session's medium has other bytes from now on; a strict one is told. */
void bh_session_other_bytes(struct bh_server *server,
                            struct bh_session *session);

/* The session has another medium from now on, of this volume, which it holds
 * for `access`; a strict one is told. */
void bh_session_move(struct bh_server *server, struct bh_session *session,
                     struct bh_volume *volume, uint8_t access);

/* What a COMMAND gets of a session that refuses: BH_OK for the IDENTIFY that
 * ends it. */
BH_COLD uint8_t bh_session_refusal(struct bh_server *server,
                                   const struct bh_request *request);

/* A strict session has carried out what has `count` numbers from `number` on.
 * The next server knows it too if it `changes` anything; of READs that went
 * well it knows all but the last BH_UNKEPT_MAX. */
void bh_session_record(struct bh_server *server, struct bh_session *session,
                       uint64_t number, uint32_t count, uint8_t status,
                       bool changes);

/* The same, when the session's numbers stand already. */
void bh_session_keep_numbers(struct bh_server *server,
                             struct bh_session *session, uint32_t count,
                             bool changes);

/* The session ends, now or with its last request. */
void bh_session_end(struct bh_server *server, struct bh_session *session,
                    enum bh_end_reason reason);

/* The session was heard from. */
void bh_session_heard(struct bh_server *server, struct bh_session *session,
                      const struct bh_peer *peer);

/* A request of the session begins. */
void bh_session_request_began(struct bh_session *session,
                              struct bh_request *request);

/* It has finished with `status`, which a strict session records, and its reply
 * is about to leave. */
void bh_session_request_over(struct bh_server *server,
                             struct bh_request *request, uint8_t status);

/* It is left to the next server: neither recorded nor answered. */
void bh_session_request_dropped(struct bh_server *server,
                                struct bh_request *request);

/* `request` is its DISCON: the session ends with the requests before it, and
 * when what it wrote is stable. */
void bh_session_close(struct bh_server *server, struct bh_session *session,
                      struct bh_request *request);

#endif
