/* SPDX-License-Identifier: MIT */
#include "volume/still.h"

#include <errno.h>

int bh_still_write(struct bh_medium *medium, uint64_t offset,
                   const uint8_t *data, uint32_t len)
{
    (void)medium;
    (void)offset;
    (void)data;
    (void)len;
    return -EROFS;
}

int bh_still_sync(struct bh_medium *medium)
{
    (void)medium;
    return 0;
}

int bh_still_lock(struct bh_medium *medium, uint8_t access,
                  char cause[BH_CAUSE_LEN])
{
    (void)medium;
    (void)access;
    (void)cause;
    return 0;
}
