/* SPDX-License-Identifier: MIT */
/* SipHash-2-4 against its authors' vectors (vectors_sip64, 2012). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hash.h"

/* The hash of the bytes 0, 1, 2, ... n-1 under the key 0, 1, ... 15, as the
 * eight bytes that the reference prints. */
static void hash_is_siphash_2_4(void **state)
{
    static const struct {
        size_t len;
        uint8_t hash[8];
    } rows[] = {
        {0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
        {1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
        {2, {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}},
        {3, {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85}},
        {4, {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}},
        {5, {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18}},
        {6, {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}},
        {7, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab}},
        {8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
        {15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
    };
    uint8_t key[16], bytes[16];

    (void)state;
    for (size_t i = 0; i < 16; i++)
        key[i] = bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t hash = bh_hash(key, bytes, rows[i].len);

        for (unsigned at = 0; at < 8; at++)
            assert_int_equal((uint8_t)(hash >> (8 * at)), rows[i].hash[at]);
    }
}

static void every_bit_of_key_and_bytes_matters(void **state)
{
    uint8_t key[16] = {0}, bytes[20] = {0};
    uint64_t plain = bh_hash(key, bytes, sizeof bytes);

    (void)state;
    for (unsigned bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(bh_hash(key, bytes, sizeof bytes), plain);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(bh_hash(key, bytes, sizeof bytes), plain);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_not_equal(bh_hash(key, bytes, sizeof bytes - 1), plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_siphash_2_4),
        cmocka_unit_test(every_bit_of_key_and_bytes_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
