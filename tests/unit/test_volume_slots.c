/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "volume/slots.h"

#define COUNT 200u

static void the_first_free_slot_is_taken(void **state)
{
    struct bh_slots slots;

    (void)state;
    assert_int_equal(bh_slots_init(&slots, COUNT), 0);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(bh_slots_take(&slots), i);
    assert_int_equal(bh_slots_take(&slots), COUNT);
    bh_slots_give(&slots, 150);
    bh_slots_give(&slots, 3);
    bh_slots_give(&slots, 70);
    assert_int_equal(bh_slots_take(&slots), 3);
    assert_int_equal(bh_slots_take(&slots), 70);
    assert_int_equal(bh_slots_take(&slots), 150);
    assert_int_equal(bh_slots_take(&slots), COUNT);
    bh_slots_done(&slots);
}

static void a_slot_is_claimed_once(void **state)
{
    struct bh_slots slots;

    (void)state;
    assert_int_equal(bh_slots_init(&slots, COUNT), 0);
    assert_true(bh_slots_claim(&slots, 0));
    assert_true(bh_slots_claim(&slots, COUNT - 1));
    assert_false(bh_slots_claim(&slots, 0));
    assert_false(bh_slots_claim(&slots, COUNT));
    assert_false(bh_slots_claim(&slots, UINT32_MAX));
    assert_int_equal(bh_slots_take(&slots), 1);
    bh_slots_done(&slots);
}

static void none_at_all_is_possible(void **state)
{
    struct bh_slots slots;

    (void)state;
    assert_int_equal(bh_slots_init(&slots, 0), 0);
    assert_int_equal(bh_slots_take(&slots), 0);
    assert_false(bh_slots_claim(&slots, 0));
    bh_slots_done(&slots);
}

/* Against an array that is searched from its beginning. */
static void any_order_is_right(void **state)
{
    unsigned char used[COUNT] = {0};
    struct bh_slots slots;
    unsigned seed = 1;

    (void)state;
    assert_int_equal(bh_slots_init(&slots, COUNT), 0);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t slot = (uint32_t)rand_r(&seed) % COUNT, first = 0;

        if (i / 500 % 2 == 1 && used[slot]) {
            bh_slots_give(&slots, slot);
            used[slot] = 0;
            continue;
        }
        while (first < COUNT && used[first])
            first++;
        assert_int_equal(bh_slots_take(&slots), first);
        if (first < COUNT)
            used[first] = 1;
    }
    bh_slots_done(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_free_slot_is_taken),
        cmocka_unit_test(a_slot_is_claimed_once),
        cmocka_unit_test(none_at_all_is_possible),
        cmocka_unit_test(any_order_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
