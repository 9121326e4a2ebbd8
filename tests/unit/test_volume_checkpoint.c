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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kill.h"
#include "shelf.h"

#include "core/job.h"
#include "medium.h"
#include "volume/file.h"
#include "volume/name.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define SEEDS 4u

static int drawn(const struct shelf *shelf,
                 const struct bh_checkpoint *checkpoint)
{
    int fd = bh_checkpoint_open(shelf->dir, checkpoint), seed;

    assert_true(fd >= 0);
    seed = shelf_drawn(fd, SEEDS);
    close(fd);
    return seed;
}

static size_t count_of(const struct shelf *shelf)
{
    struct bh_checkpoint *all;
    size_t count;

    assert_int_equal(bh_checkpoints_list(shelf->dir, &all, &count), 0);
    free(all);
    return count;
}

static void a_checkpoint_is_a_copy_as_of_then(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint made;
    time_t now = time(NULL);
    struct stat st;

    shelf_draw(shelf->image, 1);
    made = shelf_keep(shelf, "first");
    shelf_draw(shelf->image, 2);
    assert_int_equal(made.number, 1);
    assert_string_equal(made.label, "first");
    assert_int_equal(drawn(shelf, &made), 1);
    assert_true(made.time_s >= now - 2 && made.time_s <= now + 10);
    assert_int_equal(
        fstatat(shelf->parent, ".checkpoints/a.img/0001-first", &st, 0), 0);
    assert_int_equal(st.st_size, made.byte_count);
    assert_int_equal(st.st_mode & 0777, 0444);
    assert_int_equal(shelf_entries(shelf), 1);
}

/* What was there when something was made stable. */
static void tell_list(struct shelf *shelf, int fd, bool is_file, char *line)
{
    snprintf(line, SHELF_LINE_LEN, "%zu listed, drawn %d", count_of(shelf),
             is_file ? shelf_drawn(fd, SEEDS) : 0);
}

static void it_is_stable_before_it_has_its_name(void **state)
{
    struct shelf *shelf = *state;
    int other;

    shelf_draw(shelf->image, 1);
    shelf_watch(shelf, tell_list);
    shelf_keep(shelf, "x");
    assert_int_equal(shelf_sync_count, 2);
    assert_string_equal(shelf_syncs[0], "file, 0 listed, drawn 1");
    assert_string_equal(shelf_syncs[1], "directory, 1 listed, drawn 0");
    /* The directories themselves, though they are there. */
    other = bh_checkpoints_open(shelf->parent, "a.img", true, shelf->cause);
    assert_int_equal(shelf_sync_count, 4);
    close(other);
}

static void no_served_name_leads_there(void **state)
{
    (void)state;
    assert_non_null(bh_name_problem(".checkpoints"));
    assert_non_null(bh_name_problem(".checkpoints/a.img/0001"));
    assert_non_null(bh_name_problem("games/.checkpoints/a.img/0001"));
}

static void the_list_is_sorted_and_complete(void **state)
{
    static const char *const labels[] = {"b", "", "a", "b"};
    struct shelf *shelf = *state;
    struct bh_checkpoint *all;
    size_t count;

    for (size_t i = 0; i < COUNT(labels); i++)
        shelf_keep(shelf, labels[i]);
    assert_int_equal(bh_checkpoints_list(shelf->dir, &all, &count), 0);
    assert_int_equal(count, COUNT(labels));
    for (size_t i = 0; i < COUNT(labels); i++) {
        assert_int_equal(all[i].number, i + 1);
        assert_string_equal(all[i].label, labels[i]);
    }
    free(all);
}

