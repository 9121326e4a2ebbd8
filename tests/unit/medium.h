/* SPDX-License-Identifier: MIT */
/* Reads of one piece from a medium. */
#ifndef BH_UNIT_MEDIUM_H
#define BH_UNIT_MEDIUM_H

#include "volume/medium.h"

static inline int read_at(struct bh_medium *medium, uint64_t offset,
                          void *bytes, size_t len)
{
    struct iovec piece = {bytes, len};

    return medium->ops->read(medium, offset, &piece, 1);
}

static inline int read_now_at(struct bh_medium *medium, uint64_t offset,
                              void *bytes, size_t len)
{
    struct iovec piece = {bytes, len};

    return medium->ops->read_now(medium, offset, &piece, 1);
}

#endif
