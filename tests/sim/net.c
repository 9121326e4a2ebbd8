/* SPDX-License-Identifier: MIT */
#include "net.h"

#include "world.h"

#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#include <stdlib.h>
#include <string.h>

#define PADDED_LEN 46u /* of an Ethernet frame */

void net_init(struct world *world)
{
    struct net *net = &world->net;

    net->of = calloc(NET_ROOM, sizeof *net->of);
    if (net->of == NULL)
        abort();
    for (uint32_t i = 0; i < NET_ROOM; i++)
        net->free[i] = (uint16_t)(NET_ROOM - 1 - i);
    net->free_count = NET_ROOM;
}

void net_free(struct world *world)
{
    free(world->net.of);
}

struct datagram *net_new(struct world *world, uint16_t client)
{
    struct net *net = &world->net;
    struct datagram *d;

    if (net->free_count == 0)
        world_fail(world, "the simulator has too many datagrams under way");
    d = &net->of[net->free[--net->free_count]];
    d->refs = 0;
    d->client = client;
    d->replay = d->connect = false;
    d->boot = world->node.boot;
    d->session_boot = d->boot;
    d->sent_ms = world->now_ms;
    d->must = d->value = 0;
    d->disk = NO_DISK;
    d->request = 0;
    return d;
}

static void drop(struct world *world, struct datagram *d)
{
    struct net *net = &world->net;

    if (d->refs == 0)
        net->free[net->free_count++] = (uint16_t)(d - net->of);
}

/* When a copy arrives; 0: never. */
static uint64_t fate_of(struct world *world, const struct path *path)
{
    struct rng *rng = &world->rng;
    struct stats *stats = &world->stats;
    uint64_t at = world->now_ms + path->delay_ms;

    if (path->parted_ms > world->now_ms)
        return stats->partitioned++, 0;
    if (rng_hits(rng, path->lose))
        return stats->lost++, 0;
    if (rng_hits(rng, path->damage))
        return stats->damaged++, 0;
    if (path->jitter_ms > 0)
        at += rng_below(rng, path->jitter_ms + 1);
    if (rng_hits(rng, path->overtake)) {
        stats->reordered++;
        at += rng_between(rng, 1, path->overtake_ms);
    } else if (rng_hits(rng, path->late)) {
        stats->late++;
        at += rng_between(rng, 1000, path->late_ms);
    }
    if (path->clogged_ms > at) {
        stats->clogged++;
        at = path->clogged_ms;
    }
    return at;
}

/* A frame's padding holds anything. */
static void pad(struct world *world, struct datagram *d)
{
    if (!world->clients[d->client].padded || d->len >= PADDED_LEN)
        return;
    world->stats.padded++;
    while (d->len < PADDED_LEN)
        d->bytes[d->len++] = (uint8_t)rng_next(&world->rng);
}

/* Of the WRITEs where several write, many are not lost but only late: that is
 * where they can do the most harm. */
static bool strays(struct world *world, const struct datagram *d)
{
    const struct volume *volume = &world->disks.volumes[d->volume];

    return !world->weather.calm && d->bytes[0] == BH_PACKET_COMMAND &&
           (d->bytes[4] == BH_OP_WRITE || d->bytes[4] == BH_OP_TRIM ||
            d->bytes[4] == BH_OP_ZERO) &&
           volume->facts.mode == BH_MODE_SHARED &&
           rng_hits(&world->rng, PERCENT(30));
}

void net_send(struct world *world, struct datagram *d, bool to_server)
{
    const struct path *path = &world->clients[d->client].path;
    uint16_t kind = to_server ? EVENT_AT_SERVER : EVENT_AT_CLIENT;
    uint32_t copies = 1;

    pad(world, d);
    while (copies < 4 && rng_hits(&world->rng, path->twice)) {
        copies++;
        world->stats.doubled++;
    }
    while (copies-- > 0) {
        uint64_t at = fate_of(world, path);

        if (at == 0 && to_server && strays(world, d)) {
            world->stats.late++;
            at = world->now_ms + rng_between(&world->rng, 300, 5000);
        }
        if (at == 0)
            continue;
        d->refs++;
        queue_push(&world->queue, at, kind, d->client,
                   (uint32_t)(d - world->net.of));
    }
    drop(world, d);
}

/* What the network promises of requests: see net.h. */
static bool too_late(struct world *world, const struct datagram *d)
{
    const struct client *client = &world->clients[d->client];
    uint16_t id = BH_GET16(d->bytes + 2);

    if (d->bytes[0] == BH_PACKET_CONNECT || d->replay)
        return false;
    if (d->boot != world->node.boot || d->sent_ms < world->net.cut_ms)
        return true;
    if (d->session_boot != d->boot && world->node.ids[id].alive)
        return true;
    if (client->strict || d->request == client->request)
        return false;
    if (client->kind != CLIENT_COUNTING ||
        client->request - d->request >= NET_COUNTING)
        return true;
    return node_proven(world, id) &&
           (id != client->id || !node_counts(world, id));
}

/* And of replies. */
static bool stale(const struct world *world, const struct datagram *d)
{
    const struct client *client = &world->clients[d->client];
    uint32_t age = client->request - d->request;

    if (d->sent_ms < world->net.power_ms)
        return true; /* the register has forgotten what it tells of */
    if (memcmp(&d->peer, &client->peer, sizeof d->peer) != 0)
        return true; /* to a port that nobody listens at any more */
    if (client->kind == CLIENT_STRICT && client->padded && !d->connect &&
        client->op.kind == OP_CONNECT)
        return true;
    if (client->strict)
        return d->connect && (age >= NET_COUNTING || d->request < client->born);
    if (d->request < client->born)
        return true;
    return client->kind == CLIENT_COUNTING ? age >= NET_COUNTING : age > 0;
}

void net_arrived(struct world *world, uint32_t index, bool at_server)
{
    struct datagram *d = &world->net.of[index];

    d->refs--;
    if (at_server ? too_late(world, d) : stale(world, d))
        world->stats.kept_back++;
    else if (at_server)
        node_receive(world, d);
    else
        client_received(world, &world->clients[d->client], d);
    drop(world, d);
}
