/* SPDX-License-Identifier: MIT */
/* What an answer says, held against the registers. */
#include "drive.h"
#include "world.h"

#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/protocol.h"

#include <string.h>

/* Which its answer, or the request itself, is of. */
static const struct disk *disk_of(const struct world *world,
                                  const struct op *op)
{
    return &world->disks.of[op->from];
}

static struct reg *reg_of(struct world *world, const struct client *client,
                          const struct op *op, uint32_t at)
{
    return client_reg(world, client, op->from, at);
}

static bool strict(const struct client *client)
{
    return client->strict;
}

/* Until when the session's requests may still be carried out. */
static bool over(const struct world *world, uint16_t session)
{
    return session != 0 && !world->node.ids[session].alive;
}

/* A drive may answer from each of its media. */
void op_reads_began(struct world *world, const struct client *client,
                    const struct op *op, uint32_t at, uint32_t count)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    for (uint32_t k = 0; k < volume->media_count; k++)
        for (uint32_t i = 0; i < count; i++)
            reg_read_began(client_reg(world, client, volume->media[k], at + i),
                           op->began);
}

void op_reads_over(struct world *world, const struct client *client,
                   uint32_t but, uint32_t at, uint32_t count)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    for (uint32_t k = 0; k < volume->media_count; k++)
        for (uint32_t i = 0; i < count && volume->media[k] != but; i++)
            reg_read_given_up(
                client_reg(world, client, volume->media[k], at + i));
}

static void limit_to_disk(const struct world *world, struct op *op)
{
    uint32_t len = disk_of(world, op)->len;

    if (op->at + op->count > len)
        op->sure = op->at < len ? len - op->at : 0;
}

void op_began(struct world *world, struct client *client, struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    op->began = world_stamp(world);
    op->began_ms = world->now_ms;
    op->session = client->id;
    if (op->kind == OP_CONNECT && client->volume >= FIRST_DRIVE)
        op_drive_connects(world, client);
    op->disk = op->from = client_disk(world, client);
    op->must = volume->disk == op->disk ? volume->acked : 0;
    op->value = 0;
    op->sure = op->count;
    if (op->kind == OP_TRIM || op->kind == OP_ZERO)
        limit_to_disk(world, op);
    if (op_reads(op))
        op_reads_began(world, client, op, op->at, op->count);
    if (op_changes(op) || op->kind == OP_CHECKPOINT)
        op->value = ++world->values << 8 | client->index;
    if (op->kind == OP_CHECKPOINT)
        op_heavy_began(world, client, op);
    if (!op_changes(op))
        return;
    if (op->kind != OP_WRITE)
        op->value |= VALUE_ZEROED;
    world_note(world, "  client % writes granule %, value %", client->index,
               op->at, op->value >> 8);
    if (client_is_blind(world, client))
        return; /* the storage will tell */
    for (uint32_t i = 0; i < op->count; i++)
        if (!reg_write_began(reg_of(world, client, op, op->at + i), op->value,
                             op->began))
            world_fail(world,
                       "the simulator has too many doubts about granule %u of "
                       "volume %u",
                       op->at + i, client->volume);
}

static void fail(struct world *world, const struct client *client,
                 const struct op *op, uint32_t i, const char *what)
{
    world_fail(world, "%s: client %u, volume %u, granule %u, write %llu", what,
               client->index, client->volume, op->at + i,
               (unsigned long long)op->value >> 8);
}

static void limit_write(struct world *world, uint32_t disk, uint32_t at,
                        uint32_t count, uint64_t value)
{
    for (uint32_t i = 0; i < count; i++)
        reg_write_limit(&world->disks.of[disk].regs[at + i], value,
                        world->stamp);
}

/* The write may have taken place or not, and may do so yet. */
static void doubt(struct world *world, struct client *client,
                  const struct op *op, bool settled)
{
    uint16_t disk = (uint16_t)op->disk;

    if (client_is_blind(world, client))
        return;
    if (client_scribbles(world, client, disk)) {
        for (uint32_t i = 0; settled && i < op->count; i++)
            reg_write_limit(reg_of(world, client, op, op->at + i), op->value,
                            world_stamp(world));
        return;
    }
    if (settled || over(world, op->session)) {
        world_stamp(world);
        limit_write(world, disk, op->at, op->count, op->value);
        return;
    }
    if (client->doubt_count == DOUBTS) /* the oldest stays in doubt for ever */
        memmove(client->doubts, client->doubts + 1,
                --client->doubt_count * sizeof client->doubts[0]);
    client->doubts[client->doubt_count++] =
        (struct doubt){.session = op->session,
                       .disk = disk,
                       .volume = client->volume,
                       .access = client->access,
                       .peer = client->peer,
                       .at = op->at,
                       .count = op->count,
                       .value = op->value,
                       .began = op->began};
}

