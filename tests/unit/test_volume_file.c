/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "medium.h"

#include "volume/file.h"

/* The C library's, which can be stopped as a disk stops it. */
static atomic_bool stopped, waits;

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, len};

    for (waits = stopped; stopped;)
        usleep(1000);
    return pwritev(fd, &piece, 1, offset);
}

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct rig {
    char path[64];
    struct bh_volume_facts facts;
    char cause[BH_CAUSE_LEN];
};

/* A file of 1000 bytes, each its offset modulo 251. */
static int set_up(void **state)
{
    static struct rig rig;
    struct stat st;
    uint8_t bytes[1000];
    int fd;

    memset(&rig, 0, sizeof rig);
    strcpy(rig.path, "/tmp/bh-file-XXXXXX");
    fd = mkstemp(rig.path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 251);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    rig.facts =
        (struct bh_volume_facts){.device = st.st_dev, .inode = st.st_ino};
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    unlink(((struct rig *)*state)->path);
    return 0;
}

static struct bh_medium *open_medium(struct rig *rig)
{
    struct bh_medium *medium = NULL;
    int fd = open(rig->path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(bh_file_open(fd, &rig->facts, &medium, rig->cause), 0);
    return medium;
}

static void offset_and_size_cut_the_volume_out(void **state)
{
    static const struct {
        uint64_t first, limit, len;
    } rows[] = {
        {0, 0, 1000},  {0, 400, 400}, {0, 4000, 1000}, {100, 0, 900},
        {100, 50, 50}, {999, 0, 1},   {1000, 0, 0},    {990, 50, 10},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_medium *medium;
        uint8_t byte = 0xFF;

        rig->facts.first = rows[i].first;
        rig->facts.size_limit = rows[i].limit;
        medium = open_medium(rig);
        assert_int_equal(medium->byte_count, rows[i].len);
        if (rows[i].len > 0) {
            assert_int_equal(read_at(medium, 0, &byte, 1), 0);
            assert_int_equal(byte, rows[i].first % 251);
        }
        medium->ops->close(medium);
    }
}

static void a_write_lands_behind_the_offset(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    uint8_t out[3];
    int fd;

    rig->facts.first = 100;
    medium = open_medium(rig);
    assert_int_equal(medium->ops->write(medium, 7, (uint8_t[]){1, 2, 3}, 3), 0);
    assert_int_equal(medium->ops->sync(medium), 0);
    medium->ops->close(medium);
    fd = open(rig->path, O_RDONLY);
    assert_int_equal(pread(fd, out, 3, 107), 3);
    close(fd);
    assert_memory_equal(out, ((uint8_t[]){1, 2, 3}), 3);
}

static void a_file_that_ends_before_the_volume_is_refused(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    int fd = open(rig->path, O_RDWR);

    rig->facts.first = 1001;
    assert_int_equal(bh_file_open(fd, &rig->facts, &medium, rig->cause),
                     -ENODATA);
    assert_non_null(strstr(rig->cause, "1001"));
    assert_non_null(strstr(rig->cause, "1000"));
    assert_int_equal(close(fd), 0); /* still ours */
}

static void another_file_under_the_name_is_refused(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    int fd = open(rig->path, O_RDWR);

    rig->facts.inode++;
    assert_int_equal(bh_file_open(fd, &rig->facts, &medium, rig->cause),
                     -ESTALE);
    assert_true(rig->cause[0] != '\0');
    rig->facts.inode--;
    rig->facts.device++;
    assert_int_equal(bh_file_open(fd, &rig->facts, &medium, rig->cause),
                     -ESTALE);
    assert_int_equal(close(fd), 0);
}

static void a_file_truncated_under_us_is_short(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = open_medium(rig);
    uint8_t out[100];

    assert_int_equal(truncate(rig->path, 550), 0);
    assert_int_equal(read_at(medium, 400, out, 100), 0);
    assert_int_equal(read_at(medium, 500, out, 100), -ENODATA);
    assert_int_equal(read_at(medium, 600, out, 100), -ENODATA);
    assert_int_equal(read_now_at(medium, 500, out, 100), -EAGAIN);
    medium->ops->close(medium);
}

static void read_now_reads_the_same_or_nothing(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    uint8_t now[100], later[100];

    rig->facts.first = 10;
    medium = open_medium(rig);
    for (uint64_t at = 0; at + 100 < 990; at += 33) {
        int error = read_now_at(medium, at, now, sizeof now);

        assert_true(error == 0 || error == -EAGAIN);
        assert_int_equal(read_at(medium, at, later, sizeof later), 0);
        if (error == 0)
            assert_memory_equal(now, later, sizeof now);
    }
    medium->ops->close(medium);
}

static void write_now_writes_all_or_nothing(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    uint8_t old[100], after[100], data[100];

    rig->facts.first = 10;
    medium = open_medium(rig);
    memset(data, 0xAB, sizeof data);
    for (uint64_t at = 0; at + 100 < 990; at += 133) {
        int error;

        assert_int_equal(read_at(medium, at, old, sizeof old), 0);
        error = medium->ops->write_now(medium, at, data, sizeof data);
        assert_true(error == 0 || error == -EAGAIN);
        assert_int_equal(read_at(medium, at, after, sizeof after), 0);
        assert_memory_equal(after, error == 0 ? data : old, sizeof after);
    }
    medium->ops->close(medium);
}

static void write_now_does_not_lengthen_what_was_truncated(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = open_medium(rig);
    uint8_t data[100] = {0};
    struct stat st;

    assert_int_equal(truncate(rig->path, 550), 0);
    assert_int_equal(medium->ops->write_now(medium, 500, data, 100), -EAGAIN);
    assert_int_equal(medium->ops->write(medium, 500, data, 100), -ENODATA);
    assert_int_equal(stat(rig->path, &st), 0);
    assert_int_equal(st.st_size, 550);
    medium->ops->close(medium);
}

static void *write_in_thread(void *medium_)
{
    struct bh_medium *medium = medium_;
    uint8_t data[100] = {0};

    assert_int_equal(medium->ops->write(medium, 0, data, sizeof data), 0);
    return NULL;
}

/* It would wait for the file's lock, and with it all other volumes. */
static void write_now_does_not_wait_for_a_thread_that_writes(void **state)
{
    struct bh_medium *medium = open_medium(*state);
    uint8_t data[100] = {0};
    pthread_t thread;

    stopped = true;
    assert_int_equal(pthread_create(&thread, NULL, write_in_thread, medium), 0);
    while (!waits)
        usleep(1000);
    assert_int_equal(medium->ops->write_now(medium, 500, data, sizeof data),
                     -EAGAIN);
    stopped = false;
    assert_int_equal(pthread_join(thread, NULL), 0);
    medium->ops->close(medium);
}

/* Two opens of one file, as of two servers: which locks go together. */
static void locks_of_two_opens_conflict(void **state)
{
    static const struct {
        uint8_t first, second;
        int error;
    } rows[] = {
        {BH_ACCESS_WRITER, BH_ACCESS_WRITER, -EAGAIN},
        {BH_ACCESS_WRITER, BH_ACCESS_READER, -EAGAIN},
        {BH_ACCESS_WRITER, BH_ACCESS_LOOK, 0},
        {BH_ACCESS_READER, BH_ACCESS_WRITER, -EAGAIN},
        {BH_ACCESS_READER, BH_ACCESS_READER, 0},
        {BH_ACCESS_READER, BH_ACCESS_LOOK, 0},
        {BH_ACCESS_LOOK, BH_ACCESS_WRITER, 0},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_medium *one = open_medium(rig), *two = open_medium(rig);
        int error;

        rig->cause[0] = '\0';
        assert_int_equal(one->ops->lock(one, rows[i].first, rig->cause), 0);
        error = two->ops->lock(two, rows[i].second, rig->cause);
        if (error != rows[i].error)
            fail_msg("row %zu: %d", i, error);
        if (error != 0)
            assert_non_null(strstr(rig->cause, "locked"));
        one->ops->close(one); /* and its lock with it */
        assert_int_equal(two->ops->lock(two, rows[i].second, rig->cause), 0);
        two->ops->close(two);
    }
}

static void a_lock_can_be_changed_and_a_failed_change_keeps_it(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *one = open_medium(rig), *two = open_medium(rig);

    assert_int_equal(one->ops->lock(one, BH_ACCESS_WRITER, rig->cause), 0);
    assert_int_equal(one->ops->lock(one, BH_ACCESS_READER, rig->cause), 0);
    assert_int_equal(two->ops->lock(two, BH_ACCESS_READER, rig->cause), 0);
    assert_int_equal(one->ops->lock(one, BH_ACCESS_WRITER, rig->cause),
                     -EAGAIN);
    assert_int_equal(two->ops->lock(two, BH_ACCESS_WRITER, rig->cause),
                     -EAGAIN); /* the first reads on */
    assert_int_equal(one->ops->lock(one, BH_ACCESS_LOOK, rig->cause), 0);
    assert_int_equal(two->ops->lock(two, BH_ACCESS_WRITER, rig->cause), 0);
    one->ops->close(one);
    two->ops->close(two);
}

static void volumes_side_by_side_in_one_file_do_not_conflict(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *one, *two, *grows;

    rig->facts.size_limit = 500;
    one = open_medium(rig);
    rig->facts.first = 500;
    two = open_medium(rig);
    assert_int_equal(one->ops->lock(one, BH_ACCESS_WRITER, rig->cause), 0);
    assert_int_equal(two->ops->lock(two, BH_ACCESS_WRITER, rig->cause), 0);
    rig->facts.first = 0;
    rig->facts.size_limit = 0;
    grows = open_medium(rig);
    assert_int_equal(grows->ops->lock(grows, BH_ACCESS_READER, rig->cause),
                     -EAGAIN);
    one->ops->close(one);
    two->ops->close(two);
    grows->ops->close(grows);
}

/* Read locks as QEMU sets them: of what it does, and of what others may not. */
static int open_as_qemu(const struct rig *rig, bool writes)
{
    int fd = open(rig->path, O_RDWR | O_CLOEXEC);
    struct flock does = {
        .l_type = F_RDLCK, .l_start = 100, .l_len = writes ? 2 : 1};
    struct flock forbids = {.l_type = F_RDLCK, .l_start = 201, .l_len = 1};

    assert_int_equal(fcntl(fd, F_OFD_SETLK, &does), 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &forbids), 0);
    return fd;
}