static void what_we_have_not_named_is_not_listed(void **state)
{
    static const char *const names[] = {
        ".new",   "1-x",     "0001-",    "00001-x",      "0000-x",
        "x",      "0001x",   "0002-a@b", "0003-7",       "-1-x",
        " 001-x", "0004 -x", "+001-x",   "99999999999-x"};
    struct shelf *shelf = *state;

    for (size_t i = 0; i < COUNT(names); i++)
        close(openat(shelf->dir, names[i], O_CREAT | O_WRONLY, 0600));
    assert_int_equal(symlinkat("x", shelf->dir, "0005-link"), 0);
    assert_int_equal(mkdirat(shelf->dir, "0006-directory", 0700), 0);
    assert_int_equal(count_of(shelf), 0);
    close(openat(shelf->dir, "12345-x", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(count_of(shelf), 1);
    assert_int_equal(shelf_keep(shelf, "").number, 12346);
}

static void one_is_found_by_its_label_or_number(void **state)
{
    static const char *const labels[] = {"one", "Two", "one", "TWO", "", "1x"};
    static const struct {
        const char *name;
        uint32_t number;
    } rows[] = {{"one", 3},  {"ONE", 3},       {"Two", 2},  {"TWO", 4},
                {"two", 4},  {"1", 1},         {"0005", 5}, {"1x", 6},
                {"none", 0}, {"7", 0},         {"", 0},     {"../x", 0},
                {"0", 0},    {"4294967297", 0}};
    struct shelf *shelf = *state;
    struct bh_checkpoint found;

    for (size_t i = 0; i < COUNT(labels); i++)
        shelf_keep(shelf, labels[i]);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int error = bh_checkpoint_find(shelf->dir, rows[i].name, &found);

        assert_int_equal(error, rows[i].number == 0 ? -ENOENT : 0);
        if (error == 0)
            assert_int_equal(found.number, rows[i].number);
    }
}

static void bad_labels_are_refused(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint made;

    assert_int_equal(bh_checkpoint_create(shelf->dir, shelf->image, "../x",
                                          NULL, &made, shelf->cause),
                     -EINVAL);
    assert_non_null(strstr(shelf->cause, "label"));
    assert_int_equal(shelf_entries(shelf), 0);
}

static void a_checkpoint_is_a_medium(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint made;
    struct bh_volume_facts facts = {.mode = BH_MODE_READ_ONLY};
    struct bh_medium *medium;
    struct stat st;
    uint8_t byte;
    int fd;

    shelf_draw(shelf->image, 1);
    made = shelf_keep(shelf, "x");
    fd = bh_checkpoint_open(shelf->dir, &made);
    assert_int_equal(fstat(fd, &st), 0);
    facts.device = st.st_dev;
    facts.inode = st.st_ino;
    assert_int_equal(bh_file_open(fd, &facts, &medium, shelf->cause), 0);
    assert_int_equal(medium->byte_count, made.byte_count);
    assert_int_equal(bh_checkpoint_remove(shelf->dir, made.number), 0);
    assert_int_equal(read_at(medium, 4096, &byte, 1), 0); /* goes on */
    medium->ops->close(medium);
}

static void the_oldest_are_pruned(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint *all;
    size_t count;

    for (unsigned i = 0; i < 13; i++)
        shelf_keep(shelf, "");
    assert_int_equal(bh_checkpoints_prune(shelf->dir, 0), 0);
    assert_int_equal(count_of(shelf), 13);
    assert_int_equal(bh_checkpoints_prune(shelf->dir, BH_CHECKPOINT_KEEP), 0);
    assert_int_equal(bh_checkpoints_list(shelf->dir, &all, &count), 0);
    assert_int_equal(count, 10);
    assert_int_equal(all[0].number, 4);
    assert_int_equal(all[9].number, 13);
    free(all);
    assert_int_equal(bh_checkpoints_prune(shelf->dir, 20), 0);
    assert_int_equal(count_of(shelf), 10);
    assert_int_equal(bh_checkpoint_remove(shelf->dir, 7), 0);
    assert_int_equal(bh_checkpoint_remove(shelf->dir, 7), -ENOENT);
    assert_int_equal(count_of(shelf), 9);
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint made;
    int error = -1;

    shelf_draw(shelf->image, 1);
    for (long left = 0; error != 0; left++) {
        shelf_by_hand = left % 2 == 1;
        shelf_writes_left = left;
        error = bh_checkpoint_create(shelf->dir, shelf->image, "x", NULL, &made,
                                     shelf->cause);
        shelf_writes_left = -1;
        assert_true(error == 0 || error == -ENOSPC);
        if (error != 0) {
            assert_int_equal(shelf_entries(shelf), 0);
            assert_non_null(strstr(shelf->cause, "No space"));
        }
        assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
    }
    assert_int_equal(drawn(shelf, &made), 1);
}

static bool stop(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    (void)done;
    (void)total;
    return false;
}

static void a_cancelled_one_leaves_nothing_behind(void **state)
{
    struct shelf *shelf = *state;
    struct bh_copy_watch watch = {stop, NULL};
    struct bh_checkpoint made;
    int error;

    shelf_draw(shelf->image, 1);
    error = bh_checkpoint_create(shelf->dir, shelf->image, "x", &watch, &made,
                                 shelf->cause);
    if (error == 0) /* it was shared at once */
        return;
    assert_int_equal(error, -ECANCELED);
    assert_int_equal(shelf_entries(shelf), 0);
}

static void two_at_a_time_are_one_too_many(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint made;
    int other =
        bh_checkpoints_open(shelf->parent, "a.img", false, shelf->cause);

    shelf_keep(shelf, "x");
    assert_int_equal(bh_checkpoints_lock(other), 0);
    assert_int_equal(bh_checkpoint_create(shelf->dir, shelf->image, "", NULL,
                                          &made, shelf->cause),
                     -EBUSY);
    assert_int_equal(bh_checkpoint_remove(shelf->dir, 1), -EBUSY);
    assert_int_equal(bh_checkpoints_prune(shelf->dir, 1), -EBUSY);
    assert_int_equal(bh_checkpoints_sweep(shelf->dir), -EBUSY);
    assert_int_equal(count_of(shelf), 1);
    close(other);
    shelf_keep(shelf, "y");
}

static void what_cannot_be_kept_is_said(void **state)
{
    static const char *const leaves[] = {"", ".", "..", ".a", "a/b"};
    struct shelf *shelf = *state;
    struct bh_checkpoint made;
    int device = open("/dev/null", O_RDWR);

    for (size_t i = 0; i < COUNT(leaves); i++)
        assert_int_equal(
            bh_checkpoints_open(shelf->parent, leaves[i], true, shelf->cause),
            -EINVAL);
    assert_int_equal(
        bh_checkpoints_open(shelf->parent, "b.img", false, shelf->cause),
        -ENOENT);
    assert_int_equal(
        bh_checkpoint_create(shelf->dir, device, "", NULL, &made, shelf->cause),
        -ENOTSUP);
    assert_non_null(strstr(shelf->cause, "regular"));
    close(device);
}

static void links_are_not_followed(void **state)
{
    struct shelf *shelf = *state;
    int parent;

    assert_int_equal(mkdirat(shelf->parent, "sub", 0700), 0);
    parent = openat(shelf->parent, "sub", O_RDONLY | O_DIRECTORY);
    assert_int_equal(symlinkat("..", parent, ".checkpoints"), 0);
    assert_int_equal(bh_checkpoints_open(parent, "a.img", true, shelf->cause),
                     -ELOOP);
    assert_int_equal(unlinkat(parent, ".checkpoints", 0), 0);
    assert_int_equal(mkdirat(parent, ".checkpoints", 0700), 0);
    assert_int_equal(symlinkat("../..", parent, ".checkpoints/a.img"), 0);
    assert_int_equal(bh_checkpoints_open(parent, "a.img", true, shelf->cause),
                     -ELOOP);
    close(parent);
}

static void a_directory_that_cannot_be_written_is_said(void **state)
{
    struct shelf *shelf = *state;
    int parent = open("/proc/self", O_RDONLY | O_DIRECTORY);

    assert_true(bh_checkpoints_open(parent, "a.img", true, shelf->cause) < 0);
    assert_non_null(strstr(shelf->cause, ".checkpoints"));
    close(parent);
}

static void open_and_keep(void *context)
{
    struct shelf *shelf = context;
    struct bh_checkpoint made;
    int dir = bh_checkpoints_open(shelf->parent, "b.img", true, shelf->cause);

    if (dir < 0 || bh_checkpoint_create(dir, shelf->image, "new", NULL, &made,
                                        shelf->cause) != 0)
        _exit(1);
}

/* From "no directory yet" on, and with one that is there. */
static void assert_whole_or_none(struct shelf *shelf, size_t before)
{
    int old = shelf->dir;

    shelf->dir =
        bh_checkpoints_open(shelf->parent, "b.img", true, shelf->cause);
    assert_int_equal(bh_checkpoints_sweep(shelf->dir), 0);
    assert_int_equal(shelf_entries(shelf), count_of(shelf));
    if (count_of(shelf) != before) {
        struct bh_checkpoint made;

        assert_int_equal(count_of(shelf), before + 1);
        assert_int_equal(bh_checkpoint_find(shelf->dir, "new", &made), 0);
        assert_int_equal(made.number, before + 1);
        assert_int_equal(drawn(shelf, &made), 1);
        assert_int_equal(bh_checkpoint_remove(shelf->dir, made.number), 0);
    }
    if (before == 0)
        unlinkat(shelf->parent, ".checkpoints/b.img", AT_REMOVEDIR);
    close(shelf->dir);
    shelf->dir = old;
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
}

static void a_kill_leaves_a_whole_one_or_none(void **state)
{
    struct shelf *shelf = *state;
    unsigned call = 0;
    bool killed = true;

    shelf_draw(shelf->image, 1);
    for (; killed; call++)
        for (unsigned i = 0; i < 4; i++) {
            shelf_by_hand = i / 2 == 1;
            killed = kill_at_call(open_and_keep, shelf, call, i % 2 == 1);
            assert_whole_or_none(shelf, 0);
        }
    assert_true(call > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_checkpoint_is_a_copy_as_of_then,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(it_is_stable_before_it_has_its_name,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test(no_served_name_leads_there),
        cmocka_unit_test_setup_teardown(the_list_is_sorted_and_complete,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_we_have_not_named_is_not_listed,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(one_is_found_by_its_label_or_number,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(bad_labels_are_refused, shelf_set_up,
                                        shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_checkpoint_is_a_medium, shelf_set_up,
                                        shelf_tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_are_pruned, shelf_set_up,
                                        shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing_behind,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_one_leaves_nothing_behind,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(two_at_a_time_are_one_too_many,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_said,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(links_are_not_followed, shelf_set_up,
                                        shelf_tear_down),
        cmocka_unit_test_setup_teardown(
            a_directory_that_cannot_be_written_is_said, shelf_set_up,
            shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_kill_leaves_a_whole_one_or_none,
                                        shelf_set_up, shelf_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
