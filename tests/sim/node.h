/* SPDX-License-Identifier: MIT */
/*
 * The server machine: the core, the driver's loop around it, and what can be
 * said of a reply by looking at nothing but the request that it answers.
 */
#ifndef BH_SIM_NODE_H
#define BH_SIM_NODE_H

#include "core/server.h"

#include <stdbool.h>
#include <stdint.h>

#define RECEIPTS 262144u
#define IDS 65536u
#define SETTLED 65536u
#define SESSIONS 64u
#define NUMBERS 64u /* of a window */

struct world;
struct datagram;
struct bh_request;

/* A datagram that reached the server. */
struct receipt {
    uint64_t serial;
    uint32_t request;
    uint16_t client, len;
    uint16_t volume;
    bool answered, replay;
    bool queued; /* CHECKPOINT: it waited for nothing but its turn */
    uint8_t head[10];
    uint64_t value;      /* of its client's op */
    uint64_t must;       /* FLUSH, DISCON */
    uint64_t written;    /* WRITE: its job's serial; 0: none has ended well */
    uint32_t disk, from; /* meant by its client; what its job was for */
    struct bh_peer peer;
};

/* What became of an id. */
struct id_fate {
    uint16_t client;
    bool alive, proven, was_proven, strict, writer;
    bool displaced; /* when the server was killed, but not gone yet */
    bool unheard;   /* a CONNECT's answer with it died with the server */
    bool counts;    /* the core has taken its client for one that counts */
    uint16_t volume;
    uint64_t closed_ms; /* of a proven one; 0: never */
    uint64_t heard_ms;  /* a request that was new arrived in the session */
    struct bh_peer heard;
    bool left;     /* its client's DISCON has ended it */
    bool locked;   /* a LOCK was answered, and no UNLOCK has come since */
    bool may_lock; /* a LOCK has come */
    uint32_t lock, answered_lock;    /* requests: the newest that has come; the
                                        newest that was answered */
    uint64_t lock_came, unlock_came; /* stamps */
};

/* A WRITE, TRIM or ZERO of a strict session on a shared volume, which a kill
 * may leave in doubt. */
struct intent {
    uint16_t session, number;
    uint64_t value;
};

/* When the server is to die: in the midst of its next call, none of whose
 * outputs is seen; or after it, with some of them on their way. */
enum doom { DOOM_NONE, DOOM_IN_CALL, DOOM_AFTER_CALL };

struct node {
    struct bh_server_config config;
    size_t memory_len;
    void *memory;
    size_t table_len;
    uint8_t *table, *before; /* outlives a kill; as it was before a call */
    struct bh_server *server;
    bool up, stopping;
    enum doom doom;
    uint64_t died_ms;
    bool all_seen;    /* of what the core said before it died */
    uint64_t id_mask; /* few ids to draw from, and so all rules of drawing */
    uint32_t boot;    /* rises when the table is lost */
    uint64_t serial;
    struct receipt receipts[RECEIPTS];
    struct id_fate ids[IDS];
    uint16_t given[IDS]; /* ids given out in this boot, to look through them */
    uint32_t given_count;
    struct intent intents[SESSIONS][NUMBERS]; /* by core's slot */
    uint64_t settled[SETTLED]; /* values of requests that are over */
    uint64_t calls;
    bool connecting; /* the call is about a CONNECT, and nothing else */
};

void node_init(struct world *world);
void node_free(struct world *world);

void node_receive(struct world *world, const struct datagram *datagram);

/* After every call into the core: does what follows from it. */
void node_pump(struct world *world);

/* The timer of the core. */
void node_expire(struct world *world);

/* A job is done. */
void node_finish(struct world *world, struct bh_job *job, uint8_t status);
/* An administrator reopens what is poisoned. */
void node_reopen(struct world *world);

/* The process ends; its memory is gone, with `power` the machine's too. */
void node_kill(struct world *world, bool power);
/* It is told to stop, and ends when it is idle; its sessions go on. */
void node_stop(struct world *world);
/* It will end with its next call. */
void node_doom(struct world *world, enum doom doom);
void node_restart(struct world *world);

/* The datagram that this request came in. */
struct receipt *node_receipt(struct world *world,
                             const struct bh_request *request);

/* The value of the WRITE or ZERO that the core examines; 0: not known. */
uint64_t node_in_doubt(const struct world *world);

/* Around each call into the core; false: the server is dead, else what follows
 * from the call is done. */
uint64_t node_call_begins(struct world *world);
bool node_call_ends(struct world *world, uint64_t stamp);

/* The change counter of a volume moves in this call. */
struct volume;
void node_changed(const struct world *world, struct volume *volume);

/* The request with this value has its final status, which is OK: no strict
 * session has it carried out again. */
void node_settled(struct world *world, uint64_t value);
bool node_is_settled(const struct world *world, uint64_t value);

/* Whether the core takes this session for one that counts, or has done so and
 * has learnt nothing to the contrary. */
bool node_counts(struct world *world, uint16_t id);

/* The session is proven and not about to end. */
bool node_proven(const struct world *world, uint16_t id);

#endif
