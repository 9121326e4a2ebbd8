/* SPDX-License-Identifier: MIT */
#include "admin.h"

#include "world.h"

#include "core/internal.h"

#include <string.h>

#define HAND 0x7Fu /* in the low byte of what he writes */

static struct disk *held_disk(struct world *world)
{
    return &world->disks.of[world->admin.disk];
}

static bool is_held(const struct world *world, uint32_t volume)
{
    return world->disks.volumes[volume].disk == world->admin.disk;
}

static void look_later(struct world *world, uint32_t most_ms)
{
    queue_push(&world->queue,
               world->now_ms + rng_between(&world->rng, 1, most_ms),
               EVENT_ADMIN, 0, world->admin.visit);
}

/*
 * Other bytes.
 */

static bool room(const struct disk *disk)
{
    for (uint32_t i = 0; i < DISK_GRANULES; i++)
        if (disk->regs[i].count == REGISTER_CLUSTERS)
            return false;
    return true;
}

static void write_granule(struct world *world, uint32_t at)
{
    struct disk *disk = held_disk(world);
    struct state *s = &disk->of[at];
    uint64_t value = VALUE_ZEROS;

    if (at < disk->len) {
        value = ++world->values << 8 | HAND;
        granule_fill(s->now, world->admin.disk, at, value);
    } else {
        memset(s->now, 0, GRANULE_LEN);
    }
    memcpy(s->stable, s->now, GRANULE_LEN);
    s->serial = s->stable_serial = ++disk->written;
    s->dirty = s->is_kept = s->is_between = false;
    reg_replace(&disk->regs[at], value, world->stamp);
}

/* A medium that may grow may also become shorter. */
static void change_bytes(struct world *world)
{
    struct disk *disk = held_disk(world);
    uint32_t end = disk->len;

    if (!room(disk))
        return;
    world_note(world, "the bytes of disk % change", world->admin.disk, 0, 0);
    world_stamp(world);
    disk->image = world->values + 1;
    if (disk->len > disk->first_len)
        disk->len = rng_between(&world->rng, disk->first_len, disk->len);
    for (uint32_t i = 0; i < DISK_GRANULES; i++) {
        reg_limit_all(&disk->regs[i], world->admin.values, world->stamp);
        if (i < end)
            write_granule(world, i);
    }
    disk->dirty_count = 0;
    disk->stable_len = disk->len;
    for (uint32_t i = 0; i < VOLUMES; i++)
        if (is_held(world, i))
            world->disks.volumes[i].acked = world->disks.volumes[i].stable =
                disk->written;
    world->stats.images++;
}

uint8_t admin_image(const struct disk *disk, uint64_t value)
{
    if (value == VALUE_ZEROS || (value & VALUE_TORN) != 0)
        return 0;
    return value >> 8 < disk->image ? 1 : 2;
}

/*
 * What has to be so.
 */

static bool forbids(const struct admin *admin, const struct slot *slot)
{
    if (slot->kind == BH_JOB_LOOKUP)
        return false;
    return admin->kind == BH_HOLD_ALL || disk_changes(slot) ||
           slot->kind == BH_JOB_CHECKPOINT;
}

void admin_check(struct world *world, const struct slot *slot)
{
    if (world->admin.phase == ADMIN_WORKS && forbids(&world->admin, slot) &&
        is_held(world, slot->volume))
        world_fail(world,
                   "a job of kind %u on a medium that is held: volume %u",
                   slot->kind, slot->volume);
}

static void check_detached(struct world *world)
{
    for (uint32_t i = 0; i < MEDIA; i++)
        if (world->disks.media[i].used &&
            is_held(world, world->disks.media[i].volume))
            world_fail(world, "a medium is held, and volume %u is open",
                       world->disks.media[i].volume);
    for (uint32_t i = 0; i < VOLUMES; i++) {
        const struct volume *v = &world->disks.volumes[i];

        if (is_held(world, i) && v->acked > v->stable && !v->failed &&
            !v->barred)
            world_fail(world,
                       "a medium is held, and what was acknowledged on volume "
                       "%u is not stable",
                       i);
    }
}

/* Of one that was about to end its DISCON may be left, which waits. A strict
 * one goes on, and is told. */
static bool is_over(const struct world *world, uint16_t id)
{
    const struct bh_server *server = world->node.server;
    const struct bh_id *entry = &server->ids.of[id];
    const struct bh_session *session = &server->sessions[entry->slot];

    return entry->state != BH_ID_PROVEN || session->window != NULL ||
           (session->state == BH_SESSION_ENDING && session->closing != NULL &&
            session->request_count == 1);
}

static void check_still(struct world *world)
{
    const struct admin *admin = &world->admin;

    for (uint32_t i = 0; i < JOBS; i++) {
        const struct slot *slot = &world->disks.slots[i];

        if (slot->used && forbids(admin, slot) && is_held(world, slot->volume))
            world_fail(world,
                       "a medium is said to be still, and a job of kind %u "
                       "runs: volume %u",
                       slot->kind, slot->volume);
    }
    if (admin->kind == BH_HOLD_ALL)
        check_detached(world);
    for (uint32_t i = 0; i < admin->ended_count; i++)
        if (!is_over(world, admin->ended[i]))
            world_fail(world,
                       "session %04x goes on on a medium that is to have "
                       "other bytes",
                       admin->ended[i]);
}

