/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume/scan.h"

static char root[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(root, "/tmp/bh-scan-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int tear_down(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void make(const char *kind, const char *name)
{
    char path[1200];

    snprintf(path, sizeof path, "%s/%s", root, name);
    if (strcmp(kind, "directory") == 0)
        assert_int_equal(mkdir(path, 0755), 0);
    else if (strcmp(kind, "fifo") == 0)
        assert_int_equal(mkfifo(path, 0644), 0);
    else if (strcmp(kind, "file") == 0)
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0644)), 0);
    else /* where the link leads */
        assert_int_equal(symlink(kind, path), 0);
}

static bool found(const struct bh_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->of[i], name) == 0)
            return true;
    return false;
}

static void files_are_found_by_their_path(void **state)
{
    struct bh_names names = {0};

    (void)state;
    make("file", "a.img");
    make("directory", "games");
    make("directory", "games/old");
    make("file", "games/b.dsk");
    make("file", "games/old/c d.dsk");
    make("a.img", "link");
    make("fifo", "pipe");
    make("file", ".hidden");
    make("directory", ".dark");
    make("file", ".dark/x");
    make("games", "other"); /* a link to a directory is not walked */
    bh_scan_directory(root, &names);
    bh_names_sort(&names);
    assert_true(found(&names, "a.img"));
    assert_true(found(&names, "games/b.dsk"));
    assert_true(found(&names, "games/old/c d.dsk"));
    assert_true(found(&names, "link"));
    assert_false(found(&names, "pipe"));
    assert_false(found(&names, "games"));
    assert_false(found(&names, ".hidden"));
    assert_false(found(&names, ".dark/x"));
    assert_false(found(&names, "other/b.dsk"));
    bh_names_free(&names);
    assert_int_equal(names.count, 0);
}

/* "whose name may be served", says the header. */
static void names_that_cannot_be_asked_for_are_left_out(void **state)
{
    struct bh_names names = {0};

    (void)state;
    make("file", "bell\a");
    make("file", "line\nbreak");
    make("directory", "esc\x1b");
    make("file", "esc\x1b/inside");
    make("file", "plain");
    bh_scan_directory(root, &names);
    assert_int_equal(names.count, 1);
    bh_names_free(&names);
}

static void depth_is_limited(void **state)
{
    struct bh_names names = {0};
    char path[64] = "";

    (void)state;
    for (int depth = 0; depth <= BH_SCAN_DEPTH + 1; depth++) {
        strcat(path, "f");
        make("file", path);
        path[strlen(path) - 1] = '\0';
        strcat(path, "d");
        make("directory", path);
        strcat(path, "/");
    }
    bh_scan_directory(root, &names);
    assert_int_equal(names.count, BH_SCAN_DEPTH + 1);
    bh_names_free(&names);
}

static void paths_of_more_than_255_bytes_are_left_out(void **state)
{
    struct bh_names names = {0};
    char name[300];

    (void)state;
    memset(name, 'd', 200);
    name[200] = '\0';
    make("directory", name);
    name[200] = '/';
    memset(name + 201, 'f', 54);
    name[255] = '\0';
    make("file", name); /* 255 bytes */
    name[255] = 'f';
    name[256] = '\0';
    make("file", name); /* 256 */
    bh_scan_directory(root, &names);
    assert_int_equal(names.count, 1);
    assert_int_equal(strlen(names.of[0]), 255);
    bh_names_free(&names);
}

static void sorting_drops_doubles(void **state)
{
    struct bh_names names = {0};

    (void)state;
    bh_names_sort(&names); /* of nothing */
    for (int i = 0; i < 300; i++) {
        char name[8];

        snprintf(name, sizeof name, "%d", i % 100);
        bh_names_add(&names, name);
    }
    bh_names_sort(&names);
    assert_int_equal(names.count, 100);
    for (size_t i = 1; i < names.count; i++)
        assert_true(strcmp(names.of[i - 1], names.of[i]) < 0);
    bh_names_free(&names);
}

static void a_directory_that_is_not_there_has_no_files(void **state)
{
    struct bh_names names = {0};

    (void)state;
    bh_scan_directory("/tmp/bh-no-such-directory", &names);
    assert_int_equal(names.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_are_found_by_their_path),
        TEST(names_that_cannot_be_asked_for_are_left_out),
        TEST(depth_is_limited),
        TEST(paths_of_more_than_255_bytes_are_left_out),
        TEST(sorting_drops_doubles),
        TEST(a_directory_that_is_not_there_has_no_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
