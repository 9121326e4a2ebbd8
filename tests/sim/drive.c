/* SPDX-License-Identifier: MIT */
#include "drive.h"

#include "world.h"

#include "core/internal.h"
#include "wire/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kind {
    uint32_t len; /* in granules */
    uint8_t mode, sync;
};

static const struct kind kinds[DRIVE_COUNT][DRIVE_MEDIA] = {
    {{64, BH_MODE_EXCLUSIVE, BH_SYNC_FLUSH},
     {72, BH_MODE_EXCLUSIVE, BH_SYNC_WRITE},
     {80, BH_MODE_READ_ONLY, BH_SYNC_FLUSH}},
    {{64, BH_MODE_EXCLUSIVE, BH_SYNC_FLUSH},
     {72, BH_MODE_EXCLUSIVE, BH_SYNC_WRITE},
     {80, BH_MODE_EXCLUSIVE, BH_SYNC_FLUSH}},
    {{64, BH_MODE_SHARED, BH_SYNC_FLUSH},
     {72, BH_MODE_SHARED, BH_SYNC_WRITE},
     {80, BH_MODE_EXCLUSIVE, BH_SYNC_FLUSH}},
    {{64, BH_MODE_SCRATCH, BH_SYNC_FLUSH},
     {72, BH_MODE_SCRATCH, BH_SYNC_FLUSH},
     {80, BH_MODE_EXCLUSIVE, BH_SYNC_FLUSH}}};

#define SILENT_DRIVE (FIRST_DRIVE + 1)

static const struct kind *kind_of(uint32_t disk)
{
    return &kinds[(disk - DRIVE_DISK) / DRIVE_MEDIA]
                 [(disk - DRIVE_DISK) % DRIVE_MEDIA];
}

uint32_t drive_silent(uint32_t disk)
{
    uint32_t first = DRIVE_DISK + (SILENT_DRIVE - FIRST_DRIVE) * DRIVE_MEDIA;

    return disk - first < DRIVE_MEDIA ? DISKS + SILENT_DRIVE : NO_DISK;
}

/* As the catalogue of the daemon describes a slot. */
static void describe(struct world *world, struct volume *volume, uint32_t index)
{
    struct bh_volume_facts *facts = &volume->facts;
    uint32_t disk = volume->disk;

    facts->device = disk == NO_DISK ? UINT64_MAX : 7;
    facts->inode = disk == NO_DISK ? index + 1 : DISK_INODE + disk;
    facts->empty = disk == NO_DISK;
    facts->mode = disk == NO_DISK ? BH_MODE_EXCLUSIVE : kind_of(disk)->mode;
    facts->sync = disk == NO_DISK ? BH_SYNC_FLUSH : kind_of(disk)->sync;
    facts->byte_count =
        disk == NO_DISK ? 0 : (uint64_t)world->disks.of[disk].len * GRANULE_LEN;
}

static void init_drive(struct world *world, uint32_t index)
{
    struct volume *volume = &world->disks.volumes[index];
    uint32_t first = DRIVE_DISK + (index - FIRST_DRIVE) * DRIVE_MEDIA;

    volume->media_count = DRIVE_MEDIA;
    for (uint32_t i = 0; i < DRIVE_MEDIA; i++) {
        volume->media[i] = first + i;
        volume->left[i] = i == 0 ? STAMP_NEVER : 0;
        disk_init(world, first + i, kind_of(first + i)->len);
        world->disks.of[first + i].mode = kind_of(first + i)->mode;
    }
    volume->facts.removable = true;
    volume->facts.silent = index == SILENT_DRIVE;
    describe(world, volume, index);
}

void drives_init(struct world *world)
{
    for (uint32_t i = 0; i < DRIVE_COUNT; i++)
        init_drive(world, FIRST_DRIVE + i);
    world->disks.of[DISKS - 1].mode = BH_MODE_SCRATCH;
}

bool drive_failed(const struct world *world, uint32_t index)
{
    const struct volume *volume = &world->disks.volumes[index];
    bool failed = volume->gone;

    for (uint32_t i = 0; i < volume->media_count; i++)
        failed |= world->disks.of[volume->media[i]].failed;
    return failed;
}

