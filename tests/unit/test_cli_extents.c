/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/extents.h"

static void neighbours_become_one(void **state)
{
    struct extents extents = {0};

    (void)state;
    extents_add(&extents, 10, 2);
    extents_add(&extents, 12, 3);
    extents_add(&extents, 5, 4);
    assert_int_equal(extents.count, 2);
    extents_add(&extents, 9, 1);
    extents_sort(&extents);
    assert_int_equal(extents.count, 1);
    assert_int_equal(extents.of[0].lsn, 5);
    assert_int_equal(extents.of[0].count, 10);
    extents_free(&extents);
}

static void many_are_sorted(void **state)
{
    struct extents extents = {0};

    (void)state;
    extents_sort(&extents);
    for (uint64_t i = 1000; i > 0; i--)
        assert_int_equal(extents_add(&extents, i * 10, 3), 0);
    extents_sort(&extents);
    assert_int_equal(extents.count, 1000);
    assert_int_equal(extents_total(&extents), 3000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(extents.of[i].lsn, (i + 1) * 10);
    extents_free(&extents);
    assert_int_equal(extents.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_become_one),
        cmocka_unit_test(many_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
