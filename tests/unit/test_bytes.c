/* SPDX-License-Identifier: MIT */
#include "wire/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void put16_is_big_endian(void **state)
{
    uint8_t bytes[2];

    (void)state;
    bh_put16(bytes, 0x1234);
    assert_memory_equal(bytes, "\x12\x34", 2);
}

static void put32_is_big_endian(void **state)
{
    uint8_t bytes[4];

    (void)state;
    bh_put32(bytes, 0x12345678);
    assert_memory_equal(bytes, "\x12\x34\x56\x78", 4);
}

static void put64_is_big_endian(void **state)
{
    uint8_t bytes[8];

    (void)state;
    bh_put64(bytes, UINT64_C(0x123456789ABCDEF0));
    assert_memory_equal(bytes, "\x12\x34\x56\x78\x9A\xBC\xDE\xF0", 8);
}

static void get_reads_what_put_wrote(void **state)
{
    /* clang-format off */
    static const uint64_t values[] = {
        0, 1, 0x7F, 0x80, 0xFF, 0x8000, 0xFFFF, 0x80000000, 0xFFFFFFFF,
        UINT64_C(0x8000000000000000), UINT64_MAX};
    /* clang-format on */
    uint8_t bytes[8];

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        bh_put16(bytes, (uint16_t)values[i]);
        assert_int_equal(BH_GET16(bytes), (uint16_t)values[i]);
        bh_put32(bytes, (uint32_t)values[i]);
        assert_int_equal(BH_GET32(bytes), (uint32_t)values[i]);
        bh_put64(bytes, values[i]);
        assert_true(BH_GET64(bytes) == values[i]);
    }
}

static void any_alignment_will_do(void **state)
{
    uint8_t bytes[16];

    (void)state;
    for (size_t at = 0; at < 8; at++) {
        bh_put64(bytes + at, UINT64_C(0xFEDCBA9876543210));
        assert_true(BH_GET64(bytes + at) == UINT64_C(0xFEDCBA9876543210));
        assert_int_equal(BH_GET32(bytes + at), 0xFEDCBA98);
        assert_int_equal(BH_GET16(bytes + at), 0xFEDC);
    }
}

static void put_touches_its_own_bytes_only(void **state)
{
    uint8_t bytes[10], want[10];

    (void)state;
    memset(bytes, 0xAA, sizeof bytes);
    memset(want, 0xAA, sizeof want);
    memset(want + 1, 0, 8);
    bh_put64(bytes + 1, 0);
    assert_memory_equal(bytes, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put16_is_big_endian),
        cmocka_unit_test(put32_is_big_endian),
        cmocka_unit_test(put64_is_big_endian),
        cmocka_unit_test(get_reads_what_put_wrote),
        cmocka_unit_test(any_alignment_will_do),
        cmocka_unit_test(put_touches_its_own_bytes_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
