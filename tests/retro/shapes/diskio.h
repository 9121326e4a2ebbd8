/* SPDX-License-Identifier: MIT */
/* FatFs's media access interface, in the shape of its diskio.h. */
#ifndef DISKIO_H
#define DISKIO_H

typedef BYTE DSTATUS;
typedef enum { RES_OK, RES_ERROR, RES_WRPRT, RES_NOTRDY, RES_PARERR } DRESULT;

#define STA_NOINIT 0x01
#define STA_NODISK 0x02
#define STA_PROTECT 0x04

#define CTRL_SYNC 0
#define GET_SECTOR_COUNT 1
#define GET_SECTOR_SIZE 2
#define GET_BLOCK_SIZE 3
#define CTRL_TRIM 4

DSTATUS disk_initialize(BYTE drive);
DSTATUS disk_status(BYTE drive);
DRESULT disk_read(BYTE drive, BYTE *bytes, LBA_t sector, UINT count);
DRESULT disk_write(BYTE drive, const BYTE *bytes, LBA_t sector, UINT count);
DRESULT disk_ioctl(BYTE drive, BYTE command, void *data);

#endif
