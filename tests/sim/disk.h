/* SPDX-License-Identifier: MIT */
/*
 * The storage beneath the core: disks, the volumes on them, and the jobs that
 * the core has handed out. A job ends at once or late, well or badly; a WRITE
 * takes place when it is handed out or when it ends, whichever hurts more.
 *
 * As strict as tests/unit/fixture.h: no job on a medium that is being closed,
 * no WRITE without the writer's lock, media that share bytes conflict as OFD
 * locks do. And two requests that overlap never run at once, nor do those of
 * two sessions that exclude each other.
 *
 * A ZERO, CHECKSUM or CHECKPOINT that is late does one part when it is handed
 * out and the rest when it ends, so that nothing may change beneath it.
 *
 * What survives a power loss: of each granule the state as of the last sync
 * that covered it, or any later one, or a mixture.
 */
#ifndef BH_SIM_DISK_H
#define BH_SIM_DISK_H

#include "granule.h"
#include "register.h"

#include "core/job.h"

#include <stdbool.h>
#include <stdint.h>

#define DISKS 17u
#define VOLUMES 22u
#define GREEDY_VOLUME (VOLUMES - 1)
#define DISK_GRANULES 96u
#define MEDIA 64u
#define JOBS 2048u
#define LOOKS 2048u
#define COPIES 512u

struct world;

struct state {
    uint8_t now[GRANULE_LEN];
    uint8_t stable[GRANULE_LEN];  /* as of the last sync */
    uint8_t kept[GRANULE_LEN];    /* as the running sync finds it */
    uint8_t between[GRANULE_LEN]; /* some state since the last sync */
    uint64_t serial, stable_serial, kept_serial;
    bool dirty, is_kept, is_between;
};

struct disk {
    struct state of[DISK_GRANULES];
    struct reg regs[DISK_GRANULES];
    uint32_t dirty[DISK_GRANULES], dirty_count;
    uint32_t len, stable_len, first_len; /* in granules */
    uint64_t written; /* granule writes so far: their serial */
    uint32_t syncs;   /* running */
    uint64_t image;   /* first write to the bytes that it has by now */
    uint64_t changed; /* arrival of the newest that was handed out to change */
};

struct volume {
    struct bh_volume_facts facts;
    uint32_t disk, first; /* in granules */
    uint64_t acked;  /* serial of the newest acknowledged WRITE through it */
    uint64_t stable; /* serial that syncs of its disk have covered */
    bool barred;     /* the last attachment failed */
    bool failed;     /* a sync did, and nobody has reopened it */
    uint64_t proven; /* writing sessions on these bytes */
    uint64_t counter, counter_proven; /* the change counter, and when */
    uint64_t call; /* in which the last of them were proven, and how many */
    uint32_t in_call;
    bool counter_known, counter_loose;
    uint64_t changed, copied; /* arrival of the newest that was handed out */
};

struct medium {
    bool used, closing;
    uint8_t access;
    uint32_t volume;
};

struct slot {
    struct bh_job *job;
    bool used, done;
    uint8_t status;
    uint8_t kind, access;
    uint16_t session, next;
    uint32_t volume, generation;
    uint64_t serial; /* of a SYNC: what it covers */
    uint32_t len;    /* of a SYNC: the disk's length */

    /* ZERO, CHECKSUM, CHECKPOINT go granule by granule. */
    uint32_t part, count; /* done, and all */
    uint64_t value;       /* of its client's op */
    struct look *look;
    struct copy *copy;
};

/* What a CHECKSUM has found. Its four bytes are a ticket for this: whoever has
 * them knows what they are of, value by value. */
struct look {
    uint32_t ticket;
    uint32_t disk, at, count, whole; /* bytes with the zeros behind the end */
    uint64_t values[DISK_GRANULES];
};

/* What a CHECKPOINT keeps. */
struct copy {
    uint64_t value; /* its op's; 0: none */
    bool made;
    bool spoilt; /* its medium had lost something that was written */
    uint64_t values[DISK_GRANULES];
};

struct disks {
    struct disk of[DISKS];
    struct volume volumes[VOLUMES];
    struct medium media[MEDIA];
    struct slot slots[JOBS];
    uint16_t free[JOBS];
    uint16_t running[JOBS]; /* READs and WRITEs that are late */
    uint32_t free_count, running_count, generation;
    struct look looks[LOOKS];
    struct copy copies[COPIES];
    uint32_t look_count, copy_count;
};

void disks_init(struct world *world);

/* The core has handed out a job. */
void disk_take(struct world *world, struct bh_job *job);

/* A late job's time has come. */
void disk_due(struct world *world, uint32_t slot, uint16_t generation);

/* The server is killed: jobs that it waited for may have taken place. */
void disks_killed(struct world *world);
void disks_power_lost(struct world *world);

/* For the other files of the storage. */
bool disk_overlap(const struct bh_volume_facts *a,
                  const struct bh_volume_facts *b);
struct medium *disk_medium(struct world *world, const struct bh_job *job);
bool disk_changes(const struct slot *slot);
uint32_t disk_granule(const struct world *world, const struct slot *slot);

/* The request that a job is for; NULL: the core itself wants to know
 * (core/doubt.h). */
const struct bh_request *disk_request(const struct world *world,
                                      struct bh_job *job);

/* `len` bytes of a granule change. */
void disk_put(struct world *world, uint32_t index, uint32_t at,
              const uint8_t *bytes, uint32_t len);

/* rules.c: what has to be so when the core hands out a request's job. */
void rules_check(struct world *world, struct slot *slot);

/* heavy.c: ZERO, CHECKSUM and CHECKPOINT, which take their time. */
void heavy_begin(struct world *world, struct slot *slot);
void heavy_go(struct world *world, struct slot *slot, uint32_t upto);
void heavy_done(struct world *world, struct slot *slot);

/* The core has read sectors whose ZERO or WRITE is in doubt: it is shown zeros
 * where there are any, and its verdict is known. */
void heavy_examined(struct world *world, const struct slot *slot);

/* A CHECKPOINT is asked for: room for what it will keep. */
void copy_new(struct world *world, uint64_t value);
struct copy *copy_find(struct world *world, uint64_t value);

/* The label that it has; returns the number of bytes. */
uint8_t copy_label(uint64_t value, char *out);

/* What a ticket is of; NULL: it was given out long ago, or (`*never`) never. */
const struct look *look_find(const struct world *world, uint32_t ticket,
                             bool *never);

/* An administrator looks after what has failed. */
void disks_mended(struct world *world);

#endif
