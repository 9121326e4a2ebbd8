/* SPDX-License-Identifier: MIT */
#include "daemon/peer.h"

#include "wire/bytes.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct bh_route) <= BH_ROUTE_LEN, "a route must fit");

/* bh_peer.host: the kind of transport and its address. */
enum { KIND_IPV4 = 1, KIND_IPV6 = 2, KIND_USER = 3, KIND_ETHER = 7 };
#define AT_ADDRESS 1 /* IPv4: 4 bytes; IPv6: 16, of which 8 are the network */
#define AT_SCOPE 17  /* IPv6: low 24 bits of the interface's index */
#define AT_USER 1    /* 4 bytes */
#define AT_MAC 1     /* 6 bytes */
#define AT_NAME 7    /* a hash of the interface's name, 2 bytes, ... */
#define AT_START 9   /* ... and how it begins, for people */

static void put_host(uint8_t *host, const struct bh_udp_route *udp)
{
    if (IN6_IS_ADDR_V4MAPPED(&udp->peer)) {
        host[0] = KIND_IPV4;
        memcpy(host + AT_ADDRESS, &udp->peer.s6_addr[12], 4);
        return;
    }
    host[0] = KIND_IPV6;
    memcpy(host + AT_ADDRESS, &udp->peer, sizeof udp->peer);
    host[AT_SCOPE] = (uint8_t)(udp->scope >> 16);
    bh_put16(host + AT_SCOPE + 1, (uint16_t)udp->scope);
}

struct bh_path bh_path_make(uint8_t listener, const struct bh_udp_route *udp)
{
    struct bh_route route;
    struct bh_path path;

    memset(&route, 0, sizeof route); /* the padding too: it is copied */
    route.listener = listener;
    route.to.udp = *udp;
    memset(&path, 0, sizeof path);
    put_host(path.peer.host, udp);
    bh_put16(path.peer.port, udp->port);
    memcpy(path.route, &route, sizeof route);
    return path;
}

/* FNV-1a (Fowler, Noll, Vo). Whoever finds two names with one hash has deceived
 * himself: the user is another matter. */
static uint32_t hash_name(const void *name, size_t len)
{
    const uint8_t *bytes = name;
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

struct bh_path bh_path_make_local(uint8_t listener,
                                  const struct bh_local_name *name,
                                  uint32_t user)
{
    struct bh_route route;
    struct bh_path path;

    memset(&route, 0, sizeof route);
    route.listener = listener;
    route.to.local.len = name->len;
    memcpy(route.to.local.bytes, name->bytes, name->len);
    memset(&path, 0, sizeof path);
    path.peer.host[0] = KIND_USER;
    bh_put32(path.peer.host + AT_USER, user);
    bh_put32(path.peer.port, hash_name(name->bytes, name->len));
    memcpy(path.route, &route, sizeof route);
    return path;
}

struct bh_path bh_path_make_ether(uint8_t listener,
                                  const uint8_t mac[BH_MAC_LEN],
                                  const char *interface)
{
    size_t len = strlen(interface);
    struct bh_route route;
    struct bh_path path;

    memset(&route, 0, sizeof route);
    route.listener = listener;
    memcpy(route.to.mac, mac, BH_MAC_LEN);
    memset(&path, 0, sizeof path);
    path.peer.host[0] = KIND_ETHER;
    memcpy(path.peer.host + AT_MAC, mac, BH_MAC_LEN);
    bh_put16(path.peer.host + AT_NAME, (uint16_t)hash_name(interface, len));
    if (len > BH_HOST_LEN - AT_START)
        len = BH_HOST_LEN - AT_START;
    memcpy(path.peer.host + AT_START, interface, len);
    memcpy(path.route, &route, sizeof route);
    return path;
}

struct bh_route bh_path_route(const uint8_t bytes[BH_ROUTE_LEN])
{
    struct bh_route route;

    memcpy(&route, bytes, sizeof route);
    return route;
}

static const char *print_user(const struct bh_peer *peer,
                              char text[BH_PEER_TEXT_LEN])
{
    snprintf(text, BH_PEER_TEXT_LEN, "user %lu (%08lx)",
             (unsigned long)BH_GET32(peer->host + AT_USER),
             (unsigned long)BH_GET32(peer->port));
    return text;
}

static const char *print_ether(const struct bh_peer *peer,
                               char text[BH_PEER_TEXT_LEN])
{
    char mac[BH_MAC_TEXT_LEN];

    snprintf(text, BH_PEER_TEXT_LEN, "%s on %.*s",
             bh_mac_print(peer->host + AT_MAC, mac), BH_HOST_LEN - AT_START,
             (const char *)peer->host + AT_START);
    return text;
}

const char *bh_peer_print(const struct bh_peer *peer,
                          char text[BH_PEER_TEXT_LEN])
{
    const uint8_t *at = peer->host + AT_ADDRESS;
    struct bh_udp_route route = {.port = BH_GET16(peer->port)};
    struct bh_address address;

    if (peer->host[0] == KIND_ETHER)
        return print_ether(peer, text);
    if (peer->host[0] == KIND_USER)
        return print_user(peer, text);
    if (peer->host[0] == KIND_IPV4) {
        memset(&route.peer.s6_addr[10], 0xFF, 2);
        memcpy(&route.peer.s6_addr[12], at, 4);
    } else {
        memcpy(&route.peer, at, sizeof route.peer);
        route.scope = (uint32_t)peer->host[AT_SCOPE] << 16 |
                      BH_GET16(peer->host + AT_SCOPE + 1);
    }
    bh_udp_route_address(&route, &address);
    return bh_address_print(&address, text);
}
