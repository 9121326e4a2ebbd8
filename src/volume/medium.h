/* SPDX-License-Identifier: MIT */
/*
 * A medium: something open that holds a volume's bytes. Back ends are files,
 * memory, and the listing that `:list` reads.
 *
 * Calls on one medium may come from several threads at once, except lock and
 * close, which run alone. Errors are negative errno values; -ENODATA means
 * that the medium ended before the last byte.
 */
#ifndef BH_VOLUME_MEDIUM_H
#define BH_VOLUME_MEDIUM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct bh_medium;

/* Who is in the way, and why: for the log. */
#define BH_CAUSE_LEN 200u

/* Sectors that one READ job brings. */
#define BH_PIECES_MAX 64u

struct bh_medium_ops {
    /* Fills `count` pieces, at most BH_PIECES_MAX, from `offset` on, or an
     * error. */
    int (*read)(struct bh_medium *medium, uint64_t offset,
                const struct iovec *pieces, unsigned count);
    /* The same if it needs no waiting, else -EAGAIN. */
    int (*read_now)(struct bh_medium *medium, uint64_t offset,
                    const struct iovec *pieces, unsigned count);
    int (*write)(struct bh_medium *medium, uint64_t offset, const uint8_t *data,
                 uint32_t len);
    /* The same if it is not likely to wait, else -EAGAIN. NULL: it always is.
     * Only one thread calls it. */
    int (*write_now)(struct bh_medium *medium, uint64_t offset,
                     const uint8_t *data, uint32_t len);
    /* Makes `len` bytes zero. `trim`: their space may be given back. -ENOTSUP,
     * and NULL: zeros have to be written. */
    int (*zero)(struct bh_medium *medium, uint64_t offset, uint64_t len,
                bool trim);
    /* Returns when every finished write is on stable storage. */
    int (*sync)(struct bh_medium *medium);
    /* Holds the medium against other programs as `access` (enum bh_access)
     * needs it; -EAGAIN if another one holds it, said in `cause`. */
    int (*lock)(struct bh_medium *medium, uint8_t access,
                char cause[BH_CAUSE_LEN]);
    void (*close)(struct bh_medium *medium);
    /* A number that changes when anybody writes to it; 0: it has none. */
    uint64_t (*version)(struct bh_medium *medium);
};

struct bh_medium {
    const struct bh_medium_ops *ops;
    uint64_t byte_count; /* its length when it was opened */
};

#endif
