/* SPDX-License-Identifier: MIT */
/* TCP connections in the place of serial lines: for emulators, and for devices
 * that have serial lines at the other end of a network. */
#ifndef BH_NET_TCP_H
#define BH_NET_TCP_H

#include "net/address.h"

/* Each returns a descriptor that does not block, or a negative errno. */

/* Listens; `*address` becomes what it is bound to. "*" is all addresses of both
 * families, or of IPv4 alone where there is no IPv6. */
int bh_tcp_listen(struct bh_address *address);

/* The next connection, and who it is from. */
int bh_tcp_accept(int fd, struct bh_address *from);

/* Begins to connect; what is sent meanwhile waits. */
int bh_tcp_connect(const struct bh_address *to);

#endif
