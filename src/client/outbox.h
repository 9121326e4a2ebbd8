/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that wait to leave together: one system call for all of them, and
 * one pass through the kernel for neighbours of one length (UDP_SEGMENT).
 * Where the kernel or the device refuses that, they leave one by one, from
 * then on; none is lost by the attempt.
 */
#ifndef BH_CLIENT_OUTBOX_H
#define BH_CLIENT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_OUTBOX_MAX 128u
#define BH_OUTBOX_HEAD_MAX 16u

struct bh_outgoing {
    uint8_t head[BH_OUTBOX_HEAD_MAX]; /* a copy */
    size_t head_len;
    const uint8_t *body; /* borrowed until it has left */
    size_t body_len;
    bool *too_long; /* borrowed as well; NULL: it cannot be */
};

struct bh_outbox {
    bool segments;  /* the kernel is asked to cut */
    bool too_long;  /* there was one such; the caller's to clear */
    const void *to; /* borrowed; NULL: the socket is connected */
    unsigned to_len;
    unsigned count;
    struct bh_outgoing of[BH_OUTBOX_MAX];
};

/* Empty, for the new socket `fd`, which is connected. */
void bh_outbox_start(struct bh_outbox *outbox, int fd);

/* Room for a datagram, to be filled in; NULL: send first. */
struct bh_outgoing *bh_outbox_add(struct bh_outbox *outbox);

/* Sends all. What the socket's path can never carry has its `too_long` set;
 * whatever else goes wrong is loss. 0, or what went wrong last, negative. */
int bh_outbox_send(struct bh_outbox *outbox, int fd);

#endif
