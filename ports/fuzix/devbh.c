/* SPDX-License-Identifier: MIT */
/*
 * A block device of Fuzix on drive.h: a skeleton for other kernels of Unix's
 * kind, too, whose strategy function does as devbh_transfer(). The names are
 * Fuzix's (Kernel/dev/blkdev.h there). Compile everything with
 * BH_DRIVE_COMMAND=1.
 *
 * The kernel's buffers are of the disk as it was: when the session is lost
 * every transfer fails from then on, and nothing connects again behind its
 * back.
 */
#include "fuzix/devbh.h"

#include <kernel.h>

#include <blkdev.h>
#include <kdata.h>
#include <printf.h>

#include "tiny/drive.h"
#include "wire/bytes.h"

#ifndef BH_FUZIX_IMAGE
#define BH_FUZIX_IMAGE "fuzix.img"
#endif

static uint8_t is_lost;

static uint8_t move(uint32_t lba, uint8_t *sector)
{
    uint8_t status;

    if (is_lost)
        return BH_ERR_SESSION;
    if (blk_op.is_read)
        status = bh_drive_read(lba, sector);
    else
        status = bh_drive_write(lba, sector);
    is_lost = status == BH_ERR_SESSION || status == BH_DRIVE_SILENT;
    return status;
}

/* Through the kernel's memory: a user's may be switched away while the line is
 * waited for. */
static uint8_t move_user(uint32_t lba, uint8_t *user)
{
    uint8_t *sector = (uint8_t *)tmpbuf();
    uint8_t status;

    if (!blk_op.is_read)
        uget(user, sector, BH_DRIVE_SECTOR_LEN);
    status = move(lba, sector);
    if (blk_op.is_read && status == BH_OK)
        uput(sector, user, BH_DRIVE_SECTOR_LEN);
    tmpfree(sector);
    return status;
}

/* What blkdev wants: how many sectors of blk_op were moved, 0 for an error. One
 * at a time is enough; it comes back for the others. */
static uint_fast8_t devbh_transfer(void)
{
    uint8_t status;

    if (blk_op.is_user == 2) /* swap */
        return 0;
    if (blk_op.is_user)
        status = move_user(blk_op.lba, blk_op.addr);
    else
        status = move(blk_op.lba, blk_op.addr);
    return status == BH_OK;
}

static int devbh_flush(void)
{
    if (!is_lost && bh_drive_flush() == BH_OK)
        return 0;
    udata.u_error = EIO;
    return -1;
}

static uint32_t count_sectors(void)
{
    uint8_t *info = (uint8_t *)tmpbuf();
    uint32_t count = 0;

    if (bh_drive_identify(info) == BH_OK)
        count = BH_GET32(info + BH_IDENTIFY_AT_SECTOR_COUNT + 4);
    tmpfree(info);
    return count;
}

void devbh_init(void)
{
    static const char image[] = BH_FUZIX_IMAGE;
    blkdev_t *disk;

    if (bh_drive_connect(0, image, sizeof(image)) != BH_OK) {
        kprintf("bh: no %s\n", image);
        return;
    }
    disk = blkdev_alloc();
    if (disk == NULL)
        return;
    disk->transfer = devbh_transfer;
    disk->flush = devbh_flush;
    disk->drive_lba_count = count_sectors();
    blkdev_scan(disk, 0);
}
