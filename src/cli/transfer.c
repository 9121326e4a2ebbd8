/* SPDX-License-Identifier: MIT */
#include "cli/transfer.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "cli/progress.h"
#include "client/blockhead.h"

#define TICK_MS 100

int transfer_wait(struct transfer *transfer, struct progress *progress)
{
    int wait_ms = bh_disk_wait_ms(transfer->disk);

    if (progress != NULL) {
        progress_tick(progress);
        if (wait_ms < 0 || wait_ms > TICK_MS)
            wait_ms = TICK_MS;
    }
    return interrupt_poll(transfer->interrupt, bh_disk_fd(transfer->disk),
                          POLLIN, wait_ms);
}

/* Waits for the request that `started` began, if it did. */
static int finish(struct transfer *transfer, int started)
{
    struct bh_done done = {.result = started};
    int result = started;

    while (result == 0 && bh_disk_process(transfer->disk) > 0)
        result = transfer_wait(transfer, NULL);
    if (result == 0)
        bh_disk_next(transfer->disk, &done);
    return result != 0 ? result : done.result;
}

/* A run of sectors, of which some are under way. */
struct run {
    bool writes;
    uint64_t lsn;
    size_t count; /* to be started yet */
    uint8_t *in;
    const uint8_t *out;
};

/* Requests under way at a time, each of as many sectors as the session has
 * numbers: enough for the line, few enough for the progress to be seen. */
#define REQUESTS 4u

/* How many sectors a request of this length brings; its tag. */
static void *tag_of(size_t count)
{
    return (void *)(uintptr_t)count;
}

static int start_one(struct transfer *transfer, struct run *run)
{
    const size_t most = bh_disk_info(transfer->disk)->window;
    const size_t count = run->count < most ? run->count : most;
    const uint32_t lsn = (uint32_t)run->lsn, n = (uint32_t)count;
    int result;

    result = run->writes ? bh_disk_start_write_run(transfer->disk, lsn, n,
                                                   run->out, tag_of(count))
                         : bh_disk_start_read_run(transfer->disk, lsn, n,
                                                  run->in, tag_of(count));
    if (result != 0)
        return result;
    run->lsn += count;
    run->count -= count;
    if (run->writes)
        run->out += count * transfer->sector_len;
    else
        run->in += count * transfer->sector_len;
    return 0;
}

/* Starts as many as may be under way. */
static int start_some(struct transfer *transfer, struct run *run,
                      unsigned *under_way)
{
    const unsigned window = bh_disk_info(transfer->disk)->window;
    const unsigned most = window < REQUESTS ? window : REQUESTS;
    int result = 0;

    while (run->count > 0 && *under_way < most && result == 0) {
        result = start_one(transfer, run);
        *under_way += result == 0;
    }
    return result;
}

/* Takes back what is over, up to the first failure. */
static int take_back(struct transfer *transfer, struct progress *progress,
                     unsigned *under_way)
{
    struct bh_done done;

    while (bh_disk_next(transfer->disk, &done)) {
        (*under_way)--;
        if (done.result != 0)
            return done.result;
        if (progress != NULL)
            progress_advance(progress,
                             (uintptr_t)done.tag * transfer->sector_len);
    }
    return 0;
}

/* Nothing is taken back, so that the disk's sentence stays that of the first
 * failure. */
int transfer_settle(struct transfer *transfer, int failure)
{
    int result = 0;

    while (result == 0 && bh_disk_process(transfer->disk) > 0)
        result = transfer_wait(transfer, NULL);
    return result != 0 ? result : failure;
}

static int move(struct transfer *transfer, struct run *run,
                struct progress *progress)
{
    unsigned under_way = 0;
    int result = 0;

    while (run->count > 0 || under_way > 0) {
        result = start_some(transfer, run, &under_way);
        bh_disk_process(transfer->disk); /* what was started leaves */
        if (result == 0)
            result = transfer_wait(transfer, progress);
        if (result == -EINTR)
            return result;
        bh_disk_process(transfer->disk);
        if (result == 0)
            result = take_back(transfer, progress, &under_way);
        if (result != 0)
            return transfer_settle(transfer, result);
    }
    return 0;
}

int transfer_read(struct transfer *transfer, uint64_t lsn, size_t count,
                  uint8_t *data, struct progress *progress)
{
    struct run run = {.lsn = lsn, .count = count, .in = data};

    return move(transfer, &run, progress);
}

int transfer_write(struct transfer *transfer, uint64_t lsn, size_t count,
                   const uint8_t *data, struct progress *progress)
{
    struct run run = {.writes = true, .lsn = lsn, .count = count, .out = data};

    return move(transfer, &run, progress);
}

int transfer_flush(struct transfer *transfer)
{
    return finish(transfer, bh_disk_start_flush(transfer->disk, NULL));
}

int transfer_close(struct transfer *transfer)
{
    return finish(transfer, bh_disk_start_close(transfer->disk, NULL));
}
