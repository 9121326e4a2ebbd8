/* SPDX-License-Identifier: MIT */
/* Block devices, in the shape of Fuzix's blkdev.h. */
#ifndef BLKDEV_H
#define BLKDEV_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint_fast8_t (*transfer)(void);
    int (*flush)(void);
    uint32_t drive_lba_count;
} blkdev_t;

extern struct blkparam {
    uint8_t *addr;
    uint8_t is_user; /* 2: swap */
    uint32_t lba;
    uint16_t nblock;
    bool is_read;
} blk_op;

blkdev_t *blkdev_alloc(void);
void blkdev_scan(blkdev_t *disk, uint_fast8_t flags);

#endif