static void settle_at(struct world *world, struct client *client, uint32_t i)
{
    const struct doubt *d = &client->doubts[i];

    limit_write(world, d->disk, d->at, d->count, d->value);
    client->doubts[i] = client->doubts[--client->doubt_count];
}

/* A later request of the same default client to the same place, under the same
 * name, has been carried out: what came before it has been, or never will be.
 */
static void settle_earlier(struct world *world, struct client *client,
                           const struct op *op)
{
    if (strict(client) || client->doubt_count == 0 || drive_is(client->volume))
        return;
    world_stamp(world);
    for (uint32_t i = client->doubt_count; i-- > 0;) {
        const struct doubt *d = &client->doubts[i];

        if (d->volume == client->volume && d->began < op->began &&
            op->at <= d->at && op->at + op->count >= d->at + d->count)
            settle_at(world, client, i);
    }
}

void op_proved(struct world *world, struct client *client)
{
    world_stamp(world);
    for (uint32_t i = client->doubt_count; i-- > 0;) {
        const struct doubt *d = &client->doubts[i];

        if (d->volume == client->volume && d->access == client->access &&
            d->session != client->id && bh_peer_same(&d->peer, &client->peer))
            settle_at(world, client, i);
    }
}

static void limit_op(struct world *world, const struct client *client,
                     const struct op *op)
{
    if (op_changes(op) && !client_is_blind(world, client) &&
        !client_scribbles(world, client, op->disk))
        limit_write(world, op->disk, op->at, op->count, op->value);
}

void op_session_over(struct world *world, struct client *client, uint16_t id)
{
    world_stamp(world);
    for (uint32_t i = client->doubt_count; i-- > 0;)
        if (client->doubts[i].session == id)
            settle_at(world, client, i);
    if (client->op.session == id)
        limit_op(world, client, &client->op);
    for (uint32_t i = 0; i < WINDOW; i++) {
        const struct op *op = &client->panes[i].op;

        if (client->panes[i].state == PANE_OUT && op->session == id)
            limit_op(world, client, op);
    }
}

/*
 * Reads.
 */

void op_seen(struct world *world, const struct client *client,
             const struct op *op, uint32_t at, uint64_t value)
{
    const char *wrong;

    world_note(world, "  client % reads granule % as %", client->index, at,
               value >> 8);
    wrong = reg_read_done(reg_of(world, client, op, at), value, op->began,
                          world_stamp(world));
    world->stats.reads_checked++;
    if (wrong != NULL)
        world_fail(world, "%s: client %u, volume %u, granule %u, read %llu",
                   wrong, client->index, client->volume, at,
                   (unsigned long long)value >> 8);
}

/* One answer is of one image: admin.h. */
void op_one_image(struct world *world, const struct client *client,
                  const struct op *op, const uint64_t *values, uint32_t count)
{
    const struct disk *disk = disk_of(world, op);
    uint8_t images = 0;

    for (uint32_t i = 0; i < count; i++)
        images |= admin_image(disk, values[i]);
    if (images == 3)
        world_fail(world,
                   "an answer is of the bytes before and after a change of the "
                   "medium: client %u, volume %u",
                   client->index, client->volume);
}

static uint64_t read_one(struct world *world, const struct client *client,
                         const struct op *op, uint32_t i, const uint8_t *data)
{
    uint64_t value, place;

    if (disk_parse(data, op->from, op->at + i, &value, &place) == GRANULE_STRAY)
        world_fail(world,
                   "a read returned another place's data: client %u, volume "
                   "%u, granule %u, found disk %u, granule %u",
                   client->index, client->volume, op->at + i,
                   (unsigned)(place >> 32 & 0xFFFF),
                   (unsigned)(place & 0xFFFF));
    op_seen(world, client, op, op->at + i, value);
    return value;
}

