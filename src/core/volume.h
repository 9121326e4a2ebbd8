/* SPDX-License-Identifier: MIT */
/*
 * A volume as the core sees it: who holds it, which requests to it are under
 * way, what is not yet stable. It is attached (open, in the driver's hands)
 * while it has sessions.
 *
 *   detached --ATTACH--> attached(access) --DETACH--> detached
 *                          | ^      |  ^
 *                        ATTACH    SYNC
 *                    (other access)
 *
 * Invariants:
 *  1. At most one of ATTACH, DETACH and SYNC runs at a time (`service`).
 *  2. READs and WRITEs run only while the volume is attached for them, and no
 *     DETACH is under way.
 *  3. Of two requests that overlap and of which one changes data, the one that
 *     arrived first has finished before the other's job begins. While a
 *     CHECKPOINT's job runs, none runs that changes any byte of the medium.
 *     While the medium is held, nothing begins that the hold forbids.
 *  4. `dirty` is true from the first WRITE that finished after the start of
 *     the last successful SYNC. When a SYNC fails the volume is poisoned until
 *     an administrator reopens it, and answers 12.
 *  5. A request that waits for stability is answered after a SYNC that began
 *     when all WRITEs before it had finished.
 *  6. A volume that a session names, be it pending, is never forgotten. An
 *    unused one is, if its place is needed; its change counter then starts from
 *    a new random number.
 */
#ifndef BH_CORE_VOLUME_H
#define BH_CORE_VOLUME_H

#include "core/job.h"
#include "core/list.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_request;
struct bh_server;
struct bh_server_config;
struct bh_session;

/* By whom, as bits. */
enum bh_held {
    BH_HELD_BY_ADMIN = 1, /* core/hold.h */
    BH_HELD_BY_SLOT = 2   /* core/slot.h */
};

struct bh_volume {
    struct bh_volume_facts facts;
    struct bh_volume *chain;  /* next in the medium's hash bucket */
    struct bh_link idle;      /* in bh_server.idle_volumes while unused */
    struct bh_link unstable;  /* in bh_server.unstable while dirty */
    struct bh_link unsettled; /* in bh_server.unsettled: see below */
    struct bh_link swapped;   /* in bh_swap.volumes or .left during a swap */
    struct bh_link sessions;  /* ring of bh_session.of_volume */
    uint32_t holders[BH_ACCESS_WRITER + 1]; /* sessions by access */
    uint32_t pendings;                      /* pending sessions that name it */

    struct bh_job service;
    bool service_runs, attached, dirty, poisoned;
    bool sync_wanted;     /* the timer says so */
    bool restored;        /* from the table, and not attached since */
    bool overdue;         /* an earlier server had it attached: to be synced */
    uint8_t held;         /* nobody has it meanwhile: enum bh_held */
    bool unsure;          /* restored: its slot may have another medium now */
    bool laid;            /* the driver has something of it: core/layer.h */
    bool doubtful;        /* restored WRITEs are to be examined: core/doubt.h */
    uint8_t access;       /* what it is attached for; NONE while it is not */
    void *medium;         /* the driver's */
    uint64_t sync_due_ms; /* when dirty */
    uint64_t change_counter;
    uint64_t version; /* of the job that a stopped server ended with; or 0 */

    struct bh_link parked;      /* requests: until it is attached */
    struct bh_link queue;       /* requests: WAITING and RUNNING, by arrival */
    struct bh_link commit_next; /* requests: answered after the next SYNC */
    struct bh_link commit_now;  /* requests: answered after this SYNC */
    uint32_t running;           /* READs and WRITEs with the driver */
    uint32_t parallel;          /* of these at most; 0: the driver's number */
    uint32_t waiting;           /* requests in WAITING */
};

/* The volume of these facts: the known one, else a new one in a free or unused
 * slot. NULL if every slot is in use, or no randomness is left. */
struct bh_volume *bh_volume_find(struct bh_server *server,
                                 const struct bh_volume_facts *facts);

/* Volumes that a server may have to know at a time. */
uint32_t bh_volumes_count(const struct bh_server_config *config);

/* Makes an unused volume of a slot. */
void bh_volume_init(struct bh_server *server, struct bh_volume *volume,
                    const struct bh_volume_facts *facts, uint64_t counter);

