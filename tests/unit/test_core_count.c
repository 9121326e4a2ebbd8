/* SPDX-License-Identifier: MIT */
/* Counting clients, and those that do not count. */
#include "core/count.h"
#include "core/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { READS = false, WRITES = true };

static uint64_t now = 1000;

/* BH_COUNT_NEXT is BH_COUNT_RUN of which the next server need not hear at once:
 * nothing has changed but the number. */
static enum bh_count_verdict check_beside(struct bh_count *count, unsigned seq,
                                          bool changes, bool unanswered)
{
    struct bh_count before = *count;
    enum bh_count_verdict verdict =
        bh_count_check(count, (uint8_t)seq, changes, unanswered, now);

    if (verdict != BH_COUNT_NEXT)
        return verdict;
    before.highest++;
    assert_memory_equal(&before, count, sizeof before);
    return BH_COUNT_RUN;
}

static enum bh_count_verdict check(struct bh_count *count, unsigned seq,
                                   bool changes)
{
    return check_beside(count, seq, changes, false);
}

/* A client that has counted from `first` to `first` + 8. */
static struct bh_count counting(unsigned first)
{
    struct bh_count count;

    bh_count_init(&count, (uint8_t)first);
    for (unsigned i = 1; i <= BH_COUNTING_RUN; i++)
        assert_int_equal(check(&count, first + i, WRITES), BH_COUNT_RUN);
    return count;
}

static void eight_in_a_row_make_a_client_that_counts(void **state)
{
    (void)state;
    for (unsigned run = 0; run <= 12; run++) {
        struct bh_count count;

        bh_count_init(&count, 250); /* wraps on the way */
        for (unsigned i = 1; i <= run; i++)
            check(&count, 250 + i, WRITES);
        assert_int_equal(check(&count, 250 + run - 1, WRITES),
                         run >= 8 ? BH_COUNT_DROP : BH_COUNT_RUN);
    }
}

static void of_one_that_counts_every_old_write_is_dropped(void **state)
{
    (void)state;
    for (unsigned highest = 0; highest < 256; highest++) {
        for (unsigned step = 0; step < 256; step++) {
            struct bh_count count = counting(highest - 8);
            unsigned seq = highest + step;

            assert_int_equal(count.highest, highest);
            assert_int_equal(check(&count, seq, WRITES),
                             step < 128 ? BH_COUNT_RUN : BH_COUNT_DROP);
            assert_int_equal(count.highest,
                             (uint8_t)(step < 128 ? seq : highest));
            count = counting(highest - 8);
            assert_int_equal(check(&count, seq, READS), BH_COUNT_RUN);
            assert_int_equal(count.highest,
                             (uint8_t)(step < 128 ? seq : highest));
        }
    }
}

static void of_any_other_nothing_is_dropped(void **state)
{
    (void)state;
    for (unsigned highest = 0; highest < 256; highest++) {
        for (unsigned seq = 0; seq < 256; seq++) {
            struct bh_count count;

            bh_count_init(&count, (uint8_t)(highest - 7));
            for (unsigned i = 1; i <= 7; i++)
                check(&count, highest - 7 + i, WRITES);
            assert_int_equal(check(&count, seq, WRITES), BH_COUNT_RUN);
            assert_int_equal(count.highest, seq);
        }
    }
}

static void a_gap_begins_the_row_anew(void **state)
{
    struct bh_count count;
    unsigned seq = 0;

    (void)state;
    bh_count_init(&count, 0);
    for (unsigned i = 0; i < 7; i++)
        check(&count, ++seq, WRITES);
    check(&count, seq += 2, WRITES);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(check(&count, ++seq, WRITES), BH_COUNT_RUN);
        assert_int_equal(count.run, i + 1);
    }
    check(&count, ++seq, WRITES);
    assert_int_equal(check(&count, seq - 1, WRITES), BH_COUNT_DROP);
}

static void a_gap_afterwards_changes_nothing(void **state)
{
    static const uint8_t gaps[] = {2, 3, 64, 127};

    (void)state;
    for (unsigned i = 0; i < sizeof gaps; i++) {
        struct bh_count count = counting(0);

        assert_int_equal(check(&count, 8 + gaps[i], WRITES), BH_COUNT_RUN);
        for (unsigned late = 0; late < gaps[i]; late++)
            assert_int_equal(check(&count, 8 + late, WRITES), BH_COUNT_DROP);
    }
}

static void a_repetition_of_the_newest_runs_and_breaks_no_row(void **state)
{
    struct bh_count count;

    (void)state;
    bh_count_init(&count, 0);
    for (unsigned seq = 1; seq <= 8; seq++)
        for (unsigned copy = 0; copy < 3; copy++)
            assert_int_equal(check(&count, seq, WRITES), BH_COUNT_RUN);
    assert_int_equal(check(&count, 7, WRITES), BH_COUNT_DROP);
}

