/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "wire/moment.h"

#define DAY_S 86400
#define YEARS_800_DAYS 292194

/* The C library is the oracle. */
static void assert_is(uint64_t utc, int16_t zone_minutes)
{
    time_t shifted = (time_t)utc + (time_t)zone_minutes * 60;
    struct bh_moment at;
    struct tm tm;

    gmtime_r(&shifted, &tm);
    bh_moment_set(&at, utc, zone_minutes);
    assert_int_equal(at.utc_seconds, utc);
    assert_int_equal(at.zone_minutes, zone_minutes);
    assert_int_equal(at.year, tm.tm_year + 1900);
    assert_int_equal(at.month, tm.tm_mon + 1);
    assert_int_equal(at.day, tm.tm_mday);
    assert_int_equal(at.hour, tm.tm_hour);
    assert_int_equal(at.minute, tm.tm_min);
    assert_int_equal(at.second, tm.tm_sec);
    assert_int_equal(at.weekday, tm.tm_wday);
}

static void each_day_of_800_years_has_its_date(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < YEARS_800_DAYS; day++)
        assert_is(day * DAY_S + day % DAY_S, 0);
}

static void a_zone_may_change_the_day(void **state)
{
    static const int16_t zones[] = {-720, -210, -1, 0, 1, 345, 840};

    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        assert_is(951868799, zones[i]);  /* 2000-02-29 23:59:59 */
        assert_is(4107542400, zones[i]); /* 2100-03-01 00:00:00 */
        assert_is(1798761599, zones[i]); /* 2026-12-31 23:59:59 */
        assert_is(0, zones[i] < 0 ? 0 : zones[i]);
    }
}

static void its_bytes_are_those_of_the_protocol(void **state)
{
    static const uint8_t bytes[BH_MOMENT_LEN] = {
        0, 0, 0, 0, 0x6B, 0x03, 0x72, 0x20, /* 1795387936 */
        0xFF, 0x2E,                         /* -210 */
        0x07, 0xEA, 11, 22, 19, 22, 16, 0};
    uint8_t out[BH_MOMENT_LEN];
    struct bh_moment at, back;

    (void)state;
    bh_moment_set(&at, 0x6B037220, -210);
    bh_moment_encode(out, &at);
    assert_memory_equal(out, bytes, sizeof bytes);
    bh_moment_decode(out, &back);
    assert_int_equal(back.utc_seconds, 0x6B037220);
    assert_int_equal(back.zone_minutes, -210);
    assert_int_equal(back.year, 2026);
    assert_int_equal(back.weekday, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_day_of_800_years_has_its_date),
        cmocka_unit_test(a_zone_may_change_the_day),
        cmocka_unit_test(its_bytes_are_those_of_the_protocol),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
