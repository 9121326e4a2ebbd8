/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "drive.h"
#include "world.h"

#include "wire/bytes.h"
#include "wire/protocol.h"

#include <string.h>

#define CONNECT_WORTH 8u /* answers: one that is refused waits for seconds */

/*
 * Who there is.
 */

static void set_peer(struct client *client, uint32_t host, uint32_t port)
{
    memset(&client->peer, 0, sizeof client->peer);
    client->peer.host[0] = 1;
    bh_put32(client->peer.host + 1, host);
    bh_put32(client->peer.port, port);
}

/* The few with a window do nearly all the work, and do not give up. */
static void make_gentle(struct client *client)
{
    client->think_ms = 400;
    if (client->kind != CLIENT_WINDOW)
        return;
    client->nap = client->think_ms = 0;
    client->tries = 20;
}

static void init_client(struct world *world, uint16_t index)
{
    static const uint8_t kinds[] = {
        CLIENT_COUNTING, CLIENT_WINDOW, CLIENT_CONSTANT,
        CLIENT_STRICT,   CLIENT_RANDOM, CLIENT_WINDOW,
        CLIENT_COUNTING, CLIENT_STRICT, CLIENT_WINDOW};
    struct client *client = &world->clients[index];
    struct rng *rng = &world->rng;

    *client = (struct client){.index = index};
    client->kind = kinds[index % sizeof kinds];
    client->strict = client->kind >= CLIENT_STRICT;
    client->padded = rng_hits(rng, PERCENT(15));
    client->polite = true;
    client->tries = (uint8_t)rng_between(rng, 3, 10);
    client->think_ms =
        rng_hits(rng, PERCENT(25)) ? rng_between(rng, 1, 400) : 0;
    client->write = rng_between(rng, PERCENT(30), PERCENT(80));
    client->flush = rng_between(rng, 0, PERCENT(6));
    client->identify = rng_between(rng, 0, PERCENT(4));
    client->keep = rng_between(rng, 0, PERCENT(2));
    client->wild = PERMILLE(5);
    client->zero = rng_between(rng, 0, PERCENT(12));
    client->checksum = rng_between(rng, 0, PERCENT(2));
    client->time = rng_between(rng, 0, PERMILLE(5));
    client->checkpoint = rng_between(rng, 0, PERMILLE(8));
    client->nap = rng_hits(rng, PERCENT(50)) ? 65536 / 400 : 0;
    if (world->drives) {
        client->eject = rng_between(rng, 0, PERMILLE(10));
        client->lock = rng_between(rng, 0, PERMILLE(8));
    }
    client->medium = NO_DISK;
    if (world->gentle)
        make_gentle(client);
    client->depth =
        (uint16_t)(rng_hits(rng, PERCENT(20)) ? WINDOW
                                              : rng_between(rng, 1, 10));
    client->volume = (uint16_t)(index % GREEDY_VOLUME);
    set_peer(client, 0x0A000000u + index * 2u / 3, 1000u + index);
    if (client->kind != CLIENT_WINDOW)
        tiny_restart(world, client);
    client_need(world, client, world->now_ms + 1 + index);
}

/* It wants all that the server has, on a volume that is slow. */
static void make_greedy(struct client *client)
{
    client->kind = CLIENT_WINDOW;
    client->strict = true;
    client->polite = false;
    client->depth = WINDOW;
    client->think_ms = 0;
    client->nap = 0;
    client->tries = 10;
    client->volume = GREEDY_VOLUME;
    set_peer(client, 0x0A00FF00u, 1000u + client->index);
}

void clients_init(struct world *world)
{
    for (uint16_t i = 0; i < CLIENTS; i++) {
        init_client(world, i);
        if (i >= POLITE)
            make_greedy(&world->clients[i]);
    }
}

/* One with a window is to fill it more than once. */
uint32_t client_quota(const struct client *client)
{
    return client->kind == CLIENT_WINDOW ? 2u * client->depth + 8u : 6u;
}

/*
 * Time.
 */

void client_need(struct world *world, struct client *client, uint64_t at_ms)
{
    if (at_ms <= world->now_ms)
        at_ms = world->now_ms + 1;
    if (client->timer_ms != 0 && client->timer_ms <= at_ms)
        return;
    client->timer_ms = at_ms;
    queue_push(&world->queue, at_ms, EVENT_TIMER, client->index,
               (uint32_t)at_ms);
}

static bool window_at_work(const struct client *client)
{
    return client->kind == CLIENT_WINDOW && client->phase >= PROVING;
}

void client_timer(struct world *world, struct client *client)
{
    if (window_at_work(client) ||
        (client->kind == CLIENT_WINDOW && client->op.kind != OP_NONE))
        window_timer(world, client);
    else if (client->op.kind != OP_NONE)
        tiny_timer(world, client);
    else
        client_go(world, client);
}

