/* SPDX-License-Identifier: MIT */
/*
 * One request and its answer over UDP: a tiny client, the socket that carries
 * it, and the measured time-out that drives it. What a status means is the
 * caller's, but for BUSY (16) in a strict session: then the same datagram goes
 * out again when the server wants it, and BUSY is the answer only if the
 * deadline comes first.
 *
 * One request is under way. A strict session allows as many as its window;
 * each will need a tiny of its own, with this number in common.
 *
 * First contact: a host may have several addresses, of which some lead
 * nowhere (an AAAA record without an IPv6 route, a server that listens on one
 * family). Until the first answer each time-out goes on to the next address,
 * and a refusal does so at once. From the first answer on the peer and the
 * local port stay, because the server takes them for the client's identity.
 *
 * What the network reports (port unreachable, no route) is a lost datagram and
 * no more: a server that is being restarted looks just like that. It is
 * remembered only to name the reason when the deadline comes.
 */
#ifndef BH_CLIENT_EXCHANGE_H
#define BH_CLIENT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/rto.h"
#include "net/address.h"
#include "tiny/tiny.h"

#define BH_EXCHANGE_PEERS_MAX 8u

struct bh_exchange {
    struct bh_tiny tiny;
    struct bh_rto rto;
    int fd; /* owned; -1: none */
    struct bh_address peers[BH_EXCHANGE_PEERS_MAX];
    size_t peer_count;
    size_t peer_at;  /* the one that `fd` is connected to */
    bool settled;    /* that peer has answered */
    size_t refusals; /* since the last timed transmission */
    void *data;      /* for the answer's data; borrowed, may be NULL */
    size_t data_len;
    bool measured; /* the round trip tells of the path */
    bool resent;
    bool held; /* the server is busy: to be sent again at `resume_us` */
    uint64_t resume_us;
    int trouble; /* what the network last reported; 0: nothing */
    uint64_t sent_us;
    uint64_t deadline_us;
    uint32_t rtt_us;   /* of the last answer */
    uint64_t requests; /* counters, as in struct bh_stats */
    uint64_t retransmissions;
    uint64_t strays;
};

/* Without a socket; the first seq is random. Counters start at 0. */
void bh_exchange_init(struct bh_exchange *exchange);

/* Looks the host up and opens a socket to its first address. 0, or a negative
 * errno with its reason in `*why` (static; NULL: strerror() knows). Blocks
 * while the resolver does. */
int bh_exchange_open(struct bh_exchange *exchange, const char *host,
                     uint16_t port, const char **why);

void bh_exchange_close(struct bh_exchange *exchange);

/*
 * Sends the request that a bh_tiny_ call has just set up in `tiny`. The data
 * of its answer goes to `data`, which until then may hold anything. `quick`:
 * the server answers from memory or disk at once, so that the round trip
 * counts; FLUSH and DISCON take as long as storage takes. 0, or a negative
 * errno if the datagram can never be sent.
 */
int bh_exchange_begin(struct bh_exchange *exchange, void *data, size_t data_len,
                      bool quick, uint64_t now_us, uint64_t deadline_us);

/* Takes what has arrived, sends what is due. -EINPROGRESS; 0 if the answer is
 * there (`tiny.status`); another negative errno if there is none to come. */
int bh_exchange_step(struct bh_exchange *exchange, uint64_t now_us);

/* Milliseconds until bh_exchange_step() has something to do. */
int bh_exchange_wait_ms(const struct bh_exchange *exchange, uint64_t now_us);

/* Sends what `tiny` holds once and hopes: a farewell. */
void bh_exchange_fire(struct bh_exchange *exchange);

/* Reads and drops what has arrived for nobody. */
void bh_exchange_drain(struct bh_exchange *exchange);

#endif
