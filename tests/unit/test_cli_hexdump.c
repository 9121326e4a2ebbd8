/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/hexdump.h"

static void a_line_is_as_hexdump_has_it(void **state)
{
    char line[HEXDUMP_LINE_LEN];

    (void)state;
    hexdump_line(line, 0x1200, (const uint8_t *)"0123456789ab\0\x7F\xFF ", 16);
    assert_string_equal(line, "00001200  30 31 32 33 34 35 36 37  38 39 61 62 "
                              "00 7f ff 20  |0123456789ab... |");
    hexdump_line(line, UINT64_C(0x123456789ABCDEF0), (const uint8_t *)"hi", 2);
    assert_string_equal(line, "123456789abcdef0  68 69                        "
                              "                     |hi|");
}

/* The whole dump of `len` bytes, as text that the caller frees. */
static char *dump_of(const uint8_t *bytes, size_t len, size_t piece)
{
    struct hexdump dump;
    char *text = NULL;
    size_t text_len, at;
    FILE *out = open_memstream(&text, &text_len);

    assert_non_null(out);
    hexdump_begin(&dump, out, 0);
    for (at = 0; at < len; at += piece)
        hexdump_add(&dump, bytes + at, len - at < piece ? len - at : piece);
    hexdump_end(&dump);
    fclose(out);
    return text;
}

static void equal_rows_become_a_star(void **state)
{
    uint8_t bytes[80] = {0};
    char *whole, *pieces;

    (void)state;
    bytes[64] = 1;
    whole = dump_of(bytes, sizeof(bytes), sizeof(bytes));
    assert_string_equal(
        whole, "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  "
               "|................|\n*\n"
               "00000040  01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  "
               "|................|\n00000050\n");
    pieces = dump_of(bytes, sizeof(bytes), 32);
    assert_string_equal(pieces, whole);
    free(whole);
    free(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_as_hexdump_has_it),
        cmocka_unit_test(equal_rows_become_a_star),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
