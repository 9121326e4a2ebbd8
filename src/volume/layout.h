/* SPDX-License-Identifier: MIT */
/* Where in an open file a medium lies, and within it a partition. */
#ifndef BH_VOLUME_LAYOUT_H
#define BH_VOLUME_LAYOUT_H

#include "volume/extent.h"
#include "volume/medium.h"

struct bh_layout {
    uint8_t format;     /* enum bh_format */
    const char *path;   /* its extension counts if that is AUTO */
    unsigned partition; /* 0: all of the medium */
};

/* Narrows `extent`, which is the volume if there is neither header nor
 * partition. `size` is the file's. -EBADMSG: the file contradicts itself;
 * -ENOENT: there is no such partition; both are said in `cause`. Other negative
 * errno values: it cannot be read. */
int bh_layout_read(int fd, const struct bh_layout *layout, uint64_t size,
                   struct bh_extent *extent, char cause[BH_CAUSE_LEN]);

#endif
