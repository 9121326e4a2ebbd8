/* SPDX-License-Identifier: MIT */
#include "wire/bytes.h"

void bh_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void bh_put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

#ifdef UINT64_MAX
void bh_put64(uint8_t *at, uint64_t value)
{
    bh_put32(at, (uint32_t)(value >> 32));
    bh_put32(at + 4, (uint32_t)value);
}
#endif
