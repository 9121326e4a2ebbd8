/* SPDX-License-Identifier: MIT */
/*
 * Runs of sectors between an open volume and memory. Today one request is in
 * flight; when strict sessions allow more, a run is what will be in flight
 * together, and only this file changes.
 *
 * Results are 0, -EINTR after a signal, or the disk's negative errno.
 */
#ifndef BH_CLI_TRANSFER_H
#define BH_CLI_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include "cli/interrupt.h"

struct bh_disk;
struct progress;

/* A run's length in bytes: a multiple of every sector length. */
#define TRANSFER_RUN_LEN 16384u

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

/* Makes everything written stable. */
int transfer_flush(struct transfer *transfer);

/* Ends the session, and that too makes everything stable. */
int transfer_close(struct transfer *transfer);

#endif
