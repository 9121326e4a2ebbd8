/* SPDX-License-Identifier: MIT */
/* New images: whole or not at all, and never over another file. */
#include "volume/create.h"

#include <dirent.h>
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

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct rig {
    char path[64];
    int root;
    char cause[BH_CAUSE_LEN];
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    strcpy(rig->path, "/tmp/create-XXXXXX");
    assert_non_null(mkdtemp(rig->path));
    rig->root = open(rig->path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(rig->root, "sub", 0755), 0);
    assert_int_equal(symlinkat("/tmp", rig->root, "out"), 0);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[128];

    close(rig->root);
    snprintf(command, sizeof command, "rm -rf %s", rig->path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    free(rig);
    return 0;
}

static unsigned entries(const struct rig *rig)
{
    DIR *dir = opendir(rig->path);
    unsigned count = 0;

    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2; /* . and .. */
}

static int create(struct rig *rig, const char *name, uint64_t bytes)
{
    struct bh_creation creation;
    int error = bh_create_begin(&creation, rig->root, name, bytes, rig->cause);

    return error == 0 ? bh_create_finish(&creation, name, rig->cause) : error;
}

static void it_is_there_when_it_is_finished(void **state)
{
    struct rig *rig = *state;
    struct bh_creation creation;
    struct stat st;
    char bytes[4];
    int fd;

    assert_int_equal(
        bh_create_begin(&creation, rig->root, "sub/a", 1 << 20, rig->cause), 0);
    assert_int_equal(bh_create_write(&creation, 1000, "data", 4), 0);
    assert_int_equal(fstatat(rig->root, "sub/a", &st, 0), -1);
    assert_int_equal(bh_create_finish(&creation, "sub/a", rig->cause), 0);
    fd = openat(rig->root, "sub/a", O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_true(st.st_blocks < 64); /* the rest are holes */
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(pread(fd, bytes, 4, 1000), 4);
    assert_memory_equal(bytes, "data", 4);
    close(fd);
}

static void giving_up_leaves_nothing(void **state)
{
    struct rig *rig = *state;
    struct bh_creation creation;
    unsigned before = entries(rig);

    assert_int_equal(
        bh_create_begin(&creation, rig->root, "a", 512, rig->cause), 0);
    assert_int_equal(entries(rig), before + 1);
    assert_int_equal(creation.working[0], '.'); /* not served */
    bh_create_give_up(&creation);
    assert_int_equal(entries(rig), before);
}

static void a_file_that_appears_meanwhile_is_not_replaced(void **state)
{
    struct rig *rig = *state;
    struct bh_creation creation;
    struct stat st;
    unsigned before = entries(rig);

    assert_int_equal(
        bh_create_begin(&creation, rig->root, "a", 512, rig->cause), 0);
    close(openat(rig->root, "a", O_CREAT | O_WRONLY, 0644));
    assert_int_equal(bh_create_finish(&creation, "a", rig->cause), -EEXIST);
    assert_int_equal(fstatat(rig->root, "a", &st, 0), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(entries(rig), before + 1);
}

static void bad_names_and_sizes_are_refused(void **state)
{
    static const struct {
        const char *name;
        uint64_t bytes;
        int error;
    } rows[] = {
        {"", 1, -EINVAL},          {"/tmp/a", 1, -EINVAL},
        {"../a", 1, -EINVAL},      {".hidden", 1, -EINVAL},
        {"sub/", 1, -EINVAL},      {":list", 1, -EINVAL},
        {"a\n", 1, -EINVAL},       {"a ", 1, -EINVAL},
        {"nosuch/a", 1, -ENOENT},  {"out/a", 1, -EXDEV},
        {"old", 1, -EEXIST},       {"OLD", 1, -EEXIST},
        {"sub", 1, -EEXIST},       {"old/a", 1, -ENOTDIR},
        {"a", UINT64_MAX, -EFBIG}, {"a", INT64_MAX, -EFBIG},
    };
    struct rig *rig = *state;
    unsigned before;

    close(openat(rig->root, "old", O_CREAT | O_WRONLY, 0644));
    before = entries(rig);
    for (size_t i = 0; i < COUNT(rows); i++) {
        rig->cause[0] = '\0';
        if (create(rig, rows[i].name, rows[i].bytes) != rows[i].error)
            fail_msg("%s: %s", rows[i].name, rig->cause);
        assert_int_not_equal(rig->cause[0], '\0');
        assert_int_equal(entries(rig), before);
    }
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_there_when_it_is_finished),
        TEST(giving_up_leaves_nothing),
        TEST(a_file_that_appears_meanwhile_is_not_replaced),
        TEST(bad_names_and_sizes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
