/* SPDX-License-Identifier: MIT */
/*
 * A server, its disks, its clients and the network between them, under one
 * clock and one source of chance. Nothing in it knows the time of day or an
 * address of memory, so that a seed replays everything.
 *
 * Time passes in phases: a storm, whose weather is drawn from the seed, and a
 * calm after it, in which every polite client has to get on.
 */
#ifndef BH_SIM_WORLD_H
#define BH_SIM_WORLD_H

#include "admin.h"
#include "changer.h"
#include "client.h"
#include "disk.h"
#include "net.h"
#include "node.h"
#include "queue.h"
#include "rng.h"
#include "stats.h"
#include "trace.h"

#include <stdbool.h>
#include <stdint.h>

enum event_kind {
    EVENT_AT_SERVER, /* what: the datagram */
    EVENT_AT_CLIENT,
    EVENT_JOB,   /* what: the slot, who: its generation */
    EVENT_TIMER, /* who: the client */
    EVENT_FATE,  /* one blow of the storm */
    EVENT_KILL,
    EVENT_RESTART,
    EVENT_ADMIN, /* what: the visit */
    EVENT_CHANGER
};

struct weather {
    bool calm, greedy;
    uint32_t slow, slow_ms;                /* jobs */
    uint32_t io_error, no_space, short_io; /* shares of jobs */
    uint32_t sync_error, attach_error, lookup_error;
    uint32_t fate_ms; /* mean time between two blows */
    uint32_t kill, power, stop, jump, clog, part, reset, replay, forge, noise,
        flood, admin, change;
};

struct world {
    uint64_t seed, now_ms, step, stamp;
    struct rng rng;
    struct queue queue;
    struct weather weather;
    struct stats stats;
    struct trace trace;
    struct node node;
    struct disks disks;
    struct net net;
    struct client clients[CLIENTS];
    struct admin admin;
    struct changer changer;
    bool gentle; /* sessions last, until their numbers wrap around */
    bool drives; /* most clients are at drives and scratch volumes */
    struct reg layers[CLIENTS][DRIVE_MEDIA][DISK_GRANULES];
    uint64_t values;     /* writes so far */
    uint64_t calm;       /* stamp since which all must go well; 0: it may not */
    uint64_t kill_after; /* operations */
    bool tracing;
    const char *commit;
};

/* Runs until `operations` were made under faults, in phases of `phase`. */
struct world *world_new(uint64_t seed, const char *commit, bool tracing);
void world_free(struct world *world);
void world_run(struct world *world, uint64_t operations, uint64_t phase);

/* Ends the program: something was violated. */
_Noreturn void world_fail(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void world_note(struct world *world, const char *what, uint64_t a,
                              uint64_t b, uint64_t c)
{
    world->trace.of[world->trace.count++ % TRACE_ROOM] =
        (struct trace_entry){world->now_ms, world->step, what, a, b, c};
}

/* A moment of its own, in the order of everything. */
static inline uint64_t world_stamp(struct world *world)
{
    return ++world->stamp;
}

/* The calendar of the server machine. */
static inline uint64_t world_utc(uint64_t now_ms)
{
    return 1763816256u + now_ms / 1000u;
}

static inline int16_t world_zone(const struct world *world)
{
    return (int16_t)(world->seed * 37u % 1561u) - 720;
}

/* weather.c */
void weather_draw(struct world *world);
void weather_calm(struct world *world, bool greedy);
void weather_blow(struct world *world); /* EVENT_FATE */
void weather_kill(struct world *world); /* EVENT_KILL */

/* hostile.c: what comes from nobody's client. */
void hostile_replay(struct world *world);
void hostile_forge(struct world *world);
void hostile_noise(struct world *world);
void hostile_flood(struct world *world);

/* op.c: the oracle between a request and its answer. */
void op_began(struct world *world, struct client *client, struct op *op);
void op_answered(struct world *world, struct client *client,
                 const struct op *op, uint8_t status, const uint8_t *data);
void op_given_up(struct world *world, struct client *client,
                 const struct op *op);

/* Granules are read, of whatever medium there is; and are not, but of the disk
 * `but`, where each is seen. */
void op_reads_began(struct world *world, const struct client *client,
                    const struct op *op, uint32_t at, uint32_t count);
void op_reads_over(struct world *world, const struct client *client,
                   uint32_t but, uint32_t at, uint32_t count);

/* op_heavy.c: the same for what is over many sectors, and for TIME. */
void op_heavy_began(struct world *world, const struct client *client,
                    const struct op *op);
void op_heavy_ok(struct world *world, const struct client *client,
                 const struct op *op, const uint8_t *data);
/* It has brought nothing. */
void op_heavy_failed(struct world *world, const struct client *client,
                     const struct op *op);
void op_one_image(struct world *world, const struct client *client,
                  const struct op *op, const uint64_t *values, uint32_t count);

/* A granule holds `value`, says an answer. */
void op_seen(struct world *world, const struct client *client,
             const struct op *op, uint32_t at, uint64_t value);

/* It has proven a session: its earlier ones of the kind are over. */
void op_proved(struct world *world, struct client *client);
/* Nothing of this session is carried out any more. */
void op_session_over(struct world *world, struct client *client, uint16_t id);

/* invariants.c */
const char *invariants_check(const struct bh_server *server);

#endif
