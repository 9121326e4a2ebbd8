/* SPDX-License-Identifier: MIT */
#include "cli/reader.h"

#include "cli/progress.h"
#include "client/blockhead.h"

static unsigned window(const struct reader *reader)
{
    return bh_disk_info(reader->transfer->disk)->window;
}

/* One sector at a time where that is all there can be: the progress of a slow
 * line is then seen. */
void reader_begin(struct reader *reader, struct transfer *transfer,
                  uint64_t lsn, uint64_t sectors, struct progress *progress)
{
    reader->transfer = transfer;
    reader->progress = progress;
    reader->piece_len =
        window(reader) == 1 ? transfer->sector_len : READER_PIECE_LEN;
    reader->lsn = lsn;
    reader->left = sectors;
    reader->first = 0;
    reader->count = 0;
    reader->in_hand = false;
}

static int start_one(struct reader *reader)
{
    const unsigned at = (reader->first + reader->count) % READER_PIECES;
    const size_t most = reader->piece_len / reader->transfer->sector_len;
    struct reader_piece *piece = &reader->pieces[at];
    int result;

    piece->over = false;
    piece->sectors = reader->left < most ? (size_t)reader->left : most;
    result =
        bh_disk_start_read_run(reader->transfer->disk, (uint32_t)reader->lsn,
                               (uint32_t)piece->sectors, piece->data, piece);
    if (result != 0)
        return result;
    reader->lsn += piece->sectors;
    reader->left -= piece->sectors;
    reader->count++;
    return 0;
}

static int start_some(struct reader *reader)
{
    const unsigned width = window(reader);
    const unsigned most = width < READER_PIECES ? width : READER_PIECES;
    int result = 0;

    while (reader->count < most && reader->left > 0 && result == 0)
        result = start_one(reader);
    return result;
}

/* Takes back what is over, up to the first failure. */
static int take_back(struct reader *reader)
{
    struct reader_piece *piece;
    struct bh_done done;

    while (bh_disk_next(reader->transfer->disk, &done)) {
        if (done.result != 0)
            return done.result;
        piece = done.tag;
        piece->over = true;
        progress_advance(reader->progress,
                         piece->sectors * reader->transfer->sector_len);
    }
    return 0;
}

static void put_down(struct reader *reader)
{
    if (!reader->in_hand)
        return;
    reader->first = (reader->first + 1) % READER_PIECES;
    reader->count--;
    reader->in_hand = false;
}

int reader_next(struct reader *reader, const uint8_t **data, size_t *sectors)
{
    const struct reader_piece *piece;
    int result = 0;

    *sectors = 0;
    put_down(reader);
    for (;;) {
        result = start_some(reader);
        bh_disk_process(reader->transfer->disk);
        if (result == 0)
            result = take_back(reader);
        if (result != 0)
            return transfer_settle(reader->transfer, result);
        if (reader->count == 0)
            return 0;
        piece = &reader->pieces[reader->first];
        if (piece->over)
            break;
        result = transfer_wait(reader->transfer, reader->progress);
        if (result != 0)
            return result;
    }
    reader->in_hand = true;
    *data = piece->data;
    *sectors = piece->sectors;
    return 0;
}

void reader_end(struct reader *reader)
{
    struct bh_done done;

    transfer_settle(reader->transfer, 0);
    while (bh_disk_next(reader->transfer->disk, &done))
        continue;
}
