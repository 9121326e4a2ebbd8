/* SPDX-License-Identifier: MIT */
/* The order of a mount's calls, over a disk that is not there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/blockhead.h"
#include "mount/calls.h"

#define MAX 16u

static struct {
    struct call *under_way[MAX];
    struct bh_done over[MAX];
    unsigned under_way_count, over_count, window;
    bool open;
} disk;

static struct calls calls;
static struct call all[MAX];
static int results[MAX];
static unsigned finished, started[MAX], started_count;

/*
 * The disk.
 */

int bh_disk_process(struct bh_disk *unused)
{
    (void)unused;
    return (int)disk.under_way_count;
}

int bh_disk_next(struct bh_disk *unused, struct bh_done *out)
{
    (void)unused;
    if (disk.over_count == 0)
        return 0;
    *out = disk.over[--disk.over_count];
    return 1;
}

int bh_disk_is_open(const struct bh_disk *unused)
{
    (void)unused;
    return disk.open;
}

const char *bh_disk_error(const struct bh_disk *unused)
{
    (void)unused;
    return "(this failure is wanted)";
}

static int start(struct bh_disk *unused, struct call *call)
{
    (void)unused;
    if (disk.under_way_count + disk.over_count == disk.window)
        return -EBUSY;
    started[started_count++] = (unsigned)(call - all);
    disk.under_way[disk.under_way_count++] = call;
    return 0;
}

static int refuse(struct bh_disk *unused, struct call *call)
{
    (void)unused;
    (void)call;
    return -ERANGE;
}

/* The disk is done with call `number`. */
static void end(unsigned number, int result)
{
    for (unsigned i = 0; i < disk.under_way_count; i++)
        if (disk.under_way[i] == &all[number]) {
            disk.over[disk.over_count++] =
                (struct bh_done){.tag = &all[number], .result = result};
            disk.under_way[i] = disk.under_way[--disk.under_way_count];
            return;
        }
    fail_msg("call %u is not under way", number);
}

/*
 * The calls.
 */

static void finish(struct call *call, int result)
{
    results[call - all] = result;
    finished++;
}

static int begin(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof(disk));
    disk.open = true;
    disk.window = 3;
    finished = started_count = 0;
    calls_begin(&calls, NULL);
    for (unsigned i = 0; i < MAX; i++) {
        all[i] = (struct call){.start = start, .finish = finish};
        results[i] = 1;
    }
    return 0;
}

static void ask(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        calls_ask(&calls, &all[i]);
    calls_step(&calls);
}

static void they_start_in_order_as_there_is_room(void **state)
{
    (void)state;
    ask(0, 5);
    assert_int_equal(started_count, 3);
    assert_int_equal(calls.waiting, 2);
    end(2, 0);
    calls_step(&calls);
    assert_int_equal(started_count, 4);
    end(0, 0);
    end(3, 0);
    end(1, 0);
    calls_step(&calls);
    end(4, 0);
    calls_step(&calls);
    for (unsigned i = 0; i < 5; i++)
        assert_true(started[i] == i && results[i] == 0);
    assert_true(calls_idle(&calls));
    assert_int_equal(finished, 5);
}

static void one_that_is_refused_holds_nobody_up(void **state)
{
    (void)state;
    all[0].start = refuse;
    ask(0, 2);
    assert_int_equal(results[0], -ERANGE);
    assert_int_equal(started[0], 1);
    assert_int_equal(calls.lost, 0);
}

static void a_disk_that_takes_none_is_no_reason_to_wait(void **state)
{
    (void)state;
    disk.window = 0;
    ask(0, 1);
    assert_int_equal(results[0], -EBUSY);
}

static void ask_again(struct call *call, int result)
{
    finish(call, result);
    if (call == &all[0])
        calls_ask(&calls, &all[1]);
}

static void the_end_of_one_may_ask_for_another(void **state)
{
    (void)state;
    all[0].finish = ask_again;
    ask(0, 1);
    end(0, 0);
    calls_step(&calls);
    assert_int_equal(disk.under_way_count, 1);
    end(1, 0);
    calls_step(&calls);
    assert_int_equal(finished, 2);
}

static void a_failure_is_one_calls_own(void **state)
{
    (void)state;
    ask(0, 3);
    end(1, -EIO);
    calls_step(&calls);
    assert_int_equal(results[1], -EIO);
    assert_int_equal(calls.lost, 0);
    assert_int_equal(calls.told, -EIO);
    end(0, 0);
    calls_step(&calls);
    assert_int_equal(calls.told, 0);
}

static void lose(int error)
{
    ask(0, 5);
    end(1, error);
    calls_step(&calls);
    assert_int_equal(calls.lost, error);
    assert_true(results[3] == error && results[4] == error);
    assert_int_equal(started_count, 3);
    end(0, 0); /* it was answered before */
    end(2, error);
    ask(5, 1);
    assert_true(results[0] == 0 && results[2] == error && results[5] == error);
    assert_true(calls_idle(&calls));
}

static void a_session_that_is_lost_fails_all(void **state)
{
    (void)state;
    disk.open = false;
    lose(-EBUSY);
}

static void so_does_another_medium(void **state)
{
    (void)state;
    lose(-ESTALE);
}

static void and_none(void **state)
{
    (void)state;
    lose(-ENOMEDIUM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(they_start_in_order_as_there_is_room, begin),
        cmocka_unit_test_setup(one_that_is_refused_holds_nobody_up, begin),
        cmocka_unit_test_setup(a_disk_that_takes_none_is_no_reason_to_wait,
                               begin),
        cmocka_unit_test_setup(the_end_of_one_may_ask_for_another, begin),
        cmocka_unit_test_setup(a_failure_is_one_calls_own, begin),
        cmocka_unit_test_setup(a_session_that_is_lost_fails_all, begin),
        cmocka_unit_test_setup(so_does_another_medium, begin),
        cmocka_unit_test_setup(and_none, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