void client_given(struct world *world, struct client *client, uint16_t id)
{
    client->id = id;
    client->boot = world->node.boot;
}

void client_rest(struct world *world, struct client *client, uint32_t ms)
{
    client->id = 0;
    client->phase = RESTING;
    client->wake_ms = world->now_ms + ms;
    client_need(world, client, client->wake_ms);
}

/*
 * Beginnings.
 */

static void begin(struct world *world, struct client *client,
                  const struct op *op)
{
    if (client->kind == CLIENT_WINDOW)
        window_connect(world, client, op);
    else
        tiny_begin(world, client, op);
}

static bool may_go(struct world *world, struct client *client)
{
    client->waits = world->weather.calm && client->polite &&
                    client->answered >= client_quota(client);
    client->waits |= !client->polite && !world->weather.greedy;
    return !client->waits;
}

void client_go(struct world *world, struct client *client)
{
    struct op op = {.kind = OP_CONNECT};

    if (client->wake_ms > world->now_ms) {
        client_need(world, client, client->wake_ms);
        return;
    }
    if (!may_go(world, client))
        return;
    switch (client->phase) {
    case RESTING:
        if (client->refusals % 4 == 0)
            wish_volume(world, client);
        client->phase = CONNECTING;
        begin(world, client, &op);
        return;
    case PROVING:
        op.kind = rng_hits(&world->rng, PERCENT(30)) ? OP_IDENTIFY : OP_READ;
        if (op.kind == OP_READ)
            wish_place(world, client, &op);
        break;
    case LEAVING:
        op.kind = OP_DISCON;
        break;
    default:
        if (client->told)
            op.kind = OP_IDENTIFY;
        else
            wish(world, client, &op);
        break;
    }
    begin(world, client, &op);
}

uint16_t client_body(const struct world *world, const struct client *client,
                     const struct op *op, uint8_t *body)
{
    switch (op->kind) {
    case OP_WRITE:
        for (uint32_t i = 0; i < 1u << client->exponent; i++)
            granule_fill(body + i * GRANULE_LEN, client_mark(world, client),
                         op->at + i, op->value);
        return (uint16_t)BH_SECTOR_LEN(client->exponent);
    case OP_TRIM:
    case OP_ZERO:
    case OP_CHECKSUM:
        bh_put16(body, op->sectors);
        return 2;
    case OP_CHECKPOINT:
        body[0] = copy_label(op->value, (char *)body + 1);
        return (uint16_t)(1 + body[0]);
    default:
        return 0;
    }
}

struct datagram *client_datagram(struct world *world, struct client *client,
                                 uint32_t request, const struct op *op)
{
    struct datagram *d = net_new(world, client->index);

    d->peer = client->peer;
    d->request = request;
    d->session_boot = client->boot;
    d->volume = client->volume;
    d->must = op->must;
    d->value = op->value;
    d->disk = op->disk;
    return d;
}

/*
 * Ends.
 */

void client_forget(struct world *world, struct client *client)
{
    if (client->kind == CLIENT_WINDOW)
        window_forget(world, client);
    if (client->op.kind != OP_NONE) {
        struct op op = client->op;

        client->op.kind = OP_NONE;
        op_given_up(world, client, &op);
    }
}

void client_reset(struct world *world, struct client *client)
{
    client_forget(world, client);
    world->stats.resets++;
    world_note(world, "client % is reset", client->index, 0, 0);
    client->born = client->request + 1;
    if (rng_hits(&world->rng, PERCENT(40)))
        bh_put32(client->peer.port, 1000u + client->index +
                                        CLIENTS * rng_below(&world->rng, 1000));
    if (client->kind != CLIENT_WINDOW)
        tiny_restart(world, client);
    client_rest(world, client, rng_between(&world->rng, 0, 20));
}

/* It has done what it came for. */
static void leave(struct world *world, struct client *client)
{
    if (rng_hits(&world->rng, PERCENT(60))) {
        client->phase = LEAVING;
        return;
    }
    if (rng_hits(&world->rng, PERCENT(60))) {
        client_reset(world, client);
        return;
    }
    world->stats.abandoned++;
    client_forget(world, client);
    client->refusals = 0;
    client_rest(world, client, rng_between(&world->rng, 0, 2000));
}

static void connected(struct world *world, struct client *client,
                      uint8_t status)
{
    if (status == BH_OK) {
        client->phase = PROVING;
        client->refusals = 0;
        return;
    }
    client->refusals++;
    client_rest(world, client,
                status == STATUS_SILENT ? 10
                                        : rng_between(&world->rng, 100, 3500));
}

/* The session is of no use any more. */
static void lost(struct world *world, struct client *client, uint32_t ms)
{
    client_forget(world, client);
    client->refusals = rng_hits(&world->rng, PERCENT(20)) ? 0 : 1;
    client_rest(world, client, ms);
}

