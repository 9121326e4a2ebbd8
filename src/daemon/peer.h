/* SPDX-License-Identifier: MIT */
/* Between the transports' addresses and the core's opaque peers. */
#ifndef BH_DAEMON_PEER_H
#define BH_DAEMON_PEER_H

#include "core/peer.h"
#include "net/udp.h"

/* What the driver keeps in bh_path.route. */
struct bh_route {
    uint8_t listener; /* index of the socket */
    struct bh_udp_route udp;
};

struct bh_path bh_path_make(uint8_t listener, const struct bh_udp_route *udp);
struct bh_route bh_path_route(const uint8_t route[BH_ROUTE_LEN]);

const char *bh_peer_print(const struct bh_peer *peer,
                          char text[BH_ADDRESS_TEXT_LEN]);

#endif
