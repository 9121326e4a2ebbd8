/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"

static void no_byte_is_given_twice(void **state)
{
    struct bh_random random = {0};
    uint8_t bytes[BH_RANDOM_POOL_LEN], out[16];
    bool seen[256] = {false};

    (void)state;
    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    bh_random_add(&random, bytes, 100);
    bh_random_add(&random, bytes + 100, 156);
    for (int i = 0; i < 16; i++) {
        assert_true(bh_random_take(&random, out, sizeof out));
        for (size_t at = 0; at < sizeof out; at++) {
            assert_false(seen[out[at]]);
            seen[out[at]] = true;
        }
    }
    assert_false(bh_random_take(&random, out, 1));
}

static void what_is_too_little_is_not_touched(void **state)
{
    struct bh_random random = {0};
    uint8_t bytes[4] = {1, 2, 3, 4}, out[8] = {9, 9, 9, 9, 9, 9, 9, 9};

    (void)state;
    assert_false(bh_random_take(&random, out, 2));
    bh_random_add(&random, bytes, sizeof bytes);
    assert_false(bh_random_take(&random, out, 5));
    assert_int_equal(out[0], 9);
    assert_true(bh_random_take(&random, out, 4));
}

static void what_does_not_fit_is_left_out(void **state)
{
    static uint8_t bytes[2 * BH_RANDOM_POOL_LEN];
    struct bh_random random = {0};
    uint8_t out[BH_RANDOM_POOL_LEN];

    (void)state;
    assert_int_equal(bh_random_wanted(&random), BH_RANDOM_POOL_LEN);
    bh_random_add(&random, bytes, 24);
    assert_int_equal(bh_random_wanted(&random), BH_RANDOM_POOL_LEN - 24);
    bh_random_add(&random, bytes, sizeof bytes);
    assert_int_equal(bh_random_wanted(&random), 0);
    assert_true(bh_random_take(&random, out, sizeof out));
    assert_false(bh_random_take(&random, out, 1));
}

static void what_was_taken_is_wiped(void **state)
{
    struct bh_random random = {0};
    uint8_t bytes[32], out[32];

    (void)state;
    memset(bytes, 0xEE, sizeof bytes);
    bh_random_add(&random, bytes, sizeof bytes);
    assert_true(bh_random_take(&random, out, sizeof out));
    for (size_t i = 0; i < sizeof random.pool; i++)
        assert_int_equal(random.pool[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_is_given_twice),
        cmocka_unit_test(what_is_too_little_is_not_touched),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(what_was_taken_is_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
