/* SPDX-License-Identifier: MIT */
#include "volume/nbd_known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOWHERE "nbd+unix:///x?socket=/nowhere/at/all"

static void what_was_said_last_is_known(void **state)
{
    struct bh_nbd_known *known = bh_nbd_known_new();
    struct bh_nbd_info info = {.size = 5, .block = 1}, found;

    (void)state;
    assert_false(bh_nbd_known_get(known, "nbd://a", &found));
    bh_nbd_known_learn(known, "nbd://a", &info);
    info.size = 6;
    bh_nbd_known_learn(known, "nbd://b", &info);
    assert_true(bh_nbd_known_get(known, "nbd://a", &found));
    assert_int_equal(found.size, 5);
    bh_nbd_known_learn(known, "nbd://a", &info);
    assert_true(bh_nbd_known_get(known, "nbd://a", &found));
    assert_int_equal(found.size, 6);
    assert_true(bh_nbd_known_get(known, "nbds://A", &found)); /* the same */
    assert_false(bh_nbd_known_get(known, "nbd://a/b", &found));
    bh_nbd_known_free(known);
}

/* Also to those who come at once behind the first. */
static void a_server_that_is_away_is_told_of(void **state)
{
    struct bh_nbd_known *known = bh_nbd_known_new();
    char first[BH_CAUSE_LEN] = "", second[BH_CAUSE_LEN] = "";
    struct bh_nbd_info found;

    (void)state;
    assert_true(bh_nbd_known_ask(known, NOWHERE, first) < 0);
    assert_string_not_equal(first, "");
    assert_true(bh_nbd_known_ask(known, NOWHERE, second) < 0);
    assert_string_equal(first, second);
    assert_false(bh_nbd_known_get(known, NOWHERE, &found));
    bh_nbd_known_free(known);
}

static void nobody_asks_at_the_end(void **state)
{
    struct bh_nbd_known *known = bh_nbd_known_new();
    char cause[BH_CAUSE_LEN] = "";

    (void)state;
    bh_nbd_known_stop(known);
    assert_true(bh_nbd_known_is_stopped(known));
    assert_true(bh_nbd_known_ask(known, NOWHERE, cause) < 0);
    assert_non_null(strstr(cause, "stopping"));
    bh_nbd_known_free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_last_is_known),
        cmocka_unit_test(a_server_that_is_away_is_told_of),
        cmocka_unit_test(nobody_asks_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
