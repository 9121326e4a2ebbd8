/* SPDX-License-Identifier: MIT */
#include "volume/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    char path[64];
    int dir;
    char names[8][300]; /* as visited */
    unsigned count;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    strcpy(rig->path, "/tmp/bh-numbers-XXXXXX");
    assert_non_null(mkdtemp(rig->path));
    rig->dir = open(rig->path, O_RDONLY | O_DIRECTORY);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    unlinkat(rig->dir, "numbers", 0);
    close(rig->dir);
    rmdir(rig->path);
    free(rig);
    return 0;
}

static int visit(void *context, const char *name)
{
    struct rig *rig = context;

    snprintf(rig->names[rig->count++], sizeof rig->names[0], "%s", name);
    return 0;
}

static int reopen(struct rig *rig)
{
    rig->count = 0;
    return bh_numbers_open(rig->dir, "numbers", visit, rig);
}

static size_t read_file(const struct rig *rig, char *text, size_t room)
{
    int fd = openat(rig->dir, "numbers", O_RDONLY);
    ssize_t len = read(fd, text, room);

    close(fd);
    assert_true(len >= 0);
    return (size_t)len;
}

static void write_file(const struct rig *rig, const char *text, size_t len)
{
    int fd = openat(rig->dir, "numbers", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static const char *const names[] = {"zork.img", "a b/c.dsk", "back\\slash\nend",
                                    "\\n"};

static void store_all(struct rig *rig)
{
    int fd = reopen(rig);

    assert_true(fd >= 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(bh_numbers_append(fd, i + 1, names[i]), 0);
    close(fd);
}

static void what_was_appended_is_found_in_order(void **state)
{
    struct rig *rig = *state;
    int fd;

    store_all(rig);
    fd = reopen(rig);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(rig->count, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(rig->names[i], names[i]);
}

static void a_line_cut_short_does_not_count(void **state)
{
    struct rig *rig = *state;
    char text[1024];
    size_t len;

    store_all(rig);
    len = read_file(rig, text, sizeof text);
    for (size_t cut = 0; cut < len; cut++) {
        unsigned left;
        int fd;

        write_file(rig, text, cut);
        fd = reopen(rig);
        assert_true(fd >= 0);
        left = rig->count;
        assert_true(left < 4);
        assert_int_equal(bh_numbers_append(fd, left + 1, "next"), 0);
        close(fd);
        close(reopen(rig));
        assert_int_equal(rig->count, left + 1);
        assert_string_equal(rig->names[left], "next");
    }
}

/* A line's end that is lost may make two lines the last, unfinished one. */
static void a_flipped_byte_is_noticed(void **state)
{
    struct rig *rig = *state;
    char text[1024], now[1024];
    size_t len;

    store_all(rig);
    len = read_file(rig, text, sizeof text);
    for (size_t at = 0; at < len; at++) {
        int fd;

        text[at] ^= 1;
        write_file(rig, text, len);
        fd = reopen(rig);
        if (fd >= 0) {
            assert_int_equal(text[at] ^ 1, '\n');
            assert_int_equal(at, len - 1);
            close(fd);
        } else {
            assert_int_equal(fd, -EBADMSG);
            assert_int_equal(rig->count, 0);
            assert_int_equal(read_file(rig, now, sizeof now), len);
            assert_memory_equal(now, text, len);
        }
        text[at] ^= 1;
    }
}

static void what_is_no_such_file_is_left_alone(void **state)
{
    static const char *const texts[] = {"hello", "\n", "blockhead-numbers 2\n",
                                        "blockhead-numbers 1\n2 00000000 a\n",
                                        "blockhead-numbers 1x"};
    struct rig *rig = *state;
    char now[64];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(rig, texts[i], strlen(texts[i]));
        assert_int_equal(reopen(rig), -EBADMSG);
        assert_int_equal(read_file(rig, now, sizeof now), strlen(texts[i]));
    }
    write_file(rig, "a\0b", 3);
    assert_int_equal(reopen(rig), -EBADMSG);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    struct rig *rig = *state;
    char name[300];
    int fd = reopen(rig);

    memset(name, '\n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(bh_numbers_append(fd, 1, name), -ENAMETOOLONG);
    name[255] = '\0'; /* each byte takes two */
    assert_int_equal(bh_numbers_append(fd, 1, name), 0);
    close(fd);
    close(reopen(rig));
    assert_string_equal(rig->names[0], name);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_appended_is_found_in_order),
        TEST(a_line_cut_short_does_not_count),
        TEST(a_flipped_byte_is_noticed),
        TEST(what_is_no_such_file_is_left_alone),
        TEST(a_name_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
