/* SPDX-License-Identifier: MIT */
/* The calendar, against the C library's, which knows nothing of ours. */
#include "wire/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define END_S 253402300800 /* of the year 9999 */

static void check(int64_t utc, int16_t zone)
{
    time_t local = (time_t)(utc + (int64_t)zone * 60);
    struct bh_moment moment;
    struct tm want;

    assert_non_null(gmtime_r(&local, &want));
    bh_moment_set(&moment, (uint64_t)utc, zone);
    if (moment.utc_seconds != (uint64_t)utc || moment.zone_minutes != zone ||
        moment.year != want.tm_year + 1900 || moment.month != want.tm_mon + 1 ||
        moment.day != want.tm_mday || moment.hour != want.tm_hour ||
        moment.minute != want.tm_min || moment.second != want.tm_sec ||
        moment.weekday != want.tm_wday)
        fail_msg("%lld and %d minutes: %u-%u-%u %u:%u:%u, day %u",
                 (long long)utc, zone, moment.year, moment.month, moment.day,
                 moment.hour, moment.minute, moment.second, moment.weekday);
}

static void each_day_to_the_year_9999_is_the_c_librarys(void **state)
{
    int64_t second = 0;

    (void)state;
    for (int64_t day = 0; day < END_S; day += DAY_S) {
        check(day, 0);
        check(day + second, 0);
        check(day + DAY_S - 1, 0);
        second = (second + 7919) % DAY_S; /* a prime: all hours and minutes */
    }
}

static void each_second_of_a_day_is_the_c_librarys(void **state)
{
    (void)state;
    for (int64_t second = 0; second < DAY_S; second++)
        check(951782400 + second, 0); /* 2000-02-29 */
}

/* New Year, that of 1970 too, and the end of February, an hour before and
 * behind, in all zones. */
static void each_zone_is_the_c_librarys(void **state)
{
    static const int64_t borders[] = {951782400,  951868800,        1709164800,
                                      1709251200, 4102444800,       4107542400,
                                      0,          END_S - 2 * DAY_S};

    (void)state;
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        for (int zone = -24 * 60 + 1; zone < 24 * 60; zone++)
            for (int64_t off = borders[i] > 0 ? -3600 : 0; off <= 3600;
                 off += 1200)
                check(borders[i] + off, (int16_t)zone);
}

static void the_bytes_are_where_the_protocol_says(void **state)
{
    static const uint8_t want[BH_MOMENT_LEN] = {
        0, 1, 2, 3, 4, 5, 6, 7, 0xFE, 0x98, 0x27, 0x0F, 12, 31, 23, 59, 58, 6};
    const struct bh_moment moment = {.utc_seconds = 0x0001020304050607u,
                                     .zone_minutes = -360,
                                     .year = 9999,
                                     .month = 12,
                                     .day = 31,
                                     .hour = 23,
                                     .minute = 59,
                                     .second = 58,
                                     .weekday = 6};
    uint8_t bytes[BH_MOMENT_LEN], again[BH_MOMENT_LEN];
    struct bh_moment decoded;

    (void)state;
    bh_moment_encode(bytes, &moment);
    assert_memory_equal(bytes, want, sizeof want);
    bh_moment_decode(bytes, &decoded);
    bh_moment_encode(again, &decoded);
    assert_memory_equal(again, want, sizeof want);
    assert_int_equal(decoded.zone_minutes, -360);
    assert_true(decoded.utc_seconds == moment.utc_seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_day_to_the_year_9999_is_the_c_librarys),
        cmocka_unit_test(each_second_of_a_day_is_the_c_librarys),
        cmocka_unit_test(each_zone_is_the_c_librarys),
        cmocka_unit_test(the_bytes_are_where_the_protocol_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
