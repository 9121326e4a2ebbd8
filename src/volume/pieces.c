/* SPDX-License-Identifier: MIT */
#include "volume/pieces.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

size_t bh_pieces_len(const struct iovec *pieces, unsigned count)
{
    size_t len = 0;

    for (unsigned i = 0; i < count; i++)
        len += pieces[i].iov_len;
    return len;
}

unsigned bh_pieces_cut(struct bh_pieces *pieces, size_t len,
                       struct iovec out[BH_PIECES_MAX])
{
    unsigned count = 0;

    while (len > 0) {
        size_t left = pieces->piece->iov_len - pieces->done;
        size_t part = left < len ? left : len;

        if (part > 0)
            out[count++] = (struct iovec){
                (uint8_t *)pieces->piece->iov_base + pieces->done, part};
        pieces->done += part;
        len -= part;
        if (pieces->done == pieces->piece->iov_len) {
            pieces->piece++;
            pieces->done = 0;
        }
    }
    return count;
}

int bh_pieces_copy(const void *bytes, uint64_t len, uint64_t offset,
                   const struct iovec *pieces, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t part = pieces[i].iov_len;

        if (offset > len || len - offset < part)
            return -ENODATA;
        memcpy(pieces[i].iov_base, (const uint8_t *)bytes + offset, part);
        offset += part;
    }
    return 0;
}
