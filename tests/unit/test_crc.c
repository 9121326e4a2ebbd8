/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crc/crc.h"

static uint32_t by_bits(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (; len > 0; len--) {
        crc ^= *bytes++;
        for (int i = 0; i < 8; i++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}

/* What is fast works on many bytes at once: every length and border. */
static void every_length_is_right(void **state)
{
    uint8_t bytes[700];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * i * 31 + 5);
    for (size_t at = 0; at < 70; at += 3)
        for (size_t len = 0; at + len <= sizeof(bytes); len++)
            assert_int_equal(bh_crc(0, bytes + at, len),
                             by_bits(bytes + at, len));
    assert_int_equal(bh_crc(bh_crc(0, bytes, 300), bytes + 300, 400),
                     by_bits(bytes, 700));
}

static void joined_is_as_if_it_were_one(void **state)
{
    uint8_t bytes[1000];
    size_t cut;

    (void)state;
    for (cut = 0; cut < sizeof(bytes); cut++)
        bytes[cut] = (uint8_t)(cut * cut + 7);
    for (cut = 0; cut <= sizeof(bytes); cut += 25)
        assert_int_equal(
            bh_crc_join(bh_crc(0, bytes, cut),
                        bh_crc(0, bytes + cut, sizeof(bytes) - cut),
                        sizeof(bytes) - cut),
            bh_crc(0, bytes, sizeof(bytes)));
}

static void the_known_value_comes_out(void **state)
{
    (void)state;
    assert_int_equal(
        bh_crc_join(bh_crc(0, "12345", 5), bh_crc(0, "6789", 4), 4),
        0xCBF43926);
    assert_int_equal(bh_crc_join(0, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_right),
        cmocka_unit_test(joined_is_as_if_it_were_one),
        cmocka_unit_test(the_known_value_comes_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
