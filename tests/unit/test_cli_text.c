/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/text.h"

static void only_printable_utf8_passes(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"", ""},
        {"demo.img", "demo.img"},
        {"K\xC3\xB6ln \xE2\x82\xAC \xF0\x9F\x92\xBE",
         "K\xC3\xB6ln \xE2\x82\xAC \xF0\x9F\x92\xBE"},
        {"\x1B[2J", "?[2J"},
        {"a\tb\nc\x7F", "a?b?c?"},
        {"\xC2\x9B"
         "31m",
         "??31m"},                  /* a C1 control: CSI */
        {"\xE4\xF6\xFC", "???"},    /* Latin-1 */
        {"cut \xE2\x82", "cut ??"}, /* half a character */
        {"\xC0\xAF", "??"},         /* overlong */
        {"\xE0\x80\xAF", "???"},
        {"\xF0\x80\x80\xAF", "????"},
        {"\xED\xA0\x80", "???"},      /* a surrogate */
        {"\xF4\x90\x80\x80", "????"}, /* behind U+10FFFF */
        {"\xE2(\xA1", "?(?"},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        text_clean(text, rows[i].from, strlen(rows[i].from));
        assert_string_equal(text, rows[i].to);
    }
}

static void text_ends_at_its_length_or_at_a_nul(void **state)
{
    char text[8];

    (void)state;
    text_clean(text, "abcdef", 3);
    assert_string_equal(text, "abc");
    text_clean(text, "ab\0cd", 5);
    assert_string_equal(text, "ab");
    text_clean(text, "a\xC3\xB6", 2); /* the length cuts the character */
    assert_string_equal(text, "a?");
}

static void a_character_is_a_column(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("K\xC3\xB6ln"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_printable_utf8_passes),
        cmocka_unit_test(text_ends_at_its_length_or_at_a_nul),
        cmocka_unit_test(a_character_is_a_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
