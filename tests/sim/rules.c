/* SPDX-License-Identifier: MIT */
/*
 * What has to be so when the core hands out the job of a request. Requests are
 * in the order in which their datagrams have arrived.
 */
#include "drive.h"
#include "world.h"

#include "core/internal.h"
#include "wire/protocol.h"

#include <string.h>

static bool copies(const struct slot *slot)
{
    return slot->kind == BH_JOB_CHECKPOINT;
}

static bool heavy(const struct slot *slot)
{
    return slot->kind == BH_JOB_ZERO || slot->kind == BH_JOB_CHECKSUM;
}

static bool overlap(const struct world *world, const struct slot *a,
                    const struct slot *b)
{
    uint64_t x = world->disks.volumes[a->volume].facts.first + a->job->offset;
    uint64_t y = world->disks.volumes[b->volume].facts.first + b->job->offset;

    return x < y + b->job->len && y < x + a->job->len;
}

/* Two that run at once, of volumes on one medium. */
static void check_pair(struct world *world, const struct slot *a,
                       const struct slot *b)
{
    bool changes = disk_changes(a) || disk_changes(b);

    if (changes && (copies(a) || copies(b)))
        world_fail(world,
                   "something changes while a CHECKPOINT is made: volumes %u "
                   "and %u, sessions %04x and %04x",
                   a->volume, b->volume, a->session, b->session);
    if (copies(a) || copies(b))
        return;
    if (changes && a->volume == b->volume && overlap(world, a, b))
        world_fail(world,
                   "two requests that overlap run at once: volume %u, sessions "
                   "%04x and %04x",
                   a->volume, a->session, b->session);
    if (heavy(a) && heavy(b) && a->session == b->session)
        world_fail(world,
                   "a session has two requests over many sectors carried out "
                   "at once: volume %u, session %04x",
                   a->volume, a->session);
}

static void check_against(struct world *world, const struct slot *a,
                          const struct slot *b)
{
    const struct disks *disks = &world->disks;
    bool shared = a->volume == b->volume &&
                  disks->volumes[a->volume].facts.mode == BH_MODE_SHARED;

    if (a->disk != b->disk || a->layer != b->layer)
        return;
    check_pair(world, a, b);
    if (a->session != b->session && !shared && a->access >= BH_ACCESS_READER &&
        b->access >= BH_ACCESS_READER &&
        (a->access == BH_ACCESS_WRITER || b->access == BH_ACCESS_WRITER) &&
        disk_overlap(&disks->volumes[a->volume].facts,
                     &disks->volumes[b->volume].facts))
        world_fail(world,
                   "requests of two sessions that exclude each other run at "
                   "once: volumes %u and %u, sessions %04x and %04x",
                   a->volume, b->volume, a->session, b->session);
}

static void check_range(struct world *world, const struct slot *slot)
{
    const struct bh_volume_facts *facts =
        &world->disks.volumes[slot->volume].facts;
    const struct disk *disk = &world->disks.of[slot->disk];
    uint64_t end = facts->byte_count;

    if (facts->grow_limit > 0)
        end = slot->kind == BH_JOB_WRITE ? facts->grow_limit
                                         : (uint64_t)disk->len * GRANULE_LEN;
    if (slot->job->len == 0 || slot->job->offset > end ||
        slot->job->len > end - slot->job->offset)
        world_fail(world, "a job leaves volume %u: offset %llu, length %u",
                   slot->volume, (unsigned long long)slot->job->offset,
                   slot->job->len);
}

/* What is neither written nor made longer has the bytes of its sectors that
 * there are when it begins. */
static void check_span(struct world *world, const struct slot *slot,
                       const struct bh_request *request)
{
    uint64_t len =
        request->count * (uint64_t)BH_SECTOR_LEN(request->session->exponent);
    uint64_t end = request->session->volume->facts.byte_count;

    if (slot->kind == BH_JOB_WRITE)
        return;
    if (len > end - slot->job->offset)
        len = end - slot->job->offset;
    if (slot->job->len != len)
        world_fail(world, "a job has %u bytes of %u: volume %u, session %04x",
                   slot->job->len, (unsigned)len, slot->volume, slot->session);
}

