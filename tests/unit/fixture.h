/* SPDX-License-Identifier: MIT */
/*
 * A driver of the core for tests: the clock stands until the test moves it,
 * disks are arrays, and a job is done at once or held back until the test says
 * so. It is stricter than a real driver:
 *
 *  - a medium is not to be used from the moment that its DETACH is handed out,
 *    and its lock is loosened as soon as an ATTACH for less is: jobs on it from
 *    then on fail the test, and so does a WRITE without the writer's lock;
 *  - two media that share bytes conflict as OFD locks do;
 *  - a layer is a copy of its disk's bytes, made when it is fresh; it outlives
 *    a kill, and is discarded once;
 *  - a request has at most one reply, and one that is longer than its request
 *    must be data that a session of its own asked for, or the header that
 *    answers a strict DISCON or KEEP.
 */
#ifndef BH_TESTS_FIXTURE_H
#define BH_TESTS_FIXTURE_H

#include "core/job.h"
#include "core/limits.h"
#include "core/server.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FX_NONE (-1) /* no reply, where a status could be */
#define FX_DISK_LEN 65536u
#define FX_DISKS_MAX 24u
#define FX_HELD_MAX 2048u
#define FX_REPLIES_MAX 8192u
#define FX_HOSTS 8u
#define FX_JOB_KINDS ((size_t)BH_JOB_SWAP + 1)

/* CONNECT flags with sectors of 256 bytes. */
enum { FX_PLAIN = 0x01, FX_READER = 0x09, FX_SHARED = 0x11, FX_LOOK = 0x19 };
#define FX_SECTOR 256u
#define FX_SLOT "slot" /* is there from fx_slot() on */

struct fx_disk {
    struct bh_volume_facts facts; /* what LOOKUP finds; its name too */
    uint8_t bytes[FX_DISK_LEN];
    uint8_t fails[BH_JOB_SWAP + 1];  /* jobs of this kind end so; BH_OK: well */
    bool holds[BH_JOB_SWAP + 1];     /* jobs of this kind are held back */
    unsigned count[BH_JOB_SWAP + 1]; /* jobs of this kind handed out */
    bool late;                       /* a SYNC that fails may be done again */
    uint32_t parallel;               /* what ATTACH says; 0: nothing */
    uint64_t version;                /* as somebody else's writes change it */
    uint64_t written;                /* WRITEs and ZEROs finished */
    uint64_t stable;                 /* of them, covered by a SYNC */
    uint8_t copy[FX_DISK_LEN];       /* of the last CHECKPOINT, its label */
    char label[65];
};

struct fx_layer {
    struct fx_layer *next;
    uint64_t name;
    uint32_t unit;
    uint8_t bytes[FX_DISK_LEN];
};

struct fx_medium {
    struct fx_medium *next;
    struct fx_disk *disk;
    struct fx_layer *layer; /* over the disk; or NULL */
    uint8_t access;
    bool closing;
    uint64_t syncing; /* WRITEs that the running SYNC covers */
};

struct fx_reply {
    struct bh_path path;
    size_t len;
    uint8_t *bytes;
};

struct fx {
    struct bh_server_config config;
    struct bh_server *server;
    void *memory;
    void *table; /* what a kill leaves; NULL: nothing */
    uint64_t now;
    uint64_t random; /* state of the generator */
    bool no_random;  /* the server gets none */
    bool hold_lookups;
    struct fx_disk *slotted; /* in the slot FX_SLOT; NULL: nothing is */
    struct fx_disk slot;     /* its holds and fails, for SWAP; its options */
    uint32_t path_len;       /* the longest datagram of every path */
    uint8_t seq;             /* of the last request */
    uint8_t data[BH_SECTOR_LEN_MAX]; /* of the last READ */
    size_t data_len;
    uint64_t lists; /* `:list` volumes handed out */

    struct bh_path hosts[FX_HOSTS];
    struct fx_disk *disks[FX_DISKS_MAX];
    size_t disk_count;
    struct fx_medium *media;
    struct fx_layer *layers;
    struct bh_job *held[FX_HELD_MAX];
    size_t held_count;

    struct fx_reply replies[FX_REPLIES_MAX];
    size_t reply_count;
    uint32_t serial; /* of the last datagram; the route carries it */
    struct fx_request {
        bool answered;
        uint8_t head[5];
        size_t len;
    } * requests; /* by serial */
    size_t request_room;
};

/* 16 sessions, 64 requests, 4 jobs a volume, no disk. For cmocka. */
int fx_set_up(void **state);
int fx_set_up_kept(void **state); /* with a table that outlives the server */
int fx_tear_down(void **state);
struct fx *fx_new(uint32_t sessions, uint32_t requests, uint32_t jobs);
struct fx *fx_new_kept(uint32_t sessions, uint32_t requests, uint32_t jobs);
void fx_free(struct fx *fx);

