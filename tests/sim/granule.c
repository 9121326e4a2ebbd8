/* SPDX-License-Identifier: MIT */
#include "granule.h"

#include <string.h>

#define WORDS (GRANULE_LEN / 8)
#define MAGIC 0xB10C0000B10C0000u
#define K1 0x9E3779B97F4A7C15u
#define K2 0xD1342543DE82EF95u

static uint64_t place_of(uint32_t disk, uint32_t at)
{
    return MAGIC ^ ((uint64_t)disk << 32 | at);
}

static uint64_t word(uint64_t value, uint64_t place, uint64_t i)
{
    return ((value + i * K1) * K2) ^ place;
}

void granule_fill(uint8_t *bytes, uint32_t disk, uint32_t at, uint64_t value)
{
    uint64_t words[WORDS], place = place_of(disk, at);

    words[0] = value;
    words[1] = place;
    for (uint64_t i = 2; i < WORDS; i++)
        words[i] = word(value, place, i);
    memcpy(bytes, words, GRANULE_LEN);
}

static uint64_t hash_of(const uint64_t *words)
{
    uint64_t hash = 0;

    for (uint64_t i = 0; i < WORDS; i++)
        hash = (hash ^ words[i]) * K2 + (hash >> 29);
    return hash;
}

enum granule_kind granule_parse(const uint8_t *bytes, uint32_t disk,
                                uint32_t at, uint64_t *value, uint64_t *place)
{
    uint64_t words[WORDS], difference = 0, any = 0;

    memcpy(words, bytes, GRANULE_LEN);
    *value = words[0];
    *place = words[1];
    for (uint64_t i = 2; i < WORDS; i++) {
        difference |= words[i] ^ word(words[0], words[1], i);
        any |= words[i];
    }
    if (difference == 0)
        return *place == place_of(disk, at) ? GRANULE_WHOLE : GRANULE_STRAY;
    *value = (any | words[0] | words[1]) == 0 ? VALUE_ZEROS
                                              : hash_of(words) | VALUE_TORN;
    return *value == VALUE_ZEROS ? GRANULE_WHOLE : GRANULE_TORN;
}
