/* SPDX-License-Identifier: MIT */
/* The pieces of a read, filled bit by bit. */
#ifndef BH_VOLUME_PIECES_H
#define BH_VOLUME_PIECES_H

#include "volume/medium.h"

#include <stddef.h>

/* What is left of some pieces, which it borrows. */
struct bh_pieces {
    const struct iovec *piece;
    size_t done; /* bytes of it */
};

size_t bh_pieces_len(const struct iovec *pieces, unsigned count);

/* The next `len` bytes, which are there, as pieces of their own; their number.
 * They are left out from then on. */
unsigned bh_pieces_cut(struct bh_pieces *pieces, size_t len,
                       struct iovec out[BH_PIECES_MAX]);

/* Fills the pieces with what stands at `offset` of `len` bytes in memory;
 * -ENODATA if they end before. */
int bh_pieces_copy(const void *bytes, uint64_t len, uint64_t offset,
                   const struct iovec *pieces, unsigned count);

#endif
