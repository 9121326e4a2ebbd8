/* SPDX-License-Identifier: MIT */
/* Raw Ethernet for a server: frames in and out in batches. */
#ifndef BH_NET_ETHER_H
#define BH_NET_ETHER_H

#include "net/ether_link.h"
#include "wire/protocol.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BH_ETHER_BATCH 64u

struct bh_ether_frame {
    uint8_t from[BH_MAC_LEN];
    uint8_t *bytes;
    size_t len;
};

struct bh_ether_batch {
    struct bh_ether_frame of[BH_ETHER_BATCH];
    unsigned count;
    struct mmsghdr messages[BH_ETHER_BATCH];
    struct iovec vectors[BH_ETHER_BATCH];
    struct sockaddr_ll names[BH_ETHER_BATCH];
    uint8_t buffers[BH_ETHER_BATCH][BH_DATAGRAM_MAX_LEN];
};

/* Frames on their way out, whose bytes are borrowed. */
struct bh_ether_outbox {
    unsigned count;
    struct mmsghdr messages[BH_ETHER_BATCH];
    struct iovec vectors[BH_ETHER_BATCH];
    struct sockaddr_ll names[BH_ETHER_BATCH];
};

struct bh_ether {
    struct bh_ether_link link;
    struct bh_ether_batch *batch; /* owned */
    struct bh_ether_outbox out;
};

/* A server's socket; also -ENOMEM. `*out` is zero before its first use. */
int bh_ether_open(const char *interface, struct bh_ether *out);
void bh_ether_close(struct bh_ether *ether);

/* Takes what has arrived, without waiting, into batch->of[0..count-1]; what can
 * have no honest sender is left out. How many frames were taken, or a negative
 * errno value: the interface is gone or down. */
int bh_ether_receive(struct bh_ether *ether);

/* Has `count` datagrams of `len` bytes, one behind the other, leave with the
 * next flush. What the interface has no room for is lost. */
void bh_ether_send(struct bh_ether *ether, const uint8_t to[BH_MAC_LEN],
                   uint8_t *bytes, size_t len, unsigned count);
void bh_ether_flush(struct bh_ether *ether);

#endif
