/* SPDX-License-Identifier: MIT */
#ifndef BH_PORTS_POSIX_UDP_H
#define BH_PORTS_POSIX_UDP_H

/* The server, as getaddrinfo() takes it: 0, or -1. */
int bh_udp_open(const char *host, const char *port);

#endif
