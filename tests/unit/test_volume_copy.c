/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shelf.h"

#include "volume/copy.h"

#define SEEDS 5u

static int open_new(const struct shelf *shelf)
{
    int fd = openat(shelf->parent, "b.img", O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static uint64_t disk_bytes(int fd)
{
    struct stat st;

    fsync(fd);
    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void a_copy_is_equal_and_as_sparse(void **state)
{
    struct shelf *shelf = *state;

    for (unsigned seed = 0; seed < SEEDS; seed++) {
        int fd = open_new(shelf);

        shelf_by_hand = seed % 2 == 1;
        shelf_draw(shelf->image, seed);
        assert_int_equal(bh_copy_new(shelf->image, fd, NULL), 0);
        assert_int_equal(shelf_drawn(fd, SEEDS), seed);
        assert_true(disk_bytes(fd) <= SHELF_SIZE * 4 / 5);
        close(fd);
    }
}

static void empty_files_and_holes_are_copied(void **state)
{
    static const off_t sizes[] = {0, 1, 4095, 1 << 20};
    struct shelf *shelf = *state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int fd = open_new(shelf);
        struct stat st;

        assert_int_equal(ftruncate(shelf->image, 0), 0);
        assert_int_equal(ftruncate(shelf->image, sizes[i]), 0);
        assert_int_equal(bh_copy_new(shelf->image, fd, NULL), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, sizes[i]);
        shelf_draw(fd, 1);
        assert_int_equal(bh_copy_over(shelf->image, fd), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, sizes[i]);
        assert_true(disk_bytes(fd) <= 4096); /* of the last block */
        close(fd);
    }
}

static void any_file_becomes_any_other(void **state)
{
    struct shelf *shelf = *state;
    int to = open_new(shelf);

    for (unsigned i = 0; i < SEEDS * SEEDS * 2; i++) {
        shelf_no_reserve = i >= SEEDS * SEEDS;
        shelf_draw(shelf->image, i % SEEDS);
        shelf_draw(to, i / SEEDS % SEEDS);
        assert_int_equal(bh_copy_reserve(shelf->image, to), 0);
        assert_int_equal(shelf_drawn(to, SEEDS), i / SEEDS % SEEDS);
        assert_int_equal(bh_copy_over(shelf->image, to), 0);
        assert_int_equal(shelf_drawn(to, SEEDS), i % SEEDS);
        if (!shelf_no_reserve)
            assert_true(disk_bytes(to) <= SHELF_SIZE * 4 / 5);
    }
    close(to);
}

static void what_is_the_same_is_not_written(void **state)
{
    struct shelf *shelf = *state;
    int to = open_new(shelf);

    shelf_draw(shelf->image, 2);
    assert_int_equal(bh_copy_new(shelf->image, to, NULL), 0);
    shelf_writes_left = 0;
    assert_int_equal(bh_copy_reserve(shelf->image, to), 0);
    assert_int_equal(bh_copy_over(shelf->image, to), 0);
    shelf_writes_left = -1;
    assert_int_equal(pwrite(to, "x", 1, 300000), 1);
    shelf_writes_left = 1;
    assert_int_equal(bh_copy_over(shelf->image, to), 0);
    shelf_writes_left = -1;
    assert_int_equal(shelf_drawn(to, SEEDS), 2);
    close(to);
}

static void space_that_is_not_there_changes_nothing(void **state)
{
    struct shelf *shelf = *state;
    int to = open_new(shelf);
    uint64_t before;

    shelf_draw(shelf->image, 1);
    shelf_draw(to, 2);
    before = disk_bytes(to);
    for (long left = 0; left < 3; left++) {
        shelf_writes_left = left;
        assert_int_equal(bh_copy_reserve(shelf->image, to), -ENOSPC);
        shelf_writes_left = -1;
        assert_int_equal(shelf_drawn(to, SEEDS), 2);
        assert_true(disk_bytes(to) <= before);
    }
    close(to);
}

static void what_is_reserved_is_enough(void **state)
{
    struct shelf *shelf = *state;
    struct stat before, after;
    int to = open_new(shelf);

    shelf_draw(shelf->image, 1);
    shelf_draw(to, 2);
    assert_int_equal(bh_copy_reserve(shelf->image, to), 0);
    fsync(to);
    assert_int_equal(fstat(to, &before), 0);
    assert_int_equal(bh_copy_over(shelf->image, to), 0);
    fsync(to);
    assert_int_equal(fstat(to, &after), 0);
    assert_true(after.st_blocks <= before.st_blocks);
    close(to);
}

struct watched {
    unsigned calls, stop_after;
    uint64_t done, total;
};

static bool look(void *context, uint64_t done, uint64_t total)
{
    struct watched *watched = context;

    assert_true(done >= watched->done && done <= total);
    watched->done = done;
    watched->total = total;
    return ++watched->calls <= watched->stop_after;
}

static void a_watch_sees_it_and_stops_it(void **state)
{
    struct shelf *shelf = *state;
    struct watched watched = {.stop_after = 1000};
    struct bh_copy_watch watch = {look, &watched};
    int to = open_new(shelf);

    assert_int_equal(ftruncate(shelf->image, 64 << 20), 0);
    for (off_t at = 0; at < 64 << 20; at += 4096)
        assert_int_equal(pwrite(shelf->image, "x", 1, at), 1);
    assert_int_equal(bh_copy_new(shelf->image, to, &watch), 0);
    assert_int_equal(watched.done, 64 << 20);
    assert_int_equal(watched.total, 64 << 20);
    close(to);
    if (watched.calls < 10) /* it was shared at once */
        return;
    watched = (struct watched){.stop_after = 3};
    to = open_new(shelf);
    assert_int_equal(bh_copy_new(shelf->image, to, &watch), -ECANCELED);
    assert_int_equal(watched.calls, 4);
    close(to);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    struct shelf *shelf = *state;
    int to = open_new(shelf), device = open("/dev/null", O_RDWR);

    assert_int_equal(bh_copy_new(device, to, NULL), -EINVAL);
    assert_int_equal(bh_copy_over(device, to), -EINVAL);
    assert_int_equal(bh_copy_reserve(device, to), -EINVAL);
    close(device);
    close(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_is_equal_and_as_sparse,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(empty_files_and_holes_are_copied,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(any_file_becomes_any_other,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_is_the_same_is_not_written,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(space_that_is_not_there_changes_nothing,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_is_reserved_is_enough,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(a_watch_sees_it_and_stops_it,
                                        shelf_set_up, shelf_tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_refused,
                                        shelf_set_up, shelf_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
