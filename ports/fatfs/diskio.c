/* SPDX-License-Identifier: MIT */
/*
 * FatFs's disk on drive.h: drive 0 is the image that bh_fatfs_image names.
 * Compile everything with BH_DRIVE_COMMAND=1 for f_mkfs(), which asks for the
 * size of the disk, and for an f_sync() that waits for stable storage. The
 * names are FatFs's (elm-chan.org, "FatFs Module Application Note", section
 * "Media Access Interface").
 *
 * When the session is lost (the server has started anew without its state, or
 * another machine was given the disk) what FatFs has in its buffers may be of
 * another disk. Everything is refused then, so that open files become invalid,
 * until FatFs has mounted again; that it does by itself with the next path.
 */
#include "ff.h"

#include "diskio.h"

#include "fatfs/image.h"

#include "tiny/drive.h"
#include "wire/bytes.h"

static DSTATUS state = STA_NOINIT;

static DRESULT result_of(uint8_t status)
{
    switch (status) {
    case BH_OK:
        return RES_OK;
    case BH_ERR_READ_ONLY:
        state |= STA_PROTECT;
        return RES_WRPRT;
    case BH_ERR_SESSION:
    case BH_ERR_NO_MEDIUM:
    case BH_ERR_CHANGED:
    case BH_DRIVE_SILENT:
        state |= STA_NOINIT;
        return RES_NOTRDY;
    case BH_ERR_LSN:
        return RES_PARERR;
    default:
        return RES_ERROR;
    }
}

DSTATUS disk_initialize(BYTE drive)
{
    state = STA_NOINIT;
    if (drive == 0 && bh_drive_connect(bh_fatfs_flags, bh_fatfs_image,
                                       bh_fatfs_image_len) == BH_OK)
        state = 0;
    return state;
}

DSTATUS disk_status(BYTE drive)
{
    return drive == 0 ? state : STA_NOINIT;
}

/* The protocol's sector numbers have 32 bits; LBA_t may have 64. */
static int is_beyond(LBA_t sector, UINT count)
{
    LBA_t last = sector + (count - 1u);

    return last < sector || last >> 16 >> 16 != 0;
}

DRESULT disk_read(BYTE drive, BYTE *bytes, LBA_t sector, UINT count)
{
    DRESULT result = RES_OK;

    if (drive != 0 || count == 0 || is_beyond(sector, count))
        return RES_PARERR;
    if (state & STA_NOINIT)
        return RES_NOTRDY;
    for (; count != 0 && result == RES_OK; count--) {
        result = result_of(bh_drive_read((uint32_t)sector++, bytes));
        bytes += BH_DRIVE_SECTOR_LEN;
    }
    return result;
}

#if BH_DRIVE_WRITE
DRESULT disk_write(BYTE drive, const BYTE *bytes, LBA_t sector, UINT count)
{
    DRESULT result = RES_OK;

    if (drive != 0 || count == 0 || is_beyond(sector, count))
        return RES_PARERR;
    if (state & STA_NOINIT)
        return RES_NOTRDY;
    for (; count != 0 && result == RES_OK; count--) {
        result = result_of(bh_drive_write((uint32_t)sector++, bytes));
        bytes += BH_DRIVE_SECTOR_LEN;
    }
    return result;
}
#endif

#if BH_DRIVE_COMMAND

/* IDENTIFY's count has 64 bits. */
static DRESULT count_sectors(LBA_t *count)
{
    uint8_t info[BH_IDENTIFY_LEN];
    DRESULT result = result_of(bh_drive_identify(info));

    *count = 0xFFFFFFFFul;
    if (BH_GET32(info + BH_IDENTIFY_AT_SECTOR_COUNT) == 0)
        *count = BH_GET32(info + BH_IDENTIFY_AT_SECTOR_COUNT + 4);
    return result;
}

#endif

DRESULT disk_ioctl(BYTE drive, BYTE command, void *data)
{
    if (drive != 0)
        return RES_PARERR;
    if (state & STA_NOINIT)
        return RES_NOTRDY;
    switch (command) {
#if BH_DRIVE_COMMAND
    case CTRL_SYNC:
        return result_of(bh_drive_flush());
    case GET_SECTOR_COUNT:
        return count_sectors(data);
#else
    case CTRL_SYNC:
        return RES_OK;
#endif
    case GET_SECTOR_SIZE:
        *(WORD *)data = BH_DRIVE_SECTOR_LEN;
        return RES_OK;
    case GET_BLOCK_SIZE:
        *(DWORD *)data = 1;
        return RES_OK;
    default:
        return RES_PARERR;
    }
}
