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

static void time_outs(struct bh_pace *pace, unsigned count)
{
    while (count-- > 0)
        bh_pace_lost(pace, pace->halvings, false);
}

static void time_outs_of_more_than_a_quarter_halve(void **state)
{
    static const unsigned expected[] = {32, 16, 8, 4, 2, 1, 1};
    struct bh_pace pace = fresh(64);
    size_t i;

    (void)state;
    answers(&pace, 100);
    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        time_outs(&pace, pace.allowed / 4);
        if (pace.allowed >= 4)
            assert_int_equal(pace.allowed, expected[i] * 2);
        time_outs(&pace, 1);
        assert_int_equal(pace.allowed, expected[i]);
    }
}

/* One in ten, for ever: no path to blame for that. */
static void scattered_losses_do_not_halve(void **state)
{
    struct bh_pace pace = fresh(64);
    int i;

    (void)state;
    for (i = 0; i < 10000; i++) {
        answers(&pace, 9);
        time_outs(&pace, 1);
    }
    assert_int_equal(pace.allowed, 64);
}

static void every_third_lost_ends_at_few(void **state)
{
    struct bh_pace pace = fresh(64);
    int i;

    (void)state;
    for (i = 0; i < 10000; i++) {
        answers(&pace, 2);
        time_outs(&pace, 1);
    }
    assert_in_range(pace.allowed, 1, 8);
}

static void what_left_before_a_halving_does_not_halve_again(void **state)
{
    struct bh_pace pace = fresh(64);
    uint32_t before = pace.halvings;
    int i;

    (void)state;
    answers(&pace, 128);
    for (i = 0; i < 64; i++)
        bh_pace_lost(&pace, before, false);
    assert_int_equal(pace.allowed, 32);
}

/* Once: what left before the halving does not count. */
static void one_loss_is_too_much_on_a_crowded_path(void **state)
{
    struct bh_pace pace = fresh(64);
    uint32_t before;

    (void)state;
    answers(&pace, 128);
    before = pace.halvings;
    bh_pace_lost(&pace, before, true);
    assert_int_equal(pace.allowed, 32);
    bh_pace_lost(&pace, before, true);
    assert_int_equal(pace.allowed, 32);
    bh_pace_lost(&pace, pace.halvings, true);
    assert_int_equal(pace.allowed, 16);
}

static void after_a_halving_a_round_of_answers_allows_one_more(void **state)
{
    struct bh_pace pace = fresh(64);

    (void)state;
    answers(&pace, 128);
    time_outs(&pace, 17);
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
        cmocka_unit_test(time_outs_of_more_than_a_quarter_halve),
        cmocka_unit_test(scattered_losses_do_not_halve),
        cmocka_unit_test(every_third_lost_ends_at_few),
        cmocka_unit_test(what_left_before_a_halving_does_not_halve_again),
        cmocka_unit_test(one_loss_is_too_much_on_a_crowded_path),
        cmocka_unit_test(after_a_halving_a_round_of_answers_allows_one_more),
        cmocka_unit_test(narrower_session_is_kept_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
