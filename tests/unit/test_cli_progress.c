/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"
#include "cli/text.h"

static const struct progress half = {
    .label = "demo.img", .total = 2 << 20, .done = 1 << 20, .rate = 1 << 18};

static void a_line_says_percent_bytes_rate_and_time_left(void **state)
{
    char line[PROGRESS_LINE_LEN];

    (void)state;
    progress_line(&half, 70, line);
    assert_string_equal(line,
                        "demo.img  50 % [===========>          ]  1.0 MiB  "
                        "256 KiB/s  0:04 left");
}

static void a_narrow_terminal_keeps_the_numbers(void **state)
{
    char line[PROGRESS_LINE_LEN];

    (void)state;
    progress_line(&half, 50, line);
    assert_string_equal(line, "demo.img  50 %  1.0 MiB  256 KiB/s  0:04 left");
    progress_line(&half, 40, line);
    assert_string_equal(line, "  50 %  1.0 MiB  256 KiB/s  0:04 left");
    progress_line(&half, 20, line);
    assert_string_equal(line, "  50 %  1.0 MiB  256");
}

static void a_line_never_exceeds_the_terminal(void **state)
{
    static const char label[] = "K\xC3\xB6ln\x1B[2J, a name that goes on and "
                                "on and would not fit on any line";
    char line[PROGRESS_LINE_LEN];

    (void)state;
    for (size_t columns = 19; columns < 200; columns++) {
        for (uint64_t done = 0; done <= 1000; done += 50) {
            const struct progress progress = {
                .label = label, .total = 1000, .done = done, .rate = 3};

            progress_line(&progress, columns, line);
            assert_true(text_columns(line) <= columns);
            assert_null(strchr(line, '\x1B'));
        }
    }
}

static void an_unknown_total_has_neither_percent_nor_bar(void **state)
{
    struct progress progress = half;
    char line[PROGRESS_LINE_LEN];

    (void)state;
    progress.total = PROGRESS_UNKNOWN;
    progress_line(&progress, 70, line);
    assert_string_equal(line, "demo.img  1.0 MiB  256 KiB/s");
}

static void the_last_sectors_padding_is_not_counted(void **state)
{
    struct progress progress;

    (void)state;
    progress_begin(&progress, "odd.img", 1000, true);
    progress_advance(&progress, 1024);
    assert_int_equal(progress.done, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_percent_bytes_rate_and_time_left),
        cmocka_unit_test(a_narrow_terminal_keeps_the_numbers),
        cmocka_unit_test(a_line_never_exceeds_the_terminal),
        cmocka_unit_test(an_unknown_total_has_neither_percent_nor_bar),
        cmocka_unit_test(the_last_sectors_padding_is_not_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
