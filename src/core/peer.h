/* SPDX-License-Identifier: MIT */
/*
 * Who sent a datagram, and the way back to him. Both are opaque bytes from the
 * transport; this layer compares peers and looks into neither.
 */
#ifndef BH_CORE_PEER_H
#define BH_CORE_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BH_HOST_LEN 20u
#define BH_NETWORK_LEN 9u
#define BH_PORT_LEN 4u
#define BH_ROUTE_LEN 56u

struct bh_peer {
    uint8_t host[BH_HOST_LEN]; /* one machine or line. Its first byte tells the
                                  kinds of transport apart; its first
                                  BH_NETWORK_LEN bytes are the same for all
                                  hosts that one owner may have at will, such
                                  as an IPv6 network of 64 bits */
    uint8_t port[BH_PORT_LEN]; /* one program on it */
};

/* Where a request came from. The reply carries a copy of it. */
struct bh_path {
    struct bh_peer peer;
    uint8_t route[BH_ROUTE_LEN]; /* socket and addresses: the driver's own */
};

static inline bool bh_peer_same_host(const struct bh_peer *a,
                                     const struct bh_peer *b)
{
    return memcmp(a->host, b->host, BH_HOST_LEN) == 0;
}

static inline bool bh_peer_same(const struct bh_peer *a,
                                const struct bh_peer *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* bytes alone: without padding */
}

#endif
