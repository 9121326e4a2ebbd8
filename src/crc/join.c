/* SPDX-License-Identifier: MIT */
/*
 * A CRC is a polynomial over GF(2), modulo that of IEEE 802.3; here the highest
 * bit is the coefficient of x^0. What follows the first part multiplies it by
 * x^8 for each byte. What CRC-32 adds at beginning and end cancels out.
 */
#include "crc/crc.h"

#define POLYNOMIAL 0xEDB88320u
#define ONE 0x80000000u
#define X 0x40000000u

static uint32_t times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (; a != 0; a <<= 1) {
        if (a & ONE)
            product ^= b;
        b = b & 1 ? b >> 1 ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

uint32_t bh_crc_join(uint32_t first, uint32_t second, uint64_t len)
{
    uint32_t power = X;

    for (int i = 0; i < 3; i++) /* x^8: of a byte */
        power = times(power, power);
    for (; len > 0; len >>= 1) {
        if (len & 1)
            first = times(first, power);
        power = times(power, power);
    }
    return first ^ second;
}
