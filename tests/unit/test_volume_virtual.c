/* SPDX-License-Identifier: MIT */
/* `:time` and `:readme`, byte for byte where that can be said, and what virtual
 * volumes have in common. `:list` has its own tests. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "medium.h"

#include "volume/catalogue.h"
#include "volume/list.h"
#include "volume/now.h"
#include "volume/virtual.h"

static const char *const names[] = {":list", ":readme", ":time"};
#define NAMES (sizeof names / sizeof *names)

static void names_have_facts_in_any_case(void **state)
{
    static const struct {
        const char *asked, *name; /* NULL: none such */
    } rows[] = {
        {":list", ":list"},     {":LIST", ":list"},
        {":time", ":time"},     {":Time", ":time"},
        {":readme", ":readme"}, {":README", ":readme"},
        {"time", NULL},         {":", NULL},
        {":tim", NULL},         {":times", NULL},
        {":read me", NULL},     {":7", NULL},
        {":readme#1", NULL},
    };
    struct bh_virtuals virtuals = {0};
    struct bh_volume_facts facts;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool found = bh_virtual_lookup(&virtuals, rows[i].asked, &facts);

        assert_int_equal(found, rows[i].name != NULL);
        if (!found)
            continue;
        assert_string_equal(facts.name, rows[i].name);
        assert_true(bh_virtual_is(&facts));
        assert_int_equal(bh_list_is(&facts), facts.name[1] == 'l');
        assert_int_equal(facts.mode, BH_MODE_READ_ONLY);
        assert_int_equal(facts.exponent, BH_ANY_EXPONENT);
        assert_true(facts.idle_ms > 0);
    }
    facts.number = 1;
    assert_false(bh_virtual_is(&facts));
    assert_false(bh_list_is(&facts));
}

static void each_look_up_is_a_medium_of_its_own(void **state)
{
    struct bh_virtuals virtuals = {0};
    struct bh_volume_facts one, two;

    (void)state;
    assert_true(bh_virtual_lookup(&virtuals, ":time", &one));
    assert_true(bh_virtual_lookup(&virtuals, ":readme", &two));
    assert_int_not_equal(one.inode, two.inode);
    assert_true(bh_virtual_lookup(&virtuals, ":time", &two));
    assert_int_not_equal(one.inode, two.inode);
}

static struct bh_medium *open_one(struct bh_catalogue *catalogue,
                                  const char *name)
{
    struct bh_volume_facts facts;
    struct bh_medium *medium;
    char cause[BH_CAUSE_LEN];

    assert_int_equal(bh_catalogue_lookup(catalogue, name, NULL, &facts, cause),
                     0);
    assert_int_equal(bh_catalogue_open(catalogue, &facts, &medium, cause), 0);
    return medium;
}

static void none_is_held_or_grows(void **state)
{
    struct bh_catalogue *catalogue = bh_catalogue_new();
    char cause[BH_CAUSE_LEN];
    uint8_t byte = 1;

    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        struct bh_medium *medium = open_one(catalogue, names[i]);
        uint64_t len = medium->byte_count;

        assert_int_equal(medium->ops->lock(medium, BH_ACCESS_READER, cause), 0);
        assert_int_equal(medium->ops->sync(medium), 0);
        assert_int_equal(medium->ops->write(medium, len, &byte, 1),
                         i == 1 ? -ENODATA : -EROFS);
        assert_int_equal(read_at(medium, len, &byte, 1), -ENODATA);
        assert_int_equal(read_at(medium, len + 1, &byte, 0), -ENODATA);
        medium->ops->close(medium);
    }
    bh_catalogue_free(catalogue);
}

static void a_time_has_its_64_bytes(void **state)
{
    static const struct {
        uint64_t utc;
        int16_t zone;
        const char *text;
    } rows[] = {
        {0, 0,
         "1970-01-01 00:00:00 THU +00:00\r\n"
         "           0 SECONDS FROM 1970\r\n"},
        {951782400, 60,
         "2000-02-29 01:00:00 TUE +01:00\r\n"
         "   951782400 SECONDS FROM 1970\r\n"},
        {1795389888, -210,
         "2026-11-22 19:54:48 SUN -03:30\r\n"
         "  1795389888 SECONDS FROM 1970\r\n"},
        {4294967296, 345,
         "2106-02-07 12:13:16 SUN +05:45\r\n"
         "  4294967296 SECONDS FROM 1970\r\n"},
        {UINT64_MAX, 840,
         "9999-12-31 13:59:59 FRI +14:00\r\n"
         "253402214399 SECONDS FROM 1970\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[BH_NOW_LEN + 1] = {0};

        assert_int_equal(strlen(rows[i].text), BH_NOW_LEN);
        bh_now_print(text, rows[i].utc, rows[i].zone);
        assert_string_equal(text, rows[i].text);
    }
}

/* The clock is the system's: between two looks at it. */
static void each_read_says_now(void **state)
{
    struct bh_medium *medium;

    (void)state;
    assert_int_equal(bh_now_open(&medium), 0);
    assert_int_equal(medium->byte_count, BH_NOW_LEN);
    for (int i = 0; i < 2; i++) {
        char text[BH_NOW_LEN + 1] = {0}, part[12] = {0};
        time_t before = time(NULL), said;

        assert_int_equal(read_now_at(medium, 0, text, BH_NOW_LEN), 0);
        said = (time_t)strtoll(text + 32, NULL, 10);
        assert_true(said >= before && said <= time(NULL));
        assert_int_equal(read_at(medium, 20, part, 11), 0);
        assert_int_equal(part[3], ' ');
    }
    medium->ops->close(medium);
}

static void say_attic(void *context, struct bh_lines *lines)
{
    bh_lines_add(lines, "name %s", (const char *)context);
}

static void a_readme_has_lines_of_32_bytes_in_capitals(void **state)
{
    static char attic[] = "attic";
    struct bh_catalogue *catalogue = bh_catalogue_new();
    char text[8192] = {0};
    struct bh_medium *medium;

    (void)state;
    bh_catalogue_introduce(catalogue, say_attic, attic);
    medium = open_one(catalogue, ":readme");
    assert_true(medium->byte_count < sizeof text);
    assert_int_equal(medium->byte_count % BH_LINE_LEN, 0);
    assert_int_equal(read_at(medium, 0, text, medium->byte_count), 0);
    for (size_t at = 0; at < medium->byte_count; at += BH_LINE_LEN) {
        assert_memory_equal(text + at + BH_LINE_COLUMNS, "\r\n", 2);
        for (size_t i = 0; i < BH_LINE_COLUMNS; i++)
            assert_in_range(text[at + i], ' ', '_');
    }
    assert_memory_equal(text, "BLOCKHEAD " BH_VERSION " ", 11);
    assert_non_null(strstr(text, "NAME ATTIC  "));
    for (size_t i = 0; i < NAMES; i++)
        assert_non_null(strcasestr(text, names[i]));
    assert_non_null(strstr(text, "7 IN :LIST ")); /* its end */
    medium->ops->close(medium);
    bh_catalogue_free(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_facts_in_any_case),
        cmocka_unit_test(each_look_up_is_a_medium_of_its_own),
        cmocka_unit_test(none_is_held_or_grows),
        cmocka_unit_test(a_time_has_its_64_bytes),
        cmocka_unit_test(each_read_says_now),
        cmocka_unit_test(a_readme_has_lines_of_32_bytes_in_capitals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