static void read_ok(struct world *world, struct client *client,
                    const struct op *op, const uint8_t *data)
{
    uint32_t granules = 1u << client->exponent;
    uint64_t values[SECTOR_ROOM / GRANULE_LEN];

    if (op->count == 0)
        world_fail(world, "a read behind the end was answered with OK");
    for (uint32_t i = 0; i < op->count; i++)
        values[i] = read_one(world, client, op, i, data + i * GRANULE_LEN);
    op_reads_over(world, client, op->from, op->at, op->count);
    op_one_image(world, client, op, values, op->count);
    for (uint32_t i = op->count * GRANULE_LEN; i < granules * GRANULE_LEN; i++)
        if (data[i] != 0)
            world_fail(world, "what lies behind a volume's end is not zero");
}

static void read_failed(struct world *world, struct client *client,
                        const struct op *op, uint8_t status)
{
    const char *wrong;

    if (drive_is(client->volume)) {
        op_reads_over(world, client, NO_DISK, op->at, op->count);
        return;
    }
    for (uint32_t i = 0; i < op->count; i++) {
        struct reg *reg = reg_of(world, client, op, op->at + i);

        if (status != BH_ERR_LSN || !reg_is_certain(reg)) {
            reg_read_given_up(reg);
            continue;
        }
        /* It is not there: as good as the zeros of a hole. But what a WRITE
         * that has failed left behind the end may be there when it grows. */
        wrong = reg_read_done(reg, VALUE_ZEROS, op->began, world_stamp(world));
        if (wrong != NULL)
            fail(world, client, op, i, "a sector of the volume does not exist");
    }
}

/*
 * Writes.
 */

static void note_unflushed(struct client *client, const struct op *op,
                           uint64_t stamp)
{
    for (uint32_t i = 0; i < op->sure; i++) {
        if (client->unflushed_count == UNFLUSHED)
            return;
        client->unflushed[client->unflushed_count++] =
            (struct unflushed){op->at + i, op->value, stamp};
    }
}

static void write_ok(struct world *world, struct client *client,
                     const struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    uint64_t stamp = world_stamp(world);

    if (op->from == NO_DISK)
        world_fail(world, "client %u is told of a write that never was",
                   client->index);
    if (op->count == 0)
        world_fail(world, "a write behind the end was answered with OK");
    if ((client->access & BH_FLAG_READ_ONLY) != 0 ||
        (!drive_is(client->volume) &&
         volume->facts.mode == BH_MODE_READ_ONLY) ||
        disk_of(world, op)->mode == BH_MODE_READ_ONLY)
        world_fail(world,
                   "a write of a reader was answered with OK: client "
                   "%u, volume %u",
                   client->index, client->volume);
    for (uint32_t i = 0; i < op->sure; i++) {
        const char *wrong = reg_write_done(
            reg_of(world, client, op, op->at + i), op->value, stamp);

        if (wrong != NULL)
            fail(world, client, op, i, wrong);
    }
    for (uint32_t i = op->sure; i < op->count; i++)
        reg_write_limit(reg_of(world, client, op, op->at + i), op->value,
                        stamp);
    world->stats.writes_done++;
    world->stats.zeroed += op->kind != OP_WRITE;
    if (op->disk != NO_DISK && !client_scribbles(world, client, op->disk))
        note_unflushed(client, op, stamp);
}

/* Whether a status says "perhaps": docs/protocol.md 8. */
static bool perhaps(uint8_t status)
{
    return status == BH_ERR_SESSION || status == BH_ERR_SHORT ||
           status == BH_ERR_STORAGE || status == BH_ERR_NO_SPACE ||
           status == BH_ERR_CHANGED;
}

static void write_failed(struct world *world, struct client *client,
                         const struct op *op, uint8_t status)
{
    if (client_is_blind(world, client))
        return;
    if (admin_image(disk_of(world, op), op->value) ==
        1) { /* forgotten with those bytes */
        doubt(world, client, op, true);
        return;
    }
    if (perhaps(status) ||
        (drive_is(client->volume) &&
         (status == BH_ERR_NO_MEDIUM ||
          world->disks.volumes[client->volume].swapped > op->began))) {
        doubt(world, client, op, strict(client) && status != BH_ERR_SESSION);
        return;
    }
    for (uint32_t i = 0; i < op->count; i++) {
        const char *wrong =
            reg_write_refused(reg_of(world, client, op, op->at + i), op->value);

        if (wrong != NULL)
            fail(world, client, op, i, wrong);
    }
}

/* What this client had written and been told so, before it asked for the
 * flush, is stable: a power loss must not take it away. */