/*
 * His visits.
 */

static void end_sessions(struct world *world)
{
    struct admin *admin = &world->admin;
    const struct bh_server *server = world->node.server;
    uint64_t stamp;

    for (uint32_t i = 0; i < server->config.session_count; i++)
        if (server->sessions[i].state != BH_SESSION_FREE &&
            is_held(world, server->sessions[i].volume->facts.number - 1))
            admin->ended[admin->ended_count++] = server->sessions[i].id;
    admin->values = world->values;
    stamp = node_call_begins(world);
    for (uint32_t i = 0; i < VOLUMES; i++)
        if (is_held(world, i))
            node_changed(world, &world->disks.volumes[i]);
    bh_hold_change_medium(world->node.server, world->now_ms);
    if (node_call_ends(world, stamp))
        return;
    for (uint32_t i = 0; i < VOLUMES; i++) /* it may have died before that */
        if (is_held(world, i))
            world->disks.volumes[i].proven--;
}

static void draw_plan(struct world *world)
{
    struct admin *admin = &world->admin;
    struct rng *rng = &world->rng;
    bool calm = world->weather.calm;
    uint32_t volume = rng_below(rng, calm ? GREEDY_VOLUME : GREEDY_VOLUME + 1);

    *admin = (struct admin){.phase = ADMIN_WAITS,
                            .visit = admin->visit + 1,
                            .disk = world->disks.volumes[volume].disk};
    admin->kind = rng_hits(rng, PERCENT(40)) ? BH_HOLD_CHANGES : BH_HOLD_ALL;
    admin->changes = admin->kind == BH_HOLD_ALL && !world->gentle &&
                     rng_hits(rng, calm ? PERCENT(20) : PERCENT(70));
    admin->calm = world->calm != 0;
    admin->patience_ms =
        world->now_ms + (calm ? 8000 : rng_between(rng, 1, 6000));
}

void admin_comes(struct world *world)
{
    struct admin *admin = &world->admin;
    const struct node *node = &world->node;
    uint64_t stamp;
    uint32_t visit;

    if (admin->phase != ADMIN_AWAY || !node->up || node->stopping)
        return;
    draw_plan(world);
    visit = admin->visit;
    world_note(world, "disk % is held, kind %, for other bytes %", admin->disk,
               admin->kind, admin->changes);
    world->stats.holds++;
    stamp = node_call_begins(world);
    for (uint32_t i = 0; i < VOLUMES; i++)
        if (is_held(world, i)) {
            bh_hold_begin(node->server, world->now_ms,
                          &world->disks.volumes[i].facts, admin->kind);
            break;
        }
    if (!node_call_ends(world, stamp) || admin->visit != visit)
        return;
    if (admin->changes)
        end_sessions(world);
    if (admin->visit == visit)
        look_later(world, 20);
}

static void go_away(struct world *world)
{
    uint64_t stamp = node_call_begins(world);

    world_note(world, "disk % is held no longer", world->admin.disk, 0, 0);
    world->admin.phase = ADMIN_AWAY;
    bh_hold_over(world->node.server, world->now_ms);
    node_call_ends(world, stamp);
}

static void work(struct world *world)
{
    struct admin *admin = &world->admin;

    if (held_disk(world)->written != admin->written)
        world_fail(world,
                   "bytes of a medium that was held have changed: disk "
                   "%u",
                   admin->disk);
    if (admin->changes)
        change_bytes(world);
    go_away(world);
}

static void begin_work(struct world *world)
{
    struct admin *admin = &world->admin;
    uint32_t most_ms = world->weather.calm ? 60 : 1500;

    admin->phase = ADMIN_WORKS;
    admin->written = held_disk(world)->written;
    check_still(world);
    world->stats.still_holds++;
    if (world->weather.kill > 0 && rng_hits(&world->rng, PERCENT(20)))
        queue_push(&world->queue, world->now_ms + 1, EVENT_KILL, 0, 0);
    look_later(world, rng_hits(&world->rng, PERCENT(50)) ? 3 : most_ms);
}

static void look(struct world *world)
{
    struct admin *admin = &world->admin;
    uint32_t visit = admin->visit;
    uint64_t stamp = node_call_begins(world);
    bool still = bh_hold_is_still(world->node.server, world->now_ms);

    if (!node_call_ends(world, stamp) || admin->visit != visit)
        return;
    if (still) {
        begin_work(world);
    } else if (world->now_ms < admin->patience_ms) {
        look_later(world, 20);
    } else if (admin->calm) {
        world_fail(world,
                   "disk %u is held and does not become still in calm "
                   "weather",
                   admin->disk);
    } else {
        go_away(world);
    }
}

void admin_goes_on(struct world *world, uint32_t visit)
{
    if (visit != world->admin.visit || !world->node.up)
        return;
    if (world->admin.phase == ADMIN_WAITS)
        look(world);
    else if (world->admin.phase == ADMIN_WORKS)
        work(world);
}

void admin_killed(struct world *world, bool power)
{
    struct admin *admin = &world->admin;

    if (admin->phase == ADMIN_WORKS && admin->changes && !power &&
        rng_hits(&world->rng, PERCENT(70)))
        change_bytes(world);
    admin->phase = ADMIN_AWAY;
    admin->visit++;
}
