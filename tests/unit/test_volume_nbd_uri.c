/* SPDX-License-Identifier: MIT */
#include "volume/nbd_uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void uris_are_told_from_paths(void **state)
{
    (void)state;
    assert_true(bh_nbd_uri_is("nbd://host"));
    assert_true(bh_nbd_uri_is("NBDS://host/x"));
    assert_true(bh_nbd_uri_is("nbd+unix:///?socket=/s"));
    assert_false(bh_nbd_uri_is("nbd"));
    assert_false(bh_nbd_uri_is("/nbd://host"));
    assert_false(bh_nbd_uri_is("nbd:/host"));
    assert_false(bh_nbd_uri_is(""));
}

static void what_cannot_be_used_is_refused(void **state)
{
    char longest[BH_NBD_URI_LEN + 1] = "nbd://h/";

    (void)state;
    assert_null(bh_nbd_uri_problem("nbd://host"));
    assert_null(bh_nbd_uri_problem("nbd://[::1]:10810/a%20b"));
    assert_null(bh_nbd_uri_problem("nbd+unix:///a?x=1&socket=/run/s"));
    assert_non_null(bh_nbd_uri_problem("ftp://host"));
    assert_non_null(bh_nbd_uri_problem("nbd://"));
    assert_non_null(bh_nbd_uri_problem("nbd:///export"));
    assert_non_null(bh_nbd_uri_problem("nbd://:10809/export"));
    assert_non_null(bh_nbd_uri_problem("nbd://host/100%"));
    assert_non_null(bh_nbd_uri_problem("nbd://host/%0"));
    assert_non_null(bh_nbd_uri_problem("nbd://host/%00"));
    assert_non_null(bh_nbd_uri_problem("nbd+unix:///export"));
    assert_non_null(bh_nbd_uri_problem("nbd+unix:///export?socket=here"));
    assert_non_null(bh_nbd_uri_problem("nbd+unix:///export?socket="));
    memset(longest + 8, 'a', BH_NBD_URI_LEN - 8);
    assert_non_null(bh_nbd_uri_problem(longest));
    longest[BH_NBD_URI_LEN - 1] = '\0';
    assert_null(bh_nbd_uri_problem(longest));
}

static void the_export_is_decoded(void **state)
{
    static const char *const pairs[][2] = {
        {"nbd://host", ""},
        {"nbd://host/", ""},
        {"nbd://host/disk", "disk"},
        {"nbd://host//disk", "/disk"},
        {"nbd://host/a%2Fb%20c", "a/b c"},
        {"nbd://host?x", ""},
        {"nbd+unix:///disk?socket=/s", "disk"},
    };
    char out[40];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        bh_nbd_uri_export(pairs[i][0], out, sizeof out);
        assert_string_equal(out, pairs[i][1]);
    }
    bh_nbd_uri_export("nbd://host/long", out, 3);
    assert_string_equal(out, "lo");
}

/* Who writes it otherwise is on the same medium all the same. */
static void one_export_has_one_number(void **state)
{
    static const char *const same[] = {
        "nbd://host/disk",       "nbd://HOST/disk",
        "nbd://host:10809/disk", "nbd://host:/disk",
        "NBD://host/d%69sk",     "nbds://user@host/disk?tls-certificates=/x",
    };
    static const char *const other[] = {
        "nbd://host/DISK",
        "nbd://host/",
        "nbd://host:1/disk",
        "nbd://other/disk",
        "nbd://host/disk/",
        "nbd://[::1]/disk",
        "nbd://[::1]:10/disk",
        "nbd+unix:///disk?socket=/host",
        "nbd+unix:///disk?socket=/hos",
        "nbd+unix:///?socket=/host/disk",
    };
    const uint64_t number = bh_nbd_uri_inode(same[0]);

    (void)state;
    for (size_t i = 1; i < sizeof same / sizeof *same; i++)
        assert_int_equal(bh_nbd_uri_inode(same[i]), number);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_int_not_equal(bh_nbd_uri_inode(other[i]), number);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(bh_nbd_uri_inode(other[i]),
                                 bh_nbd_uri_inode(other[j]));
    }
    assert_int_equal(bh_nbd_uri_inode("nbd://[::1]/disk"),
                     bh_nbd_uri_inode("nbd://[::1]:10809/disk"));
}

/* The table of sessions keeps it. */
static void the_number_is_for_ever(void **state)
{
    (void)state;
    assert_int_equal(bh_nbd_uri_inode("nbd://host/disk"),
                     UINT64_C(0xE51543743248CA72));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris_are_told_from_paths),
        cmocka_unit_test(what_cannot_be_used_is_refused),
        cmocka_unit_test(the_export_is_decoded),
        cmocka_unit_test(one_export_has_one_number),
        cmocka_unit_test(the_number_is_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
