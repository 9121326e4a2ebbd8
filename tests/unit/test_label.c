/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/label.h"
#include "wire/protocol.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void labels_lose_what_pads_them(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *label;
    } rows[] = {
        {"BEFORE LEVEL 3", 14, "BEFORE LEVEL 3"},
        {"disk one    ", 12, "disk one"},
        {"a\r\n", 3, "a"},
        {"a\0\0\0", 4, "a"},
        {"", 0, ""},
        {"   ", 3, ""},
        {"\0\0", 2, ""},
        {"v1.0", 4, "v1.0"},
        {"a..b", 4, "a..b"},
        {"-x", 2, "-x"},
        {"1a", 2, "1a"},
        {"what? *\\", 8, "what? *\\"},
    };
    char label[BH_LABEL_LEN + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            bh_label_clean(rows[i].bytes, (unsigned)rows[i].len, label), 0);
        assert_string_equal(label, rows[i].label);
    }
}

static void labels_that_could_be_more_than_a_name_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"a/b", 3},     {"/", 1},      {"..", 2},       {".", 1},
        {".new", 4},    {"../x", 4},   {"a\nb", 3},     {"a\0b", 3},
        {"\x1b[2J", 4}, {"a\x7f", 2},  {"\xc3\xa4", 2}, {"\xff", 1},
        {"a@b", 3},     {"disk#1", 6}, {" a", 2},       {"7", 1},
        {"0003", 4},    {"2026  ", 6}, {"\ta", 2},
    };
    char label[BH_LABEL_LEN + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(
            bh_label_clean(rows[i].bytes, (unsigned)rows[i].len, label),
            BH_ERR_FORMAT);
}

static void the_longest_label_fits(void **state)
{
    char bytes[255], label[BH_LABEL_LEN + 1];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(bh_label_clean(bytes, BH_LABEL_LEN, label), 0);
    assert_int_equal(strlen(label), BH_LABEL_LEN);
    assert_int_equal(bh_label_clean(bytes, BH_LABEL_LEN + 1, label),
                     BH_ERR_FORMAT);
    assert_int_equal(bh_label_clean(bytes, sizeof bytes, label), BH_ERR_FORMAT);
    memset(bytes + BH_LABEL_LEN, ' ', sizeof bytes - BH_LABEL_LEN);
    assert_int_equal(bh_label_clean(bytes, sizeof bytes, label), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_lose_what_pads_them),
        cmocka_unit_test(labels_that_could_be_more_than_a_name_are_refused),
        cmocka_unit_test(the_longest_label_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
