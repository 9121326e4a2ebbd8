/* SPDX-License-Identifier: MIT */
#include "daemon/value.h"

#include "core/job.h"
#include "wire/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* A decimal number with one of these units behind it. */
static bool number_with_unit(const char *text, const struct unit *units,
                             uint64_t *value)
{
    unsigned long long number;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    while (*end == ' ')
        end++;
    for (; units->name != NULL; units++) {
        if (strcasecmp(end, units->name) != 0)
            continue;
        *value = number * units->factor;
        return number <= UINT64_MAX / units->factor;
    }
    return false;
}

bool bh_value_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"K", 1ull << 10},
                                        {"KiB", 1ull << 10},
                                        {"M", 1ull << 20},
                                        {"MiB", 1ull << 20},
                                        {"G", 1ull << 30},
                                        {"GiB", 1ull << 30},
                                        {"T", 1ull << 40},
                                        {"TiB", 1ull << 40},
                                        {NULL, 0}};

    /* More than an off_t holds is no size of a file. */
    return number_with_unit(text, units, bytes) && *bytes <= INT64_MAX;
}

bool bh_value_time(const char *text, uint64_t *ms)
{
    static const struct unit units[] = {
        {"", 1000},     {"ms", 1},       {"s", 1000}, {"m", 60000},
        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

    if (strcasecmp(text, "never") == 0) {
        *ms = 0;
        return true;
    }
    /* Added to a clock it must not wrap. */
    return number_with_unit(text, units, ms) && *ms > 0 && *ms <= INT64_MAX;
}

bool bh_value_bool(const char *text, bool *value)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off",
                                        "on", "0",   "1",     NULL};
    uint8_t place;

    if (!bh_value_word(text, words, &place))
        return false;
    *value = place % 2 == 1;
    return true;
}

bool bh_value_number(const char *text, uint64_t min, uint64_t max,
                     uint64_t *value)
{
    static const struct unit units[] = {{"", 1}, {NULL, 0}};

    return number_with_unit(text, units, value) && *value >= min &&
           *value <= max;
}

bool bh_value_sector(const char *text, uint8_t *exponent)
{
    uint64_t len;

    if (strcasecmp(text, "any") == 0) {
        *exponent = BH_ANY_EXPONENT;
        return true;
    }
    if (!bh_value_size(text, &len))
        return false;
    for (uint8_t n = 0; n <= BH_SECTOR_EXPONENT_MAX; n++) {
        if (BH_SECTOR_LEN(n) == len) {
            *exponent = n;
            return true;
        }
    }
    return false;
}

bool bh_value_word(const char *text, const char *const *words, uint8_t *place)
{
    for (uint8_t i = 0; words[i] != NULL; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *place = i;
            return true;
        }
    }
    return false;
}
