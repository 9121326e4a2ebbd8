/* SPDX-License-Identifier: MIT */
/* The layout itself is pinned by tests/vectors. */
#include "wire/identify.h"
#include "wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void every_field_survives_the_round_trip(void **state)
{
    const struct bh_identify in = {
        .version = 1,
        .sector_exponent = 2,
        .flags = BH_VOLUME_SHARED | BH_VOLUME_MAY_GROW,
        .sector_count = UINT64_C(0x0102030405060708),
        .change_counter = UINT64_C(0x1112131415161718),
        .utc_seconds = UINT64_C(0x2122232425262728),
        .zone_minutes = -360,
        .window = 0x3132,
        .preferred_run = 0x4142,
        .lease_seconds = 0x5152,
        .features = 0x61626364,
        .heavy_len = 0x71727374,
        .instance = UINT64_C(0x8182838485868788),
        .name = "games/zork.dsk"};
    uint8_t bytes[BH_IDENTIFY_LEN];
    struct bh_identify out = {0};

    (void)state;
    bh_identify_encode(bytes, &in);
    assert_int_equal(bh_identify_decode(bytes, &out), BH_OK);
    assert_int_equal(out.version, in.version);
    assert_int_equal(out.sector_exponent, in.sector_exponent);
    assert_int_equal(out.flags, in.flags);
    assert_true(out.sector_count == in.sector_count);
    assert_true(out.change_counter == in.change_counter);
    assert_true(out.utc_seconds == in.utc_seconds);
    assert_int_equal(out.zone_minutes, in.zone_minutes);
    assert_int_equal(out.window, in.window);
    assert_int_equal(out.preferred_run, in.preferred_run);
    assert_int_equal(out.lease_seconds, in.lease_seconds);
    assert_int_equal(out.features, in.features);
    assert_int_equal(out.heavy_len, in.heavy_len);
    assert_true(out.instance == in.instance);
    assert_string_equal(out.name, in.name);
}

static void unused_bytes_are_zero(void **state)
{
    const struct bh_identify identify = {.name = "x"};
    uint8_t bytes[BH_IDENTIFY_LEN];
    const uint8_t zeros[BH_IDENTIFY_LEN] = {0};

    (void)state;
    memset(bytes, 0xFF, sizeof bytes);
    bh_identify_encode(bytes, &identify);
    assert_memory_equal(bytes + 56, zeros, 8);
    assert_memory_equal(bytes + 65, zeros, 63);
}

static void a_name_of_64_bytes_has_no_nul_on_the_wire(void **state)
{
    struct bh_identify in = {0}, out = {0};
    uint8_t bytes[BH_IDENTIFY_LEN];

    (void)state;
    memset(in.name, 'n', 64);
    bh_identify_encode(bytes, &in);
    assert_int_equal(bytes[127], 'n');
    assert_int_equal(bh_identify_decode(bytes, &out), BH_OK);
    assert_string_equal(out.name, in.name);
}

static void another_word_in_front_is_refused(void **state)
{
    const struct bh_identify in = {0};
    uint8_t bytes[BH_IDENTIFY_LEN];
    struct bh_identify out;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bh_identify_encode(bytes, &in);
        bytes[i] ^= 0x20;
        assert_int_equal(bh_identify_decode(bytes, &out), BH_ERR_FORMAT);
    }
}

static void a_later_version_is_still_read(void **state)
{
    const struct bh_identify in = {.version = 2, .sector_count = 5};
    uint8_t bytes[BH_IDENTIFY_LEN];
    struct bh_identify out;

    (void)state;
    bh_identify_encode(bytes, &in);
    assert_int_equal(bh_identify_decode(bytes, &out), BH_OK);
    assert_int_equal(out.version, 2);
    assert_true(out.sector_count == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_survives_the_round_trip),
        cmocka_unit_test(unused_bytes_are_zero),
        cmocka_unit_test(a_name_of_64_bytes_has_no_nul_on_the_wire),
        cmocka_unit_test(another_word_in_front_is_refused),
        cmocka_unit_test(a_later_version_is_still_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
