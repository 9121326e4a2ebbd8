/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kill.h"
#include "shelf.h"

#include "volume/recover.h"
#include "volume/rollback.h"

#define SEEDS 4u

static bool is_pending(const struct shelf *shelf)
{
    uint32_t number;

    assert_int_equal(bh_rollback_pending(shelf->dir, &number), 0);
    return number != 0;
}

static int roll_back(struct shelf *shelf, uint32_t number)
{
    return bh_rollback(shelf->dir, number, shelf->image, shelf->cause);
}

static int finish(struct shelf *shelf)
{
    return bh_rollback_finish(shelf->dir, shelf->image, shelf->cause);
}

/* Checkpoint 1 has pattern 1, the image 2. */
static void keep_1_draw_2(struct shelf *shelf)
{
    shelf_draw(shelf->image, 1);
    shelf_keep(shelf, "one");
    shelf_draw(shelf->image, 2);
}

static void every_checkpoint_can_be_had_back(void **state)
{
    static const uint32_t order[] = {1, 3, 4, 2, 2, 1};
    struct shelf *shelf = *state;
    struct stat before, after;

    assert_int_equal(fstat(shelf->image, &before), 0);
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        shelf_draw(shelf->image, seed);
        shelf_keep(shelf, "");
    }
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_int_equal(roll_back(shelf, order[i]), 0);
        assert_int_equal(shelf_image_drawn(shelf, SEEDS), order[i] - 1);
        assert_false(is_pending(shelf));
        assert_int_equal(shelf_entries(shelf), SEEDS);
    }
    assert_int_equal(
        fstatat(shelf->parent, "a.img", &after, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* What was there when something was made stable. */
static void tell_mark(struct shelf *shelf, int fd, bool is_file, char *line)
{
    (void)fd;
    (void)is_file;
    snprintf(line, SHELF_LINE_LEN, "image %d, %s",
             shelf_image_drawn(shelf, SEEDS),
             is_pending(shelf) ? "marked" : "not marked");
}

static void each_step_is_stable_before_the_next(void **state)
{
    struct shelf *shelf = *state;

    keep_1_draw_2(shelf);
    shelf_watch(shelf, tell_mark);
    assert_int_equal(roll_back(shelf, 1), 0);
    assert_int_equal(shelf_sync_count, 3);
    assert_string_equal(shelf_syncs[0], "directory, image 2, marked");
    assert_string_equal(shelf_syncs[1], "file, image 1, marked");
    assert_string_equal(shelf_syncs[2], "directory, image 1, not marked");
    /* A server that was killed before the third, and the next one's start. */
    bh_recover(shelf->parent, NULL, NULL);
    assert_int_equal(shelf_sync_count, 4);
    assert_string_equal(shelf_syncs[3], "directory, image 1, not marked");
}

static void other_names_of_the_image_see_it(void **state)
{
    struct shelf *shelf = *state;
    int other;

    assert_int_equal(
        linkat(shelf->parent, "a.img", shelf->parent, "other.img", 0), 0);
    other = openat(shelf->parent, "other.img", O_RDONLY);
    keep_1_draw_2(shelf);
    assert_int_equal(roll_back(shelf, 1), 0);
    assert_int_equal(shelf_drawn(other, SEEDS), 1);
    close(other);
}

static void a_full_disk_changes_nothing(void **state)
{
    struct shelf *shelf = *state;
    int error = -1;

    keep_1_draw_2(shelf);
    for (long left = 0; left < 3; left++) {
        shelf_writes_left = left;
        error = roll_back(shelf, 1);
        shelf_writes_left = -1;
        if (error == 0) /* it was shared */
            return;
        assert_int_equal(error, -ENOSPC);
        assert_non_null(strstr(shelf->cause, "No space"));
        assert_false(is_pending(shelf));
        assert_int_equal(shelf_image_drawn(shelf, SEEDS), 2);
    }
    assert_int_equal(roll_back(shelf, 1), 0);
}

static void where_nothing_can_be_reserved_it_is_finished_later(void **state)
{
    struct shelf *shelf = *state;
    struct bh_checkpoint made;

    keep_1_draw_2(shelf);
    shelf_no_reserve = true;
    shelf_writes_left = 2;
    if (roll_back(shelf, 1) == 0)
        return; /* it was shared */
    assert_true(is_pending(shelf));
    assert_int_equal(finish(shelf), -ENOSPC);
    assert_true(is_pending(shelf));
    shelf_writes_left = -1;
    assert_int_equal(bh_checkpoint_create(shelf->dir, shelf->image, "", NULL,
                                          &made, shelf->cause),
                     -EBUSY); /* of a mixture */
    assert_int_equal(finish(shelf), 0);
    assert_false(is_pending(shelf));
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
}

static void what_cannot_be_rolled_back_is_said(void **state)
{
    struct shelf *shelf = *state;
    int device = open("/dev/null", O_RDWR);
    int reader = openat(shelf->parent, "a.img", O_RDONLY);

    keep_1_draw_2(shelf);
    assert_int_equal(roll_back(shelf, 2), -ENOENT);
    assert_int_equal(bh_rollback(shelf->dir, 1, device, shelf->cause),
                     -ENOTSUP);
    assert_int_equal(bh_rollback(shelf->dir, 1, reader, shelf->cause), -EROFS);
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 2);
    close(device);
    close(reader);
}

static void mark(const struct shelf *shelf, const char *name)
{
    close(openat(shelf->dir, name, O_CREAT | O_WRONLY, 0600));
}

static void a_checkpoint_that_is_needed_is_not_removed(void **state)
{
    struct shelf *shelf = *state;

    keep_1_draw_2(shelf);
    shelf_keep(shelf, "two");
    shelf_keep(shelf, "three");
    mark(shelf, ".rollback-0001");
    assert_int_equal(bh_checkpoint_remove(shelf->dir, 1), -EBUSY);
    assert_int_equal(bh_checkpoints_prune(shelf->dir, 1), 0);
    assert_int_equal(shelf_entries(shelf), 3); /* 1, its mark, and 3 */
    assert_int_equal(roll_back(shelf, 3), -EBUSY);
    assert_int_equal(roll_back(shelf, 1), 0);
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
    assert_int_equal(bh_checkpoint_remove(shelf->dir, 1), 0);
}

static void without_its_checkpoint_it_cannot_be_finished(void **state)
{
    struct shelf *shelf = *state;

    keep_1_draw_2(shelf);
    mark(shelf, ".rollback-0007");
    assert_int_equal(finish(shelf), -ENODATA);
    assert_non_null(strstr(shelf->cause, "checkpoint 7"));
    assert_true(is_pending(shelf));
}

static void what_cannot_be_asked_is_not_served(void **state)
{
    struct shelf *shelf = *state;
    uint32_t number;

    keep_1_draw_2(shelf);
    assert_int_equal(bh_rollback_pending(shelf->image, &number), -ENOTDIR);
    assert_int_equal(
        bh_rollback_finish(shelf->image, shelf->image, shelf->cause), -ENOTDIR);
}

static void nothing_to_finish_is_no_error(void **state)
{
    struct shelf *shelf = *state;

    int other =
        bh_checkpoints_open(shelf->parent, "a.img", false, shelf->cause);

    keep_1_draw_2(shelf);
    assert_int_equal(bh_checkpoints_lock(other), 0);
    assert_int_equal(finish(shelf), 0); /* one may be made meanwhile */
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 2);
    mark(shelf, ".rollback-0001");
    assert_int_equal(finish(shelf), -EBUSY); /* by the other one */
    close(other);
    assert_int_equal(finish(shelf), 0);
}

