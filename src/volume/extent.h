/* SPDX-License-Identifier: MIT */
/* Where in a file a volume lies. */
#ifndef BH_VOLUME_EXTENT_H
#define BH_VOLUME_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

struct bh_extent {
    uint64_t first, len; /* bytes */
    uint8_t exponent;    /* the only sector size, or BH_ANY_EXPONENT */
    bool read_only;
};

#endif
