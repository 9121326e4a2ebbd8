/* SPDX-License-Identifier: MIT */
/* The calls of a share: bytes, of whole sectors or not. */
#include <errno.h>
#include <stdio.h>

#include "client/share.h"

static int start_pread(struct bh_disk *disk, const struct bh_wish *wish,
                       void *tag)
{
    return bh_disk_start_pread(disk, wish->offset, wish->len, wish->in, tag);
}

int bh_share_pread(struct bh_share *share, uint64_t offset, size_t len,
                   void *data, char *error, size_t error_len)
{
    const struct bh_wish wish = {
        .start = start_pread, .offset = offset, .len = len, .in = data};

    return bh_share_grant(share, &wish, error, error_len);
}

static int start_pwrite(struct bh_disk *disk, const struct bh_wish *wish,
                        void *tag)
{
    return bh_disk_start_pwrite(disk, wish->offset, wish->len, wish->out, tag);
}

int bh_share_pwrite(struct bh_share *share, uint64_t offset, size_t len,
                    const void *data, char *error, size_t error_len)
{
    const struct bh_wish wish = {
        .start = start_pwrite, .offset = offset, .len = len, .out = data};

    return bh_share_grant(share, &wish, error, error_len);
}

static int start_flush(struct bh_disk *disk, const struct bh_wish *wish,
                       void *tag)
{
    (void)wish;
    return bh_disk_start_flush(disk, tag);
}

int bh_share_flush(struct bh_share *share, char *error, size_t error_len)
{
    const struct bh_wish wish = {.start = start_flush};

    return bh_share_grant(share, &wish, error, error_len);
}

static int start_trim(struct bh_disk *disk, const struct bh_wish *wish,
                      void *tag)
{
    return bh_disk_start_trim(disk, wish->lsn, wish->count, tag);
}

static int start_zero(struct bh_disk *disk, const struct bh_wish *wish,
                      void *tag)
{
    return bh_disk_start_zero(disk, wish->lsn, wish->count, tag);
}

static int refuse(char *error, size_t error_len)
{
    if (error != NULL && error_len > 0)
        snprintf(error, error_len,
                 "these bytes lie behind the last sector that has a number");
    return -ERANGE;
}

/* Whole sectors from byte `offset` to `end`, both at sectors' borders. */
static int clear(struct bh_share *share, struct bh_wish *wish, uint64_t offset,
                 uint64_t end, char *error, size_t error_len)
{
    const uint32_t sector_len = bh_share_sector_len(share);

    if (end <= offset)
        return 0;
    if (offset / sector_len > UINT32_MAX ||
        (end - offset) / sector_len > UINT32_MAX)
        return refuse(error, error_len);
    wish->lsn = (uint32_t)(offset / sector_len);
    wish->count = (uint32_t)((end - offset) / sector_len);
    return bh_share_grant(share, wish, error, error_len);
}

static uint64_t round_up(uint64_t offset, uint32_t sector_len)
{
    return (offset + sector_len - 1) / sector_len * sector_len;
}

int bh_share_trim(struct bh_share *share, uint64_t offset, uint64_t len,
                  char *error, size_t error_len)
{
    const uint32_t sector_len = bh_share_sector_len(share);
    struct bh_wish wish = {.start = start_trim};
    uint64_t end = offset + len;

    if (end < offset)
        return refuse(error, error_len);
    return clear(share, &wish, round_up(offset, sector_len),
                 end - end % sector_len, error, error_len);
}

static int write_zeros(struct bh_share *share, uint64_t offset, uint64_t end,
                       char *error, size_t error_len)
{
    static const uint8_t zeros[16384];

    if (offset >= end)
        return 0;
    return bh_share_pwrite(share, offset, (size_t)(end - offset), zeros, error,
                           error_len);
}

int bh_share_zero(struct bh_share *share, uint64_t offset, uint64_t len,
                  unsigned flags, char *error, size_t error_len)
{
    const uint32_t sector_len = bh_share_sector_len(share);
    struct bh_wish wish = {.start = flags & BH_ZERO_MAY_TRIM ? start_trim
                                                             : start_zero};
    uint64_t end = offset + len, first = round_up(offset, sector_len),
             last = end - end % sector_len;
    int rc;

    if (end < offset)
        return refuse(error, error_len);
    if (first > last) /* within one sector */
        return write_zeros(share, offset, end, error, error_len);
    rc = clear(share, &wish, first, last, error, error_len);
    if (rc == 0)
        rc = write_zeros(share, offset, first, error, error_len);
    if (rc == 0)
        rc = write_zeros(share, last, end, error, error_len);
    return rc;
}
