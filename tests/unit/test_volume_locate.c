/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
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

#include "volume/locate.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static char root[64];

static void make(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
}

static int set_up(void **state)
{
    char path[128];

    (void)state;
    strcpy(root, "/tmp/bh-locate-XXXXXX");
    if (mkdtemp(root) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/games", root);
    mkdir(path, 0700);
    make("a.img");
    make("games/b.img");
    snprintf(path, sizeof path, "%s/out", root);
    return symlink("/etc", path);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* Whether the descriptor is of `name` beneath the root, and closes it. */
static bool is_directory(int fd, const char *name)
{
    char path[128];
    struct stat is, meant;

    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(fstat(fd, &is), 0);
    assert_int_equal(stat(path, &meant), 0);
    close(fd);
    return is.st_dev == meant.st_dev && is.st_ino == meant.st_ino;
}

static void an_image_has_a_directory_and_a_name_there(void **state)
{
    static const struct {
        const char *name, *parent, *leaf;
    } rows[] = {{"a.img", ".", "a.img"},
                {"games/b.img", "games", "b.img"},
                {"mine", "games", "b.img"}};
    char path[128], leaf[BH_VOLUME_NAME_LEN + 1], cause[BH_CAUSE_LEN];
    char name[] = "mine";
    struct bh_volume_spec directory = {.path = root};
    struct bh_volume_spec volume = {.name = name, .path = path};
    struct bh_contents contents = {&volume, 1, &directory, 1, {0}};

    (void)state;
    snprintf(path, sizeof path, "%s/games/b.img", root);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = bh_locate_parent(&contents, rows[i].name, leaf, cause);

        assert_true(fd >= 0);
        assert_true(is_directory(fd, rows[i].parent));
        assert_string_equal(leaf, rows[i].leaf);
    }
}

static void what_is_not_served_has_none(void **state)
{
    static const char *const names[] = {"none.img", "games", "out/passwd",
                                        "../a.img", "games/../../x"};
    char leaf[BH_VOLUME_NAME_LEN + 1], cause[BH_CAUSE_LEN];
    struct bh_volume_spec directory = {.path = root};
    struct bh_contents contents = {NULL, 0, &directory, 1, {0}};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(bh_locate_parent(&contents, names[i], leaf, cause),
                         -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_image_has_a_directory_and_a_name_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_served_has_none, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
