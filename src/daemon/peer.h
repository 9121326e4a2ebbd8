/* SPDX-License-Identifier: MIT */
/*
 * Between the transports' addresses and the core's opaque peers. A host is an
 * IP address for UDP and TCP, each a kind of its own; a user of this machine
 * for Unix sockets, because the kernel vouches for that and for nothing more;
 * an Ethernet address on an interface, because two networks may each have one
 * such machine; and a serial line, whoever is at its other end.
 */
#ifndef BH_DAEMON_PEER_H
#define BH_DAEMON_PEER_H

#include "core/peer.h"
#include "net/ether_link.h"
#include "net/local.h"
#include "net/udp.h"

/* One of the lines of a listener. */
struct bh_line_route {
    uint16_t index;
    uint32_t life; /* a line that was closed and opened is another one */
};

/* What the driver keeps in bh_path.route. */
struct bh_route {
    uint8_t listener; /* index of the listener */
    union {           /* as its transport is */
        struct bh_udp_route udp;
        struct bh_local_name local;
        struct bh_line_route line;
        uint8_t mac[BH_MAC_LEN];
    } to;
};

#define BH_PEER_TEXT_LEN (BH_ADDRESS_TEXT_LEN + 8u)

struct bh_path bh_path_make(uint8_t listener, const struct bh_udp_route *udp);
struct bh_path bh_path_make_local(uint8_t listener,
                                  const struct bh_local_name *name,
                                  uint32_t user);
struct bh_path bh_path_make_ether(uint8_t listener,
                                  const uint8_t mac[BH_MAC_LEN],
                                  const char *interface);
struct bh_path bh_path_make_serial(uint8_t listener, const char *device);
struct bh_path bh_path_make_tcp(uint8_t listener, const struct bh_address *from,
                                const struct bh_line_route *line);
struct bh_route bh_path_route(const uint8_t route[BH_ROUTE_LEN]);

/* "192.168.1.9:4444", "tcp 192.168.1.9:50000", "52:54:00:12:34:56 on eth0",
 * "line ttyUSB0", "user 1000 (1a2b3c4d)", the latter for the name of its
 * socket. */
const char *bh_peer_print(const struct bh_peer *peer,
                          char text[BH_PEER_TEXT_LEN]);

#endif
