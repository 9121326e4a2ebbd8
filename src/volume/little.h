/* SPDX-License-Identifier: MIT */
/* Little-endian numbers in byte buffers, at any alignment. */
#ifndef BH_VOLUME_LITTLE_H
#define BH_VOLUME_LITTLE_H

#include <stdint.h>

static inline uint16_t bh_little16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t bh_little32(const uint8_t *at)
{
    return bh_little16(at) | (uint32_t)bh_little16(at + 2) << 16;
}

#endif
