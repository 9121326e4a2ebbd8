/* SPDX-License-Identifier: MIT */
#include "daemon/peer.h"

#include "wire/bytes.h"

#include <string.h>

_Static_assert(sizeof(struct bh_route) <= BH_ROUTE_LEN, "a route must fit");

/* bh_peer.host: kind of transport, address, low bits of the scope. */
#define KIND_IP 1
#define AT_ADDRESS 1
#define AT_SCOPE 17

struct bh_path bh_path_make(uint8_t listener, const struct bh_udp_route *udp)
{
    struct bh_route route;
    struct bh_path path;

    memset(&route, 0, sizeof route); /* the padding too: it is copied */
    route.listener = listener;
    route.udp = *udp;
    memset(&path, 0, sizeof path);
    path.peer.host[0] = KIND_IP;
    memcpy(path.peer.host + AT_ADDRESS, &udp->peer, sizeof udp->peer);
    path.peer.host[AT_SCOPE] = (uint8_t)(udp->scope >> 16);
    bh_put16(path.peer.host + AT_SCOPE + 1, (uint16_t)udp->scope);
    bh_put16(path.peer.port, udp->port);
    memcpy(path.route, &route, sizeof route);
    return path;
}

struct bh_route bh_path_route(const uint8_t bytes[BH_ROUTE_LEN])
{
    struct bh_route route;

    memcpy(&route, bytes, sizeof route);
    return route;
}

const char *bh_peer_print(const struct bh_peer *peer,
                          char text[BH_ADDRESS_TEXT_LEN])
{
    struct bh_udp_route route = {.port = BH_GET16(peer->port)};
    struct bh_address address;

    memcpy(&route.peer, peer->host + AT_ADDRESS, sizeof route.peer);
    bh_udp_route_address(&route, &address);
    return bh_address_print(&address, text);
}
