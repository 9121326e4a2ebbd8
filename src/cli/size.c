/* SPDX-License-Identifier: MIT */
#include "cli/size.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_SECOND 1000000000u

const char *size_format(char text[SIZE_TEXT_LEN], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB",
                                        "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    unsigned unit = 0;

    if (bytes < 1024) {
        snprintf(text, SIZE_TEXT_LEN, "%" PRIu64 " B", bytes);
        return text;
    }
    while (value >= 999.5 && unit < 5) { /* 1000 KiB would be four digits */
        value /= 1024;
        unit++;
    }
    snprintf(text, SIZE_TEXT_LEN, "%.*f %s", value < 9.95 ? 1 : 0, value,
             units[unit]);
    return text;
}

const char *rate_format(char text[SIZE_TEXT_LEN], uint64_t bytes, uint64_t ns)
{
    char size[SIZE_TEXT_LEN];
    double rate = ns == 0 ? 0 : (double)bytes * NS_PER_SECOND / (double)ns;

    if (bytes == 0 || ns == 0 || rate >= 1e18)
        snprintf(text, SIZE_TEXT_LEN, "-");
    else
        snprintf(text, SIZE_TEXT_LEN, "%.18s/s",
                 size_format(size, (uint64_t)rate));
    return text;
}

const char *clock_format(char text[SIZE_TEXT_LEN], uint64_t seconds)
{
    const uint64_t minutes = seconds / 60;

    if (minutes < 60)
        snprintf(text, SIZE_TEXT_LEN, "%" PRIu64 ":%02" PRIu64, minutes,
                 seconds % 60);
    else
        snprintf(text, SIZE_TEXT_LEN, "%" PRIu64 ":%02u:%02u", minutes / 60,
                 (unsigned)(minutes % 60), (unsigned)(seconds % 60));
    return text;
}

const char *trip_format(char text[SIZE_TEXT_LEN], uint32_t us)
{
    const double ms = (double)us / 1000;
    const int decimals = us < 10000 ? 3 : us < 100000 ? 1 : 0;

    snprintf(text, SIZE_TEXT_LEN, "%.*f ms", decimals, ms);
    return text;
}