/* Whether it is made in memory for each of its sessions. */
bool bh_volume_is_virtual(const struct bh_volume *volume);

/* The volumes on the medium of these facts. */
struct bh_volume *bh_volume_first_on(const struct bh_server *server,
                                     const struct bh_volume_facts *facts);
struct bh_volume *bh_volume_next_on(const struct bh_volume *volume);

#define BH_MEDIUM_EACH(at, server, facts)                                      \
    for (struct bh_volume *at = bh_volume_first_on(server, facts); at != NULL; \
         at = bh_volume_next_on(at))

bool bh_volume_same_medium(const struct bh_volume *a,
                           const struct bh_volume *b);

/* Whether two volumes share a byte of their medium. */
bool bh_volume_overlaps(const struct bh_volume *a, const struct bh_volume *b);

/* Sectors of `exponent`'s size, the last one maybe partial. */
uint64_t bh_volume_sectors(const struct bh_volume *volume, uint8_t exponent);

/* Whether the volume is open for what `access` may do, and stays so: a DETACH
 * or a loosening of its lock may be under way. */
bool bh_volume_open_for(const struct bh_volume *volume, uint8_t access);

/* A session has joined or left, or a request wants stability: the service job
 * that follows from it is started when the present call has ended, and all of
 * its consequences are known. */
void bh_volume_unsettle(struct bh_server *server, struct bh_volume *volume);
void bh_volumes_settle(struct bh_server *server);

/* The requests that have waited for it arrive now: it is attached, or held no
 * more. What it is not open for goes on waiting. */
void bh_volume_unpark(struct bh_server *server, struct bh_volume *volume);

/* A service job is done. */
void bh_volume_served(struct bh_server *server, struct bh_job *job,
                      uint8_t status);

/* A writing session is proven: the counter of every name of these bytes moves,
 * so that nobody takes another's changes for his own. */
void bh_volume_changes(struct bh_server *server, struct bh_volume *volume);

/* A SYNC has failed: what the medium's volumes were told to write may be lost.
 */
void bh_volume_poison(struct bh_server *server, const struct bh_volume *volume);

/* The administrator says that a poisoned volume is well. What waits for a SYNC,
 * or will when the requests before it are done, gets 12: a later one says
 * nothing of what was lost. */
void bh_volume_reopen(struct bh_server *server, struct bh_volume *volume);

/* A pending session names the volume, or does no longer. */
void bh_volume_pending_began(struct bh_volume *volume);
void bh_volume_pending_over(struct bh_server *server, struct bh_volume *volume);

/* A WRITE has finished. */
void bh_volume_dirtied(struct bh_server *server, struct bh_volume *volume);

/* The timer of volumes that are not stable. */
uint64_t bh_volumes_deadline(const struct bh_server *server);
void bh_volumes_expire(struct bh_server *server);

/* Answers `request` after the next SYNC; at once if all is stable. */
void bh_volume_commit(struct bh_server *server, struct bh_volume *volume,
                      struct bh_request *request);

/*
 * The queue: invariant 3.
 */

/* Adds a request whose job is filled in, or a FLUSH. It runs now or later. */
void bh_queue_add(struct bh_server *server, struct bh_volume *volume,
                  struct bh_request *request);

/* Whether something runs that changes data, or copies it. */
bool bh_queue_changes(const struct bh_volume *volume);

/* Whether a CHECKPOINT runs. */
bool bh_queue_copies(const struct bh_volume *volume);

/* Runs what waits for nothing any more. */
void bh_queue_wake(struct bh_server *server, struct bh_volume *volume);

/* The job of a WRITE is done, and makes room for another. */
void bh_queue_job_done(struct bh_server *server, struct bh_volume *volume);

/* A CHECKPOINT is done, which bh_server.checkpoint_count counts: the medium may
 * change again. */
void bh_queue_checkpoint_done(struct bh_server *server,
                              struct bh_volume *volume,
                              struct bh_request *request);

/* Takes a request out that has its final status, and starts what waited for
 * it. With `sync = write` that is after the SYNC: what overlaps a WRITE does
 * not begin before the WRITE is recorded. */
void bh_queue_remove(struct bh_server *server, struct bh_volume *volume,
                     struct bh_request *request);

#endif
