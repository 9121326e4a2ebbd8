/* SPDX-License-Identifier: MIT */
/* What a client wants: which volume, and what to do there. */
#include "drive.h"
#include "world.h"

#include "wire/protocol.h"

#include <stdio.h>

#define HOT 6u         /* sectors that half of all requests go to */
#define RUN_LEN 65536u /* bytes that one request may cover */
#define OWN 48u        /* granules of a shared disk that have one writer each */

void wish_volume(struct world *world, struct client *client)
{
    struct rng *rng = &world->rng;
    uint16_t volume = GREEDY_VOLUME;
    uint8_t mode;

    if (client->polite)
        volume = (uint16_t)(rng_hits(rng, PERCENT(60))
                                ? client->index % GREEDY_VOLUME
                                : rng_below(rng, GREEDY_VOLUME));
    if (world->drives && client->polite && rng_hits(rng, PERCENT(80)))
        volume =
            (uint16_t)(FIRST_DRIVE + rng_below(rng, VOLUMES - FIRST_DRIVE));
    if (volume != client->volume)
        client->unflushed_count = 0;
    client->volume = volume;
    mode = client_mode(world, client);
    client->access = 0;
    if (rng_hits(rng, PERCENT(11)))
        client->access = BH_FLAG_READ_ONLY;
    else if (rng_hits(rng, PERCENT(11)))
        client->access = BH_FLAG_LOOK;
    else if (mode == BH_MODE_SHARED && !drive_is(volume) &&
             rng_hits(rng, PERCENT(30)))
        client->access = BH_FLAG_SHARED;
    client->exponent =
        (uint8_t)(rng_hits(rng, PERCENT(60))   ? 0
                  : rng_hits(rng, PERCENT(90)) ? rng_between(rng, 0, 2)
                                               : 3);
    if (mode == BH_MODE_SHARED && !client->strict)
        client->exponent = 0;
    client->life = rng_hits(rng, PERCENT(15)) ? rng_between(rng, 1, 30)
                                              : rng_between(rng, 50, 3000);
    if (world->gentle && client->kind == CLIENT_WINDOW)
        client->life = UINT32_MAX;
    snprintf(client->name, sizeof client->name, "v%02u", volume % 100u);
}

/* The one that the volume has last, or a part of it; `least` at least. */
static uint32_t last_sector(const struct world *world,
                            const struct client *client, uint32_t least)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    uint32_t last = (world->disks.of[volume->disk].len - 1 - volume->first) >>
                    client->exponent;

    return last < least ? least : last;
}

void wish_place(struct world *world, const struct client *client, struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    const struct bh_volume_facts *facts = &volume->facts;
    uint32_t granules = client_granules(world, client);
    uint32_t sectors =
        (granules + (1u << client->exponent) - 1) >> client->exponent;
    uint32_t first = 0, all = sectors, at;

    if (client_mode(world, client) == BH_MODE_SHARED && op_changes(op)) {
        first = client->strict ? OWN >> client->exponent : client->index;
        sectors = client->strict ? sectors - first : 1;
    }
    op->lsn = first + (rng_hits(&world->rng, PERCENT(50)) && sectors > HOT
                           ? rng_below(&world->rng, HOT)
                           : rng_below(&world->rng, sectors));
    if (facts->grow_limit > 0 && sectors > 1 &&
        rng_hits(&world->rng, PERCENT(15)))
        op->lsn = last_sector(world, client, first);
    op->outside = rng_hits(&world->rng, client->wild);
    if (drive_is(client->volume))
        all = DISK_GRANULES; /* more than any has */
    if (op->outside)
        op->lsn = all + rng_below(&world->rng, 1000000);
    at = op->lsn << client->exponent;
    op->at = volume->first + at;
    op->count = 0;
    if (!op->outside)
        op->count = granules - at < 1u << client->exponent
                        ? granules - at
                        : 1u << client->exponent;
}

/* Whether so many writes are in doubt there that another is not wanted. */
static bool doubtful(struct world *world, const struct client *client,
                     const struct op *op)
{
    uint32_t disk = client_disk(world, client);

    if (disk == NO_DISK)
        return false;
    for (uint32_t i = 0; i < op->count; i++)
        if (client_reg(world, client, disk, op->at + i)->count >
            REGISTER_CLUSTERS / 2)
            return true;
    return false;
}