/* What a QEMU looks for before it writes. */
static bool keeps_qemu_out(const struct rig *rig)
{
    int fd = open(rig->path, O_RDWR | O_CLOEXEC);
    struct flock forbidden = {.l_type = F_WRLCK, .l_start = 201, .l_len = 1};

    assert_int_equal(fcntl(fd, F_OFD_GETLK, &forbidden), 0);
    close(fd);
    return forbidden.l_type != F_UNLCK;
}

static void qemu_is_kept_out_wherever_the_volume_lies(void **state)
{
    static const struct {
        uint64_t first, limit;
    } rows[] = {{0, 0},     {0, 50},   {16, 0},  {100, 0},
                {150, 100}, {202, 10}, {204, 0}, {600, 100}};
    static const uint8_t accesses[] = {BH_ACCESS_WRITER, BH_ACCESS_READER};
    struct rig *rig = *state;

    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        struct bh_medium *medium;

        rig->facts.first = rows[i / 2].first;
        rig->facts.size_limit = rows[i / 2].limit;
        medium = open_medium(rig);
        assert_false(keeps_qemu_out(rig));
        assert_int_equal(medium->ops->lock(medium, accesses[i % 2], rig->cause),
                         0);
        assert_true(keeps_qemu_out(rig));
        assert_int_equal(medium->ops->lock(medium, BH_ACCESS_LOOK, rig->cause),
                         0);
        assert_false(keeps_qemu_out(rig));
        medium->ops->close(medium);
    }
}

