/* SPDX-License-Identifier: MIT */
/* The client's end of a Unix datagram socket. The kernel gives it a name
 * (autobind), which it keeps while the server is another one. */
#ifndef BH_NET_LOCAL_CLIENT_H
#define BH_NET_LOCAL_CLIENT_H

/* A socket that does not block and is connected to the server at `path`, or a
 * negative errno value. */
int bh_local_client_open(const char *path);

/* A server that was started again has another socket at its path: connects to
 * that. 0, or a negative errno value while there is none. */
int bh_local_client_find(int fd, const char *path);

/* How many datagrams wait for a program on this machine; more are lost. */
unsigned bh_local_client_queue(void);

#endif