/* The run of a TRIM, ZERO or CHECKSUM, from a sector on. */
static void stretch(struct world *world, const struct client *client,
                    struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    uint32_t most = RUN_LEN / BH_SECTOR_LEN(client->exponent);
    uint32_t left = client_granules(world, client) - (op->at - volume->first);
    uint32_t sectors;

    if (op->outside) {
        op->sectors = (uint16_t)rng_between(&world->rng, 1, most);
        return;
    }
    sectors = (left + (1u << client->exponent) - 1) >> client->exponent;
    op->outside = rng_hits(&world->rng, client->wild) && sectors < most;
    if (op->outside) {
        op->sectors = (uint16_t)rng_between(&world->rng, sectors + 1, most);
        op->count = 0;
        return;
    }
    if (sectors > 4 && rng_hits(&world->rng, PERCENT(70)))
        sectors = 4;
    op->sectors = (uint16_t)rng_between(&world->rng, 1, sectors);
    op->count = (uint32_t)op->sectors << client->exponent;
    if (op->count > left)
        op->count = left;
}

/* A TRIM or ZERO lets no volume grow; the last of its sectors may be partial.
 */
static bool is_there(const struct world *world, const struct client *client,
                     const struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    return volume->facts.grow_limit == 0 || op->outside ||
           op->at + ((uint32_t)(op->sectors - 1) << client->exponent) <
               world->disks.of[volume->disk].len;
}

/* What only strict sessions have; else it is a READ. */
static uint8_t strict_kind(const struct client *client, uint32_t dice,
                           bool writer)
{
    uint32_t zero = writer ? client->zero : PERMILLE(1);
    uint32_t checkpoint = writer ? client->checkpoint : PERMILLE(1);

    if (dice < zero / 2)
        return OP_TRIM;
    if (dice < zero)
        return OP_ZERO;
    return dice - zero < checkpoint ? OP_CHECKPOINT : OP_READ;
}

/* What a strict session wants of the medium in a drive; NONE: nothing. */
static uint8_t slot_kind(struct world *world, const struct client *client)
{
    uint32_t dice;

    if (!client->strict || !drive_is(client->volume))
        return OP_NONE;
    dice = (uint32_t)(rng_next(&world->rng) & 0xFFFF);
    if (dice < client->eject)
        return OP_EJECT;
    if (dice - client->eject < client->lock)
        return OP_LOCK;
    return dice - client->eject - client->lock < 2 * client->lock ? OP_UNLOCK
                                                                  : OP_NONE;
}

/* At a drive, one that does not know the medium looks first. */
static bool wish_of_drive(struct world *world, const struct client *client,
                          struct op *op)
{
    *op = (struct op){.kind = slot_kind(world, client), .sectors = 1};
    if (op->kind != OP_NONE)
        return true;
    op->kind = OP_READ;
    if (!drive_is(client->volume) || client_is_blind(world, client) ||
        client_disk(world, client) != NO_DISK)
        return false;
    wish_place(world, client, op);
    return true;
}

void wish(struct world *world, const struct client *client, struct op *op)
{
    uint32_t dice = (uint32_t)(rng_next(&world->rng) & 0xFFFF);
    bool writer =
        (client->access & BH_FLAG_READ_ONLY) == 0 &&
        world->disks.volumes[client->volume].facts.mode != BH_MODE_READ_ONLY;
    uint32_t write = writer ? client->write : PERMILLE(10);
    uint32_t flush = writer ? client->flush : PERCENT(20);

    if (wish_of_drive(world, client, op))
        return;
    if (dice < write)
        op->kind = OP_WRITE;
    else if ((dice -= write) < flush)
        op->kind = OP_FLUSH;
    else if ((dice -= flush) < client->identify)
        op->kind = OP_IDENTIFY;
    else if ((dice -= client->identify) < client->keep)
        op->kind = OP_KEEP;
    else if ((dice -= client->keep) < client->checksum)
        op->kind = OP_CHECKSUM;
    else if ((dice -= client->checksum) < client->time)
        op->kind = OP_TIME;
    else if (client->strict)
        op->kind = strict_kind(client, dice - client->time, writer);
    if (op_reads(op) || op_changes(op))
        wish_place(world, client, op);
    else
        op->lsn = (uint32_t)rng_next(&world->rng); /* it means nothing */
    if (op->kind != OP_READ && op->kind != OP_WRITE &&
        (op_reads(op) || op_changes(op)))
        stretch(world, client, op);
    if ((op_changes(op) && doubtful(world, client, op)) ||
        (op->kind != OP_WRITE && op_changes(op) &&
         !is_there(world, client, op))) {
        op->kind = OP_READ;
        wish_place(world, client, op);
    }
}