static void a_qemu_that_was_there_first_keeps_us_out(void **state)
{
    static const struct {
        bool qemu_writes;
        uint8_t access;
        int error;
    } rows[] = {{true, BH_ACCESS_WRITER, -EAGAIN},
                {true, BH_ACCESS_READER, -EAGAIN},
                {true, BH_ACCESS_LOOK, 0},
                {false, BH_ACCESS_WRITER, -EAGAIN},
                {false, BH_ACCESS_READER, 0}};
    static const uint64_t firsts[] = {0, 16, 102, 204, 600};
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(firsts) * COUNT(rows); i++) {
        size_t row = i % COUNT(rows);
        int qemu = open_as_qemu(rig, rows[row].qemu_writes), error;
        struct bh_medium *medium;

        rig->facts.first = firsts[i / COUNT(rows)];
        medium = open_medium(rig);
        rig->cause[0] = '\0';
        error = medium->ops->lock(medium, rows[row].access, rig->cause);
        if (error != rows[row].error)
            fail_msg("row %zu, first %u: %d", row, (unsigned)rig->facts.first,
                     error);
        if (error != 0)
            assert_non_null(strstr(rig->cause, "locked"));
        close(qemu);
        if (error != 0) /* and nothing of it is left */
            assert_false(keeps_qemu_out(rig));
        medium->ops->close(medium);
    }
}

