/* SPDX-License-Identifier: MIT */
#include "pattern.h"

#include <endian.h>
#include <string.h>

#define WORDS (PATTERN_GRANULE_LEN / sizeof(uint64_t))

static uint64_t word_of(uint64_t granule, uint64_t i)
{
    return i == 0 ? htobe64(granule)
                  : granule * 0x9E3779B97F4A7C15u + i * 0xD1B54A32D192ED03u;
}

void pattern_fill(uint8_t *bytes, size_t len, uint64_t first)
{
    uint64_t words[WORDS];

    for (size_t at = 0; at < len; at += sizeof words, first++) {
        for (size_t i = 0; i < WORDS; i++)
            words[i] = word_of(first, i);
        memcpy(bytes + at, words, sizeof words);
    }
}

bool pattern_begins(const uint8_t *bytes, uint64_t first)
{
    uint64_t word = htobe64(first);

    return memcmp(bytes, &word, sizeof word) == 0;
}

bool pattern_is(const uint8_t *bytes, size_t len, uint64_t first)
{
    uint8_t wanted[PATTERN_GRANULE_LEN];

    for (size_t at = 0; at < len; at += sizeof wanted, first++) {
        pattern_fill(wanted, sizeof wanted, first);
        if (memcmp(bytes + at, wanted, sizeof wanted) != 0)
            return false;
    }
    return true;
}
