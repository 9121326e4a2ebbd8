/* SPDX-License-Identifier: MIT */
/* Opening Blockhead sessions, one request at a time. */
#ifndef BENCH_CONNECT_H
#define BENCH_CONNECT_H

#include "options.h"

#include <stdint.h>

/* What a session is told by IDENTIFY. */
struct connected {
    uint16_t id;
    uint32_t next; /* number of its next request */
    uint64_t sectors;
    uint16_t window;
    uint32_t features;
};

/* A socket of a lane's address to the target; port 0: any. */
int connect_socket(const struct options *options, unsigned lane, uint16_t port);

/* Connects and proves a session over the socket. Exits if it is refused. */
void connect_session(const struct options *options, int fd,
                     struct connected *out);

/* Ends it. */
void connect_end(const struct options *options, int fd, uint16_t id,
                 uint32_t number);

#endif
