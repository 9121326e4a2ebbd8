/* SPDX-License-Identifier: MIT */
#include "cli/transfer.h"

#include <errno.h>
#include <poll.h>

#include "cli/progress.h"
#include "client/blockhead.h"

#define TICK_MS 100

/* Waits for the request that `started` began, if it did. */
static int finish(struct transfer *transfer, int started,
                  struct progress *progress)
{
    int result;

    if (started != 0)
        return started;
    while ((result = bh_disk_process(transfer->disk)) == -EINPROGRESS) {
        int wait_ms = bh_disk_wait_ms(transfer->disk);

        if (progress != NULL) {
            progress_tick(progress);
            if (wait_ms < 0 || wait_ms > TICK_MS)
                wait_ms = TICK_MS;
        }
        result = interrupt_poll(transfer->interrupt, bh_disk_fd(transfer->disk),
                                POLLIN, wait_ms);
        if (result != 0)
            return result;
    }
    return result;
}

static void moved(struct transfer *transfer, struct progress *progress)
{
    if (progress != NULL)
        progress_advance(progress, transfer->sector_len);
}

int transfer_read(struct transfer *transfer, uint64_t lsn, size_t count,
                  uint8_t *data, struct progress *progress)
{
    for (; count > 0; count--) {
        int result = finish(
            transfer, bh_disk_start_read(transfer->disk, (uint32_t)lsn, data),
            progress);

        if (result != 0)
            return result;
        lsn++;
        data += transfer->sector_len;
        moved(transfer, progress);
    }
    return 0;
}

int transfer_write(struct transfer *transfer, uint64_t lsn, size_t count,
                   const uint8_t *data, struct progress *progress)
{
    for (; count > 0; count--) {
        int result = finish(
            transfer, bh_disk_start_write(transfer->disk, (uint32_t)lsn, data),
            progress);

        if (result != 0)
            return result;
        lsn++;
        data += transfer->sector_len;
        moved(transfer, progress);
    }
    return 0;
}

int transfer_flush(struct transfer *transfer)
{
    return finish(transfer, bh_disk_start_flush(transfer->disk), NULL);
}

int transfer_close(struct transfer *transfer)
{
    return finish(transfer, bh_disk_start_close(transfer->disk), NULL);
}
