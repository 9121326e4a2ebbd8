/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "volume/lines.h"

#define LINES 3

static char text[LINES * BH_LINE_LEN + 1];

static struct bh_lines empty(void)
{
    memset(text, 0, sizeof text);
    return (struct bh_lines){.text = text, .room = LINES};
}

static void lines_are_filled_and_broken(void **state)
{
    static const struct {
        const char *given, *lines;
    } rows[] = {
        {"", "                              \r\n"},
        {"READ ME", "READ ME                       \r\n"},
        {"  two  blanks", "  TWO  BLANKS                 \r\n"},
        {"123456789012345678901234567890",
         "123456789012345678901234567890\r\n"},
        {"12345678901234567890123456789 1",
         "12345678901234567890123456789 \r\n"
         "1                             \r\n"},
        {"123456789012345678901234567890 1",
         "123456789012345678901234567890\r\n"
         "1                             \r\n"},
        {"1234567890123456789012345678901",
         "123456789012345678901234567890\r\n"
         "1                             \r\n"},
        {"two words   that are not on one line",
         "TWO WORDS   THAT ARE NOT ON   \r\n"
         "ONE LINE                      \r\n"},
        {"[_] {}|~`@\x7f\x1b\xc3\xa4", "[_] ?????@????                \r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bh_lines lines = empty();

        bh_lines_add(&lines, "%s", rows[i].given);
        assert_string_equal(text, rows[i].lines);
        assert_int_equal(lines.count, strlen(rows[i].lines) / BH_LINE_LEN);
    }
}

static void what_has_no_room_is_left_out(void **state)
{
    struct bh_lines lines = empty();

    (void)state;
    bh_lines_add(&lines, "%d", 1);
    bh_lines_add(&lines, "a line that is as long as three or even more of "
                         "them, and has no end that anyone could see");
    bh_lines_add(&lines, "none");
    assert_int_equal(lines.count, LINES);
    assert_int_equal(strlen(text), LINES * BH_LINE_LEN);
    assert_memory_equal(text + BH_LINE_LEN, "A LINE THAT", 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_filled_and_broken),
        cmocka_unit_test(what_has_no_room_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
