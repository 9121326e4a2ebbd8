/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/rto.h"

static struct bh_rto fresh(void)
{
    struct bh_rto rto;

    bh_rto_init(&rto);
    return rto;
}

static void begins_with_the_initial_value(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    assert_int_equal(rto.srtt_us, 0);
    assert_int_equal(rto.rto_us, BH_RTO_INITIAL_US);
}

/* RFC 6298, 2.2: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR. */
static void first_sample_sets_mean_and_deviation(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    bh_rto_measured(&rto, 10000);
    assert_int_equal(rto.srtt_us, 10000);
    assert_int_equal(rto.rttvar_us, 5000);
    assert_int_equal(rto.rto_us, 30000);
}

/* 2.3: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, SRTT = 7/8 SRTT + 1/8 R. */
static void later_samples_move_them_by_eighths_and_quarters(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    bh_rto_measured(&rto, 10000);
    bh_rto_measured(&rto, 18000);
    assert_int_equal(rto.rttvar_us, 5750);
    assert_int_equal(rto.srtt_us, 11000);
    assert_int_equal(rto.rto_us, 34000);
}

static void steady_round_trips_end_at_the_margin(void **state)
{
    struct bh_rto rto = fresh();
    int i;

    (void)state;
    for (i = 0; i < 100; i++)
        bh_rto_measured(&rto, 100);
    assert_int_equal(rto.srtt_us, 100);
    assert_int_equal(rto.rto_us, 100 + BH_RTO_MARGIN_US);
    for (i = 0; i < 100; i++)
        bh_rto_measured(&rto, 50000);
    assert_in_range(rto.rto_us, 49900 + BH_RTO_MARGIN_US,
                    50000 + BH_RTO_MARGIN_US);
}

static void slow_round_trips_end_at_the_cap(void **state)
{
    struct bh_rto rto = fresh();
    int i;

    (void)state;
    for (i = 0; i < 100; i++)
        bh_rto_measured(&rto, UINT32_MAX);
    assert_int_equal(rto.rto_us, BH_RTO_CAP_US);
}

static void round_trip_of_nothing_still_counts_as_measured(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    bh_rto_measured(&rto, 0);
    bh_rto_measured(&rto, 0);
    assert_int_not_equal(rto.srtt_us, 0);
    assert_int_equal(rto.rto_us, rto.srtt_us + BH_RTO_MARGIN_US);
}

static void back_off_stays_until_a_sample(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    bh_rto_measured(&rto, 10000);
    bh_rto_backed_off(&rto, 120000);
    assert_int_equal(rto.rto_us, 120000);
    assert_int_equal(rto.srtt_us, 10000);
    bh_rto_measured(&rto, 10000);
    assert_int_equal(rto.rto_us, 10000 + 4 * 3750);
}

static void back_off_only_lengthens_and_stops_at_the_cap(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    bh_rto_backed_off(&rto, 1000);
    assert_int_equal(rto.rto_us, BH_RTO_INITIAL_US);
    bh_rto_backed_off(&rto, 3000000);
    assert_int_equal(rto.rto_us, BH_RTO_CAP_US);
}

static void path_is_crowded_when_round_trips_have_doubled(void **state)
{
    static const struct {
        uint32_t least_us, srtt_us;
        int crowded;
    } rows[] = {
        {0, 0, 0},         {100, 100, 0},     {100, 1200, 0},    {100, 1201, 1},
        {10000, 20000, 0}, {10000, 21000, 0}, {10000, 21001, 1},
    };
    struct bh_rto rto;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bh_rto_init(&rto);
        rto.least_us = rows[i].least_us;
        rto.srtt_us = rows[i].srtt_us;
        assert_int_equal(bh_rto_is_crowded(&rto), rows[i].crowded);
    }
    bh_rto_init(&rto);
    bh_rto_measured(&rto, 900);
    bh_rto_measured(&rto, 700);
    bh_rto_measured(&rto, 800);
    assert_int_equal(rto.least_us, 700);
}

/* 512 bytes at 1,200 baud take 4.4 s, and two may be under way. */
static void a_slow_line_is_given_its_time(void **state)
{
    struct bh_rto rto = fresh();
    int i;

    (void)state;
    bh_rto_set_line(&rto, 8800000);
    assert_true(rto.rto_us >= 9900000);
    for (i = 0; i < 50; i++) {
        bh_rto_measured(&rto, 1000);
        assert_true(rto.rto_us >= 9900000);
    }
    bh_rto_measured(&rto, 9000000);
    assert_true(rto.rto_us >= 9900000);
    bh_rto_backed_off(&rto, 60000000);
    assert_in_range(rto.rto_us, 2 * 9900000, 2 * 10000000);
    assert_int_equal(bh_rto_most_us(&rto), rto.rto_us);
    rto = fresh();
    assert_int_equal(bh_rto_most_us(&rto), UINT32_MAX);
}

static void a_fast_line_is_waited_for_little_longer(void **state)
{
    struct bh_rto rto = fresh();

    (void)state;
    bh_rto_set_line(&rto, 10000);
    bh_rto_measured(&rto, 1000);
    assert_in_range(rto.rto_us, 11000, 100000);
}

static void what_a_line_loses_was_damaged(void **state)
{
    struct bh_rto rto = fresh();
    int i;

    (void)state;
    bh_rto_set_line(&rto, 200000);
    bh_rto_measured(&rto, 1000);
    for (i = 0; i < 50; i++)
        bh_rto_measured(&rto, 100000);
    assert_false(bh_rto_is_crowded(&rto));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_line_is_given_its_time),
        cmocka_unit_test(a_fast_line_is_waited_for_little_longer),
        cmocka_unit_test(what_a_line_loses_was_damaged),
        cmocka_unit_test(begins_with_the_initial_value),
        cmocka_unit_test(first_sample_sets_mean_and_deviation),
        cmocka_unit_test(later_samples_move_them_by_eighths_and_quarters),
        cmocka_unit_test(steady_round_trips_end_at_the_margin),
        cmocka_unit_test(slow_round_trips_end_at_the_cap),
        cmocka_unit_test(round_trip_of_nothing_still_counts_as_measured),
        cmocka_unit_test(back_off_stays_until_a_sample),
        cmocka_unit_test(back_off_only_lengthens_and_stops_at_the_cap),
        cmocka_unit_test(path_is_crowded_when_round_trips_have_doubled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
