/* SPDX-License-Identifier: MIT */
/*
 * Writes and trims here and there in a volume: many are under way while the
 * caller looks for what comes next.
 */
#ifndef BH_CLI_WRITER_H
#define BH_CLI_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "cli/transfer.h"

#define WRITER_PIECE_LEN 65536u
#define WRITER_PIECES 16u

struct writer_piece {
    size_t sectors;
    uint8_t data[WRITER_PIECE_LEN];
};

struct writer {
    struct transfer *transfer; /* borrowed */
    struct progress *progress; /* borrowed; counts bytes that are written */
    unsigned most;             /* pieces under way at a time */
    unsigned idle;             /* of `unused` */
    struct writer_piece *unused[WRITER_PIECES];
    struct writer_piece pieces[WRITER_PIECES];
};

void writer_begin(struct writer *writer, struct transfer *transfer,
                  struct progress *progress);

/* Each of these returns 0, perhaps before it is done, or an error as in
 * transfer.h, perhaps of one before. */

/* At most WRITER_PIECE_LEN bytes, which are copied. */
int writer_write(struct writer *writer, uint64_t lsn, size_t count,
                 const uint8_t *data);

/* They read as zeros from now on. */
int writer_trim(struct writer *writer, uint64_t lsn, size_t count);

/* Waits until all of it is done. */
int writer_end(struct writer *writer);

#endif
