/* SPDX-License-Identifier: MIT */
#include "wire/protocol.h"
#include "wire/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void each_status_has_words_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BH_STATUS_COUNT; i++) {
        assert_true(strlen(bh_status_text((uint8_t)i)) > 0);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(bh_status_text((uint8_t)i),
                                    bh_status_text((uint8_t)j));
    }
}

static void an_unknown_status_has_words_too(void **state)
{
    (void)state;
    for (unsigned i = BH_STATUS_COUNT; i < 256; i++)
        assert_string_equal(bh_status_text((uint8_t)i), "unknown error");
}

static void words_are_at_their_numbers(void **state)
{
    (void)state;
    assert_string_equal(bh_status_text(BH_OK), "no error");
    assert_string_equal(bh_status_text(BH_ERR_LSN), "no such sector");
    assert_string_equal(bh_status_text(BH_ERR_IN_USE),
                        "in use by another session");
    assert_string_equal(bh_status_text(BH_ERR_AHEAD), "ahead of the window");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_words_of_its_own),
        cmocka_unit_test(an_unknown_status_has_words_too),
        cmocka_unit_test(words_are_at_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