static void a_reader_stays_one_when_qemu_keeps_it_from_writing(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *one, *two;
    int qemu = open_as_qemu(rig, false);

    rig->facts.first = 600;
    one = open_medium(rig);
    two = open_medium(rig);
    assert_int_equal(one->ops->lock(one, BH_ACCESS_READER, rig->cause), 0);
    assert_int_equal(one->ops->lock(one, BH_ACCESS_WRITER, rig->cause),
                     -EAGAIN);
    close(qemu);
    assert_int_equal(two->ops->lock(two, BH_ACCESS_WRITER, rig->cause),
                     -EAGAIN);
    assert_true(keeps_qemu_out(rig));
    one->ops->close(one);
    assert_int_equal(two->ops->lock(two, BH_ACCESS_WRITER, rig->cause), 0);
    two->ops->close(two);
}

/* In whatever order they are locked. */
static void four_bytes_of_qemus_do_not_part_neighbours(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *low, *high;

    rig->facts.first = 500;
    high = open_medium(rig);
    rig->facts.first = 0;
    rig->facts.size_limit = 500;
    low = open_medium(rig);
    assert_int_equal(high->ops->lock(high, BH_ACCESS_WRITER, rig->cause), 0);
    assert_int_equal(low->ops->lock(low, BH_ACCESS_WRITER, rig->cause), 0);
    assert_int_equal(high->ops->lock(high, BH_ACCESS_READER, rig->cause), 0);
    assert_int_equal(high->ops->lock(high, BH_ACCESS_WRITER, rig->cause), 0);
    low->ops->close(low);
    high->ops->close(high);
}

/* The room that it may grow into is locked, too. */
static void a_growing_volume_locks_its_room(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *grows, *behind;

    rig->facts.grow_limit = 5000;
    grows = open_medium(rig);
    assert_int_equal(grows->byte_count, 1000);
    assert_int_equal(truncate(rig->path, 9000), 0);
    rig->facts.grow_limit = 0;
    rig->facts.first = 4999;
    behind = open_medium(rig);
    assert_int_equal(grows->ops->lock(grows, BH_ACCESS_WRITER, rig->cause), 0);
    assert_int_equal(behind->ops->lock(behind, BH_ACCESS_WRITER, rig->cause),
                     -EAGAIN);
    behind->ops->close(behind);
    grows->ops->close(grows);
}

static void a_file_opened_for_reading_cannot_be_written(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    int fd = open(rig->path, O_RDONLY);

    assert_int_equal(bh_file_open(fd, &rig->facts, &medium, rig->cause), 0);
    assert_true(medium->ops->write(medium, 0, (uint8_t[]){1}, 1) < 0);
    assert_int_equal(medium->ops->lock(medium, BH_ACCESS_READER, rig->cause),
                     0);
    medium->ops->close(medium);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(offset_and_size_cut_the_volume_out),
        TEST(a_write_lands_behind_the_offset),
        TEST(a_file_that_ends_before_the_volume_is_refused),
        TEST(another_file_under_the_name_is_refused),
        TEST(a_file_truncated_under_us_is_short),
        TEST(read_now_reads_the_same_or_nothing),
        TEST(write_now_writes_all_or_nothing),
        TEST(write_now_does_not_lengthen_what_was_truncated),
        TEST(write_now_does_not_wait_for_a_thread_that_writes),
        TEST(locks_of_two_opens_conflict),
        TEST(a_lock_can_be_changed_and_a_failed_change_keeps_it),
        TEST(volumes_side_by_side_in_one_file_do_not_conflict),
        TEST(qemu_is_kept_out_wherever_the_volume_lies),
        TEST(a_qemu_that_was_there_first_keeps_us_out),
        TEST(a_reader_stays_one_when_qemu_keeps_it_from_writing),
        TEST(four_bytes_of_qemus_do_not_part_neighbours),
        TEST(a_growing_volume_locks_its_room),
        TEST(a_file_opened_for_reading_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
