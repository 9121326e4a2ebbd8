/* SPDX-License-Identifier: MIT */
#include "cli/writer.h"

#include <string.h>

#include "cli/progress.h"
#include "client/blockhead.h"

void writer_begin(struct writer *writer, struct transfer *transfer,
                  struct progress *progress)
{
    const unsigned window = bh_disk_info(transfer->disk)->window;

    writer->transfer = transfer;
    writer->progress = progress;
    writer->most = window < WRITER_PIECES ? window : WRITER_PIECES;
    writer->idle = WRITER_PIECES;
    for (unsigned i = 0; i < WRITER_PIECES; i++)
        writer->unused[i] = &writer->pieces[i];
}

static unsigned under_way(const struct writer *writer)
{
    return WRITER_PIECES - writer->idle;
}

/* Takes back what is over, up to the first failure. */
static int take_back(struct writer *writer)
{
    struct writer_piece *piece;
    struct bh_done done;

    while (bh_disk_next(writer->transfer->disk, &done)) {
        if (done.result != 0)
            return done.result;
        piece = done.tag;
        writer->unused[writer->idle++] = piece;
        progress_advance(writer->progress,
                         piece->sectors * writer->transfer->sector_len);
    }
    return 0;
}

/* Until there are fewer under way. */
static int wait_for(struct writer *writer, unsigned fewer)
{
    struct transfer *transfer = writer->transfer;
    int result = 0;

    while (under_way(writer) >= fewer && result == 0) {
        bh_disk_process(transfer->disk); /* what was started leaves */
        result = take_back(writer);
        if (result != 0)
            return transfer_settle(transfer, result);
        if (under_way(writer) >= fewer)
            result = transfer_wait(transfer, writer->progress);
    }
    return result;
}

static int started(struct writer *writer, size_t count, int result)
{
    if (result != 0)
        return transfer_settle(writer->transfer, result);
    writer->unused[--writer->idle]->sectors = count;
    return 0;
}

int writer_write(struct writer *writer, uint64_t lsn, size_t count,
                 const uint8_t *data)
{
    struct writer_piece *piece;
    int result = wait_for(writer, writer->most);

    if (result != 0)
        return result;
    piece = writer->unused[writer->idle - 1];
    memcpy(piece->data, data, count * writer->transfer->sector_len);
    return started(writer, count,
                   bh_disk_start_write_run(writer->transfer->disk,
                                           (uint32_t)lsn, (uint32_t)count,
                                           piece->data, piece));
}

int writer_trim(struct writer *writer, uint64_t lsn, size_t count)
{
    int result = wait_for(writer, writer->most);

    if (result != 0)
        return result;
    return started(writer, count,
                   bh_disk_start_trim(writer->transfer->disk, (uint32_t)lsn,
                                      (uint32_t)count,
                                      writer->unused[writer->idle - 1]));
}

int writer_end(struct writer *writer)
{
    return wait_for(writer, 1);
}
