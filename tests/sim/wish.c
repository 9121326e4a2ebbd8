/* SPDX-License-Identifier: MIT */
/* What a client wants: which volume, and what to do there. */
#include "world.h"

#include "wire/protocol.h"

#include <stdio.h>

#define HOT 6u  /* sectors that half of all requests go to */
#define OWN 48u /* granules of a shared disk that have one writer each */

void wish_volume(struct world *world, struct client *client)
{
    struct rng *rng = &world->rng;
    uint16_t volume = GREEDY_VOLUME;
    uint8_t mode;

    if (client->polite)
        volume = (uint16_t)(rng_hits(rng, PERCENT(60))
                                ? client->index % GREEDY_VOLUME
                                : rng_below(rng, GREEDY_VOLUME));
    if (volume != client->volume)
        client->unflushed_count = 0;
    client->volume = volume;
    mode = world->disks.volumes[volume].facts.mode;
    client->access = 0;
    if (rng_hits(rng, PERCENT(11)))
        client->access = BH_FLAG_READ_ONLY;
    else if (rng_hits(rng, PERCENT(11)))
        client->access = BH_FLAG_LOOK;
    else if (mode == BH_MODE_SHARED && rng_hits(rng, PERCENT(30)))
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

void wish_place(struct world *world, const struct client *client, struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    const struct bh_volume_facts *facts = &volume->facts;
    uint64_t bytes = facts->byte_count > facts->grow_limit ? facts->byte_count
                                                           : facts->grow_limit;
    uint32_t granules = (uint32_t)(bytes / GRANULE_LEN);
    uint32_t sectors =
        (granules + (1u << client->exponent) - 1) >> client->exponent;
    uint32_t first = 0, all = sectors, at;

    if (facts->mode == BH_MODE_SHARED && op->kind == OP_WRITE) {
        first = client->strict ? OWN >> client->exponent : client->index;
        sectors = client->strict ? sectors - first : 1;
    }
    op->lsn = first + (rng_hits(&world->rng, PERCENT(50)) && sectors > HOT
                           ? rng_below(&world->rng, HOT)
                           : rng_below(&world->rng, sectors));
    op->outside = rng_hits(&world->rng, client->wild);
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
static bool doubtful(const struct world *world, const struct client *client,
                     const struct op *op)
{
    const struct disk *disk =
        &world->disks.of[world->disks.volumes[client->volume].disk];

    for (uint32_t i = 0; i < op->count; i++)
        if (disk->regs[op->at + i].count > REGISTER_CLUSTERS / 2)
            return true;
    return false;
}

void wish(struct world *world, const struct client *client, struct op *op)
{
    uint32_t dice = (uint32_t)(rng_next(&world->rng) & 0xFFFF);
    bool writer =
        (client->access & BH_FLAG_READ_ONLY) == 0 &&
        world->disks.volumes[client->volume].facts.mode != BH_MODE_READ_ONLY;
    uint32_t write = writer ? client->write : PERMILLE(10);
    uint32_t flush = writer ? client->flush : PERCENT(20);

    *op = (struct op){.kind = OP_READ};
    if (dice < write)
        op->kind = OP_WRITE;
    else if ((dice -= write) < flush)
        op->kind = OP_FLUSH;
    else if ((dice -= flush) < client->identify)
        op->kind = OP_IDENTIFY;
    else if ((dice -= client->identify) < client->keep)
        op->kind = OP_KEEP;
    if (op->kind == OP_READ || op->kind == OP_WRITE)
        wish_place(world, client, op);
    if (op->kind == OP_WRITE && doubtful(world, client, op))
        op->kind = OP_READ;
}
