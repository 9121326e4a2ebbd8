/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets for a server: datagrams in and out in batches, each answered
 * from the address that it was sent to, never fragmented. What a peer sends or
 * is sent in one go is handed to the kernel in one piece (net/segments.h) where
 * it can do that.
 */
#ifndef BH_NET_UDP_H
#define BH_NET_UDP_H

#include "net/address.h"
#include "wire/protocol.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BH_UDP_BATCH 64u

/* What is merged has room in it. Of most buffers only the first page is ever
 * touched; they are no power of two apart, for the caches' sake. */
#define BH_UDP_BUFFER_LEN (65536u + 64u)

struct bh_udp {
    int fd;
    bool cuts;               /* the kernel cuts what is sent into datagrams */
    int family;              /* AF_INET, or AF_INET6 also for IPv4 */
    struct bh_address local; /* as bound, with the real port */
};

/* From whom, to which of our addresses. IPv4 is mapped into IPv6. */
struct bh_udp_route {
    struct in6_addr peer, local;
    uint32_t scope; /* of a link-local peer: its interface */
    uint16_t port;  /* the peer's, host order */
    uint16_t has_local;
};

/* One datagram, or several of one peer, one behind the other. */
struct bh_datagrams {
    struct bh_udp_route route;
    uint8_t *bytes;
    size_t len;   /* of all */
    size_t piece; /* of each; the last may be shorter */
};

/* Room for one batch to receive. */
struct bh_udp_batch {
    struct bh_datagrams of[BH_UDP_BATCH];
    unsigned count;
    unsigned ready; /* messages that are prepared, and for which family */
    int family;
    struct mmsghdr messages[BH_UDP_BATCH];
    struct iovec vectors[BH_UDP_BATCH];
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } names[BH_UDP_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BH_UDP_BATCH][128];
    uint8_t buffers[BH_UDP_BATCH][BH_UDP_BUFFER_LEN];
};

/* Binds a socket. "*" is one socket for IPv6 and IPv4, or for IPv4 alone where
 * there is no IPv6. 0, or a negative errno value. */
int bh_udp_open(const struct bh_address *local, struct bh_udp *out);
void bh_udp_close(struct bh_udp *udp);

/* Takes what has arrived, without waiting, into batch->of[0..count-1]; what can
 * have no honest sender (our own address, a broadcast or multicast one) is
 * left out. The number of messages taken from the socket, BH_UDP_BATCH if there
 * may be more, or an error. `batch` is zero before its first use. */
int bh_udp_receive(struct bh_udp *udp, struct bh_udp_batch *batch);

/* Sends them, `count` being at most BH_UDP_BATCH, each with pieces of one
 * length. A datagram that cannot be sent is skipped: it counts as lost in the
 * network. False: the kernel or the device does not cut, which has just been
 * found out; all is sent one by one from now on. */
bool bh_udp_send(struct bh_udp *udp, const struct bh_datagrams *datagrams,
                 unsigned count);

/* The longest datagram, in bytes of payload, that reaches the peer whole as far
 * as the routing table knows; 0 if it has no route. */
uint32_t bh_udp_path_len(const struct bh_udp_route *route);

/* The peer of a route. */
void bh_udp_route_address(const struct bh_udp_route *route,
                          struct bh_address *out);

#endif
