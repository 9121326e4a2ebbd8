/* SPDX-License-Identifier: MIT */
/*
 * Many datagrams of one length in one system call: the kernel cuts what is sent
 * into segments (UDP_SEGMENT), and merges what arrives (UDP_GRO). All segments
 * have the same length, but for the last, which may be shorter. This file knows
 * the control messages; what is sent to whom, and what to do where a kernel or
 * a device refuses, is its callers'.
 */
#ifndef BH_NET_SEGMENTS_H
#define BH_NET_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* What the kernel takes at a time: so many segments (all versions do), and so
 * many bytes of them, which fit an IPv4 and an IPv6 datagram. */
#define BH_SEGMENTS_MAX 64u
#define BH_SEGMENTS_LEN_MAX 65487u

/* The most that merged datagrams come to. */
#define BH_SEGMENTS_MERGED_MAX 65535u

/* Bytes of control that either direction needs, beside any others. */
#define BH_SEGMENTS_SPACE CMSG_SPACE(sizeof(int))

/* Whether the kernel knows how to cut at all. One that does not would send the
 * whole as one datagram: ask before the first bh_segments_put(). */
bool bh_segments_known(int fd);

/* Switches merging on. 0 or a negative errno. */
int bh_segments_merge(int fd);

/* Has what `header` sends cut into segments of `len` bytes. The control message
 * goes behind the `msg_controllen` bytes that are there; at `msg_control` is
 * room for BH_SEGMENTS_SPACE more. */
void bh_segments_put(struct msghdr *header, uint16_t len);

/* The length of the segments that were merged into what `header` has received;
 * 0: it is one datagram. */
uint16_t bh_segments_get(const struct msghdr *header);

/* Whether the errno of a send says that the path's device cannot do it, or the
 * kernel will not: the same datagrams may well leave one by one. */
bool bh_segments_refused(int error);

#endif
