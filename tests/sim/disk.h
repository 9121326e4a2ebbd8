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

#define DISKS 15u
#define VOLUMES 19u
#define GREEDY_VOLUME (VOLUMES - 1)
#define DISK_GRANULES 96u
#define MEDIA 64u
#define JOBS 2048u

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
};

struct disks {
    struct disk of[DISKS];
    struct volume volumes[VOLUMES];
    struct medium media[MEDIA];
    struct slot slots[JOBS];
    uint16_t free[JOBS];
    uint16_t running[JOBS]; /* READs and WRITEs that are late */
    uint32_t free_count, running_count, generation;
};

void disks_init(struct world *world);

/* The core has handed out a job. */
void disk_take(struct world *world, struct bh_job *job);

/* A late job's time has come. */
void disk_due(struct world *world, uint32_t slot, uint16_t generation);

/* The server is killed: jobs that it waited for may have taken place. */
void disks_killed(struct world *world);
void disks_power_lost(struct world *world);

/* An administrator looks after what has failed. */
void disks_mended(struct world *world);

#endif