uint32_t drive_place(const struct volume *volume, uint32_t disk)
{
    uint32_t i = 0;

    while (i < volume->media_count && volume->media[i] != disk)
        i++;
    return i < volume->media_count ? i : DRIVE_MEDIA;
}

void drive_name(uint32_t disk, char name[4])
{
    snprintf(name, 4, "m%02u", disk % 100u);
}

/*
 * Another medium.
 */

/* Nothing that was sent to it while it was in the drive is done any more. */
static void limit_all(struct world *world, uint32_t disk, uint64_t stamp)
{
    if (disk == DRIVE_DISK) /* it has another name, which goes on */
        return;
    for (uint32_t i = 0; i < DISK_GRANULES; i++)
        reg_limit_all(&world->disks.of[disk].regs[i], world->values, stamp);
}

static uint16_t only_session(const struct world *world, uint32_t volume)
{
    const struct node *node = &world->node;
    uint16_t only = 0;

    for (uint32_t i = 0; i < node->given_count; i++) {
        uint16_t id = node->given[i];

        if (!node->ids[id].proven || node->ids[id].volume != volume ||
            id == only)
            continue;
        if (only != 0)
            return 0;
        only = id;
    }
    return only;
}

/* Locks are on what was in the drive. */
static void unlock_all(struct world *world, uint32_t volume)
{
    struct node *node = &world->node;

    for (uint32_t i = 0; i < node->given_count; i++) {
        struct id_fate *fate = &node->ids[node->given[i]];

        if (fate->volume != volume)
            continue;
        if (fate->may_lock)
            world->disks.volumes[volume].unlocked = world->stamp;
        fate->locked = fate->may_lock = false;
    }
}

void drive_put(struct world *world, uint32_t index, uint32_t disk)
{
    struct volume *volume = &world->disks.volumes[index];
    uint64_t stamp = world_stamp(world);

    world_note(world, "disk % is in volume % after disk %", disk, index,
               volume->disk);
    if (volume->disk == disk)
        return; /* it is not noticed */
    if (volume->disk != NO_DISK) {
        limit_all(world, volume->disk, stamp);
        volume->left[drive_place(volume, volume->disk)] = stamp;
    }
    volume->disk = disk;
    describe(world, volume, index);
    volume->swapped = stamp;
    volume->alone = only_session(world, index);
    volume->known = false;
    if (disk == NO_DISK)
        volume->emptied = stamp;
    else
        volume->left[drive_place(volume, disk)] = STAMP_NEVER;
    volume->failed = volume->barred = false;
    volume->acked = volume->stable =
        disk == NO_DISK ? 0 : world->disks.of[disk].written;
    unlock_all(world, index);
    world->stats.swaps++;
}

/*
 * SWAP.
 */

/* Those who have locked it must have been asked, or overruled. */
static void check_locks(struct world *world, uint32_t volume)
{
    const struct node *node = &world->node;
    const struct bh_swap *swap = &node->server->swap;

    if (swap->ordered && swap->order.force)
        return;
    for (uint32_t i = 0; i < node->given_count; i++) {
        uint16_t id = node->given[i];
        const struct id_fate *fate = &node->ids[id];

        if (fate->alive && fate->locked && fate->volume == volume &&
            !(swap->eject != NULL && swap->eject->session->id == id))
            world_fail(world,
                       "a medium is changed that session %04x has locked: "
                       "volume %u",
                       id, volume);
    }
}

static void check_detached(struct world *world, uint32_t index)
{
    const struct disks *disks = &world->disks;
    const struct volume *volume = &disks->volumes[index];
    const struct bh_swap *swap = &world->node.server->swap;

    for (uint32_t i = 0; i < MEDIA; i++)
        if (disks->media[i].used && disks->media[i].volume == index)
            world_fail(world,
                       "a medium is to be changed and is still open: volume %u",
                       index);
    if (volume->acked > volume->stable && !volume->barred &&
        !(volume->failed && swap->ordered && swap->order.force))
        world_fail(world,
                   "a medium is to be changed, and what was acknowledged on "
                   "volume %u is not stable",
                   index);
}

