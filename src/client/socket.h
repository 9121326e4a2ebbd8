/* SPDX-License-Identifier: MIT */
/*
 * A connected UDP socket: the kernel drops what other peers send, and tells of
 * a port where nobody listens. Datagrams go out with DF set: fragments are
 * lost one by one and some routers lose them all, so that a sector that does
 * not fit is better refused at once.
 */
#ifndef BH_CLIENT_SOCKET_H
#define BH_CLIENT_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/* A non-blocking descriptor, closed on exec, or a negative errno. */
int bh_socket_open(const struct bh_address *peer);

/* One datagram of two pieces. 0 or a negative errno. */
int bh_socket_send(int fd, const void *head, size_t head_len, const void *body,
                   size_t body_len);

/* One datagram into two pieces; what fits neither is dropped. Its true length,
 * -EAGAIN if none is there, or what the network reported, negative. */
long bh_socket_receive(int fd, void *head, size_t head_len, void *body,
                       size_t body_len);

#endif
