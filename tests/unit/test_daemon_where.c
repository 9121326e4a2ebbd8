/* SPDX-License-Identifier: MIT */
/* Where files are, by what the environment says. */
#include "daemon/where.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const char *const names[] = {"STATE_DIRECTORY", "RUNTIME_DIRECTORY",
                                    "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
                                    "HOME"};

static void the_environment_says_where(void **state)
{
    static const struct {
        const char *values[COUNT(names)];
        const char *user_states, *user_controls; /* NULL: there is none */
        const char *root_states, *root_controls;
    } rows[] = {
        {{"/s:/t", "/r", "/x", "/y", "/h"}, "/s", "/r", "/s", "/r"},
        {{NULL, NULL, "/x", "/y", "/h"},
         "/x/blockhead",
         "/y/blockhead",
         "/var/lib/blockhead",
         "/run/blockhead"},
        {{NULL, NULL, NULL, NULL, "/h"},
         "/h/.local/state/blockhead",
         "/h/.local/state/blockhead",
         "/var/lib/blockhead",
         "/run/blockhead"},
        {{"s", "", "relative", "", NULL},
         NULL,
         NULL,
         "/var/lib/blockhead",
         "/run/blockhead"},
    };
    bool root = geteuid() == 0;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *states = root ? rows[i].root_states : rows[i].user_states;
        const char *controls =
            root ? rows[i].root_controls : rows[i].user_controls;
        char *found;

        for (size_t n = 0; n < COUNT(names); n++)
            if (rows[i].values[n] == NULL)
                unsetenv(names[n]);
            else
                setenv(names[n], rows[i].values[n], 1);
        found = bh_where_states();
        assert_int_equal(found == NULL, states == NULL);
        if (found != NULL)
            assert_string_equal(found, states);
        free(found);
        found = bh_where_controls();
        assert_int_equal(found == NULL, controls == NULL);
        if (found != NULL)
            assert_string_equal(found, controls);
        free(found);
    }
}

static void each_address_has_its_own_place(void **state)
{
    struct bh_place place;
    const char *why;
    char *path;

    (void)state;
    assert_int_equal(bh_place_parse("udp:[::1]:5000", 0, &place, &why), 0);
    path = bh_where_server(strdup("/x"), &place, BH_CONTROL_SUFFIX);
    assert_string_equal(path, "/x/udp:[::1]:5000.control");
    free(path);
    assert_int_equal(bh_place_parse("unix:/run/a/b", 0, &place, &why), 0);
    path = bh_where_server(strdup("/x"), &place, "");
    assert_string_equal(path, "/x/unix:_run_a_b");
    free(path);
    assert_null(bh_where_server(NULL, &place, ""));
}

static void directories_are_made_for_their_owner_alone(void **state)
{
    char base[] = "/tmp/where-XXXXXX", path[64];
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(base));
    snprintf(path, sizeof path, "%s/a/b", base);
    assert_int_equal(bh_where_make(path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(bh_where_make(path), 0);
    rmdir(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    assert_int_equal(rmdir(base), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_says_where),
        cmocka_unit_test(each_address_has_its_own_place),
        cmocka_unit_test(directories_are_made_for_their_owner_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