static bool ends_session(uint8_t status)
{
    return status == BH_ERR_SESSION || status == BH_ERR_IN_USE ||
           status == BH_ERR_SESSIONS || status == BH_ERR_NO_MEDIUM;
}

/* It stays at an empty drive, or where the medium has changed, and sees what
 * comes. */
static bool stays(struct world *world, struct client *client,
                  const struct op *op, uint8_t status)
{
    if (client->phase == PROVING || !drive_is(client->volume))
        return false;
    if (op->kind == OP_EJECT && status == BH_ERR_IN_USE)
        return true;
    if (status == BH_ERR_CHANGED && client->kind == CLIENT_STRICT)
        return rng_hits(&world->rng, PERCENT(80));
    if (status != BH_ERR_NO_MEDIUM || rng_hits(&world->rng, PERCENT(3)))
        return false;
    client->wake_ms = world->now_ms + rng_between(&world->rng, 20, 400);
    return true;
}

static void at_work(struct world *world, struct client *client,
                    const struct op *op, uint8_t status)
{
    bool proving = client->phase == PROVING;
    bool stay = stays(world, client, op, status);

    if (op->kind == OP_DISCON) {
        world->stats.disconnects += status == BH_OK;
        client_forget(world, client); /* it may have left in a hurry */
        client->refusals = 0;
        client_rest(world, client, rng_between(&world->rng, 0, 100));
    } else if (!stay && ends_session(status)) {
        lost(world, client, rng_between(&world->rng, 1, 500));
    } else if (!stay && status == BH_ERR_CHANGED &&
               (proving || client->kind != CLIENT_WINDOW)) {
        lost(world, client, 0);
    } else if (status == STATUS_SILENT) {
        if (client->strict || proving || rng_hits(&world->rng, PERCENT(40)))
            lost(world, client, 0);
    } else if (status == BH_ERR_STORAGE &&
               (proving || (!world->gentle && ++client->refusals % 8 == 0))) {
        lost(world, client, rng_between(&world->rng, 100, 2000));
    } else {
        if (proving)
            op_proved(world, client);
        if (proving)
            client->phase = WORKING;
        client->changed =
            status == BH_ERR_CHANGED ||
            (client->changed && (status != BH_OK || op->kind != OP_IDENTIFY));
        if (client->phase == WORKING && --client->life == 0)
            leave(world, client);
    }
}

static void check_status(struct world *world, const struct client *client,
                         const struct op *op, uint8_t status)
{
    if (status == BH_ERR_FORMAT || status == BH_ERR_OPCODE ||
        status == BH_ERR_AHEAD || status == BH_ERR_FLAGS ||
        status == BH_ERR_NO_IMAGE ||
        (status >= BH_STATUS_COUNT && status != STATUS_SILENT))
        world_fail(world,
                   "client %u did nothing wrong, and is told %u: "
                   "request of kind %u, lsn %u",
                   client->index, status, op->kind, op->lsn);
}

void client_answered(struct world *world, struct client *client,
                     const struct op *op, uint8_t status, const uint8_t *data)
{
    world_note(world, "client %: request of kind % gets %", client->index,
               op->kind, status);
    if (world->weather.calm)
        world->stats.calm_operations++;
    else
        world->stats.operations++;
    check_status(world, client, op, status);
    if (status == STATUS_SILENT && world->calm != 0 && client->polite &&
        op->began > world->calm && (client->strict || op->kind != OP_KEEP))
        world_fail(world,
                   "client %u is not answered in calm weather: request of kind "
                   "%u, volume %u",
                   client->index, op->kind, client->volume);
    if (status == STATUS_SILENT) {
        op_given_up(world, client, op);
    } else {
        client->answered += op->kind == OP_CONNECT ? CONNECT_WORTH : 1;
        op_answered(world, client, op, status, data);
    }
    if (op->kind == OP_CONNECT)
        connected(world, client, status);
    else if (client->phase >= PROVING)
        at_work(world, client, op, status);
    if (client->phase == RESTING)
        return;
    if (!world->weather.calm && rng_hits(&world->rng, client->nap))
        client->wake_ms = world->now_ms + rng_below(&world->rng, 40000);
    else if (client->think_ms > 0 && rng_hits(&world->rng, PERCENT(30)))
        client->wake_ms =
            world->now_ms + rng_below(&world->rng, client->think_ms + 1);
    if (window_at_work(client))
        window_fill(world, client);
    else
        client_go(world, client);
}

void client_received(struct world *world, struct client *client,
                     const struct datagram *datagram)
{
    if (client->kind == CLIENT_WINDOW)
        window_received(world, client, datagram);
    else
        tiny_received(world, client, datagram);
}
