/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that have arrived: taken from the socket many at a time, merged by
 * the kernel where it can (UDP_GRO), and handed out one by one.
 */
#ifndef BH_CLIENT_INBOX_H
#define BH_CLIENT_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_inbox;

/* NULL if there is no memory. Pages that no datagram reaches cost none. */
struct bh_inbox *bh_inbox_new(void);

void bh_inbox_free(struct bh_inbox *inbox);

/* Empty, for the new socket `fd`. */
void bh_inbox_start(struct bh_inbox *inbox, int fd);

/* The next datagram: its length, and in `*bytes` where it is until the next
 * call; BH_INBOX_SLACK bytes beyond its end can be read. -EAGAIN if none is
 * there, or what the network reported, negative. */
long bh_inbox_next(struct bh_inbox *inbox, int fd, const uint8_t **bytes);
#define BH_INBOX_SLACK 16u

/* Whether bh_inbox_next() has one without asking the socket. */
bool bh_inbox_holds(const struct bh_inbox *inbox);

#endif
