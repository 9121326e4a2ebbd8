/* SPDX-License-Identifier: MIT */
/* A socket for machines whose network is simulated: datagrams to and from the
 * server that the test names. */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>

#include <sys/types.h>

void server_open(void);
void server_send(const void *bytes, size_t len);

/* What has arrived, waiting a millisecond for it; 0: nothing. */
size_t server_receive(void *bytes, size_t room);

#endif
