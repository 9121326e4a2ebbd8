/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/listing.h"

#define RECORD                                                                 \
    "    7 demo.img                                      1474560 WEU\n"

static void a_record_has_its_fields_by_column(void **state)
{
    struct listing_entry entry;

    (void)state;
    assert_int_equal(strlen(RECORD), LISTING_RECORD_LEN);
    assert_true(listing_parse(RECORD, &entry));
    assert_int_equal(entry.number, 7);
    assert_string_equal(entry.name, "demo.img");
    assert_int_equal(entry.bytes, 1474560);
    assert_true(entry.writable);
    assert_int_equal(entry.mode, 'E');
    assert_true(entry.in_use);
}

static void what_is_no_record_is_refused(void **state)
{
    static const struct {
        size_t at;
        char byte;
    } rows[] = {{63, ' '}, {4, 'x'}, {0, '-'}, {58, ' '}, {50, 'x'}, {57, 0}};
    struct listing_entry entry;
    char record[LISTING_RECORD_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memcpy(record, RECORD, sizeof(record));
        record[rows[i].at] = rows[i].byte;
        assert_false(listing_parse(record, &entry));
    }
    memset(record, 0, sizeof(record));
    assert_false(listing_parse(record, &entry));
}

#define FORTY "0123456789012345678901234567890123456789"

static void an_entry_is_found_by_its_name(void **state)
{
    struct listing_entry entries[] = {
        {.number = 1, .name = "a.img"},     {.number = 2, .name = "K??ln.img"},
        {.number = 3, .name = FORTY},       {.number = 4, .name = "twice.img"},
        {.number = 5, .name = "twice.img"},
    };
    const struct listing listing = {entries, 5};

    (void)state;
    assert_int_equal(listing_find(&listing, "a.img")->number, 1);
    assert_int_equal(listing_find(&listing, "K\xC3\xB6ln.img")->number, 2);
    assert_int_equal(listing_find(&listing, FORTY ".img")->number, 3);
    assert_null(listing_find(&listing, "twice.img"));
    assert_null(listing_find(&listing, "a.im"));
    assert_null(listing_find(&listing, "a.imge"));
    assert_null(listing_find(&listing, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_its_fields_by_column),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(an_entry_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
