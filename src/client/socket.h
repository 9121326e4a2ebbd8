/* SPDX-License-Identifier: MIT */
/*
 * A connected UDP socket: the kernel drops what other peers send, and tells of
 * a port where nobody listens. Datagrams go out with DF set: fragments are
 * lost one by one and some routers lose them all, so that a sector that does
 * not fit is better refused at once.
 */
#ifndef BH_CLIENT_SOCKET_H
#define BH_CLIENT_SOCKET_H

#include "net/address.h"

/* A non-blocking descriptor, closed on exec, or a negative errno. */
int bh_socket_open(const struct bh_address *peer);

#endif
