/* SPDX-License-Identifier: MIT */
/*
 * Big-endian numbers in byte buffers, at any alignment. One expression each:
 * cc65, sdcc and avr-gcc make the smallest code of that.
 */
#ifndef BH_WIRE_BYTES_H
#define BH_WIRE_BYTES_H

#include <stdint.h>

#define BH_GET16(at) ((uint16_t)(((uint16_t)(at)[0] << 8) | (at)[1]))
#define BH_GET32(at)                                                           \
    (((uint32_t)(at)[0] << 24) | ((uint32_t)(at)[1] << 16) |                   \
     ((uint32_t)(at)[2] << 8) | (uint32_t)(at)[3])

void bh_put16(uint8_t *at, uint16_t value);
void bh_put32(uint8_t *at, uint32_t value);

#ifdef UINT64_MAX /* not on cc65; only IDENTIFY and TIME need it */
#define BH_GET64(at) (((uint64_t)BH_GET32(at) << 32) | BH_GET32((at) + 4))
void bh_put64(uint8_t *at, uint64_t value);
#endif

#endif