/* The server is killed, and another one takes its table over. Jobs that are
 * held back are never done. */
void fx_kill(struct fx *fx);

/* A disk of `len` bytes, exclusive, of any sector size; byte i of it is
 * i / 256 + i. The test may change its facts before it is opened. */
struct fx_disk *fx_disk(struct fx *fx, const char *name, uint64_t len);

/* There is a slot, with this disk in it; NULL: nothing. */
void fx_slot(struct fx *fx, struct fx_disk *disk);
/* Layers that the driver has. */
size_t fx_layers(const struct fx *fx);

/* Peer `port` of host `host`. */
struct bh_path fx_peer(uint32_t host, uint16_t port);

/* The same with port 10; borrowed from the fixture. */
const struct bh_path *fx_host(struct fx *fx, uint32_t host);

/* 64 random bits of the fixture's own generator. */
uint64_t fx_random(struct fx *fx);

/* A datagram arrives and what it brings about is done. */
void fx_send(struct fx *fx, const struct bh_path *from, const void *bytes,
             size_t len);
void fx_pump(struct fx *fx);

/* The clock moves on; timers that become due on the way go off in time. */
void fx_pass(struct fx *fx, uint64_t ms);

/* The jobs that are held back, oldest first. */
size_t fx_held(const struct fx *fx, enum bh_job_kind kind);
void fx_release(struct fx *fx, enum bh_job_kind kind); /* the oldest */
void fx_release_at(struct fx *fx, size_t index);
void fx_release_all(struct fx *fx);

/* Takes the oldest reply to this peer: its length, or FX_NONE. `bytes` holds
 * BH_DATAGRAM_MAX_LEN. */
int fx_take(struct fx *fx, const struct bh_path *to, uint8_t *bytes);
/* The same for the reply with this seq. */
int fx_take_to(struct fx *fx, const struct bh_path *to, uint8_t seq,
               uint8_t *bytes);

/* Takes the oldest reply to this peer: its status, or FX_NONE. */
int fx_answer(struct fx *fx, const struct bh_path *to);
/* The same for the reply with this seq. */
int fx_answer_to(struct fx *fx, const struct bh_path *to, uint8_t seq);
void fx_forget_replies(struct fx *fx);

/* Requests with the next seq. Each returns the status of the reply, or
 * FX_NONE. */
int fx_connect(struct fx *fx, const struct bh_path *from, uint8_t flags,
               const char *name, uint16_t *id);
int fx_command(struct fx *fx, const struct bh_path *from, uint16_t id,
               uint8_t opcode, uint32_t lsn, const void *body, size_t len);
int fx_read(struct fx *fx, const struct bh_path *from, uint16_t id,
            uint32_t lsn);
/* A sector of FX_SECTOR bytes that are all `fill`. */
int fx_write(struct fx *fx, const struct bh_path *from, uint16_t id,
             uint32_t lsn, uint8_t fill);
int fx_flush(struct fx *fx, const struct bh_path *from, uint16_t id);
int fx_identify(struct fx *fx, const struct bh_path *from, uint16_t id,
                struct bh_identify *out);
int fx_discon(struct fx *fx, const struct bh_path *from, uint16_t id);

/* The same in a strict session, whose numbers the test says. */
void fx_strict_send(struct fx *fx, const struct bh_path *from, uint16_t id,
                    uint32_t number, uint8_t opcode, uint32_t lsn,
                    const void *body, size_t len);
/* The status of the strict reply with this number, whose data goes to
 * fx->data; or FX_NONE. */
int fx_strict_answer(struct fx *fx, const struct bh_path *to, uint16_t id,
                     uint32_t number);

/* A strict DISCON or KEEP. */
void fx_strict_send_five(struct fx *fx, const struct bh_path *from,
                         uint8_t type, uint16_t id, uint32_t number);

/* WRITEs of a sector that is all `fill`. */
void fx_strict_send_write(struct fx *fx, const struct bh_path *from,
                          uint16_t id, uint32_t number, uint32_t lsn,
                          uint8_t fill);
int fx_strict_write(struct fx *fx, const struct bh_path *from, uint16_t id,
                    uint32_t number, uint32_t lsn, uint8_t fill);
/* CONNECT, and a first READ with number 1. */
uint16_t fx_strict_open(struct fx *fx, const struct bh_path *from,
                        uint8_t flags, const char *name);

/* CONNECT and a first READ, both answered with 0: the session's id. */
uint16_t fx_open(struct fx *fx, const struct bh_path *from, uint8_t flags,
                 const char *name);
/* CONNECT, answered with 0: the pending session's id. */
uint16_t fx_pend(struct fx *fx, const struct bh_path *from, uint8_t flags,
                 const char *name);

/* The oldest event of this kind among those that wait, or false. Drops all
 * that were before it. */
bool fx_event(struct fx *fx, enum bh_event_kind kind, struct bh_event *out);

#endif