static void work_rollback(void *context)
{
    if (roll_back(context, 1) != 0)
        _exit(1);
}

static void work_finish(void *context)
{
    if (finish(context) != 0)
        _exit(1);
}

static void a_kill_leaves_the_old_or_the_new(void **state)
{
    struct shelf *shelf = *state;
    unsigned call = 0, seen[SEEDS] = {0}, finished = 0;
    bool killed = true;

    keep_1_draw_2(shelf);
    for (; killed; call++)
        for (unsigned i = 0; i < 2; i++) {
            shelf_draw(shelf->image, 2);
            killed = kill_at_call(work_rollback, shelf, call, i % 2 == 1);
            if (is_pending(shelf)) {
                finished++;
                assert_int_equal(finish(shelf), 0);
                assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
            }
            assert_true(shelf_image_drawn(shelf, SEEDS) >= 0);
            seen[shelf_image_drawn(shelf, SEEDS)]++;
            assert_int_equal(shelf_entries(shelf), 1);
        }
    assert_true(seen[1] > 0 && seen[2] > 0 && finished > 0);
    assert_int_equal(seen[1] + seen[2], call * 2);
}

static void a_kill_while_it_is_finished_is_no_worse(void **state)
{
    struct shelf *shelf = *state;
    bool killed = true;

    keep_1_draw_2(shelf);
    for (unsigned call = 0; killed; call++) {
        shelf_draw(shelf->image, 3);
        mark(shelf, ".rollback-0001");
        killed = kill_at_call(work_finish, shelf, call, call % 2 == 1);
        assert_int_equal(finish(shelf), 0);
        assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
        assert_int_equal(shelf_entries(shelf), 1);
    }
}