void drive_taken(struct world *world, struct slot *slot)
{
    const struct bh_job *job = slot->job;

    if (job->name == NULL) {
        world->stats.asks++;
        return;
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        const struct slot *other = &world->disks.slots[i];

        if (other->used && other != slot && other->volume == slot->volume &&
            bh_job_is_request(other->job))
            world_fail(world,
                       "a medium is to be changed and a job of kind %u runs: "
                       "volume %u, disks %u and %u",
                       other->kind, slot->volume, slot->disk, other->disk);
    }
    check_detached(world, slot->volume);
    check_locks(world, slot->volume);
    world->stats.ejects += world->node.server->swap.eject != NULL;
}

static uint32_t wanted(const struct slot *slot)
{
    return slot->job->name[0] == '\0'
               ? NO_DISK
               : (uint32_t)strtoul(slot->job->name + 1, NULL, 10);
}

void drive_swap(struct world *world, struct slot *slot)
{
    if (slot->job->name == NULL)
        world->disks.volumes[slot->volume].gone = slot->status != BH_OK;
    else if (slot->status != BH_OK)
        world->disks.volumes[slot->volume].refused = world_stamp(world);
    if (slot->done || slot->status != BH_OK)
        return;
    slot->done = true;
    if (slot->job->name != NULL)
        drive_put(world, slot->volume, wanted(slot));
    *slot->job->facts = world->disks.volumes[slot->volume].facts;
}

/* A layer that nobody wants may go at any time. */
void drive_check(struct world *world, const struct slot *slot)
{
    const struct disks *disks = &world->disks;

    if (!drive_is(slot->volume) || slot->kind == BH_JOB_LOOKUP ||
        slot->kind == BH_JOB_SWAP)
        return;
    for (uint32_t i = 0; i < JOBS; i++)
        if (disks->slots[i].used && disks->slots[i].kind == BH_JOB_SWAP &&
            disks->slots[i].volume == slot->volume &&
            slot->kind != BH_JOB_DETACH && disks->slots[i].job->name != NULL)
            world_fail(world,
                       "a job of kind %u while the medium is changed: "
                       "volume %u",
                       slot->kind, slot->volume);
    if (slot->disk != disks->volumes[slot->volume].disk &&
        bh_job_is_request(slot->job))
        world_fail(world,
                   "a request is carried out on what is in volume %u no more",
                   slot->volume);
}

/* A server that has asked does not try that while somebody is there, but for
 * what an earlier one has left to be synced. */
void drive_check_opened(struct world *world, struct bh_job *job,
                        uint32_t volume)
{
    const struct bh_volume *opened =
        BH_OWNER(job, const struct bh_volume, service);

    if (!job->patient && world->disks.volumes[volume].known &&
        !bh_list_empty(&opened->sessions))
        world_fail(world, "volume %u is to be opened with what it has no more",
                   volume);
}

/*
 * Blind WRITEs.
 */

static uint32_t granules(const struct slot *slot)
{
    return (slot->job->len + GRANULE_LEN - 1) / GRANULE_LEN;
}

void drive_writes(struct world *world, struct slot *slot)
{
    uint64_t stamp = world_stamp(world);
    uint32_t at = disk_granule(world, slot);

    slot->blind = true;
    for (uint32_t i = 0; i < granules(slot); i++)
        if (!reg_write_again(&world->disks.of[slot->disk].regs[at + i],
                             slot->value, stamp))
            world_fail(world, "the simulator has too many doubts of disk %u",
                       slot->disk);
}

void drive_written(struct world *world, const struct slot *slot)
{
    uint64_t stamp;
    uint32_t at;

    if (!slot->blind)
        return;
    stamp = world_stamp(world);
    at = disk_granule(world, slot);
    for (uint32_t i = 0; i < granules(slot); i++)
        reg_write_limit(&world->disks.of[slot->disk].regs[at + i], slot->value,
                        stamp);
}

void drives_killed(struct world *world)
{
    for (uint32_t i = 0; i < DRIVE_COUNT; i++) {
        uint32_t k = rng_below(&world->rng, DRIVE_MEDIA + 1);
        struct volume *volume = &world->disks.volumes[FIRST_DRIVE + i];

        if (!volume->known || rng_hits(&world->rng, PERCENT(90)))
            continue; /* back and forth would not be seen by anybody */
        drive_put(world, FIRST_DRIVE + i,
                  k == DRIVE_MEDIA ? NO_DISK : volume->media[k]);
    }
}
