/* SPDX-License-Identifier: MIT */
#include "wire/moment.h"

#ifdef UINT64_MAX

#include "wire/bytes.h"

#define DAY_S 86400u
#define DAYS_OF_400_YEARS 146097u
#define DAYS_OF_100_YEARS 36524u
#define DAYS_OF_4_YEARS 1461u
#define DAYS_TO_1970 719468u /* from 1 March of the year 0 */

/* Years are counted from March on, so that the odd day is the last. Of 400
 * years and of 4 years the last has that day, of 100 years it has not. */
static void set_date(struct bh_moment *moment, uint64_t days)
{
    uint32_t rest, century, four, year, month;

    moment->weekday = (uint8_t)((days + 3) % 7);
    rest = (uint32_t)(days % DAYS_OF_400_YEARS);
    century = rest / DAYS_OF_100_YEARS;
    century -= century / 4;
    rest -= century * DAYS_OF_100_YEARS;
    four = rest / DAYS_OF_4_YEARS;
    rest -= four * DAYS_OF_4_YEARS;
    year = rest / 365;
    year -= year / 4;
    rest -= year * 365;
    month = (5 * rest + 2) / 153; /* 0: March; five months have 153 days */
    moment->day = (uint8_t)(rest - (153 * month + 2) / 5 + 1);
    moment->month = (uint8_t)(month < 10 ? month + 3 : month - 9);
    year += century * 100 + four * 4 + (month >= 10);
    moment->year = (uint16_t)(days / DAYS_OF_400_YEARS * 400 + year);
}

void bh_moment_set(struct bh_moment *moment, uint64_t utc_seconds,
                   int16_t zone_minutes)
{
    uint64_t local = utc_seconds + (uint64_t)DAYS_TO_1970 * DAY_S +
                     (uint64_t)((int64_t)zone_minutes * 60);
    uint32_t second = (uint32_t)(local % DAY_S);

    moment->utc_seconds = utc_seconds;
    moment->zone_minutes = zone_minutes;
    set_date(moment, local / DAY_S);
    moment->hour = (uint8_t)(second / 3600);
    moment->minute = (uint8_t)(second / 60 % 60);
    moment->second = (uint8_t)(second % 60);
}

void bh_moment_encode(uint8_t bytes[BH_MOMENT_LEN],
                      const struct bh_moment *moment)
{
    bh_put64(bytes + BH_MOMENT_AT_UTC_SECONDS, moment->utc_seconds);
    bh_put16(bytes + BH_MOMENT_AT_ZONE_MINUTES, (uint16_t)moment->zone_minutes);
    bh_put16(bytes + BH_MOMENT_AT_YEAR, moment->year);
    bytes[BH_MOMENT_AT_MONTH] = moment->month;
    bytes[BH_MOMENT_AT_DAY] = moment->day;
    bytes[BH_MOMENT_AT_HOUR] = moment->hour;
    bytes[BH_MOMENT_AT_MINUTE] = moment->minute;
    bytes[BH_MOMENT_AT_SECOND] = moment->second;
    bytes[BH_MOMENT_AT_WEEKDAY] = moment->weekday;
}

void bh_moment_decode(const uint8_t bytes[BH_MOMENT_LEN], struct bh_moment *out)
{
    out->utc_seconds = BH_GET64(bytes + BH_MOMENT_AT_UTC_SECONDS);
    out->zone_minutes = (int16_t)BH_GET16(bytes + BH_MOMENT_AT_ZONE_MINUTES);
    out->year = BH_GET16(bytes + BH_MOMENT_AT_YEAR);
    out->month = bytes[BH_MOMENT_AT_MONTH];
    out->day = bytes[BH_MOMENT_AT_DAY];
    out->hour = bytes[BH_MOMENT_AT_HOUR];
    out->minute = bytes[BH_MOMENT_AT_MINUTE];
    out->second = bytes[BH_MOMENT_AT_SECOND];
    out->weekday = bytes[BH_MOMENT_AT_WEEKDAY];
}

#endif
