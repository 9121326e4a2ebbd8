/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/latency.h"

static void nothing_has_no_percentiles(void **state)
{
    const struct latency latency = {0};

    (void)state;
    assert_int_equal(latency_at(&latency, 500), 0);
    assert_int_equal(latency_mean(&latency), 0);
}

static void one_is_all_percentiles(void **state)
{
    struct latency latency = {0};

    (void)state;
    latency_add(&latency, 123456789);
    assert_int_equal(latency_at(&latency, 0), 123456789);
    assert_int_equal(latency_at(&latency, 500), 123456789);
    assert_int_equal(latency_at(&latency, 999), 123456789);
    assert_int_equal(latency_at(&latency, 1000), 123456789);
    assert_int_equal(latency_mean(&latency), 123456789);
}

static void percentiles_are_exact_or_a_little_high(void **state)
{
    static const unsigned at[] = {1, 10, 500, 900, 990, 999, 1000};
    struct latency latency = {0};

    (void)state;
    for (uint64_t ns = 100; ns <= 100000; ns += 100)
        latency_add(&latency, ns);
    assert_int_equal(latency_mean(&latency), 50050);
    assert_int_equal(latency.min_ns, 100);
    assert_int_equal(latency.max_ns, 100000);
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        const uint64_t right = at[i] * 100, said = latency_at(&latency, at[i]);

        assert_in_range(said, right, right + right / 64);
    }
}

static void every_time_has_a_bucket(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int off = -1; off <= 1; off++) {
            const uint64_t ns = (UINT64_C(1) << bit) + (uint64_t)off;
            const uint64_t right = ns > LATENCY_MAX_NS ? LATENCY_MAX_NS : ns;
            struct latency latency = {0};

            latency_add(&latency, ns);
            latency_add(&latency, UINT64_MAX);
            assert_in_range(latency_at(&latency, 500), right,
                            right + right / 64);
            assert_int_equal(latency_at(&latency, 1000), LATENCY_MAX_NS);
        }
    }
}

static void a_rare_long_one_is_seen_at_its_place(void **state)
{
    struct latency latency = {0};

    (void)state;
    for (int i = 0; i < 998; i++)
        latency_add(&latency, 10);
    latency_add(&latency, 5000);
    latency_add(&latency, 7000);
    assert_int_equal(latency_at(&latency, 500), 10);
    assert_int_equal(latency_at(&latency, 998), 10);
    assert_in_range(latency_at(&latency, 999), 5000, 5079);
    assert_int_equal(latency_at(&latency, 1000), 7000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_no_percentiles),
        cmocka_unit_test(one_is_all_percentiles),
        cmocka_unit_test(percentiles_are_exact_or_a_little_high),
        cmocka_unit_test(every_time_has_a_bucket),
        cmocka_unit_test(a_rare_long_one_is_seen_at_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
