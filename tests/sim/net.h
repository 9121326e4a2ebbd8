/* SPDX-License-Identifier: MIT */
/*
 * The network: datagrams, each on its client's path, which loses, doubles,
 * delays, clogs and parts as the weather says. It keeps the promises that the
 * protocol asks of it and no other:
 *
 *  - nothing but a CONNECT lives as long as an id rests;
 *  - nothing of a session from before a power loss meets one that was given the
 *    same id after it, which no memory can prevent (ids are few here; of a
 *    real server's it is one in 65,536);
 *  - of a client that does not number its requests, nothing is under way when
 *    it sends the next one (docs/design.md, "What the models said");
 *  - of one that counts, nothing is older than NET_COUNTING requests, and
 *    nothing is of an earlier session that lives on beside its present one;
 *  - a machine that was reset is not answered what it had asked before: it
 *    might have used the same number for another volume;
 *  - on a path that pads, a strict client that does not look at IDENTIFY's name
 *    is answered nothing else while it connects.
 */
#ifndef BH_SIM_NET_H
#define BH_SIM_NET_H

#include "core/peer.h"

#include <stdbool.h>
#include <stdint.h>

#define NET_ROOM 16384u
#define DATAGRAM_ROOM 1152u
#define NET_COUNTING 120u

struct world;

struct datagram {
    uint32_t refs;
    uint32_t request;      /* the client's own count of requests */
    uint32_t boot;         /* of the server's table */
    uint32_t session_boot; /* in which its session began */
    uint16_t client, len;
    uint16_t volume;
    bool connect; /* the answer to one */
    bool replay;  /* of a time long gone, or forged: no honest answer to it */
    uint64_t sent_ms;
    uint64_t must;  /* FLUSH, DISCON: serial that has to be stable */
    uint64_t value; /* of its client's op */
    uint32_t disk;  /* to the server: what its client means; of a reply: what
                       its data is from */
    struct bh_peer peer;
    uint8_t bytes[DATAGRAM_ROOM];
};

struct path {
    uint32_t lose, twice, overtake, late, damage; /* shares of 65,536 */
    uint32_t delay_ms, jitter_ms, overtake_ms, late_ms;
    uint64_t clogged_ms, parted_ms; /* until then */
};

struct net {
    struct datagram *of; /* NET_ROOM */
    uint16_t free[NET_ROOM];
    uint32_t free_count;
    uint64_t cut_ms;   /* what was sent before this is gone, CONNECTs apart */
    uint64_t power_ms; /* of the last power loss: replies of before are gone */
};

void net_init(struct world *world);
void net_free(struct world *world);

/* A datagram to fill in and to hand to net_send(). */
struct datagram *net_new(struct world *world, uint16_t client);
void net_send(struct world *world, struct datagram *datagram, bool to_server);

/* It has arrived, or a copy of it. */
void net_arrived(struct world *world, uint32_t index, bool at_server);

#endif
