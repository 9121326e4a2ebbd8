/* SPDX-License-Identifier: MIT */
/*
 * The way to one server and back: a connected socket, the round trips measured
 * on it, and the datagram that came last. It refuses to know what a datagram
 * says, and how many are under way.
 *
 * First contact: a host may have several addresses, of which some lead
 * nowhere (an AAAA record without an IPv6 route, a server that listens on one
 * family). Until the first answer each time-out goes on to the next address,
 * and a refusal does so at once. From the first answer on the peer and the
 * local port stay, because the server takes them for the client's identity.
 *
 * A serial line has no address, and a connection in its place breaks when the
 * server is started again: it is opened anew whenever something is to be sent.
 *
 * What the network reports (port unreachable, no route) is a lost datagram and
 * no more: a server that is being restarted looks just like that. It is
 * remembered only to name the reason when the time is over.
 */
#ifndef BH_CLIENT_PATH_H
#define BH_CLIENT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/blockhead.h"
#include "client/inbox.h"
#include "client/outbox.h"
#include "client/rto.h"
#include "net/address.h"
#include "net/ether_link.h"
#include "net/line.h"
#include "net/place.h"
#include "tiny/tiny.h"

#define BH_PATH_PEERS_MAX 8u

struct bh_path {
    int fd; /* owned; -1: none */
    enum bh_url_kind kind;
    struct bh_place place; /* of what has no host: a socket, a device */
    struct bh_line *line;  /* owned; NULL where datagrams are the kernel's; its
                              descriptor is `fd` */
    struct bh_rto rto;
    struct bh_address peers[BH_PATH_PEERS_MAX];
    size_t peer_count;
    size_t peer_at;       /* the one that `fd` is connected to */
    bool settled;         /* that peer has answered */
    int trouble;          /* what the network last reported; 0: nothing */
    uint64_t sent_us;     /* when anything last left */
    uint64_t measured_us; /* when a round trip was last measured */
    uint64_t requests;    /* counters, as in struct bh_stats */
    uint64_t retransmissions;
    uint64_t strays;
    uint16_t datagram_len;
    const uint8_t *datagram; /* the last one received, in the inbox */
    struct bh_inbox *inbox;  /* owned; NULL without a socket */
    struct sockaddr_ll
        server; /* on an Ethernet, whose sockets do not connect */
    struct bh_outbox outbox;
};

/* Without a socket. Counters start at 0. */
void bh_path_init(struct bh_path *path);

/* Looks the host of `url` up and opens a socket to its first address, or to
 * what else it names. 0, or a negative
 * errno with its reason in `*why` (static; NULL: strerror() knows). Blocks
 * while the resolver does. */
int bh_path_open(struct bh_path *path, const struct bh_url *url,
                 const char **why);

/* What waits to leave does so. */
void bh_path_close(struct bh_path *path);

/* Whether the next address may be tried instead of this one. */
bool bh_path_may_move(const struct bh_path *path);

/* Goes on to the next address that takes a socket. A negative errno if none
 * does; then everything is as before. */
int bh_path_move(struct bh_path *path);

/* Has what `tiny` holds leave with the next bh_path_flush():
 * a copy of it, but for the body, which is borrowed until then. `*too_long`,
 * borrowed too, is set if this path can never carry it: whatever else goes
 * wrong is loss. */
void bh_path_send(struct bh_path *path, const struct bh_tiny *tiny,
                  bool *too_long, uint64_t now_us);

/* Likewise with `len` bytes, 16 at most, that are no more than that. */
void bh_path_send_bytes(struct bh_path *path, const uint8_t *bytes, size_t len,
                        uint64_t now_us);

/* Sends what waits for it. */
void bh_path_flush(struct bh_path *path);

/* Takes one datagram: `datagram` is it until the next call. 0, -EAGAIN if none
 * is there, or what the network reported, negative. */
int bh_path_receive(struct bh_path *path);

/* Whether one is there that makes the descriptor no more readable. */
bool bh_path_holds(const struct bh_path *path);

/* How many of `window` requests for sectors of this length may be under way at
 * most on such a path. It waits for answers accordingly from now on. */
unsigned bh_path_window(struct bh_path *path, unsigned window,
                        uint32_t sector_len);

/* After so many milliseconds something ought to be sent that could not be until
 * now; UINT64_MAX: nothing. */
uint64_t bh_path_wait_ms(const struct bh_path *path);

/* What a negative errno means on such a path, and what to do (static); NULL:
 * the same as on others. */
const char *bh_path_explain(const struct bh_path *path, int error);

/* What to tell of silence: what the network reported, else -ETIMEDOUT. */
int bh_path_silence(const struct bh_path *path);

#endif
