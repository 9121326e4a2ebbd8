/* SPDX-License-Identifier: MIT */
/*
 * Datagrams in and out in batches, with and without segmentation offload, for
 * the load generator and the echoes alike: both ends of a benchmark make the
 * same system calls.
 */
#ifndef BENCH_UDP_H
#define BENCH_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define UDP_BATCH 64u
#define UDP_PAYLOAD_MAX 65507u /* what one send may bring */

union udp_control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

struct udp_in {
    bool gro;
    unsigned used; /* messages of the last batch */
    size_t buffer_len;
    uint8_t *buffers;
    struct mmsghdr messages[UDP_BATCH];
    struct iovec vectors[UDP_BATCH];
    struct sockaddr_in peers[UDP_BATCH];
    union udp_control control[UDP_BATCH];
};

/* Bytes to be sent to one peer: one datagram, or several of `segment` bytes of
 * which the last may be shorter. */
struct udp_send {
    const struct sockaddr_in *peer; /* NULL: the connected one */
    const uint8_t *bytes;
    size_t len;
    uint16_t segment; /* 0: one datagram */
};

/* Room for datagrams of up to `datagram_len` bytes; named: with their senders.
 * Exits without memory. */
void udp_in_init(struct udp_in *in, size_t datagram_len, bool gro, bool named);

/* Waits for a first one, takes at most `max`. The number of messages; 0 when
 * the socket's time-out is over. */
unsigned udp_receive(int fd, struct udp_in *in, unsigned max);

/* The segment size of a message: its whole length if it is one datagram. */
size_t udp_segment_of(const struct udp_in *in, unsigned message);

/* What cannot be sent is lost. At most 2 * UDP_BATCH. */
void udp_send(int fd, const struct udp_send *sends, unsigned count);

/* A socket with large buffers, UDP_GRO if asked for, and a time-out of its
 * receiver (0: none). Exits with a sentence if it cannot be had. */
int udp_socket(bool gro, unsigned timeout_ms);

#endif
