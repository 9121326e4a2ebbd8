/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/sink.h"

#define HOLE (1u << 20)

/* Every test runs in an empty directory of its own. */
static int enter_directory(void **state)
{
    char *path = strdup("/tmp/test_cli_sink-XXXXXX");

    *state = path;
    return path == NULL || mkdtemp(path) == NULL || chdir(path) != 0;
}

static int leave_directory(void **state)
{
    glob_t files;

    if (glob("*", 0, NULL, &files) == 0) {
        for (size_t i = 0; i < files.gl_pathc; i++)
            unlink(files.gl_pathv[i]);
        globfree(&files);
    }
    rmdir("directory");
    if (chdir("/") != 0 || rmdir(*state) != 0)
        return -1;
    free(*state);
    return 0;
}

static size_t file_count(void)
{
    glob_t files;
    const size_t count = glob("*", 0, NULL, &files) == 0 ? files.gl_pathc : 0;

    globfree(&files);
    return count;
}

static void make_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_file(const char *path, const char *text)
{
    char data[64] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_int_equal(fread(data, 1, sizeof(data) - 1, file), strlen(text));
    assert_string_equal(data, text);
    fclose(file);
}

static int write_text(const char *path, const char *text, bool commit)
{
    struct interrupt interrupt = INTERRUPT_NONE;
    struct sink sink;
    int result = sink_open(&sink, path, &interrupt);

    if (result == 0)
        result = sink_start(&sink);
    if (result == 0)
        result = sink_write(&sink, (const uint8_t *)text, strlen(text));
    if (result == 0 && commit)
        result = sink_commit(&sink);
    sink_end(&sink);
    return result;
}

static void a_file_appears_when_it_is_committed(void **state)
{
    struct stat status;

    (void)state;
    umask(027);
    assert_int_equal(write_text("new", "data", true), 0);
    assert_file("new", "data");
    assert_int_equal(stat("new", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(file_count(), 1);
}

static void what_is_not_committed_leaves_no_trace(void **state)
{
    (void)state;
    assert_int_equal(write_text("new", "data", false), 0);
    assert_int_equal(file_count(), 0);
    make_file("old", "as it was", 0600);
    assert_int_equal(write_text("old", "data", false), 0);
    assert_file("old", "as it was");
    assert_int_equal(file_count(), 1);
}

static void a_replaced_file_keeps_its_permissions(void **state)
{
    struct stat status;

    (void)state;
    make_file("old", "as it was", 0604);
    assert_int_equal(write_text("old", "data", true), 0);
    assert_file("old", "data");
    assert_int_equal(stat("old", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0604);
}

static void a_link_stays_a_link(void **state)
{
    struct stat status;

    (void)state;
    make_file("file", "as it was", 0600);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(write_text("link", "data", true), 0);
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_file("file", "data");
    assert_int_equal(symlink("nothing", "dangling"), 0);
    assert_int_equal(write_text("dangling", "data", true), -ENOENT);
}

static void directories_and_missing_ones_are_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir("directory", 0700), 0);
    assert_int_equal(write_text("directory", "data", true), -EISDIR);
    assert_int_equal(write_text("missing/new", "data", true), -ENOENT);
}

static void devices_are_written_straight(void **state)
{
    (void)state;
    assert_int_equal(write_text("/dev/null", "data", true), 0);
    assert_int_equal(write_text("/dev/full", "data", true), -ENOSPC);
    assert_int_equal(file_count(), 0);
}

static void zeros_become_holes_and_keep_the_length(void **state)
{
    static const uint8_t zeros[HOLE];
    struct interrupt interrupt = INTERRUPT_NONE;
    struct stat status;
    struct sink sink;

    (void)state;
    assert_int_equal(sink_open(&sink, "sparse", &interrupt), 0);
    assert_int_equal(sink_start(&sink), 0);
    assert_int_equal(sink_write(&sink, zeros, HOLE), 0);
    assert_int_equal(sink_write(&sink, (const uint8_t *)"x", 1), 0);
    assert_int_equal(sink_write(&sink, zeros, HOLE), 0);
    assert_int_equal(sink_commit(&sink), 0);
    sink_end(&sink);
    assert_int_equal(stat("sparse", &status), 0);
    assert_int_equal(status.st_size, 2 * HOLE + 1);
    assert_true(status.st_blocks * 512 < HOLE);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_appears_when_it_is_committed),
        TEST(what_is_not_committed_leaves_no_trace),
        TEST(a_replaced_file_keeps_its_permissions),
        TEST(a_link_stays_a_link),
        TEST(directories_and_missing_ones_are_refused),
        TEST(devices_are_written_straight),
        TEST(zeros_become_holes_and_keep_the_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
