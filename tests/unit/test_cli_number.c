/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/number.h"

static void whole_numbers_are_strict(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"1000", true, 1000},
        {"0x1F", true, 31},
        {"0XFF", true, 255},
        {"1001", false, 0},
        {"", false, 0},
        {"0x", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1k", false, 0},
        {"1f", false, 0},
        {"99999999999999999999999", false, 0},
        {"18446744073709551616", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 0;

        assert_int_equal(number_parse(rows[i].text, 0, 1000, &value),
                         rows[i].good);
        assert_int_equal(value, rows[i].value);
    }
}

static void the_largest_number_is_taken(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_true(number_parse("18446744073709551615", 0, UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(number_parse("0xffffffffffffffff", 0, UINT64_MAX, &value));
    assert_false(number_parse("0x10000000000000000", 0, UINT64_MAX, &value));
}

static void numbers_below_the_range_are_refused(void **state)
{
    uint64_t value = 5;

    (void)state;
    assert_false(number_parse("127", 128, 16384, &value));
    assert_int_equal(value, 5);
}

static void seconds_become_milliseconds(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t ms;
    } rows[] = {
        {"1", true, 1000},
        {"0.25", true, 250},
        {"2.5", true, 2500},
        {".5", true, 500},
        {"0.001", true, 1},
        {"3600", true, 3600000},
        {"1.", true, 1000},
        {"0", false, 0},
        {"0.0", false, 0},
        {"3600.1", false, 0},
        {"0.0001", false, 0},
        {"", false, 0},
        {".", false, 0},
        {"1.2.3", false, 0},
        {"-1", false, 0},
        {"1s", false, 0},
        {"1e3", false, 0},
        {"inf", false, 0},
        {"999999999999999", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t ms = 0;

        assert_int_equal(seconds_parse(rows[i].text, &ms), rows[i].good);
        assert_int_equal(ms, rows[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_strict),
        cmocka_unit_test(the_largest_number_is_taken),
        cmocka_unit_test(numbers_below_the_range_are_refused),
        cmocka_unit_test(seconds_become_milliseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
