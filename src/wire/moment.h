/* SPDX-License-Identifier: MIT */
/*
 * The 18 bytes that TIME returns: the time in UTC, and ready for a machine that
 * cannot divide.
 */
#ifndef BH_WIRE_MOMENT_H
#define BH_WIRE_MOMENT_H

#include <stdint.h>

#define BH_MOMENT_LEN 18u

enum bh_moment_at {
    BH_MOMENT_AT_UTC_SECONDS = 0,  /* u64, since 1970 */
    BH_MOMENT_AT_ZONE_MINUTES = 8, /* i16, local time minus UTC */
    BH_MOMENT_AT_YEAR = 10,        /* u16; this and what follows is local */
    BH_MOMENT_AT_MONTH = 12,       /* u8 each, from here on; from 1 on */
    BH_MOMENT_AT_DAY = 13,         /* from 1 on */
    BH_MOMENT_AT_HOUR = 14,        /* 0 to 23 */
    BH_MOMENT_AT_MINUTE = 15,
    BH_MOMENT_AT_SECOND = 16,
    BH_MOMENT_AT_WEEKDAY = 17 /* 0: Sunday */
};

#ifdef UINT64_MAX

struct bh_moment {
    uint64_t utc_seconds;
    int16_t zone_minutes;
    uint16_t year;
    uint8_t month, day, hour, minute, second, weekday;
};

/* The local time of `utc_seconds`, in the Gregorian calendar; years up to
 * 65535. */
void bh_moment_set(struct bh_moment *moment, uint64_t utc_seconds,
                   int16_t zone_minutes);

void bh_moment_encode(uint8_t bytes[BH_MOMENT_LEN],
                      const struct bh_moment *moment);
void bh_moment_decode(const uint8_t bytes[BH_MOMENT_LEN],
                      struct bh_moment *out);

#endif
#endif
