/* SPDX-License-Identifier: MIT */
/* The layers of scratch volumes, as files. */
#include <errno.h>
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

#include "volume/layer.h"
#include "volume/memory.h"

#define SIZE 1000u
#define UNIT 256u

struct rig {
    char path[64];
    struct bh_layer_spec spec;
    struct bh_medium *medium;
    char cause[BH_CAUSE_LEN];
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    strcpy(rig->path, "/tmp/bh-layer-XXXXXX");
    assert_non_null(mkdtemp(rig->path));
    rig->spec =
        (struct bh_layer_spec){.dir = open(rig->path, O_RDONLY | O_DIRECTORY),
                               .layer = UINT64_C(0xFEDCBA9876543210),
                               .unit = UNIT,
                               .limit = 1 << 20,
                               .fresh = true};
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[100];
    int status;

    if (rig->medium != NULL)
        rig->medium->ops->close(rig->medium);
    close(rig->spec.dir);
    snprintf(command, sizeof command, "rm -rf %s", rig->path);
    status = system(command);
    free(rig);
    return status;
}

/* Over a medium of zeros. */
static int lay(struct rig *rig)
{
    static const uint8_t zeros[SIZE];
    struct bh_medium *base;
    int error;

    if (rig->medium != NULL)
        rig->medium->ops->close(rig->medium);
    assert_int_equal(bh_memory_open(zeros, SIZE, &base), 0);
    rig->medium = base;
    error = bh_layer_lay(&rig->spec, &rig->medium, rig->cause);
    if (error != 0)
        assert_ptr_equal(rig->medium, base);
    return error;
}

static void make_file(const struct rig *rig, const char *name,
                      const char *content)
{
    int fd = openat(rig->spec.dir, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ssize_t len = (ssize_t)strlen(content);

    assert_int_equal(write(fd, content, (size_t)len), len);
    close(fd);
}

static bool is_there(const struct rig *rig, const char *name)
{
    return faccessat(rig->spec.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void its_file_is_its_owners_alone(void **state)
{
    struct rig *rig = *state;
    struct stat st;

    umask(0);
    assert_int_equal(lay(rig), 0);
    assert_int_equal(fstatat(rig->spec.dir, "fedcba9876543210", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void no_more_than_all_can_differ(void **state)
{
    struct rig *rig = *state;
    uint8_t data[UNIT] = {1};

    rig->spec.limit = INT64_MAX; /* as many slots would not fit */
    assert_int_equal(lay(rig), 0);
    for (int turn = 0; turn < 3; turn++)
        for (uint64_t at = 0; at < SIZE; at += UNIT)
            assert_int_equal(rig->medium->ops->write(rig->medium, at, data,
                                                     SIZE - at < UNIT
                                                         ? (uint32_t)(SIZE - at)
                                                         : UNIT),
                             0);
}

static void what_is_not_there_or_not_right_is_stale(void **state)
{
    struct rig *rig = *state;

    rig->spec.fresh = false;
    assert_int_equal(lay(rig), -ESTALE);
    assert_non_null(strstr(rig->cause, "gone"));
    make_file(rig, "fedcba9876543210", "no layer");
    assert_int_equal(lay(rig), -ESTALE);
    assert_non_null(strstr(rig->cause, "damaged"));
    rig->spec.fresh = true; /* in its place */
    assert_int_equal(lay(rig), 0);
    rig->spec.fresh = false;
    assert_int_equal(lay(rig), 0);
    rig->spec.unit = 512;
    assert_int_equal(lay(rig), -ESTALE);
}

static void one_is_discarded_once(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(lay(rig), 0);
    assert_int_equal(bh_layer_discard(rig->spec.dir, rig->spec.layer), 0);
    assert_false(is_there(rig, "fedcba9876543210"));
    assert_int_equal(bh_layer_discard(rig->spec.dir, rig->spec.layer), 0);
}

static bool is_seven(void *context, uint64_t layer)
{
    (void)context;
    return layer == 7;
}

/* What nobody claims goes; what is none of ours stays. */
static void a_sweep(void **state)
{
    static const char *const stays[] = {
        "0000000000000007",  "notes",
        "00000000000000010", "000000000000000A",
        "000000000000000b",  "000000000000000c"};
    struct rig *rig = *state;

    for (rig->spec.layer = 6; rig->spec.layer <= 8; rig->spec.layer++)
        assert_int_equal(lay(rig), 0);
    make_file(rig, "notes", "to myself");
    make_file(rig, "000000000000000b", "no layer");
    assert_int_equal(symlinkat("notes", rig->spec.dir, "000000000000000c"), 0);
    assert_int_equal(linkat(rig->spec.dir, "0000000000000006", rig->spec.dir,
                            "00000000000000010", 0),
                     0);
    assert_int_equal(linkat(rig->spec.dir, "0000000000000006", rig->spec.dir,
                            "000000000000000A", 0),
                     0);
    assert_int_equal(bh_layer_sweep(rig->spec.dir, is_seven, NULL), 0);
    assert_false(is_there(rig, "0000000000000006"));
    assert_false(is_there(rig, "0000000000000008"));
    for (size_t i = 0; i < sizeof stays / sizeof *stays; i++)
        if (!is_there(rig, stays[i]))
            fail_msg("%s is gone", stays[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(its_file_is_its_owners_alone),
        TEST(no_more_than_all_can_differ),
        TEST(what_is_not_there_or_not_right_is_stale),
        TEST(one_is_discarded_once),
        TEST(a_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
