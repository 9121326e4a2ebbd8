/* SPDX-License-Identifier: MIT */
#include "cli/number.h"

#include <string.h>

#define MS_MAX 3600000u

/* The value of a digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const unsigned base = hex ? 16 : 10;
    uint64_t value = 0;

    if (hex)
        text += 2;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        int digit = digit_value(*text);

        if (digit < 0 || (unsigned)digit >= base)
            return false;
        if (value > (UINT64_MAX - (unsigned)digit) / base)
            return false;
        value = value * base + (unsigned)digit;
    }
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool seconds_parse(const char *text, uint32_t *out_ms)
{
    uint32_t ms = 0, unit = 1000;
    bool fraction = false, any = false;

    for (; *text != '\0'; text++) {
        if (*text == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9' || unit == (fraction ? 1 : 0))
            return false;
        any = true;
        if (fraction) {
            unit /= 10;
            ms += (uint32_t)(*text - '0') * unit;
        } else {
            ms = ms * 10 + (uint32_t)(*text - '0') * unit;
        }
        if (ms > MS_MAX)
            return false;
    }
    if (!any || ms == 0)
        return false;
    *out_ms = ms;
    return true;
}