static void two_unanswered_at_once_make_it_naive_for_good(void **state)
{
    (void)state;
    for (unsigned when = 1; when <= 20; when++) {
        struct bh_count count;
        unsigned seq = 0;

        bh_count_init(&count, 0);
        for (unsigned i = 1; i <= 60; i++)
            assert_int_equal(check_beside(&count, ++seq, WRITES, i == when),
                             BH_COUNT_RUN);
        for (unsigned back = 1; back < 128; back++)
            assert_int_equal(check(&count, seq - back, WRITES), BH_COUNT_RUN);
    }
}

static void
a_late_copy_beside_a_running_request_makes_nobody_naive(void **state)
{
    struct bh_count count = counting(0);

    (void)state;
    assert_int_equal(bh_count_check(&count, 5, WRITES, true, now),
                     BH_COUNT_DROP);
    assert_int_equal(bh_count_check(&count, 5, READS, true, now), BH_COUNT_RUN);
    assert_int_equal(check(&count, 7, WRITES), BH_COUNT_DROP);
}

static void a_constant_number_never_loses_a_write(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        struct bh_count count;

        bh_count_init(&count, (uint8_t)first);
        for (unsigned i = 0; i < 1000; i++)
            assert_int_equal(
                bh_count_check(&count, 77, WRITES, i % 5 == 0, now += 999),
                BH_COUNT_RUN);
    }
}

static void random_numbers_never_lose_a_write(void **state)
{
    uint64_t random = 4;

    (void)state;
    for (unsigned client = 0; client < 100; client++) {
        struct bh_count count;

        bh_count_init(&count, (uint8_t)client);
        for (unsigned i = 0; i < 5000; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            assert_int_equal(
                check(&count, (unsigned)(random >> 40) & 255, WRITES),
                BH_COUNT_RUN);
        }
    }
}

/* Whoever counts down, or by other steps than 1, is not taken for a counter. */
static void other_steps_never_lose_a_write(void **state)
{
    (void)state;
    for (unsigned step = 2; step < 256; step++) {
        struct bh_count count;

        bh_count_init(&count, 0);
        for (unsigned i = 1; i < 600; i++)
            assert_int_equal(check(&count, i * step, WRITES), BH_COUNT_RUN);
    }
}

static void who_has_lost_count_is_told_after_5_seconds(void **state)
{
    struct bh_count count = counting(0);

    (void)state;
    assert_int_equal(check(&count, 200, WRITES), BH_COUNT_DROP);
    now += BH_COUNTING_LOST_MS - 1;
    assert_int_equal(check(&count, 200, WRITES), BH_COUNT_DROP);
    now += 1;
    assert_int_equal(check(&count, 200, WRITES), BH_COUNT_LOST);
}

static void
something_newer_or_another_number_begins_the_5_seconds_anew(void **state)
{
    struct bh_count count = counting(0);

    (void)state;
    check(&count, 200, WRITES);
    now += 4000;
    assert_int_equal(check(&count, 9, WRITES), BH_COUNT_RUN);
    now += 4000;
    assert_int_equal(check(&count, 200, WRITES), BH_COUNT_DROP);
    now += 4000;
    assert_int_equal(check(&count, 201, WRITES), BH_COUNT_DROP);
    now += 4000;
    assert_int_equal(check(&count, 200, WRITES), BH_COUNT_DROP);
    now += 5000;
    assert_int_equal(check(&count, 200, WRITES), BH_COUNT_LOST);
}

/* It is newer than the old one: its sender has not lost count. */
static void the_newest_again_begins_the_5_seconds_anew(void **state)
{
    struct bh_count count = counting(0);

    (void)state;
    check(&count, 3, WRITES);
    now += 4000;
    assert_int_equal(check(&count, 8, WRITES), BH_COUNT_RUN);
    now += 4000;
    assert_int_equal(check(&count, 3, WRITES), BH_COUNT_DROP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_in_a_row_make_a_client_that_counts),
        cmocka_unit_test(of_one_that_counts_every_old_write_is_dropped),
        cmocka_unit_test(of_any_other_nothing_is_dropped),
        cmocka_unit_test(a_gap_begins_the_row_anew),
        cmocka_unit_test(a_gap_afterwards_changes_nothing),
        cmocka_unit_test(a_repetition_of_the_newest_runs_and_breaks_no_row),
        cmocka_unit_test(two_unanswered_at_once_make_it_naive_for_good),
        cmocka_unit_test(
            a_late_copy_beside_a_running_request_makes_nobody_naive),
        cmocka_unit_test(a_constant_number_never_loses_a_write),
        cmocka_unit_test(random_numbers_never_lose_a_write),
        cmocka_unit_test(other_steps_never_lose_a_write),
        cmocka_unit_test(who_has_lost_count_is_told_after_5_seconds),
        cmocka_unit_test(
            something_newer_or_another_number_begins_the_5_seconds_anew),
        cmocka_unit_test(the_newest_again_begins_the_5_seconds_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
