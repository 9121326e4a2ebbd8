/* SPDX-License-Identifier: MIT */
/*
 * What CHECKSUM, CHECKPOINT and TIME say. A CHECKSUM is a read of each granule
 * of its run, and a CHECKPOINT one of each granule of the medium: what it keeps
 * could have been read between its first sending and its answer. That nothing
 * changes while one of them is carried out, so that it is of one moment, is
 * looked at in rules.c.
 */
#include "drive.h"
#include "world.h"

#include "wire/bytes.h"
#include "wire/moment.h"
#include "wire/protocol.h"

#include <time.h>

void op_heavy_began(struct world *world, const struct client *client,
                    const struct op *op)
{
    copy_new(world, op->value);
    op_reads_began(world, client, op, 0, DISK_GRANULES);
}

void op_heavy_failed(struct world *world, const struct client *client,
                     const struct op *op)
{
    if (op->kind == OP_CHECKSUM)
        op_reads_over(world, client, NO_DISK, op->at, op->count);
    if (op->kind == OP_CHECKPOINT)
        op_reads_over(world, client, NO_DISK, 0, DISK_GRANULES);
}

/* What lies behind the end of a volume that may grow is as good as zero. */
static void checksum_ok(struct world *world, const struct client *client,
                        const struct op *op, const uint8_t *data)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    bool never;
    const struct look *look = look_find(world, BH_GET32(data), &never);

    if (op->count == 0)
        world_fail(world, "a checksum behind the end was answered with OK");
    if (never)
        world_fail(world, "client %u got a checksum of nothing", client->index);
    if (look == NULL) { /* too long ago */
        op_heavy_failed(world, client, op);
        return;
    }
    if (look->disk != op->from || look->at != op->at ||
        look->count > op->count ||
        (look->count < op->count && volume->facts.grow_limit == 0) ||
        look->whole != (uint32_t)op->sectors * BH_SECTOR_LEN(client->exponent))
        world_fail(world,
                   "client %u got the checksum of something else: volume %u, "
                   "granules %u and %u more",
                   client->index, client->volume, op->at, op->count - 1);
    for (uint32_t i = 0; i < op->count; i++)
        op_seen(world, client, op, op->at + i,
                i < look->count ? look->values[i] : VALUE_ZEROS);
    op_reads_over(world, client, op->from, op->at, op->count);
    op_one_image(world, client, op, look->values, look->count);
    world->stats.checksums++;
}

static void checkpoint_ok(struct world *world, const struct client *client,
                          const struct op *op)
{
    const struct copy *copy = copy_find(world, op->value);

    if ((client->access & BH_FLAG_READ_ONLY) != 0)
        world_fail(world, "a CHECKPOINT of a reader was answered with OK");
    if (copy == NULL) { /* too long ago */
        op_heavy_failed(world, client, op);
        return;
    }
    if (!copy->made || copy->disk != op->disk)
        world_fail(world, "client %u is told of a CHECKPOINT that is not there",
                   client->index);
    for (uint32_t i = 0; i < DISK_GRANULES; i++)
        op_seen(world, client, op, i, copy->values[i]);
    op_reads_over(world, client, op->from, 0, DISK_GRANULES);
    op_one_image(world, client, op, copy->values, DISK_GRANULES);
    world->stats.checkpoints++;
}

/* Local time as the C library has it. */
static bool is_local(const struct bh_moment *moment)
{
    time_t local =
        (time_t)moment->utc_seconds + (time_t)moment->zone_minutes * 60;
    struct tm tm;

    gmtime_r(&local, &tm);
    return moment->year == tm.tm_year + 1900 &&
           moment->month == tm.tm_mon + 1 && moment->day == tm.tm_mday &&
           moment->hour == tm.tm_hour && moment->minute == tm.tm_min &&
           moment->second == tm.tm_sec && moment->weekday == tm.tm_wday;
}

static void time_ok(struct world *world, const struct client *client,
                    const struct op *op, const uint8_t *data)
{
    struct bh_moment moment;

    bh_moment_decode(data, &moment);
    if (moment.utc_seconds < world_utc(op->began_ms) ||
        moment.utc_seconds > world_utc(world->now_ms) ||
        moment.zone_minutes != world_zone(world) || !is_local(&moment))
        world_fail(world, "TIME told client %u what is not so", client->index);
    world->stats.times++;
}

void op_heavy_ok(struct world *world, const struct client *client,
                 const struct op *op, const uint8_t *data)
{
    if (op->kind == OP_CHECKSUM)
        checksum_ok(world, client, op, data);
    else if (op->kind == OP_CHECKPOINT)
        checkpoint_ok(world, client, op);
    else if (op->kind == OP_TIME)
        time_ok(world, client, op, data);
}
