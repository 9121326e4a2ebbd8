/* SPDX-License-Identifier: MIT */
/* CRC-32 bit by bit, where neither of its libraries is. */
#include "crc/crc.h"

uint32_t bh_crc(uint32_t before, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint32_t crc = ~before;

    while (len-- != 0) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}
