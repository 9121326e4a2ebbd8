/* SPDX-License-Identifier: MIT */
#include "changer.h"

#include "drive.h"
#include "world.h"

#include "core/slot.h"
#include "wire/protocol.h"

static void look_later(struct world *world, uint32_t most_ms)
{
    queue_push(&world->queue,
               world->now_ms + rng_between(&world->rng, 1, most_ms),
               EVENT_CHANGER, 0, world->changer.visit);
}

/* An empty one rather than another. */
static uint32_t draw_drive(struct world *world)
{
    uint32_t first = rng_below(&world->rng, DRIVE_COUNT);

    for (uint32_t i = 0; i < DRIVE_COUNT; i++) {
        uint32_t at = FIRST_DRIVE + (first + i) % DRIVE_COUNT;

        if (world->disks.volumes[at].disk == NO_DISK)
            return at;
    }
    return FIRST_DRIVE + first;
}

static void draw_plan(struct world *world)
{
    struct changer *changer = &world->changer;
    struct rng *rng = &world->rng;
    uint32_t volume = draw_drive(world);
    const struct volume *v = &world->disks.volumes[volume];

    *changer = (struct changer){.waits = true,
                                .visit = changer->visit + 1,
                                .volume = volume,
                                .disk = NO_DISK,
                                .force = rng_hits(rng, PERCENT(25)),
                                .calm = world->calm != 0,
                                .began = world_stamp(world)};
    if (v->disk == NO_DISK || rng_hits(rng, PERCENT(80)))
        changer->disk = v->media[rng_below(rng, DRIVE_MEDIA)];
    changer->patience_ms =
        world->now_ms +
        (world->weather.calm ? 8000 : rng_between(rng, 1, 6000));
}

void changer_comes(struct world *world)
{
    struct changer *changer = &world->changer;
    const struct node *node = &world->node;
    char name[4] = "";
    uint64_t stamp;
    uint32_t visit;
    bool taken;

    if (changer->waits || !node->up || node->stopping)
        return;
    draw_plan(world);
    visit = changer->visit;
    if (changer->disk != NO_DISK)
        drive_name(changer->disk, name);
    world_note(world, "volume % is to have disk %, force %", changer->volume,
               changer->disk, changer->force);
    stamp = node_call_begins(world);
    taken = bh_slot_order(node->server, world->now_ms,
                          &world->disks.volumes[changer->volume].facts, name,
                          changer->force);
    if (!node_call_ends(world, stamp) || changer->visit != visit)
        return;
    if (!taken)
        world_fail(world, "the server says that somebody changes a medium, "
                          "and nobody does");
    look_later(world, 20);
}

static bool may_be_locked(const struct world *world, uint32_t volume)
{
    const struct node *node = &world->node;

    if (world->disks.volumes[volume].unlocked > world->changer.began)
        return true;

    for (uint32_t i = 0; i < node->given_count; i++) {
        const struct id_fate *fate = &node->ids[node->given[i]];

        if (fate->alive && fate->may_lock && fate->volume == volume)
            return true;
    }
    return false;
}

/* Whether he has got what he wanted, at some moment since. */
static bool has_been_done(const struct world *world)
{
    const struct changer *changer = &world->changer;
    const struct volume *v = &world->disks.volumes[changer->volume];

    if (changer->disk == NO_DISK)
        return v->disk == NO_DISK || v->emptied > changer->began;
    return v->left[drive_place(v, changer->disk)] > changer->began;
}

static void over(struct world *world, uint8_t status)
{
    struct changer *changer = &world->changer;

    world_note(world, "volume % was to have disk %: status %", changer->volume,
               changer->disk, status);
    changer->waits = false;
    if (status == BH_OK && !has_been_done(world))
        world_fail(world,
                   "the administrator is told that volume %u has another "
                   "medium, and it has not",
                   changer->volume);
    if (status == BH_ERR_IN_USE && changer->force)
        world_fail(world, "the administrator insists, and is told of a lock");
    if (status == BH_ERR_STORAGE && changer->force &&
        world->disks.volumes[changer->volume].refused < changer->began)
        world_fail(world,
                   "the administrator insists, and does not get rid of what "
                   "has failed: volume %u",
                   changer->volume);
    if (changer->calm && status != BH_OK &&
        !(status == BH_ERR_IN_USE && may_be_locked(world, changer->volume)))
        world_fail(world,
                   "the medium of volume %u is not changed in calm weather: "
                   "status %u",
                   changer->volume, status);
}

static void give_up(struct world *world)
{
    struct changer *changer = &world->changer;
    uint64_t stamp;

    if (changer->calm)
        world_fail(world,
                   "volume %u gets no other medium in calm weather, force %u",
                   changer->volume, changer->force);
    stamp = node_call_begins(world);
    changer->waits = !bh_slot_order_cancel(world->node.server, world->now_ms);
    node_call_ends(world, stamp);
    if (changer->waits)
        look_later(world, 200);
}

void changer_looks(struct world *world, uint32_t visit)
{
    struct changer *changer = &world->changer;
    uint8_t status;

    if (visit != changer->visit || !changer->waits || !world->node.up)
        return;
    if (bh_slot_order_over(world->node.server, &status))
        over(world, status);
    else if (world->now_ms < changer->patience_ms || world->node.stopping)
        look_later(world, 20);
    else
        give_up(world);
}

void changer_killed(struct world *world)
{
    world->changer.waits = false;
    world->changer.visit++;
}