/*
 * All of a directory.
 */

struct complaints {
    unsigned count;
    char image[64], cause[BH_CAUSE_LEN];
};

static void complain(void *context, const char *image, const char *cause)
{
    struct complaints *complaints = context;

    complaints->count++;
    snprintf(complaints->image, sizeof complaints->image, "%s", image);
    snprintf(complaints->cause, sizeof complaints->cause, "%s", cause);
}

/* An image in a directory below, half way to its checkpoint. */
static int make_below(struct shelf *shelf)
{
    struct bh_checkpoint made;
    int parent, dir, image;

    assert_int_equal(mkdirat(shelf->parent, "games", 0755), 0);
    assert_int_equal(mkdirat(shelf->parent, "games/old", 0755), 0);
    parent = openat(shelf->parent, "games/old", O_RDONLY | O_DIRECTORY);
    image = openat(parent, "c.img", O_RDWR | O_CREAT, 0644);
    shelf_draw(image, 1);
    dir = bh_checkpoints_open(parent, "c.img", true, shelf->cause);
    assert_int_equal(
        bh_checkpoint_create(dir, image, "", NULL, &made, shelf->cause), 0);
    shelf_draw(image, 2);
    close(openat(dir, ".rollback-0001", O_CREAT | O_WRONLY, 0600));
    close(openat(dir, ".new", O_CREAT | O_WRONLY, 0600));
    close(dir);
    close(parent);
    return image;
}

static void a_start_finishes_what_is_pending(void **state)
{
    struct shelf *shelf = *state;
    struct complaints complaints = {0};
    int image = make_below(shelf);

    keep_1_draw_2(shelf);
    mark(shelf, ".new");
    bh_recover(shelf->parent, complain, &complaints);
    assert_int_equal(complaints.count, 0);
    assert_int_equal(shelf_entries(shelf), 1);
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 2);
    assert_int_equal(shelf_drawn(image, SEEDS), 1);
    assert_int_equal(
        faccessat(shelf->parent, "games/old/.checkpoints/c.img/.new", F_OK, 0),
        -1);
    close(image);
}

static void a_start_says_what_it_cannot_finish(void **state)
{
    struct shelf *shelf = *state;
    struct complaints complaints = {0};
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int image = make_below(shelf);

    assert_int_equal(fcntl(image, F_OFD_SETLK, &lock), 0);
    bh_recover(shelf->parent, complain, &complaints);
    assert_int_equal(complaints.count, 1);
    assert_string_equal(complaints.image, "games/old/c.img");
    assert_non_null(strstr(complaints.cause, "locked"));
    assert_int_equal(shelf_drawn(image, SEEDS), 2);
    close(image);
    assert_int_equal(unlinkat(shelf->parent, "games/old/c.img", 0), 0);
    bh_recover(shelf->parent, complain, &complaints);
    assert_int_equal(complaints.count, 2);
    assert_non_null(strstr(complaints.cause, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_checkpoint_can_be_had_back,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(each_step_is_stable_before_the_next,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(other_names_of_the_image_see_it,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(
            where_nothing_can_be_reserved_it_is_finished_later, shelf_set_up,
            shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_rolled_back_is_said,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(
            a_checkpoint_that_is_needed_is_not_removed, shelf_set_up,
            shelf_tear_down),
        cmocka_unit_test_setup_teardown(
            without_its_checkpoint_it_cannot_be_finished, shelf_set_up,
            shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_asked_is_not_served,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(nothing_to_finish_is_no_error,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_kill_leaves_the_old_or_the_new,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_kill_while_it_is_finished_is_no_worse,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_start_finishes_what_is_pending,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_start_says_what_it_cannot_finish,
                                        shelf_set_up, shelf_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
