/* SPDX-License-Identifier: MIT */
/*
 * What comes from no client of ours: CONNECTs of long ago, CONNECTs and ids
 * under other names and from other hosts, noise, floods. None of it may end a
 * session, change a sector or be answered twice.
 */
#include "world.h"

#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#include <string.h>

#define STRANGER 0x0B000000u

static struct datagram *strange(struct world *world, uint32_t host)
{
    uint16_t client = (uint16_t)rng_below(&world->rng, CLIENTS);
    struct datagram *d = net_new(world, client);

    memset(&d->peer, 0, sizeof d->peer);
    d->peer.host[0] = 1;
    bh_put32(d->peer.host + 1, host);
    bh_put32(d->peer.port, rng_below(&world->rng, 60000));
    d->replay = true;
    d->volume = world->clients[client].volume;
    memset(d->bytes, 0, 32);
    return d;
}

static uint32_t volumes(const struct world *world)
{
    return world->drives ? VOLUMES : GREEDY_VOLUME + 1;
}

/* A CONNECT that some client sent at some time, from that client's address. */
void hostile_replay(struct world *world)
{
    const struct client *client =
        &world->clients[rng_below(&world->rng, CLIENTS)];
    struct datagram *d = strange(world, 0);

    d->client = client->index;
    d->peer = client->peer;
    d->volume = (uint16_t)rng_below(&world->rng, volumes(world));
    d->bytes[0] = BH_PACKET_CONNECT;
    d->bytes[1] = (uint8_t)rng_next(&world->rng);
    d->bytes[2] = (uint8_t)(client->access | client->exponent |
                            (client->strict ? BH_FLAG_STRICT : 0));
    memcpy(d->bytes + 3, world->disks.volumes[d->volume].facts.name, 4);
    d->len = 7;
    world->stats.old_connects++;
    net_send(world, d, true);
}

/* A third host asks for the same volume, and maybe uses an id that it has
 * overheard. */
void hostile_forge(struct world *world)
{
    const struct client *victim =
        &world->clients[rng_below(&world->rng, CLIENTS)];
    struct datagram *d = strange(world, STRANGER + rng_below(&world->rng, 40));

    d->volume = victim->volume;
    if (victim->id == 0 || rng_hits(&world->rng, PERCENT(50))) {
        d->bytes[0] = BH_PACKET_CONNECT;
        d->bytes[2] = victim->exponent;
        memcpy(d->bytes + 3, world->disks.volumes[victim->volume].facts.name,
               4);
        d->len = 7;
        world->stats.forged_connects++;
    } else {
        d->bytes[0] = rng_hits(&world->rng, PERCENT(80)) ? BH_PACKET_COMMAND
                                                         : BH_PACKET_DISCON;
        d->bytes[1] = (uint8_t)(victim->next);
        bh_put16(d->bytes + 2, victim->id);
        d->bytes[4] = d->bytes[0] == BH_PACKET_COMMAND ? BH_OP_WRITE : 0;
        d->len = DATAGRAM_ROOM;
        world->stats.stolen_ids++;
    }
    net_send(world, d, true);
}

static void wrong_id(struct world *world, struct datagram *d)
{
    const struct client *neighbour = &world->clients[d->client];
    uint16_t id = (uint16_t)rng_next(&world->rng);

    if (world->node.ids[id].alive)
        id = 0;
    if (rng_hits(&world->rng, PERCENT(50)))
        d->peer = neighbour->peer;
    d->bytes[0] =
        (uint8_t)(rng_hits(&world->rng, PERCENT(70)) ? BH_PACKET_COMMAND
                                                     : BH_PACKET_DISCON);
    bh_put16(d->bytes + 2, id);
    d->bytes[4] = (uint8_t)rng_below(&world->rng, 4);
    if (d->bytes[4] == BH_OP_IDENTIFY)
        bh_put32(d->bytes + 5, (uint32_t)BH_IDENTIFY_MAGIC);
    d->len = (uint16_t)rng_between(&world->rng, 3, 160);
    world->stats.wrong_ids++;
}

void hostile_noise(struct world *world)
{
    struct datagram *d = strange(world, STRANGER + rng_below(&world->rng, 40));

    if (rng_hits(&world->rng, PERCENT(50))) {
        wrong_id(world, d);
    } else {
        d->len = (uint16_t)rng_below(&world->rng, 64);
        for (uint32_t i = 0; i < d->len; i++)
            d->bytes[i] = (uint8_t)rng_next(&world->rng);
        if (d->len > 0)
            d->bytes[0] = (uint8_t)rng_below(&world->rng, 7);
        if (d->len > 3 && d->bytes[0] != BH_PACKET_CONNECT)
            bh_put16(d->bytes + 2, 0);
        world->stats.noise++;
    }
    net_send(world, d, true);
}

/* One host sends as much as it can. */
void hostile_flood(struct world *world)
{
    uint32_t count = rng_between(&world->rng, 10, 60);
    uint32_t host = STRANGER + 100 + rng_below(&world->rng, 2);
    bool connects = rng_hits(&world->rng, PERCENT(50));

    world->stats.floods += count;
    while (count-- > 0) {
        struct datagram *d = strange(world, host);

        d->volume = (uint16_t)rng_below(&world->rng, volumes(world));
        if (connects) {
            d->bytes[0] = BH_PACKET_CONNECT;
            d->bytes[1] = (uint8_t)rng_next(&world->rng);
            memcpy(d->bytes + 3, world->disks.volumes[d->volume].facts.name, 4);
            d->len = 7;
        } else {
            d->bytes[0] = BH_PACKET_KEEP;
            d->len = 1;
        }
        net_send(world, d, true);
    }
}
