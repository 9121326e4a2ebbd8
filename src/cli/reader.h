/* SPDX-License-Identifier: MIT */
/*
 * A part of a volume, read from its beginning to its end: what comes next is
 * under way while the caller works on what has come.
 */
#ifndef BH_CLI_READER_H
#define BH_CLI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/transfer.h"

#define READER_PIECE_LEN 65536u
#define READER_PIECES 8u

struct reader_piece {
    bool over;
    size_t sectors;
    uint8_t data[READER_PIECE_LEN];
};

struct reader {
    struct transfer *transfer; /* borrowed */
    struct progress *progress; /* borrowed */
    size_t piece_len;          /* bytes of all pieces but the last */
    uint64_t lsn, left;        /* sectors that have not been asked for */
    unsigned first, count;     /* pieces that have, a ring; ... */
    bool in_hand;              /* ... the first is the caller's */
    struct reader_piece pieces[READER_PIECES];
};

/* `sectors` from `lsn` on. `progress` counts the bytes. */
void reader_begin(struct reader *reader, struct transfer *transfer,
                  uint64_t lsn, uint64_t sectors, struct progress *progress);

/* The next piece, the caller's until the next call: so many sectors, 0 after
 * the last. 0, or an error as in transfer.h. */
int reader_next(struct reader *reader, const uint8_t **data, size_t *sectors);

/* Waits for what is under way and will not be wanted. */
void reader_end(struct reader *reader);

#endif
