/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/pace.h"

static struct bh_pace fresh(unsigned window)
{
    struct bh_pace pace;

    bh_pace_init(&pace, window);
    return pace;
}

static void answers(struct bh_pace *pace, unsigned count)
{
    while (count-- > 0)
        bh_pace_answered(pace);
}

static void begins_with_few(void **state)
{
    (void)state;
    assert_int_equal(fresh(64).allowed, BH_PACE_INITIAL);
    assert_int_equal(fresh(3).allowed, 3);
    assert_int_equal(fresh(1).allowed, 1);
}

static void each_answer_allows_one_more_up_to_the_window(void **state)
{
    struct bh_pace pace = fresh(64);

    (void)state;
    answers(&pace, 10);
    assert_int_equal(pace.allowed, BH_PACE_INITIAL + 10);
    answers(&pace, 1000);
    assert_int_equal(pace.allowed, 64);
}

static void time_out_halves(void **state)
{
    static const unsigned expected[] = {32, 16, 8, 4, 2, 1, 1};
    struct bh_pace pace = fresh(64);
    size_t i;

    (void)state;
    answers(&pace, 100);
    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        bh_pace_timed_out(&pace, pace.round);
        assert_int_equal(pace.allowed, expected[i]);
    }
}

static void time_outs_of_one_round_are_one(void **state)
{
    struct bh_pace pace = fresh(64);
    uint32_t round = pace.round;

    (void)state;
    answers(&pace, 100);
    bh_pace_timed_out(&pace, round);
    bh_pace_timed_out(&pace, round);
    bh_pace_timed_out(&pace, round);
    assert_int_equal(pace.allowed, 32);
}

static void after_a_time_out_a_round_of_answers_allows_one_more(void **state)
{
    struct bh_pace pace = fresh(64);

    (void)state;
    answers(&pace, 100);
    bh_pace_timed_out(&pace, pace.round);
    answers(&pace, 31);
    assert_int_equal(pace.allowed, 32);
    answers(&pace, 1);
    assert_int_equal(pace.allowed, 33);
    answers(&pace, 33);
    assert_int_equal(pace.allowed, 34);
}

static void narrower_session_is_kept_to(void **state)
{
    struct bh_pace pace = fresh(64);

    (void)state;
    answers(&pace, 100);
    bh_pace_set_window(&pace, 4);
    assert_int_equal(pace.allowed, 4);
    bh_pace_set_window(&pace, 64);
    assert_int_equal(pace.allowed, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_few),
        cmocka_unit_test(each_answer_allows_one_more_up_to_the_window),
        cmocka_unit_test(time_out_halves),
        cmocka_unit_test(time_outs_of_one_round_are_one),
        cmocka_unit_test(after_a_time_out_a_round_of_answers_allows_one_more),
        cmocka_unit_test(narrower_session_is_kept_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
