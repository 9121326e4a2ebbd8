/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include "drive.h"
#include "layer.h"
#include "world.h"

#include "core/internal.h"
#include "wire/protocol.h"

#include <stdio.h>
#include <string.h>

#define NOT_RUNNING UINT16_MAX

/*
 * What there is.
 */

struct layout {
    uint32_t disk, first, len, grow; /* in granules */
    uint8_t mode, takeover, sync;
    uint64_t idle_ms;
};

/* Two names of one medium, and a third that overlaps both, are on disk 4; two
 * parts of one medium are on disk 15. Behind the greedy one's come the drives,
 * with what is in them at first, another name of what may be in one, and a
 * scratch volume. */
static const struct layout layouts[VOLUMES] = {
    {0, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {1, 0, 63, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_WRITE, 40000},
    {2, 0, 96, 0, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {3, 0, 96, 0, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_WRITE, 60000},
    {4, 0, 48, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 30000},
    {4, 0, 48, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_ADDRESS, BH_SYNC_FLUSH, 20000},
    {4, 32, 32, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_WRITE, 20000},
    {5, 0, 32, 0, BH_MODE_READ_ONLY, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {6, 0, 16, 64, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 30000},
    {7, 0, 8, 80, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_WRITE, 30000},
    {8, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_ADDRESS, BH_SYNC_FLUSH, 30000},
    {9, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 0},
    {10, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {11, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {12, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_WRITE, 60000},
    {13, 0, 64, 0, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {0, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_NEVER, BH_SYNC_FLUSH, 60000},
    {10, 60, 4, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {15, 0, 64, 0, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {15, 64, 32, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_WRITE, 20000},
    {16, 0, 51, 96, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {14, 0, 96, 0, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {17, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {20, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {23, 0, 64, 0, BH_MODE_SHARED, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {26, 0, 64, 0, BH_MODE_SCRATCH, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {17, 0, 64, 0, BH_MODE_EXCLUSIVE, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
    {29, 0, 64, 0, BH_MODE_SCRATCH, BH_TAKEOVER_HOST, BH_SYNC_FLUSH, 60000},
};

static void init_volume(struct volume *volume, uint32_t index)
{
    const struct layout *l = &layouts[index];

    volume->disk = volume->media[0] = l->disk;
    volume->media_count = 1;
    volume->left[0] = STAMP_NEVER;
    volume->first = l->first;
    volume->facts = (struct bh_volume_facts){
        .device = 7,
        .inode = DISK_INODE + l->disk,
        .first = (uint64_t)l->first * GRANULE_LEN,
        .byte_count = (uint64_t)l->len * GRANULE_LEN,
        .grow_limit = (uint64_t)l->grow * GRANULE_LEN,
        .idle_ms = l->idle_ms,
        .number = index + 1,
        .datagram_len = 1472,
        .mode = l->mode,
        .takeover = l->takeover,
        .sync = l->sync,
        .exponent = BH_ANY_EXPONENT,
    };
    snprintf(volume->facts.name, sizeof volume->facts.name, "v%02u", index);
    volume->uncounted = index >= FIRST_DRIVE;
}

void disk_init(struct world *world, uint32_t index, uint32_t len)
{
    struct disk *disk = &world->disks.of[index];

    if (len > disk->len)
        disk->len = disk->stable_len = disk->first_len = len;
    for (uint32_t i = 0; i < DISK_GRANULES; i++) {
        uint64_t value = i < disk->len ? VALUE_INITIAL : VALUE_ZEROS;

        if (value == VALUE_INITIAL)
            granule_fill(disk->of[i].now, index, i, value);
        memcpy(disk->of[i].stable, disk->of[i].now, GRANULE_LEN);
        reg_reset(&disk->regs[i], value, 0);
    }
}

void disks_init(struct world *world)
{
    struct disks *disks = &world->disks;

    for (uint32_t i = 0; i < VOLUMES; i++) {
        init_volume(&disks->volumes[i], i);
        disk_init(world, layouts[i].disk, layouts[i].first + layouts[i].len);
    }
    drives_init(world);
    for (uint32_t i = 0; i < JOBS; i++)
        disks->free[i] = (uint16_t)(JOBS - 1 - i);
    disks->free_count = JOBS;
}

uint32_t disk_of_facts(const struct bh_volume_facts *facts)
{
    return facts->empty ? NO_DISK : (uint32_t)facts->inode - DISK_INODE;
}

/*
 * Media and their locks.
 */

bool disk_overlap(const struct bh_volume_facts *a,
                  const struct bh_volume_facts *b)
{
    uint64_t a_len =
        a->byte_count > a->grow_limit ? a->byte_count : a->grow_limit;
    uint64_t b_len =
        b->byte_count > b->grow_limit ? b->byte_count : b->grow_limit;

    return a->inode == b->inode && a->first < b->first + b_len &&
           b->first < a->first + a_len;
}

/* A drive is of all of its medium. */
static bool share_bytes(const struct world *world, const struct medium *m,
                        uint32_t volume, uint32_t disk)
{
    const struct volume *volumes = world->disks.volumes;

    return m->disk == disk &&
           (drive_is(m->volume) || drive_is(volume) ||
            disk_overlap(&volumes[m->volume].facts, &volumes[volume].facts));
}

/* What lies beneath a layer is only read. */
static uint8_t access_of(const struct bh_job *job)
{
    return job->facts->layer != 0 ? BH_ACCESS_READER : job->access;
}

static bool locked(const struct world *world, const struct medium *mine,
                   uint32_t volume, uint32_t disk, uint8_t access)
{
    const struct disks *disks = &world->disks;

    for (uint32_t i = 0; i < MEDIA; i++) {
        const struct medium *m = &disks->media[i];

        if (!m->used || m == mine || !share_bytes(world, m, volume, disk))
            continue;
        if (access >= BH_ACCESS_READER && m->access >= BH_ACCESS_READER &&
            (access == BH_ACCESS_WRITER || m->access == BH_ACCESS_WRITER))
            return true;
    }
    return false;
}

struct medium *disk_medium(struct world *world, const struct bh_job *job)
{
    struct medium *medium = job->medium;

    if (medium == NULL || !medium->used || medium->closing)
        world_fail(world,
                   "a job of kind %u was posted on a medium that is not "
                   "open",
                   job->kind);
    return medium;
}

static struct medium *new_medium(struct world *world, uint32_t volume)
{
    for (uint32_t i = 0; i < MEDIA; i++) {
        struct medium *m = &world->disks.media[i];

        if (m->used)
            continue;
        *m = (struct medium){.used = true, .volume = volume};
        return m;
    }
    world_fail(world, "the core holds more media open than there are volumes");
}

static uint8_t attach(struct world *world, struct bh_job *job, uint8_t status)
{
    uint32_t volume = job->facts->number - 1, index = disk_of_facts(job->facts);
    const struct disk *disk = &world->disks.of[index];
    struct medium *medium = job->medium;

    if (world->disks.volumes[volume].disk != index) {
        drive_check_opened(world, job, volume);
        return BH_ERR_STORAGE; /* the drive has another one by now */
    }
    world->disks.volumes[volume].barred = status != BH_OK;
    if (status != BH_OK)
        return status;
    if (locked(world, medium, volume, index, access_of(job)))
        return BH_ERR_IN_USE;
    if (medium == NULL)
        medium = new_medium(world, volume);
    medium->access = access_of(job);
    medium->disk = index;
    if (job->facts->layer != 0 && medium->layer == NULL)
        medium->layer = layer_lay(world, job, index);
    job->medium = medium;
    job->byte_count = world->disks.volumes[volume].facts.byte_count;
    if (job->facts->grow_limit > 0)
        job->byte_count = (uint64_t)disk->len * GRANULE_LEN;
    return BH_OK;
}

/*
 * Granules.
 */

static void make_dirty(struct disk *disk, uint32_t at)
{
    if (disk->of[at].dirty)
        return;
    disk->of[at].dirty = true;
    disk->dirty[disk->dirty_count++] = at;
}

/* The state before a change may be the one that a power loss brings back, and
 * is the one that a running sync makes stable. */
static void keep_old(struct world *world, struct disk *disk, uint32_t at)
{
    struct state *s = &disk->of[at];

    if (disk->syncs > 0 && s->dirty && !s->is_kept) {
        memcpy(s->kept, s->now, GRANULE_LEN);
        s->kept_serial = s->serial;
        s->is_kept = true;
    }
    if (s->dirty && rng_hits(&world->rng, PERCENT(30))) {
        memcpy(s->between, s->now, GRANULE_LEN);
        s->is_between = true;
    }
}

void disk_put(struct world *world, const struct slot *slot, uint32_t at,
              const uint8_t *bytes, uint32_t len)
{
    struct disk *disk = &world->disks.of[slot->disk];
    struct state *s = &disk->of[at];

    if (slot->layer != NULL) {
        layer_put(world, slot->layer, at, bytes, len);
        return;
    }
    keep_old(world, disk, at);
    memcpy(s->now, bytes, len);
    s->serial = ++disk->written;
    make_dirty(disk, at);
    if (at >= disk->len)
        disk->len = at + 1;
}

const uint8_t *disk_bytes(const struct world *world, const struct slot *slot,
                          uint32_t at)
{
    if (slot->layer != NULL && slot->layer->written[at])
        return slot->layer->of[at];
    return world->disks.of[slot->disk].of[at].now;
}

enum granule_kind disk_parse(const uint8_t *bytes, uint32_t disk, uint32_t at,
                             uint64_t *value, uint64_t *place)
{
    enum granule_kind kind = granule_parse(bytes, disk, at, value, place);

    if (kind != GRANULE_STRAY || drive_silent(disk) == NO_DISK)
        return kind;
    return granule_parse(bytes, drive_silent(disk), at, value, place);
}

uint32_t disk_granule(const struct world *world, const struct slot *slot)
{
    return world->disks.volumes[slot->volume].first +
           (uint32_t)(slot->job->offset / GRANULE_LEN);
}

/* Carries a WRITE out, in part if it fails. */
static void write_down(struct world *world, const struct slot *slot)
{
    uint32_t at = disk_granule(world, slot);
    uint32_t len = slot->job->len;

    if (slot->status != BH_OK && rng_hits(&world->rng, PERCENT(40)))
        return;
    if (slot->status != BH_OK && rng_hits(&world->rng, PERCENT(70)))
        len = rng_below(&world->rng, len);
    for (uint32_t i = 0; i < len; i += GRANULE_LEN)
        disk_put(world, slot, at + i / GRANULE_LEN, slot->job->data + i,
                 len - i < GRANULE_LEN ? len - i : GRANULE_LEN);
    world->stats.torn += len % GRANULE_LEN != 0;
}

static void read_up(struct world *world, const struct slot *slot)
{
    uint32_t at = disk_granule(world, slot);

    for (uint32_t i = 0; i < slot->job->len; i += GRANULE_LEN)
        memcpy(bh_job_at(slot->job, i),
               disk_bytes(world, slot, at + i / GRANULE_LEN), GRANULE_LEN);
    if (disk_request(world, slot->job) == NULL)
        heavy_examined(world, slot);
}

/* All that was written before the sync began is stable. */
static void sync_down(struct world *world, const struct slot *slot)
{
    struct disk *disk = &world->disks.of[slot->disk];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < disk->dirty_count; i++) {
        struct state *s = &disk->of[disk->dirty[i]];
        bool clean = s->serial <= slot->serial;

        if (clean || (s->is_kept && s->kept_serial <= slot->serial &&
                      s->kept_serial > s->stable_serial)) {
            memcpy(s->stable, clean ? s->now : s->kept, GRANULE_LEN);
            s->stable_serial = clean ? s->serial : s->kept_serial;
            s->is_between = false; /* it may be from before that */
        }
        s->dirty = !clean;
        if (clean)
            s->is_kept = false;
        else
            disk->dirty[kept++] = disk->dirty[i];
    }
    disk->dirty_count = kept;
    if (slot->len > disk->stable_len)
        disk->stable_len = slot->len;
}

/*
 * Jobs.
 */

static uint8_t draw_status(struct world *world, uint8_t kind)
{
    const struct weather *w = &world->weather;
    struct rng *rng = &world->rng;
    struct stats *stats = &world->stats;

    if (w->calm)
        return BH_OK;
    if (kind >= BH_JOB_READ && kind <= BH_JOB_CHECKPOINT) {
        if (rng_hits(rng, w->io_error))
            return stats->io_errors++, BH_ERR_STORAGE;
        if (kind != BH_JOB_CHECKPOINT && rng_hits(rng, w->short_io))
            return stats->short_io++, BH_ERR_SHORT;
        if (kind != BH_JOB_READ && kind != BH_JOB_CHECKSUM &&
            rng_hits(rng, w->no_space))
            return stats->no_space++, BH_ERR_NO_SPACE;
    } else if (kind == BH_JOB_SYNC && rng_hits(rng, w->sync_error)) {
        return stats->failed_syncs++, BH_ERR_STORAGE;
    } else if (kind == BH_JOB_ATTACH && rng_hits(rng, w->attach_error)) {
        return stats->failed_attaches++,
               rng_hits(rng, PERCENT(50)) ? BH_ERR_STORAGE : BH_ERR_IN_USE;
    } else if (kind == BH_JOB_SWAP && rng_hits(rng, w->lookup_error)) {
        return stats->failed_swaps++, BH_ERR_STORAGE;
    } else if (kind == BH_JOB_LOOKUP && rng_hits(rng, w->lookup_error)) {
        return stats->failed_lookups++, BH_ERR_STORAGE;
    }
    return BH_OK;
}

static uint8_t look_up(struct world *world, struct bh_job *job, uint8_t status)
{
    for (uint32_t i = 0; i < VOLUMES; i++) {
        const struct volume *v = &world->disks.volumes[i];

        if (strcmp(v->facts.name, job->name) != 0)
            continue;
        *job->facts = v->facts;
        if (v->facts.grow_limit > 0)
            job->facts->byte_count =
                (uint64_t)world->disks.of[v->disk].len * GRANULE_LEN;
        return status;
    }
    return BH_ERR_NO_IMAGE;
}

const struct bh_request *disk_request(const struct world *world,
                                      struct bh_job *job)
{
    return job == &world->node.server->doubt.job
               ? NULL
               : BH_OWNER(job, struct bh_request, job);
}

bool disk_changes(const struct slot *slot)
{
    return slot->kind == BH_JOB_WRITE || slot->kind == BH_JOB_ZERO;
}

/* What a job does to the disk or brings from there. */
static void carry_out(struct world *world, struct slot *slot)
{
    slot->done = true;
    if (slot->kind == BH_JOB_WRITE)
        write_down(world, slot);
    else if (slot->kind != BH_JOB_READ)
        heavy_done(world, slot);
    else if (slot->status == BH_OK)
        read_up(world, slot);
    else
        for (uint32_t i = 0; i < slot->job->len; i += GRANULE_LEN)
            memset(bh_job_at(slot->job, i), 0xEE, GRANULE_LEN);
}

static void data_job_over(struct world *world, struct slot *slot)
{
    const struct disk *disk = &world->disks.of[slot->disk];
    const struct bh_request *request = disk_request(world, slot->job);
    struct receipt *receipt;

    if (!slot->done)
        carry_out(world, slot);
    drive_written(world, slot);
    if (!disk_changes(slot) || slot->status != BH_OK || request == NULL)
        return;
    receipt = node_receipt(world, request);
    if (receipt != NULL)
        receipt->written = disk->written;
}

static void sync_over(struct world *world, const struct slot *slot)
{
    struct disk *disk = &world->disks.of[slot->disk];

    if (slot->status == BH_OK)
        sync_down(world, slot);
    else
        disk->failed = true;
    for (uint32_t i = 0; i < VOLUMES; i++) {
        struct volume *at = &world->disks.volumes[i];

        if (at->disk != slot->disk)
            continue;
        if (slot->status != BH_OK)
            at->failed = true;
        else if (!at->failed && slot->serial > at->stable)
            at->stable = slot->serial;
    }
    if (--disk->syncs == 0)
        for (uint32_t i = 0; i < disk->dirty_count; i++)
            disk->of[disk->dirty[i]].is_kept = false;
}

static void free_slot(struct world *world, struct slot *slot)
{
    struct disks *disks = &world->disks;
    uint16_t index = (uint16_t)(slot - disks->slots);

    if (slot->next != NOT_RUNNING) { /* its place among the running ones */
        uint16_t last = disks->running[--disks->running_count];

        disks->running[slot->next] = last;
        disks->slots[last].next = slot->next;
    }
    slot->used = false;
    disks->free[disks->free_count++] = index;
}

static void finish(struct world *world, struct slot *slot)
{
    struct bh_job *job = slot->job;
    uint32_t volume = slot->volume;
    uint8_t status = slot->status;

    switch (slot->kind) {
    case BH_JOB_LOOKUP:
        status = look_up(world, job, status);
        break;
    case BH_JOB_ATTACH:
        status = attach(world, job, status);
        break;
    case BH_JOB_DETACH:
        if (job->medium != NULL)
            *(struct medium *)job->medium = (struct medium){0};
        if (job->discard)
            layer_discard(world, job->facts->layer);
        break;
    case BH_JOB_SWAP:
        drive_swap(world, slot);
        status = slot->status;
        break;
    case BH_JOB_SYNC:
        if (status != BH_OK) { /* the thread says it, before the core knows */
            *job->failed = BH_JOB_FAILED;
            if (world->weather.kill > 0 && rng_hits(&world->rng, PERCENT(25)))
                node_doom(world, DOOM_IN_CALL);
        }
        sync_over(world, slot);
        break;
    default:
        data_job_over(world, slot);
        break;
    }
    free_slot(world, slot);
    node_finish(world, job, status);
    if (world->node.up && job->kind == BH_JOB_SWAP)
        world->disks.volumes[volume].known = true;
}

static void taken(struct world *world, struct slot *slot)
{
    struct bh_job *job = slot->job;
    struct medium *medium = job->medium;

    admin_check(world, slot);
    drive_check(world, slot);
    switch (slot->kind) {
    case BH_JOB_ATTACH:
        if (medium != NULL && access_of(job) < disk_medium(world, job)->access)
            medium->access = access_of(job);
        break;
    case BH_JOB_DETACH:
        if (medium != NULL || !job->discard)
            disk_medium(world, job)->closing = true;
        break;
    case BH_JOB_SYNC:
        disk_medium(world, job);
        layer_check_sync(world, slot);
        slot->serial = world->disks.of[slot->disk].written;
        slot->len = world->disks.of[slot->disk].len;
        world->disks.of[slot->disk].syncs++;
        break;
    case BH_JOB_LOOKUP:
        break;
    case BH_JOB_SWAP:
        drive_taken(world, slot);
        break;
    default:
        rules_check(world, slot);
        break;
    }
}

/* The volume of the greedy ones is slow in all weathers. */
static bool greedy_job(const struct world *world, const struct slot *slot)
{
    return bh_job_is_request(slot->job) && slot->volume == GREEDY_VOLUME &&
           world->weather.greedy;
}

/* How often a kill falls into this job's time: most where several write, and a
 * WRITE is done but not recorded; also where what was acknowledged is not yet
 * stable. */
static uint32_t deadly(const struct world *world, const struct slot *slot)
{
    const struct volume *volume = &world->disks.volumes[slot->volume];

    if (slot->kind == BH_JOB_ZERO && slot->part > 0 &&
        volume->facts.mode == BH_MODE_SHARED)
        return PERCENT(40);
    if ((slot->kind == BH_JOB_WRITE && slot->done) || slot->part > 0)
        return volume->facts.mode == BH_MODE_SHARED ? PERCENT(6) : PERMILLE(3);
    if (slot->kind == BH_JOB_SWAP)
        return PERCENT(20);
    return slot->kind == BH_JOB_SYNC ? PERCENT(1) : 0;
}

static void hold(struct world *world, struct slot *slot, uint32_t most_ms)
{
    struct disks *disks = &world->disks;
    uint16_t index = (uint16_t)(slot - disks->slots);
    uint32_t ms = rng_between(&world->rng, 1, most_ms);

    world->stats.slow_jobs++;
    if (bh_job_is_request(slot->job)) {
        slot->next = (uint16_t)disks->running_count;
        disks->running[disks->running_count++] = index;
        if (slot->kind > BH_JOB_WRITE)
            heavy_go(world, slot, rng_below(&world->rng, slot->count + 1));
        else if (rng_hits(&world->rng, PERCENT(50)))
            carry_out(world, slot);
    }
    if (world->weather.kill > 0 && rng_hits(&world->rng, deadly(world, slot)))
        queue_push(&world->queue, world->now_ms + ms / 2, EVENT_KILL, 0, 0);
    queue_push(&world->queue, world->now_ms + ms, EVENT_JOB,
               (uint16_t)slot->generation, index);
}

void disk_take(struct world *world, struct bh_job *job)
{
    struct disks *disks = &world->disks;
    struct slot *slot;

    if (disks->free_count == 0)
        world_fail(world, "the core has handed out more jobs than it has");
    slot = &disks->slots[disks->free[--disks->free_count]];
    *slot = (struct slot){.job = job,
                          .used = true,
                          .kind = job->kind,
                          .next = NOT_RUNNING,
                          .generation = disks->generation};
    if (job->kind != BH_JOB_LOOKUP) {
        slot->volume = job->facts->number - 1;
        slot->disk = disk_of_facts(job->facts);
    }
    if (bh_job_is_request(job) && job->medium != NULL)
        slot->layer = ((const struct medium *)job->medium)->layer;
    world->stats.jobs++;
    taken(world, slot);
    slot->status = draw_status(world, job->kind);
    if (job->kind == BH_JOB_ATTACH && job->patient)
        slot->status = BH_OK; /* the driver tries again for a while */
    if (bh_job_is_request(job) && job->kind > BH_JOB_WRITE)
        heavy_begin(world, slot);
    world_note(world, "  job % on volume %, status %", job->kind, slot->volume,
               slot->status);
    if (greedy_job(world, slot))
        hold(world, slot, 500);
    else if (rng_hits(&world->rng, world->weather.slow))
        hold(world, slot, world->weather.slow_ms);
    else
        finish(world, slot);
}

void disk_due(struct world *world, uint32_t index, uint16_t generation)
{
    struct slot *slot = &world->disks.slots[index];

    if (!slot->used || (uint16_t)slot->generation != generation)
        return; /* of a server that was killed */
    world_note(world, "job % on volume % done, status %", slot->kind,
               slot->volume, slot->status);
    finish(world, slot);
    node_pump(world);
}

/*
 * The end of a server.
 */

void disks_killed(struct world *world)
{
    struct disks *disks = &world->disks;

    for (uint32_t i = 0; i < JOBS; i++) {
        struct slot *slot = &disks->slots[i];

        if (!slot->used)
            continue;
        if (!slot->done &&
            (disk_changes(slot) || slot->kind == BH_JOB_CHECKPOINT) &&
            rng_hits(&world->rng, PERCENT(50)))
            carry_out(world, slot);
        drive_written(world, slot);
        if (slot->kind == BH_JOB_SWAP && rng_hits(&world->rng, PERCENT(50)))
            drive_swap(world, slot);
        if (slot->kind == BH_JOB_SYNC) {
            struct disk *disk = &disks->of[slot->disk];

            if (rng_hits(&world->rng, PERCENT(50)))
                sync_down(world, slot);
            disk->syncs--;
        }
        free_slot(world, slot);
    }
    disks->generation++;
    memset(disks->media, 0, sizeof disks->media);
    for (uint32_t i = 0; i < VOLUMES; i++)
        disks->volumes[i].counter_loose = true;
}

/* One granule after a power loss. */
static void revert(struct world *world, uint32_t index, uint32_t at)
{
    struct disk *disk = &world->disks.of[index];
    struct state *s = &disk->of[at];
    uint32_t part = rng_below(&world->rng, GRANULE_LEN);

    switch (rng_below(&world->rng, 6)) {
    case 0:
    case 1:
        memcpy(s->now, s->stable, GRANULE_LEN);
        world->stats.reverted++;
        break;
    case 2:
        memcpy(s->now, s->is_between ? s->between : s->stable, GRANULE_LEN);
        world->stats.reverted++;
        break;
    case 3:
        memcpy(s->now, s->stable, part);
        world->stats.torn++;
        break;
    default:
        break;
    }
    memcpy(s->stable, s->now, GRANULE_LEN);
    s->dirty = s->is_kept = s->is_between = false;
}

/* One writer a granule, and so writes in the order of their numbers. */
static bool ordered(const struct world *world, uint32_t disk)
{
    for (uint32_t i = 0; i < VOLUMES; i++)
        if (world->disks.volumes[i].disk == disk &&
            world->disks.volumes[i].facts.mode == BH_MODE_SHARED)
            return false;
    return disk < DRIVE_DISK ||
           (drive_silent(disk) == NO_DISK &&
            world->disks.of[disk].mode == BH_MODE_EXCLUSIVE);
}

/* The registers go on with what is there; what a FLUSH has covered is, or
 * something newer. */
static void look_again(struct world *world, uint32_t index, uint32_t at)
{
    struct disk *disk = &world->disks.of[index];
    struct reg *reg = &disk->regs[at];
    uint64_t value, place, durable = reg->durable;

    disk_parse(disk->of[at].now, index, at, &value, &place);
    if (durable > VALUE_ZEROS && (value & VALUE_TORN) == 0 && value < durable &&
        ordered(world, index))
        world_fail(world,
                   "a power loss took away what a FLUSH had covered: disk %u, "
                   "granule %u, write %llu, found %llu",
                   index, at, (unsigned long long)durable >> 8,
                   (unsigned long long)value >> 8);
    reg_reset(reg, value, world_stamp(world));
    if ((value & VALUE_TORN) != 0 || value <= VALUE_ZEROS)
        reg->durable = VALUE_INITIAL;
}

static void lose(struct world *world, uint32_t index)
{
    struct disk *disk = &world->disks.of[index];

    for (uint32_t i = 0; i < disk->dirty_count; i++)
        revert(world, index, disk->dirty[i]);
    disk->dirty_count = 0;
    if (disk->len > disk->stable_len && rng_hits(&world->rng, PERCENT(50)))
        disk->len = disk->stable_len;
    disk->stable_len = disk->len;
    for (uint32_t i = 0; i < DISK_GRANULES; i++) {
        if (i >= disk->len) {
            memset(disk->of[i].now, 0, GRANULE_LEN);
            memset(disk->of[i].stable, 0, GRANULE_LEN);
        }
        look_again(world, index, i);
    }
}

void disks_power_lost(struct world *world)
{
    for (uint32_t i = 0; i < (world->drives ? DISKS : DRIVE_DISK); i++)
        lose(world, i);
    layers_lost(world);
    for (uint32_t i = 0; i < VOLUMES; i++) {
        struct volume *v = &world->disks.volumes[i];

        v->failed = false;
        v->counter_known = false;
        v->acked = v->stable =
            v->disk == NO_DISK ? 0 : world->disks.of[v->disk].written;
    }
}

void disks_mended(struct world *world)
{
    for (uint32_t i = 0; i < DISKS; i++)
        world->disks.of[i].failed = false;
    for (uint32_t i = 0; i < VOLUMES; i++) {
        struct volume *v = &world->disks.volumes[i];

        if (!v->failed)
            continue;
        v->failed = false;
        world->stats.reopens++;
        v->stable = v->acked; /* it was told: nothing is promised of that */
    }
}
