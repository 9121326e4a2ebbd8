/* SPDX-License-Identifier: MIT */
/*
 * How the calls of a share (wish.c) have their requests carried out (share.c).
 */
#ifndef BH_CLIENT_SHARE_H
#define BH_CLIENT_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/blockhead.h"

/* What a thread asks of the disk: a start call with its arguments. */
struct bh_wish {
    int (*start)(struct bh_disk *, const struct bh_wish *, void *tag);
    uint64_t offset;
    size_t len;
    void *in;
    const void *out;
    uint32_t lsn, count;
    bool alone; /* nothing else may run */
};

/* Has it carried out, and returns its result when it is over. */
int bh_share_grant(struct bh_share *share, const struct bh_wish *wish,
                   char *error, size_t error_len);

/* The same as long as the share is there. */
uint32_t bh_share_sector_len(const struct bh_share *share);

#endif
