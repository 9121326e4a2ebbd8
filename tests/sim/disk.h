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

#define DISKS 30u
#define VOLUMES 28u
#define GREEDY_VOLUME 21u
#define FIRST_DRIVE 22u /* this one and those behind it: drive.h */
#define DRIVE_MEDIA 3u
#define DRIVE_DISK 17u /* these and those behind: of drives, and of scratch */
#define NO_DISK 0xFFFFu
#define DISK_INODE 100u
#define DISK_GRANULES 96u
#define MEDIA 64u
#define JOBS 2048u
#define LOOKS 2048u
#define COPIES 512u
#define LAYERS 128u

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
    uint8_t mode;     /* of a drive's medium: enum bh_volume_mode */
    bool failed;      /* a sync of it, and nobody has reopened it since */
    uint64_t changed; /* arrival of the newest that was handed out to change */
};

struct volume {
    struct bh_volume_facts facts;
    uint32_t disk, first; /* in granules; NO_DISK: an empty drive */
    uint32_t media[DRIVE_MEDIA], media_count; /* disks that it may have */
    uint64_t left[DRIVE_MEDIA]; /* stamp; STAMP_NEVER: that is in it */
    uint64_t swapped, emptied;  /* stamps of the last change, and to nothing */
    uint64_t unlocked;          /* when somebody who may have locked it ended */
    uint16_t alone;             /* the only session when it was changed; or 0 */
    uint64_t refused;           /* stamp: a SWAP has failed */
    bool gone;                  /* the last SWAP that asked has failed */
    bool known;                 /* a server knows what is in it */
    bool uncounted;             /* what its change counter does is not known */
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
    uint32_t volume, disk;
    struct layer *layer;
};

struct slot {
    struct bh_job *job;
    bool used, done;
    uint8_t status;
    uint8_t kind, access;
    uint16_t session, next;
    uint32_t volume, generation;
    uint32_t disk;       /* which it is for; of a SWAP: in, and then */
    struct layer *layer; /* of a session, over the disk */
    bool blind;          /* a WRITE to whatever medium there is */
    uint64_t serial;     /* of a SYNC: what it covers */
    uint32_t len;        /* of a SYNC: the disk's length */

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
    uint32_t disk;
    bool spoilt; /* its medium had lost something that was written */
    uint64_t values[DISK_GRANULES];
};

/* What one session has written over a scratch disk. */
struct layer {
    uint64_t id; /* 0: none */
    uint32_t disk;
    bool written[DISK_GRANULES];
    uint8_t of[DISK_GRANULES][GRANULE_LEN];
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
    struct layer layers[LAYERS];
};

void disks_init(struct world *world);
void disk_init(struct world *world, uint32_t index, uint32_t len);

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

/* The disk of these facts; NO_DISK: of an empty drive. */
uint32_t disk_of_facts(const struct bh_volume_facts *facts);

/* What a job finds and leaves at a granule of its disk or layer. */
const uint8_t *disk_bytes(const struct world *world, const struct slot *slot,
                          uint32_t at);
void disk_put(struct world *world, const struct slot *slot, uint32_t at,
              const uint8_t *bytes, uint32_t len);

/* As granule_parse(), on a disk that may hold what was written blindly. */
enum granule_kind disk_parse(const uint8_t *bytes, uint32_t disk, uint32_t at,
                             uint64_t *value, uint64_t *place);

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
