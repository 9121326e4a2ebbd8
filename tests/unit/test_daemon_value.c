/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/job.h"
#include "daemon/value.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define MIB 1048576ull

static void sizes_are_bytes_in_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t bytes;
    } rows[] = {
        {"0", true, 0},
        {"1474560", true, 1474560},
        {"720K", true, 720 * 1024},
        {"720k", true, 720 * 1024},
        {"720 KiB", true, 720 * 1024},
        {"32M", true, 32 * MIB},
        {"32MiB", true, 32 * MIB},
        {"4G", true, 4096 * MIB},
        {"2T", true, 2048 * 1024 * MIB},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"18446744073709551616", false, 0},
        {"8388608T", false, 0},  /* 2^63 */
        {"16777216T", false, 0}, /* 2^64: 0 if it wraps */
        {"18014398509481985K", false, 0},
        {"", false, 0},
        {"K", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1x", false, 0},
        {"1KB", false, 0},
        {"1.5M", false, 0},
        {"0x10", false, 0},
        {"1K ", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes = 77;

        if (bh_value_size(rows[i].text, &bytes) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
        if (rows[i].good)
            assert_int_equal(bytes, rows[i].bytes);
    }
}

static void times_are_milliseconds_and_never_is_0(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t ms;
    } rows[] = {
        {"90", true, 90000},
        {"90s", true, 90000},
        {"250ms", true, 250},
        {"30m", true, 1800000},
        {"30 m", true, 1800000},
        {"2h", true, 7200000},
        {"1d", true, 86400000},
        {"never", true, 0},
        {"Never", true, 0},
        {"0", false, 0}, /* that would be "never", by mistake */
        {"0s", false, 0},
        {"", false, 0},
        {"h", false, 0},
        {"-5", false, 0},
        {"5w", false, 0},
        {"nevermore", false, 0},
        {"1h30m", false, 0},
        {"213503982335d", false, 0}, /* wraps in 64 bits */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t ms = 77;

        if (bh_value_time(rows[i].text, &ms) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
        if (rows[i].good)
            assert_int_equal(ms, rows[i].ms);
    }
}

/* Added to a clock it must not wrap: a million years would be no time. */
static void a_time_leaves_room_for_the_clock(void **state)
{
    uint64_t ms = 0;

    (void)state;
    if (bh_value_time("18446744073709551614ms", &ms))
        assert_true(ms <= UINT64_MAX / 2);
}

static void booleans_have_eight_words(void **state)
{
    static const char *const yes[] = {"yes", "true", "on", "1", "YES", "On"};
    static const char *const no[] = {"no", "false", "off", "0", "No", "FALSE"};
    static const char *const bad[] = {"", "y", "2", "yes ", "maybe", "nope"};
    bool value;

    (void)state;
    for (size_t i = 0; i < COUNT(yes); i++) {
        value = false;
        assert_true(bh_value_bool(yes[i], &value));
        assert_true(value);
        value = true;
        assert_true(bh_value_bool(no[i], &value));
        assert_false(value);
        assert_false(bh_value_bool(bad[i], &value));
    }
}

static void numbers_stay_within_their_bounds(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"16", true},    {"32768", true},
        {"15", false},   {"32769", false},
        {"", false},     {"-16", false},
        {"16K", false},  {"1e3", false},
        {"0x20", false}, {"99999999999999999999", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value;

        if (bh_value_number(rows[i].text, 16, 32768, &value) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
    }
}

static void sectors_are_128_times_a_power_of_two(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint8_t exponent;
    } rows[] = {
        {"128", true, 0},
        {"256", true, 1},
        {"512", true, 2},
        {"1K", true, 3},
        {"2048", true, 4},
        {"16384", true, 7},
        {"any", true, BH_ANY_EXPONENT},
        {"Any", true, BH_ANY_EXPONENT},
        {"64", false, 0},
        {"0", false, 0},
        {"32768", false, 0},
        {"500", false, 0},
        {"", false, 0},
        {"all", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t exponent = 0x55;

        if (bh_value_sector(rows[i].text, &exponent) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
        if (rows[i].good)
            assert_int_equal(exponent, rows[i].exponent);
    }
}

static void words_are_found_by_their_place(void **state)
{
    static const char *const words[] = {"host", "address", "never", NULL};
    uint8_t place = 9;

    (void)state;
    assert_true(bh_value_word("host", words, &place));
    assert_int_equal(place, 0);
    assert_true(bh_value_word("NEVER", words, &place));
    assert_int_equal(place, 2);
    assert_false(bh_value_word("hos", words, &place));
    assert_false(bh_value_word("hosts", words, &place));
    assert_false(bh_value_word("", words, &place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_bytes_in_powers_of_1024),
        cmocka_unit_test(times_are_milliseconds_and_never_is_0),
        cmocka_unit_test(a_time_leaves_room_for_the_clock),
        cmocka_unit_test(booleans_have_eight_words),
        cmocka_unit_test(numbers_stay_within_their_bounds),
        cmocka_unit_test(sectors_are_128_times_a_power_of_two),
        cmocka_unit_test(words_are_found_by_their_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
