/* SPDX-License-Identifier: MIT */
/* Whether bytes are all zero: what a hole in a file reads as. */
#ifndef BH_CLI_ZEROS_H
#define BH_CLI_ZEROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool zeros_only(const uint8_t *data, size_t len)
{
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

/* How many of the `count` sectors at `data`, one at least, are alike in being
 * zeros or not. */
static inline size_t zeros_alike(const uint8_t *data, uint32_t sector_len,
                                 size_t count)
{
    const bool first = zeros_only(data, sector_len);
    size_t same = 1;

    while (same < count &&
           zeros_only(data + same * sector_len, sector_len) == first)
        same++;
    return same;
}

#endif
