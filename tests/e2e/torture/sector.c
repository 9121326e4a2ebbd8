/* SPDX-License-Identifier: MIT */
#include "sector.h"

#include "wire/bytes.h"

#include <stdio.h>
#include <string.h>

#define MAGIC 0x424C4F43u
#define HEADER_LEN 24u
#define SECTOR_LEN_MAX 16384u

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void sector_fill(uint8_t *data, size_t len, uint32_t image, uint32_t lsn,
                 struct value value)
{
    uint64_t seed = mix(mix(((uint64_t)image << 32) | lsn) ^
                        mix(((uint64_t)value.writer << 48) ^ value.sequence));

    memset(data, 0, len);
    if (value.sequence == 0)
        return;
    bh_put32(data, MAGIC);
    bh_put32(data + 4, image);
    bh_put32(data + 8, lsn);
    bh_put32(data + 12, value.writer);
    bh_put64(data + 16, value.sequence);
    for (size_t at = HEADER_LEN; at < len; at += 8)
        bh_put64(data + at, mix(seed + at));
}

bool sector_parse(const uint8_t *data, size_t len, uint32_t image, uint32_t lsn,
                  struct value *out)
{
    uint8_t wanted[SECTOR_LEN_MAX];

    out->writer = BH_GET32(data + 12);
    out->sequence = BH_GET64(data + 16);
    sector_fill(wanted, len, image, lsn, *out);
    return memcmp(data, wanted, len) == 0;
}

void sector_describe(const uint8_t *data, char text[SECTOR_TEXT_LEN])
{
    snprintf(text, SECTOR_TEXT_LEN,
             "magic %08x, image %u, lsn %u, writer %u, sequence %llu",
             (unsigned)BH_GET32(data), (unsigned)BH_GET32(data + 4),
             (unsigned)BH_GET32(data + 8), (unsigned)BH_GET32(data + 12),
             (unsigned long long)BH_GET64(data + 16));
}
