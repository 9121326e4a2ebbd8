/* SPDX-License-Identifier: MIT */
/*
 * What a client knows of the medium that its session is on, and what the
 * answers say of it. It learns it from what it reads, or from IDENTIFY; from
 * then on all that it is answered with OK is of that medium, until it was
 * answered with 11 and has sent IDENTIFY.
 */
#include "drive.h"
#include "world.h"

#include "wire/protocol.h"

bool client_is_blind(const struct world *world, const struct client *client)
{
    return !client->strict && drive_is(client->volume) &&
           world->disks.volumes[client->volume].facts.silent;
}

uint32_t client_disk(const struct world *world, const struct client *client)
{
    return drive_is(client->volume) ? client->medium
                                    : world->disks.volumes[client->volume].disk;
}

uint32_t client_mark(const struct world *world, const struct client *client)
{
    return client_is_blind(world, client) ? DISKS + client->volume
                                          : client_disk(world, client);
}

/* Of a drive, what each of its media has, until it is known which it is. */
uint32_t client_granules(const struct world *world, const struct client *client)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    const struct bh_volume_facts *facts = &volume->facts;
    uint32_t disk = client_disk(world, client);

    if (drive_is(client->volume))
        return world->disks.of[disk == NO_DISK ? volume->media[0] : disk].len;
    return (uint32_t)((facts->byte_count > facts->grow_limit
                           ? facts->byte_count
                           : facts->grow_limit) /
                      GRANULE_LEN);
}

uint8_t client_mode(const struct world *world, const struct client *client)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    return drive_is(client->volume) ? world->disks.of[volume->media[0]].mode
                                    : volume->facts.mode;
}

bool client_scribbles(const struct world *world, const struct client *client,
                      uint32_t disk)
{
    return disk != NO_DISK && world->disks.of[disk].mode == BH_MODE_SCRATCH &&
           (client->access & BH_FLAG_READ_ONLY) == 0;
}

struct reg *client_reg(struct world *world, const struct client *client,
                       uint32_t disk, uint32_t at)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    if (!client_scribbles(world, client, disk))
        return &world->disks.of[disk].regs[at];
    return &world->layers[client->index][drive_place(volume, disk)][at];
}

/* Its layer over this disk is empty. */
static void clear(struct world *world, const struct client *client,
                  uint32_t disk)
{
    for (uint32_t i = 0; i < DISK_GRANULES; i++)
        reg_reset(client_reg(world, client, disk, i),
                  i < world->disks.of[disk].len ? VALUE_INITIAL : VALUE_ZEROS,
                  world->stamp);
}

static void clear_all(struct world *world, const struct client *client)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    for (uint32_t i = 0; i < volume->media_count; i++)
        if (client_scribbles(world, client, volume->media[i]))
            clear(world, client, volume->media[i]);
}

void op_drive_connects(struct world *world, struct client *client)
{
    client->medium = NO_DISK;
    client->told = false;
    client->since = 0;
    clear_all(world, client);
}

static bool brings_data(const struct op *op)
{
    return op_reads(op);
}

void op_drive_from(const struct world *world, const struct client *client,
                   struct op *op, uint32_t disk)
{
    if (drive_is(client->volume) &&
        (brings_data(op) || client_is_blind(world, client)))
        op->from = disk;
}

static void learn(struct client *client, const struct op *op, uint32_t disk)
{
    client->medium = (uint16_t)disk;
    client->since = op->began;
    client->told = false;
    client->unflushed_count = 0;
}

/* It has not been told of a change that was before this request. */
static void check_told(struct world *world, const struct client *client,
                       const struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    if (client->medium != NO_DISK && volume->swapped > client->since &&
        op->began > volume->swapped)
        world_fail(world,
                   "client %u is not told that volume %u has another medium: "
                   "request of kind %u",
                   client->index, client->volume, op->kind);
}

static void check_data(struct world *world, struct client *client,
                       const struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    uint32_t place = drive_place(volume, op->from);

    if (place == DRIVE_MEDIA)
        world_fail(world, "client %u got data of no medium: volume %u",
                   client->index, client->volume);
    if (volume->left[place] < op->began)
        world_fail(world,
                   "client %u got data of a medium that was not in volume %u",
                   client->index, client->volume);
    if (client_is_blind(world, client))
        return;
    if (client->medium == NO_DISK)
        learn(client, op, op->from);
    if (client->medium != op->from)
        world_fail(world,
                   "client %u got data of disk %u and has not been told that "
                   "disk %u is gone",
                   client->index, op->from, client->medium);
}

static void ejected(struct world *world, const struct client *client,
                    const struct op *op)
{
    if (world->disks.volumes[client->volume].emptied < op->began)
        world_fail(world, "client %u is told of an EJECT that never was",
                   client->index);
}

/* 11 is said of a change. */
static void check_changed(struct world *world, const struct client *client)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    if (client->medium != NO_DISK && volume->swapped < client->since)
        world_fail(world, "client %u is told of a change that never was",
                   client->index);
}

void op_drive_answered(struct world *world, struct client *client,
                       const struct op *op, uint8_t status)
{
    if (!drive_is(client->volume) || op->kind == OP_KEEP ||
        op->kind == OP_DISCON)
        return;
    if (status == BH_ERR_CHANGED) {
        check_changed(world, client);
        client->told = true;
    }
    if (status != BH_OK)
        return;
    if (brings_data(op))
        check_data(world, client, op);
    if (op->kind == OP_EJECT)
        ejected(world, client, op);
    if (op_is_of_slot(op) && (client->access & BH_FLAG_LOOK) == BH_FLAG_LOOK)
        world_fail(world,
                   "client %u only looks, and has a say in what is in "
                   "volume %u",
                   client->index, client->volume);
    if (op->kind != OP_IDENTIFY && !client_is_blind(world, client))
        check_told(world, client, op);
}

static uint32_t find_medium(const struct world *world,
                            const struct client *client, uint64_t sectors)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    for (uint32_t i = 0; i < volume->media_count; i++)
        if (world->disks.of[volume->media[i]].len >> client->exponent ==
            sectors)
            return i;
    return DRIVE_MEDIA;
}

void op_drive_identified(struct world *world, struct client *client,
                         const struct op *op, uint64_t sectors)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    uint32_t place;

    if (!drive_is(client->volume))
        return;
    place = find_medium(world, client, sectors);
    if (place == DRIVE_MEDIA || volume->left[place] < op->began)
        world_fail(world,
                   "IDENTIFY tells client %u of a medium that is not in "
                   "volume %u",
                   client->index, client->volume);
    if (client_is_blind(world, client))
        return;
    if (client->medium == NO_DISK || client->told) {
        learn(client, op, volume->media[place]);
        if (client_scribbles(world, client, client->medium))
            clear(world, client, client->medium);
        return;
    }
    check_told(world, client, op);
    if (client->medium != volume->media[place])
        world_fail(world,
                   "IDENTIFY tells client %u of another medium, and it has not "
                   "been told: volume %u",
                   client->index, client->volume);
}