static void flushed(struct world *world, struct client *client,
                    const struct op *op)
{
    struct disk *disk;
    uint32_t kept = 0;

    if (op->disk == NO_DISK)
        return;
    disk = &world->disks.of[op->disk];
    for (uint32_t i = 0; i < client->unflushed_count; i++) {
        const struct unflushed *u = &client->unflushed[i];
        struct reg *reg = &disk->regs[u->at];

        if (u->acked > op->began)
            client->unflushed[kept++] = *u;
        else if (u->value > reg->durable && admin_image(disk, u->value) == 2)
            reg->durable = u->value;
    }
    client->unflushed_count = kept;
    world->stats.flushes_checked++;
}

static void identified(struct world *world, struct client *client,
                       const struct op *op, const uint8_t *data)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    struct bh_identify it;

    if (bh_identify_decode(data, &it) != BH_OK)
        world_fail(world, "IDENTIFY was answered with something else");
    if (it.sector_exponent != client->exponent ||
        strcmp(it.name, volume->facts.name) != 0 ||
        it.window != (client->strict ? WINDOW : 1))
        world_fail(world, "IDENTIFY told client %u what is not so",
                   client->index);
    op_drive_identified(world, client, op, it.sector_count);
    world->stats.identified++;
}

static bool may_be_read_only(const struct world *world,
                             const struct client *client, const struct op *op)
{
    if (op_is_of_slot(op))
        return (client->access & BH_FLAG_LOOK) == BH_FLAG_LOOK;
    return drive_is(client->volume) &&
           (op->disk == NO_DISK ||
            world->disks.of[op->disk].mode == BH_MODE_READ_ONLY) &&
           (op_changes(op) || op->kind == OP_CHECKPOINT);
}

static void check_range(struct world *world, const struct client *client,
                        const struct op *op, uint8_t status)
{
    const struct volume *volume = &world->disks.volumes[client->volume];

    if (op->kind == OP_CONNECT) /* where a path pads, it may be a stray one */
        return;
    if (status == BH_ERR_LSN && !op_reads(op) && !op_changes(op))
        world_fail(world,
                   "client %u is told that there is no such sector, and "
                   "has named none",
                   client->index);
    if (status == BH_ERR_LSN && op->count > 0 && volume->facts.grow_limit == 0)
        world_fail(world,
                   "a sector of volume %u does not exist: client %u, lsn %u",
                   client->volume, client->index, op->lsn);
    if (status == BH_ERR_READ_ONLY &&
        ((!op_changes(op) && op->kind != OP_CHECKPOINT) ||
         ((client->access & BH_FLAG_READ_ONLY) == 0 &&
          volume->facts.mode != BH_MODE_READ_ONLY)) &&
        !may_be_read_only(world, client, op))
        world_fail(world, "client %u may write, and was told that it may not",
                   client->index);
}

void op_answered(struct world *world, struct client *client,
                 const struct op *op, uint8_t status, const uint8_t *data)
{
    if (op->kind != OP_CONNECT)
        op_drive_answered(world, client, op, status);
    check_range(world, client, op, status);
    world->stats.refused += status != BH_OK;
    switch (op->kind) {
    case OP_READ:
        if (status == BH_OK)
            read_ok(world, client, op, data);
        else
            read_failed(world, client, op, status);
        break;
    case OP_WRITE:
    case OP_TRIM:
    case OP_ZERO:
        if (status == BH_OK)
            write_ok(world, client, op);
        else
            write_failed(world, client, op, status);
        break;
    case OP_FLUSH:
    case OP_DISCON:
        if (status == BH_OK &&
            (op->kind == OP_FLUSH || (client->access & BH_FLAG_READ_ONLY) == 0))
            flushed(world, client, op);
        break;
    case OP_IDENTIFY:
        if (status == BH_OK)
            identified(world, client, op, data);
        break;
    case OP_CHECKSUM:
    case OP_TIME:
    case OP_CHECKPOINT:
        if (status == BH_OK)
            op_heavy_ok(world, client, op, data);
        else
            op_heavy_failed(world, client, op);
        break;
    default:
        break;
    }
    if (status == BH_OK && (op->kind == OP_READ || op->kind == OP_WRITE))
        settle_earlier(world, client, op);
}

void op_given_up(struct world *world, struct client *client,
                 const struct op *op)
{
    world->stats.given_up++;
    if (op->kind == OP_READ)
        op_reads_over(world, client, NO_DISK, op->at, op->count);
    else
        op_heavy_failed(world, client, op);
    if (op_changes(op))
        doubt(world, client, op, false);
}
