/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/window.h"

static struct bh_window window;

static void begin(uint16_t first, unsigned count)
{
    bh_window_clear(&window);
    for (; count > 0; count--)
        bh_window_take(&window, first++);
}

static void room_is_counted_from_the_oldest_without_an_answer(void **state)
{
    (void)state;
    begin(1, 0);
    assert_int_equal(bh_window_room(&window, 64), 64);
    begin(1, 3);
    assert_int_equal(bh_window_room(&window, 64), 61);
    assert_int_equal(bh_window_room(&window, 3), 0);
    assert_int_equal(bh_window_room(&window, 2), 0);
    bh_window_settle(&window, 2);
    bh_window_settle(&window, 3);
    assert_int_equal(bh_window_room(&window, 64), 61);
    bh_window_settle(&window, 1);
    assert_int_equal(bh_window_room(&window, 64), 64);
}

static void numbers_wrap(void **state)
{
    uint16_t number = 65530;
    int i;

    (void)state;
    begin(number, 10);
    assert_int_equal(window.oldest, 65530);
    assert_int_equal(window.next, 4);
    assert_int_equal(bh_window_room(&window, 64), 54);
    for (i = 0; i < 10; i++, number++) {
        assert_int_equal(window.oldest, number);
        bh_window_settle(&window, number);
    }
    assert_int_equal(bh_window_room(&window, 64), 64);
}

static void all_64_can_be_open(void **state)
{
    int i;

    (void)state;
    begin(1000, 64);
    assert_int_equal(bh_window_room(&window, 64), 0);
    for (i = 63; i > 0; i--)
        bh_window_settle(&window, (uint16_t)(1000 + i));
    assert_int_equal(bh_window_room(&window, 64), 0);
    bh_window_settle(&window, 1000);
    assert_int_equal(bh_window_room(&window, 64), 64);
}

static void given_up_number_is_open_until_the_window_is_cleared(void **state)
{
    struct bh_pane *pane;

    (void)state;
    begin(7, 1);
    pane = bh_window_use(&window, 7);
    bh_window_free(&window, pane);
    assert_int_equal(window.used, 0);
    assert_int_equal(bh_window_room(&window, 64), 63);
    bh_window_clear(&window);
    assert_int_equal(bh_window_room(&window, 64), 64);
}

static void pane_is_found_by_its_number(void **state)
{
    (void)state;
    begin(100, 3);
    bh_window_use(&window, 101)->at = 5;
    assert_int_equal(bh_window_at(&window, 101)->at, 5);
    assert_ptr_equal(bh_window_at(&window, 101),
                     bh_window_at(&window, 101 & 63));
    assert_true(bh_window_at(&window, 101)->used);
    assert_false(bh_window_at(&window, 102)->used);
}

static void lost_ones_are_counted_once(void **state)
{
    struct bh_pane *pane;

    (void)state;
    begin(1, 1);
    pane = bh_window_use(&window, 1);
    bh_window_lose(&window, pane);
    bh_window_lose(&window, pane);
    assert_int_equal(window.lost, 1);
    bh_window_sent(&window, pane);
    assert_int_equal(window.lost, 0);
    bh_window_lose(&window, pane);
    bh_window_free(&window, pane);
    assert_int_equal(window.lost, 0);
}

static struct bh_pane *sent(uint16_t number)
{
    struct bh_pane *pane;

    bh_window_take(&window, number);
    pane = bh_window_use(&window, number);
    bh_window_sent(&window, pane);
    return pane;
}

/* Whatever their order; and its own answer, or an older one's, is none. */
static void three_answers_to_later_ones_pass(void **state)
{
    static const uint8_t orders[][3] = {{3, 4, 5}, {5, 4, 3}, {4, 5, 3}};
    struct bh_pane *panes[6];
    unsigned i, j;

    (void)state;
    for (i = 0; i < 3; i++) {
        begin(1, 0);
        for (j = 0; j < 6; j++)
            panes[j] = sent((uint16_t)(1 + j));
        bh_window_answered(&window, panes[0]);
        for (j = 0; j < 3; j++) {
            assert_false(bh_window_passed(&window, panes[1]));
            bh_window_answered(&window, panes[orders[i][j]]);
        }
        assert_true(bh_window_passed(&window, panes[1]));
        assert_true(bh_window_passed(&window, panes[2]));
        assert_false(bh_window_passed(&window, panes[3]));
        bh_window_sent(&window, panes[1]);
        assert_false(bh_window_passed(&window, panes[1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_counted_from_the_oldest_without_an_answer),
        cmocka_unit_test(numbers_wrap),
        cmocka_unit_test(all_64_can_be_open),
        cmocka_unit_test(given_up_number_is_open_until_the_window_is_cleared),
        cmocka_unit_test(pane_is_found_by_its_number),
        cmocka_unit_test(lost_ones_are_counted_once),
        cmocka_unit_test(three_answers_to_later_ones_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
