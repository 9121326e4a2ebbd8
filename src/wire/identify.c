/* SPDX-License-Identifier: MIT */
#include "wire/identify.h"

#ifdef UINT64_MAX

#include "wire/bytes.h"
#include "wire/protocol.h"

static void clear(uint8_t *bytes, unsigned len)
{
    while (len-- > 0)
        *bytes++ = 0;
}

static void put_name(uint8_t *field, const char *name)
{
    unsigned i;

    for (i = 0; i < BH_IDENTIFY_NAME_LEN && name[i] != 0; i++)
        field[i] = (uint8_t)name[i];
}

static void get_name(char *name, const uint8_t *field)
{
    unsigned i;

    for (i = 0; i < BH_IDENTIFY_NAME_LEN; i++)
        name[i] = (char)field[i];
    name[i] = 0;
}

void bh_identify_encode(uint8_t bytes[BH_IDENTIFY_LEN],
                        const struct bh_identify *identify)
{
    clear(bytes, BH_IDENTIFY_LEN);
    bh_put32(bytes + BH_IDENTIFY_AT_MAGIC, BH_IDENTIFY_MAGIC);
    bytes[BH_IDENTIFY_AT_VERSION] = identify->version;
    bytes[BH_IDENTIFY_AT_SECTOR_EXPONENT] = identify->sector_exponent;
    bh_put16(bytes + BH_IDENTIFY_AT_FLAGS, identify->flags);
    bh_put64(bytes + BH_IDENTIFY_AT_SECTOR_COUNT, identify->sector_count);
    bh_put64(bytes + BH_IDENTIFY_AT_CHANGE_COUNTER, identify->change_counter);
    bh_put64(bytes + BH_IDENTIFY_AT_UTC_SECONDS, identify->utc_seconds);
    bh_put16(bytes + BH_IDENTIFY_AT_ZONE_MINUTES,
             (uint16_t)identify->zone_minutes);
    bh_put16(bytes + BH_IDENTIFY_AT_WINDOW, identify->window);
    bh_put16(bytes + BH_IDENTIFY_AT_PREFERRED_RUN, identify->preferred_run);
    bh_put16(bytes + BH_IDENTIFY_AT_LEASE_SECONDS, identify->lease_seconds);
    bh_put32(bytes + BH_IDENTIFY_AT_FEATURES, identify->features);
    bh_put32(bytes + BH_IDENTIFY_AT_HEAVY_LEN, identify->heavy_len);
    bh_put64(bytes + BH_IDENTIFY_AT_INSTANCE, identify->instance);
    put_name(bytes + BH_IDENTIFY_AT_NAME, identify->name);
}

uint8_t bh_identify_decode(const uint8_t bytes[BH_IDENTIFY_LEN],
                           struct bh_identify *out)
{
    if (BH_GET32(bytes + BH_IDENTIFY_AT_MAGIC) != BH_IDENTIFY_MAGIC)
        return BH_ERR_FORMAT;
    out->version = bytes[BH_IDENTIFY_AT_VERSION];
    out->sector_exponent = bytes[BH_IDENTIFY_AT_SECTOR_EXPONENT];
    out->flags = BH_GET16(bytes + BH_IDENTIFY_AT_FLAGS);
    out->sector_count = BH_GET64(bytes + BH_IDENTIFY_AT_SECTOR_COUNT);
    out->change_counter = BH_GET64(bytes + BH_IDENTIFY_AT_CHANGE_COUNTER);
    out->utc_seconds = BH_GET64(bytes + BH_IDENTIFY_AT_UTC_SECONDS);
    out->zone_minutes = (int16_t)BH_GET16(bytes + BH_IDENTIFY_AT_ZONE_MINUTES);
    out->window = BH_GET16(bytes + BH_IDENTIFY_AT_WINDOW);
    out->preferred_run = BH_GET16(bytes + BH_IDENTIFY_AT_PREFERRED_RUN);
    out->lease_seconds = BH_GET16(bytes + BH_IDENTIFY_AT_LEASE_SECONDS);
    out->features = BH_GET32(bytes + BH_IDENTIFY_AT_FEATURES);
    out->heavy_len = BH_GET32(bytes + BH_IDENTIFY_AT_HEAVY_LEN);
    out->instance = BH_GET64(bytes + BH_IDENTIFY_AT_INSTANCE);
    get_name(out->name, bytes + BH_IDENTIFY_AT_NAME);
    return BH_OK;
}

#endif
