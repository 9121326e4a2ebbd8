/* SPDX-License-Identifier: MIT */
/*
 * The drives: slots, each with some media of which one, or none, is in it.
 * Several modes and lengths are among the media of a drive, so that IDENTIFY
 * tells them apart.
 *
 *   v22  exclusive and read-only media; one of them has a name of its own, too
 *   v23  silent: default sessions are not told
 *   v24  shared media, and one that is not
 *   v25  scratch media, and one that is not
 *
 * What is in a drive outlives the server. A server that is dead may find
 * another medium there than the one before has left.
 *
 * What a request of a strict session changes, it changes on the medium that its
 * client has meant; so it is with a default session of a drive that is not
 * silent. What a default session of a silent one writes is blind: whatever
 * medium it meets then is known to the storage alone, which keeps the registers
 * of it.
 */
#ifndef BH_SIM_DRIVE_H
#define BH_SIM_DRIVE_H

#include "disk.h"

struct world;
struct client;

#define DRIVE_COUNT 4u

static inline bool drive_is(uint32_t volume)
{
    return volume >= FIRST_DRIVE && volume < FIRST_DRIVE + DRIVE_COUNT;
}

void drives_init(struct world *world);

/* The disk that stands for all of a silent drive, in what is written there
 * blindly; NO_DISK: this disk is in no such drive. */
uint32_t drive_silent(uint32_t disk);

/* The name of a disk for an insert. */
void drive_name(uint32_t disk, char name[4]);

/* Another medium is in the drive from now on, or none: NO_DISK. */
void drive_put(struct world *world, uint32_t volume, uint32_t disk);

/* Whether the core may have one of the drive's media for lost, or what is in it
 * for gone. */
bool drive_failed(const struct world *world, uint32_t volume);

/* Where the disk is among the drive's media; DRIVE_MEDIA: it is none. */
uint32_t drive_place(const struct volume *volume, uint32_t disk);

/* A job was handed out: it is for what is in the drive. */
void drive_check(struct world *world, const struct slot *slot);

/* What the drive has no more is to be opened. */
void drive_check_opened(struct world *world, struct bh_job *job,
                        uint32_t volume);

/* A SWAP was handed out; it is done. */
void drive_taken(struct world *world, struct slot *slot);
void drive_swap(struct world *world, struct slot *slot);

/* A WRITE whose session does not know which medium there is begins, and is over
 * or dead. */
void drive_writes(struct world *world, struct slot *slot);
void drive_written(struct world *world, const struct slot *slot);

/* The server is dead: somebody may play with its drives. */
void drives_killed(struct world *world);

/*
 * op_drive.c: the view of a client.
 */

/* Whether its session is not told of changes. */
bool client_is_blind(const struct world *world, const struct client *client);

/* The disk that it means; NO_DISK: it does not know, or is blind. */
uint32_t client_disk(const struct world *world, const struct client *client);

/* The disk that names the owner of what it writes. */
uint32_t client_mark(const struct world *world, const struct client *client);

/* Granules that it may count on, and the mode of its volume. */
uint32_t client_granules(const struct world *world,
                         const struct client *client);
uint8_t client_mode(const struct world *world, const struct client *client);

/* Whether it writes to a layer of its own. */
bool client_scribbles(const struct world *world, const struct client *client,
                      uint32_t disk);

/* The register of a granule as this client is to see it. */
struct reg *client_reg(struct world *world, const struct client *client,
                       uint32_t disk, uint32_t at);

struct op;

/* It begins a session. */
void op_drive_connects(struct world *world, struct client *client);

/* Its answer says what disk it is of. */
void op_drive_from(const struct world *world, const struct client *client,
                   struct op *op, uint32_t disk);

/* An answer to a request that is not CONNECT, before the registers see it. */
void op_drive_answered(struct world *world, struct client *client,
                       const struct op *op, uint8_t status);

/* IDENTIFY has told of so many sectors. */
void op_drive_identified(struct world *world, struct client *client,
                         const struct op *op, uint64_t sectors);

#endif