static void check_rights(struct world *world, const struct slot *slot)
{
    const struct medium *medium = disk_medium(world, slot->job);

    if (!disk_changes(slot) && !copies(slot))
        return;
    if (medium->access != BH_ACCESS_WRITER && slot->layer == NULL)
        world_fail(world,
                   "something is to change, or a CHECKPOINT to be made, "
                   "without the writer's lock: volume %u",
                   slot->volume);
    if (world->disks.volumes[slot->volume].facts.mode == BH_MODE_READ_ONLY)
        world_fail(world, "a WRITE to the read-only volume %u", slot->volume);
}

/* What has arrived before a CHECKPOINT through the same volume is carried out
 * before it; what arrives later through any volume of the medium, after it,
 * unless the CHECKPOINT had to wait for its volume to be opened. */
static void check_order(struct world *world, const struct slot *slot,
                        const struct receipt *receipt)
{
    struct volume *volume = &world->disks.volumes[slot->volume];
    struct disk *disk = &world->disks.of[slot->disk];

    if (slot->layer != NULL)
        return;
    if (disk_changes(slot)) {
        if (receipt->serial < volume->copied)
            world_fail(world,
                       "what had arrived before a CHECKPOINT is carried out "
                       "after it: volume %u, client %u",
                       slot->volume, receipt->client);
        if (receipt->serial > volume->changed)
            volume->changed = receipt->serial;
        if (receipt->serial > disk->changed)
            disk->changed = receipt->serial;
    } else if (copies(slot)) {
        if (volume->changed > receipt->serial ||
            (receipt->queued && disk->changed > receipt->serial))
            world_fail(world,
                       "what has arrived after a CHECKPOINT was carried out "
                       "before it: volume %u, client %u",
                       slot->volume, receipt->client);
        if (receipt->serial > volume->copied)
            volume->copied = receipt->serial;
    }
}

/* What it changes is what its client has meant. */
static void check_meant(struct world *world, struct slot *slot,
                        const struct receipt *receipt)
{
    const struct client *client = &world->clients[receipt->client];

    if (!drive_is(slot->volume) || receipt->replay)
        return;
    if (receipt->disk == NO_DISK && slot->kind == BH_JOB_WRITE &&
        !client->strict && world->disks.volumes[slot->volume].facts.silent)
        drive_writes(world, slot);
    else if (disk_changes(slot) && receipt->disk != slot->disk)
        world_fail(world,
                   "what was meant for disk %u is written to disk %u: client "
                   "%u, volume %u",
                   receipt->disk, slot->disk, receipt->client, slot->volume);
}

static void check_request(struct world *world, struct slot *slot,
                          const struct bh_request *request)
{
    struct receipt *receipt = node_receipt(world, request);

    slot->session = request->command.session;
    slot->access = request->session->access;
    if (receipt == NULL)
        return;
    slot->value = receipt->value;
    receipt->from = slot->disk;
    check_meant(world, slot, receipt);
    check_order(world, slot, receipt);
    if (request->strict && (disk_changes(slot) || copies(slot)) &&
        node_is_settled(world, slot->value))
        world_fail(world,
                   "a request that was answered is carried out again: client "
                   "%u, volume %u, write %llu",
                   receipt->client, slot->volume,
                   (unsigned long long)slot->value >> 8);
}

void rules_check(struct world *world, struct slot *slot)
{
    const struct disks *disks = &world->disks;
    const struct bh_request *request = disk_request(world, slot->job);

    if (request != NULL)
        check_request(world, slot, request);
    else if (slot->kind == BH_JOB_ZERO) /* it carries out what is in doubt */
        slot->value = node_in_doubt(world);
    check_rights(world, slot);
    if (!copies(slot))
        check_range(world, slot);
    if (!copies(slot) && request != NULL)
        check_span(world, slot, request);
    for (uint32_t i = 0; i < disks->running_count; i++)
        check_against(world, slot, &disks->slots[disks->running[i]]);
}
