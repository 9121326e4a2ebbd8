/* SPDX-License-Identifier: MIT */
/*
 * The server's decisions, without a system call. Bytes and the clock go in;
 * jobs for the storage, replies and events come out. The daemon and the
 * simulator are two drivers of this one file.
 *
 * A driver's loop:
 *
 *     bh_server_receive() for each datagram
 *     while (bh_server_next_job())   do it, or hand it to a thread
 *     bh_server_finish()             for each job that is done
 *     while (bh_server_next_send())  send it, then bh_server_sent()
 *     while (bh_server_next_event()) log it
 *     bh_server_expire()             not later than bh_server_deadline()
 *
 * `now` is in milliseconds of a clock that never goes back. All calls are made
 * on one thread.
 */
#ifndef BH_CORE_SERVER_H
#define BH_CORE_SERVER_H

#include "core/counters.h"
#include "core/event.h"
#include "core/job.h"
#include "core/peer.h"
#include "core/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_server;

struct bh_server_config {
    uint32_t session_count; /* BH_SESSIONS_MIN to BH_SESSIONS_MAX */
    uint32_t request_count; /* at least BH_REQUESTS_MIN */
    uint32_t volume_jobs;   /* READs and WRITEs of one volume at a time */
    uint64_t instance;      /* random: names this table of sessions */
    uint8_t hash_key[16];   /* random */
    char name[65];          /* what IDENTIFY calls the server */
};

/* Bytes that a server needs, aligned as malloc does; all of its memory. */
size_t bh_server_size(const struct bh_server_config *config);

/*
 * The table: memory that outlives a server. The next one finds there what a
 * killed one has left, and its clients do not notice. It belongs to one boot of
 * one machine, whose clock goes on.
 */
size_t bh_server_table_size(const struct bh_server_config *config);
enum bh_table_state bh_server_table_check(const struct bh_server_config *config,
                                          const void *table);

/* Builds a server in `memory`, which must be zero; never fails. `table`, if it
 * is not NULL, is EMPTY or GOOD; what it holds goes on, its instance and hash
 * key among it. Both are borrowed for the server's life. */
struct bh_server *bh_server_init(void *memory,
                                 const struct bh_server_config *config,
                                 uint64_t now, void *table);

/* Jobs that may be with the driver at one time. */
size_t bh_server_job_count(const struct bh_server_config *config);

/* The server draws its ids from random bytes that the driver brings. While it
 * has none, CONNECTs are dropped. */
size_t bh_server_random_wanted(const struct bh_server *server);
void bh_server_add_random(struct bh_server *server, const uint8_t *bytes,
                          size_t len);

/* The calendar, which IDENTIFY passes on. */
void bh_server_set_time(struct bh_server *server, uint64_t utc_seconds,
                        int16_t zone_minutes);

/* A datagram has arrived. `path` and `bytes` are borrowed until return. */
void bh_server_receive(struct bh_server *server, uint64_t now,
                       const struct bh_path *path, const uint8_t *bytes,
                       size_t len);

/* The next job to do, or NULL. */
struct bh_job *bh_server_next_job(struct bh_server *server);

/* A job is done, with a status of the wire. */
void bh_server_finish(struct bh_server *server, uint64_t now,
                      struct bh_job *job, uint8_t status);

struct bh_send {
    const struct bh_path *path;
    uint8_t *bytes;
    size_t len;
    unsigned count;
    void *token;
};

/* The next reply, or `count` of them, each of `len` bytes and all for the same
 * peer, one behind the other. What `out` points to is owned by the driver until
 * it calls bh_server_sent(); several may be out at once. */
bool bh_server_next_send(struct bh_server *server, struct bh_send *out);
void bh_server_sent(struct bh_server *server, const struct bh_send *send);

bool bh_server_next_event(struct bh_server *server, struct bh_event *out);

/* When bh_server_expire() is due; UINT64_MAX: nothing waits for the clock. */
uint64_t bh_server_deadline(const struct bh_server *server);
void bh_server_expire(struct bh_server *server, uint64_t now);

/* Whether a volume failed to become stable and was not reopened since. */
bool bh_server_poisoned(const struct bh_server *server);

/* Nothing more is accepted; what runs is finished. Sessions end if no table
 * keeps them for the next server. The server is idle when all is synced and
 * detached. */
void bh_server_stop(struct bh_server *server, uint64_t now);
bool bh_server_idle(const struct bh_server *server);

/* Whether a session has this layer: of what an earlier server has left, a
 * driver discards all others before it takes the first job. */
bool bh_server_has_layer(const struct bh_server *server, uint64_t layer);

/* Whether a reader or writer holds any byte of this medium. */
bool bh_server_in_use(const struct bh_server *server, uint64_t device,
                      uint64_t inode);

/* Proven sessions, and those about to end. */
uint32_t bh_server_session_count(const struct bh_server *server);
const struct bh_counters *bh_server_counters(const struct bh_server *server);

#endif
