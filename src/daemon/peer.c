/* SPDX-License-Identifier: MIT */
#include "daemon/peer.h"

#include "wire/bytes.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct bh_route) <= BH_ROUTE_LEN, "a route must fit");

/* bh_peer.host: the kind of transport and its address. */
enum {
    KIND_IPV4 = 1,
    KIND_IPV6 = 2,
    KIND_USER = 3,
    KIND_LINE = 4,
    KIND_TCP4 = 5,
    KIND_TCP6 = 6,
    KIND_ETHER = 7
};
#define AT_ADDRESS 1 /* IPv4: 4 bytes; IPv6: 16, of which 8 are the network */
#define AT_SCOPE 17  /* IPv6: low 24 bits of the interface's index */
#define AT_USER 1    /* 4 bytes */
#define AT_DEVICE 1  /* a hash of its path, 8 bytes, ... */
#define AT_TAIL 9    /* ... and the end of that, for people */
#define TAIL_LEN (BH_HOST_LEN - AT_TAIL)
#define AT_MAC 1   /* 6 bytes */
#define AT_NAME 7  /* a hash of the interface's name, 2 bytes, ... */
#define AT_START 9 /* ... and how it begins, for people */

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
static uint64_t hash(const void *name, size_t len)
{
    const uint8_t *bytes = name;
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum;
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
    bh_put32(path.peer.port, (uint32_t)hash(name->bytes, name->len));
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
    bh_put16(path.peer.host + AT_NAME, (uint16_t)hash(interface, len));
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

struct bh_path bh_path_make_serial(uint8_t listener, const char *device)
{
    size_t len = strlen(device), tail = len < TAIL_LEN ? len : TAIL_LEN;
    struct bh_route route;
    struct bh_path path;

    memset(&route, 0, sizeof route);
    route.listener = listener;
    memset(&path, 0, sizeof path);
    path.peer.host[0] = KIND_LINE;
    bh_put64(path.peer.host + AT_DEVICE, hash((const uint8_t *)device, len));
    memcpy(path.peer.host + AT_TAIL, device + len - tail, tail);
    memcpy(path.route, &route, sizeof route);
    return path;
}

static void map_address(const struct bh_address *address,
                        struct bh_udp_route *out)
{
    memset(out, 0, sizeof *out);
    out->port = bh_address_port(address);
    if (address->u.any.sa_family == AF_INET) {
        memset(&out->peer.s6_addr[10], 0xFF, 2);
        memcpy(&out->peer.s6_addr[12], &address->u.v4.sin_addr, 4);
    } else {
        out->peer = address->u.v6.sin6_addr;
        out->scope = address->u.v6.sin6_scope_id;
    }
}

/* The host is that of the address, so that a session goes on in the next
 * connection. */
struct bh_path bh_path_make_tcp(uint8_t listener, const struct bh_address *from,
                                const struct bh_line_route *line)
{
    struct bh_udp_route mapped;
    struct bh_route route;
    struct bh_path path;

    map_address(from, &mapped);
    path = bh_path_make(listener, &mapped);
    path.peer.host[0] = path.peer.host[0] == KIND_IPV4 ? KIND_TCP4 : KIND_TCP6;
    memset(&route, 0, sizeof route);
    route.listener = listener;
    route.to.line = *line;
    memcpy(path.route, &route, sizeof route);
    return path;
}

static const char *print_line(const struct bh_peer *peer,
                              char text[BH_PEER_TEXT_LEN])
{
    char tail[TAIL_LEN + 1] = "";
    const char *name = tail;

    memcpy(tail, peer->host + AT_TAIL, TAIL_LEN);
    if (strncmp(name, "/dev/", 5) == 0)
        name += 5;
    else if (strncmp(name, "dev/", 4) == 0)
        name += 4;
    snprintf(text, BH_PEER_TEXT_LEN, "line %s", name);
    return text;
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

static void print_address(const struct bh_peer *peer, bool ipv4,
                          char text[BH_ADDRESS_TEXT_LEN])
{
    const uint8_t *at = peer->host + AT_ADDRESS;
    struct bh_udp_route route = {.port = BH_GET16(peer->port)};
    struct bh_address address;

    if (ipv4) {
        memset(&route.peer.s6_addr[10], 0xFF, 2);
        memcpy(&route.peer.s6_addr[12], at, 4);
    } else {
        memcpy(&route.peer, at, sizeof route.peer);
        route.scope = (uint32_t)peer->host[AT_SCOPE] << 16 |
                      BH_GET16(peer->host + AT_SCOPE + 1);
    }
    bh_udp_route_address(&route, &address);
    bh_address_print(&address, text);
}

const char *bh_peer_print(const struct bh_peer *peer,
                          char text[BH_PEER_TEXT_LEN])
{
    uint8_t kind = peer->host[0];

    if (kind == KIND_ETHER)
        return print_ether(peer, text);
    if (kind == KIND_USER)
        return print_user(peer, text);
    if (kind == KIND_LINE)
        return print_line(peer, text);
    if (kind == KIND_TCP4 || kind == KIND_TCP6) {
        strcpy(text, "tcp ");
        print_address(peer, kind == KIND_TCP4, text + 4);
    } else {
        print_address(peer, kind == KIND_IPV4, text);
    }
    return text;
}
