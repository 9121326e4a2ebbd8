/* SPDX-License-Identifier: MIT */
/*
 * Runs of sectors between an open volume and memory: as many requests under
 * way as the session allows, in any order within a run.
 *
 * Results are 0, -EINTR after a signal, or the negative errno of the request
 * that failed first, of which the disk's sentence speaks. After an error no
 * request is under way any more; after -EINTR some are, and their buffers
 * belong to the disk until that is freed.
 */
#ifndef BH_CLI_TRANSFER_H
#define BH_CLI_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include "cli/interrupt.h"

struct bh_disk;
struct progress;

/* A run's length in bytes: a full window of the longest sectors, and a multiple
 * of every sector length. */
#define TRANSFER_SECTOR_LEN_MAX 16384u
#define TRANSFER_RUN_LEN 1048576u

struct transfer {
    struct bh_disk *disk;        /* borrowed, open */
    uint32_t sector_len;         /* bytes */
    struct interrupt *interrupt; /* borrowed */
};

/* `count` sectors from `lsn` on. `progress` counts the bytes; NULL: it does
 * not. */
int transfer_read(struct transfer *transfer, uint64_t lsn, size_t count,
                  uint8_t *data, struct progress *progress);
int transfer_write(struct transfer *transfer, uint64_t lsn, size_t count,
                   const uint8_t *data, struct progress *progress);

/* Until something comes or is due, or it is time to redraw `progress`. 0 or
 * -EINTR. */
int transfer_wait(struct transfer *transfer, struct progress *progress);

/* Waits until nothing is under way: the buffers are in use until then. Returns
 * `failure`, or -EINTR. */
int transfer_settle(struct transfer *transfer, int failure);

/* Makes everything written stable. */
int transfer_flush(struct transfer *transfer);

/* Ends the session, and that too makes everything stable. */
int transfer_close(struct transfer *transfer);

#endif
