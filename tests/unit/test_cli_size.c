/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/size.h"

#define SECOND UINT64_C(1000000000)

static void sizes_have_three_digits(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {10137, "9.9 KiB"},
        {10240, "10 KiB"},
        {1023 * 1024, "1.0 MiB"},
        {1474560, "1.4 MiB"},
        {UINT64_C(5) << 30, "5.0 GiB"},
        {UINT64_MAX, "16 EiB"},
    };
    char text[SIZE_TEXT_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(size_format(text, rows[i].bytes), rows[i].text);
}

static void rates_are_sizes_per_second(void **state)
{
    char text[SIZE_TEXT_LEN];

    (void)state;
    assert_string_equal(rate_format(text, 2048, 2 * SECOND), "1.0 KiB/s");
    assert_string_equal(rate_format(text, 1, SECOND / 512), "512 B/s");
    assert_string_equal(rate_format(text, 0, SECOND), "-");
    assert_string_equal(rate_format(text, 1, 0), "-");
    assert_string_equal(rate_format(text, UINT64_MAX, 1), "-");
}

static void clocks_show_hours_when_there_are_some(void **state)
{
    char text[SIZE_TEXT_LEN];

    (void)state;
    assert_string_equal(clock_format(text, 7), "0:07");
    assert_string_equal(clock_format(text, 754), "12:34");
    assert_string_equal(clock_format(text, 3600), "1:00:00");
    assert_string_equal(clock_format(text, 360000), "100:00:00");
}

static void round_trips_keep_what_matters(void **state)
{
    char text[SIZE_TEXT_LEN];

    (void)state;
    assert_string_equal(trip_format(text, 142), "0.142 ms");
    assert_string_equal(trip_format(text, 12345), "12.3 ms");
    assert_string_equal(trip_format(text, 250000), "250 ms");
    assert_string_equal(trip_format(text, UINT32_MAX), "4294967 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_three_digits),
        cmocka_unit_test(rates_are_sizes_per_second),
        cmocka_unit_test(clocks_show_hours_when_there_are_some),
        cmocka_unit_test(round_trips_keep_what_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
