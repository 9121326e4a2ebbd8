/* SPDX-License-Identifier: MIT */
/* What disk.c shows to the tests beyond the public header. */
#ifndef BH_CLIENT_DISK_H
#define BH_CLIENT_DISK_H

#include <stdint.h>

#include "client/blockhead.h"

/* A clock other than the system's, in microseconds; `context` is handed to
 * it. For the poll-able form only: the blocking calls sleep in real time. */
void bh_disk_set_clock(struct bh_disk *disk, uint64_t (*now_us)(void *),
                       void *context);

#endif
