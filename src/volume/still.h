/* SPDX-License-Identifier: MIT */
/* Operations of media that the server makes itself: nobody writes to them, and
 * nobody else holds them. */
#ifndef BH_VOLUME_STILL_H
#define BH_VOLUME_STILL_H

#include "volume/medium.h"

int bh_still_write(struct bh_medium *medium, uint64_t offset,
                   const uint8_t *data, uint32_t len); /* -EROFS */
int bh_still_sync(struct bh_medium *medium);
int bh_still_lock(struct bh_medium *medium, uint8_t access,
                  char cause[BH_CAUSE_LEN]);

#endif
