/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "volume/name.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void blanks_cr_and_lf_go_at_the_end_only(void **state)
{
    static const char *const rows[][2] = {
        {"disk.img", "disk.img"},
        {"disk.img  \r\n", "disk.img"},
        {"a b", "a b"},
        {" a ", " a"},
        {"a\n b \n", "a\n b"},
        {"", ""},
        {"   ", ""},
        {"\r\n \r\n", ""},
        {"a\t", "a\t"},
    };
    char out[256];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(bh_name_trim(rows[i][0], out, sizeof out),
                            rows[i][1]);
}

static void what_does_not_fit_is_cut(void **state)
{
    char out[6];

    (void)state;
    assert_string_equal(bh_name_trim("12345678", out, sizeof out), "12345");
    assert_string_equal(bh_name_trim("12345", out, sizeof out), "12345");
    assert_string_equal(bh_name_trim("1234     ", out, sizeof out), "1234");
}

static void names_that_could_lead_elsewhere_are_a_problem(void **state)
{
    static const char *const good[] = {
        "a",       "a.img",       "A B", "d/e/f.dsk", "a..b",
        "a.",      "caf\xC3\xA9", "x:y", "\x80\xFF",  "image@label",
        "image#1", "a\\b",        "~",   "-rf",
    };
    static const char *const bad[] = {
        "",     "/",    "/etc/passwd", "..",     "../a", "a/../b", ".",
        "./a",  "a/.",  "a/./b",       ".a",     "a/.b", "a//b",   "a/",
        "a\nb", "\x01", "a\x7f",       "a\x1b[", "//",   "...",    "a/..",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        if (bh_name_problem(good[i]) != NULL)
            fail_msg("'%s': %s", good[i], bh_name_problem(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        if (bh_name_problem(bad[i]) == NULL)
            fail_msg("'%s' passes", bad[i]);
}

static void a_partition_is_split_off_its_image(void **state)
{
    static const struct {
        const char *name, *image;
        unsigned partition;
    } rows[] = {
        {"a.img#1", "a.img", 1},     {"d/a#12", "d/a", 12}, {"a#b#3", "a#b", 3},
        {"a#1#2", "a#1", 2},         {":7#4", ":7", 4},     {"a #99", "a ", 99},
        {"1234567#1", "1234567", 1},
    };
    static const char *const bad[] = {
        "",     "a",     "#1",   "a#",   "a#0",  "a#01",       "a#x",
        "a#1x", "a#100", "a#-1", "a#+1", "a# 1", "12345678#1", "a#1 ",
    };
    char image[8];
    unsigned partition;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(
            bh_name_split(rows[i].name, image, sizeof image, &partition));
        assert_string_equal(image, rows[i].image);
        assert_int_equal(partition, rows[i].partition);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (bh_name_split(bad[i], image, sizeof image, &partition))
            fail_msg("'%s' is split", bad[i]);
}

static void only_ascii_letters_have_two_cases(void **state)
{
    static const struct {
        const char *a, *b;
        bool alike;
    } rows[] = {
        {"disk.img", "DISK.IMG", true},
        {"Disk", "dISK", true},
        {"a", "a", true},
        {"", "", true},
        {"a", "", false},
        {"", "a", false},
        {"a", "ab", false},
        {"[", "{", false}, /* 0x20 apart, as letters are */
        {"@", "`", false},
        {"\xC4", "\xE4", false}, /* Ae in Latin-1 */
        {"disk1", "disk2", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (bh_name_alike(rows[i].a, rows[i].b) != rows[i].alike)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_cr_and_lf_go_at_the_end_only),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(names_that_could_lead_elsewhere_are_a_problem),
        cmocka_unit_test(a_partition_is_split_off_its_image),
        cmocka_unit_test(only_ascii_letters_have_two_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
