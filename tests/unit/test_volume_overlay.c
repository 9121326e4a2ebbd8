/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "kill.h"
#include "medium.h"

#include "volume/memory.h"
#include "volume/overlay.h"

#define SIZE 40000u
#define UNIT 512u
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* The C library's, on a disk that fills up after so many calls. */
static long calls_until_full = -1;

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    void *found = dlsym(RTLD_NEXT, "pwrite");

    memcpy(&real, &found, sizeof found);
    if (calls_until_full == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (calls_until_full > 0)
        calls_until_full--;
    return real(fd, bytes, len, offset);
}

struct rig {
    char path[64];
    struct bh_medium *base;
    struct bh_overlay_spec spec;
    uint8_t model[SIZE]; /* what the overlay has to hold */
};

static uint8_t base_byte(size_t at)
{
    return (uint8_t)(at % 251);
}

static void forget_changes(struct rig *rig)
{
    for (size_t i = 0; i < SIZE; i++)
        rig->model[i] = base_byte(i);
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    calls_until_full = -1;
    strcpy(rig->path, "/tmp/bh-overlay-XXXXXX");
    assert_non_null(mkdtemp(rig->path));
    forget_changes(rig);
    assert_int_equal(bh_memory_open(rig->model, SIZE, &rig->base), 0);
    rig->spec =
        (struct bh_overlay_spec){.dir = open(rig->path, O_RDONLY | O_DIRECTORY),
                                 .name = "s1",
                                 .unit = UNIT,
                                 .limit = SIZE + UNIT,
                                 .base_id = 7};
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[100];
    int status;

    rig->base->ops->close(rig->base);
    close(rig->spec.dir);
    snprintf(command, sizeof command, "rm -rf %s", rig->path);
    status = system(command);
    free(rig);
    return status;
}

static struct bh_medium *create(struct rig *rig)
{
    struct bh_medium *medium = NULL;

    assert_int_equal(bh_overlay_create(&rig->spec, rig->base, &medium), 0);
    return medium;
}

static struct bh_medium *reopen(struct rig *rig, struct bh_medium *medium)
{
    if (medium != NULL)
        medium->ops->close(medium);
    assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium), 0);
    return medium;
}

static void fill(uint8_t *bytes, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(seed * 31 + i / 7 + 1);
}

/* Into the overlay and, if that takes it, the model. */
static int put(struct rig *rig, struct bh_medium *medium, uint32_t offset,
               uint32_t len, unsigned seed)
{
    uint8_t bytes[SIZE];
    int error;

    fill(bytes, len, seed);
    error = seed % 2 == 0 ? -EAGAIN
                          : medium->ops->write_now(medium, offset, bytes, len);
    if (error == -EAGAIN)
        error = medium->ops->write(medium, offset, bytes, len);
    if (error == 0)
        memcpy(rig->model + offset, bytes, len);
    return error;
}

static bool holds_model(const struct rig *rig, struct bh_medium *medium)
{
    static uint8_t bytes[SIZE];

    assert_int_equal(read_at(medium, 0, bytes, SIZE), 0);
    return memcmp(bytes, rig->model, SIZE) == 0;
}

static void what_was_not_written_is_the_base(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);

    assert_int_equal(medium->byte_count, SIZE);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void what_was_written_is_read_and_outlives_the_server(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);
    uint8_t byte;

    assert_int_equal(put(rig, medium, 3 * UNIT, UNIT, 1), 0);
    assert_int_equal(put(rig, medium, 5 * UNIT, 3 * UNIT, 2), 0);
    assert_int_equal(put(rig, medium, 6 * UNIT, UNIT, 3), 0);
    assert_true(holds_model(rig, medium));
    medium = reopen(rig, medium);
    assert_true(holds_model(rig, medium));
    assert_int_equal(put(rig, medium, 5 * UNIT, UNIT, 4), 0);
    medium = reopen(rig, medium);
    assert_true(holds_model(rig, medium));
    assert_int_equal(read_at(rig->base, 3 * UNIT, &byte, 1), 0);
    assert_int_equal(byte, base_byte(3 * UNIT)); /* the base is untouched */
    medium->ops->close(medium);
}

static void the_last_unit_may_be_short(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);
    uint32_t last = SIZE / UNIT * UNIT;

    assert_int_equal(put(rig, medium, last, SIZE - last, 5), 0);
    medium = reopen(rig, medium);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void spans_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        uint64_t offset;
        uint32_t len;
        int error;
    } rows[] = {
        {1, UNIT, -EINVAL},       {0, 100, -EINVAL},
        {SIZE + 1, 0, -ENODATA},  {UINT64_MAX, 2, -ENODATA},
        {0, SIZE + 1, -ENODATA},  {SIZE - 10, 10, -EINVAL},
        {0, UNIT + 100, -EINVAL},
    };
    static uint8_t bytes[SIZE + 1];
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            medium->ops->write(medium, rows[i].offset, bytes, rows[i].len),
            rows[i].error);
        assert_int_equal(
            bh_overlay_zero(medium, rows[i].offset, rows[i].len, false),
            rows[i].error);
    }
    assert_int_equal(read_at(medium, SIZE - 1, bytes, 2), -ENODATA);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void a_read_is_put_together_piece_by_piece(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);
    uint8_t bytes[5 * UNIT];
    struct iovec pieces[] = {{bytes, 100},
                             {bytes + 100, UNIT},
                             {bytes + 100 + UNIT, 0},
                             {bytes + 100 + UNIT, 4 * UNIT - 100}};

    put(rig, medium, UNIT, UNIT, 1);
    put(rig, medium, 3 * UNIT, UNIT, 2);
    assert_int_equal(bh_overlay_zero(medium, 4 * UNIT, UNIT, true), 0);
    memset(rig->model + 4 * UNIT, 0, UNIT);
    assert_int_equal(medium->ops->read(medium, 0, pieces, 4), 0);
    assert_memory_equal(bytes, rig->model, sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(medium->ops->read_now(medium, 0, pieces, 4), 0);
    assert_memory_equal(bytes, rig->model, sizeof bytes);
    medium->ops->close(medium);
}

static void a_unit_is_written_at_once_where_that_needs_no_disk(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);
    uint8_t bytes[2 * UNIT];

    fill(bytes, sizeof bytes, 1);
    put(rig, medium, 0, UNIT, 2); /* the map's page is in memory now */
    assert_int_equal(medium->ops->write_now(medium, UNIT, bytes, UNIT), 0);
    memcpy(rig->model + UNIT, bytes, UNIT);
    assert_true(holds_model(rig, medium));
    assert_int_equal(medium->ops->write_now(medium, 0, bytes, 2 * UNIT),
                     -EAGAIN);
    assert_int_equal(medium->ops->write_now(medium, 1, bytes, UNIT), -EINVAL);
    assert_int_equal(medium->ops->write_now(medium, SIZE, bytes, UNIT),
                     -ENODATA);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void zeroed_units_are_zero_and_free(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    rig->spec.limit = 2 * UNIT;
    medium = create(rig);
    assert_int_equal(put(rig, medium, 0, 2 * UNIT, 1), 0);
    assert_int_equal(put(rig, medium, 4 * UNIT, UNIT, 1), -ENOSPC);
    assert_int_equal(bh_overlay_zero(medium, 0, SIZE, true), 0);
    memset(rig->model, 0, SIZE);
    assert_true(holds_model(rig, medium));
    assert_int_equal(put(rig, medium, 4 * UNIT, 2 * UNIT, 2), 0);
    medium = reopen(rig, medium);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void at_the_limit_only_what_was_changed_can_be(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    rig->spec.limit = 4 * UNIT + 100;
    medium = create(rig);
    assert_int_equal(put(rig, medium, 0, 3 * UNIT, 1), 0);
    assert_int_equal(put(rig, medium, 2 * UNIT, 3 * UNIT, 2), -ENOSPC);
    assert_true(holds_model(rig, medium));
    assert_int_equal(put(rig, medium, 3 * UNIT, UNIT, 3), 0);
    medium = reopen(rig, medium);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(put(rig, medium, i % 4 * UNIT, UNIT, i), 0);
    assert_int_equal(put(rig, medium, 9 * UNIT, UNIT, 4), -ENOSPC);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void the_limit_is_that_of_the_beginning(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    rig->spec.limit = 2 * UNIT;
    medium = create(rig);
    rig->spec.limit = 0;
    medium = reopen(rig, medium);
    assert_int_equal(put(rig, medium, 0, 2 * UNIT, 1), 0);
    assert_int_equal(put(rig, medium, 2 * UNIT, UNIT, 1), -ENOSPC);
    medium->ops->close(medium);
}

static void writing_again_does_not_lengthen_the_file(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    struct stat before, after;

    rig->spec.limit = 100u << 20;
    medium = create(rig);
    for (uint32_t i = 0; i < 11; i++)
        put(rig, medium, i % 10 * UNIT, UNIT, i);
    assert_int_equal(fstatat(rig->spec.dir, "s1", &before, 0), 0);
    for (uint32_t i = 0; i < 2000; i++)
        put(rig, medium, i * 7 % 10 * UNIT, UNIT, i);
    assert_int_equal(fstatat(rig->spec.dir, "s1", &after, 0), 0);
    assert_int_equal(before.st_size, after.st_size);
    medium->ops->close(medium);
}

static void a_full_disk_leaves_what_was_there(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);

    assert_int_equal(put(rig, medium, 0, 3 * UNIT, 1), 0);
    for (int i = 0; i < 2; i++) {
        calls_until_full = i;
        assert_int_equal(put(rig, medium, UNIT, 4 * UNIT, 2), -ENOSPC);
        calls_until_full = 0;
        assert_int_equal(bh_overlay_zero(medium, 0, UNIT, false), -ENOSPC);
        calls_until_full = -1;
        assert_true(holds_model(rig, medium));
    }
    medium = reopen(rig, medium);
    assert_true(holds_model(rig, medium));
    assert_int_equal(put(rig, medium, UNIT, 4 * UNIT, 2), 0);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void anything_goes_in_any_order(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);
    unsigned seed = 1;

    for (unsigned i = 0; i < 3000; i++) {
        unsigned draw = (unsigned)rand_r(&seed);
        uint32_t offset = draw % (SIZE / UNIT) * UNIT;
        uint32_t len = (draw >> 8) % 40 * UNIT, left = SIZE - offset;

        len = len < left ? len : left;
        if (draw >> 16 & 1)
            assert_int_equal(put(rig, medium, offset, len, i), 0);
        else if (draw >> 17 & 1)
            medium = reopen(rig, medium);
        else if (bh_overlay_zero(medium, offset, len, false) == 0)
            memset(rig->model + offset, 0, len);
        if (i % 50 == 0)
            assert_true(holds_model(rig, medium));
    }
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

/* What one server does before it is killed. */
static const struct {
    uint32_t unit, count;
    bool zero;
} steps[] = {{1, 1, false}, {1, 1, false}, {4, 3, false},  {3, 4, false},
             {5, 1, true},  {5, 1, false}, {30, 30, false}};

static void step(struct rig *rig, struct bh_medium *medium, unsigned i)
{
    uint32_t offset = steps[i].unit * UNIT, len = steps[i].count * UNIT;

    if (!steps[i].zero) {
        put(rig, medium, offset, len, i);
        return;
    }
    bh_overlay_zero(medium, offset, len, false);
    memset(rig->model + offset, 0, len);
}

static void open_and_write(void *context)
{
    struct rig *rig = context;
    struct bh_medium *medium;

    if (bh_overlay_open(&rig->spec, rig->base, &medium) != 0)
        _exit(1);
    for (unsigned i = 0; i < COUNT(steps); i++)
        step(rig, medium, i);
}

/* The overlay is as it was after one of the steps. */
static void assert_after_a_step(struct rig *rig)
{
    struct bh_medium *medium = reopen(rig, NULL);
    struct bh_medium *other;
    unsigned done = 0;

    rig->spec.name = "other";
    other = create(rig);
    forget_changes(rig);
    while (!holds_model(rig, medium) && done < COUNT(steps))
        step(rig, other, done++);
    assert_true(holds_model(rig, medium));
    other->ops->close(other);
    rig->spec.name = "s1";
    assert_int_equal(put(rig, medium, 2 * UNIT, 5 * UNIT, 99), 0);
    assert_true(holds_model(rig, medium));
    medium->ops->close(medium);
}

static void a_kill_leaves_each_write_whole_or_undone(void **state)
{
    struct rig *rig = *state;
    unsigned call = 0;
    bool killed = true;

    for (; killed; call++)
        for (int half = 0; half < 2; half++) {
            struct bh_medium *medium = create(rig);

            medium->ops->close(medium);
            killed = kill_at_call(open_and_write, rig, call, half == 1);
            assert_after_a_step(rig);
        }
    assert_true(call > 2 * COUNT(steps));
}

static void make_new(void *context)
{
    struct rig *rig = context;
    struct bh_medium *medium;

    if (bh_overlay_create(&rig->spec, rig->base, &medium) != 0)
        _exit(1);
}

static void a_kill_while_it_is_made_leaves_none_or_an_empty_one(void **state)
{
    struct rig *rig = *state;
    bool killed = true;

    for (unsigned call = 0; killed; call++) {
        struct bh_medium *medium = create(rig);
        int error;

        put(rig, medium, 0, UNIT, 1);
        medium->ops->close(medium);
        killed = kill_at_call(make_new, rig, call, call % 2 == 1);
        error = bh_overlay_open(&rig->spec, rig->base, &medium);
        if (error == -ENOENT)
            continue;
        assert_int_equal(error, 0);
        if (call > 0)
            forget_changes(rig);
        assert_true(holds_model(rig, medium));
        medium->ops->close(medium);
    }
}

static void what_does_not_belong_to_the_base_is_refused(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig), *small;
    uint8_t byte = 0;

    medium->ops->close(medium);
    rig->spec.base_id++;
    assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium), -ESTALE);
    rig->spec.base_id--;
    rig->spec.unit *= 2;
    assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium), -ESTALE);
    rig->spec.unit /= 2;
    assert_int_equal(bh_memory_open(&byte, 1, &small), 0);
    assert_int_equal(bh_overlay_open(&rig->spec, small, &medium), -ESTALE);
    small->ops->close(small);
    rig->spec.name = "missing";
    assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium), -ENOENT);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        uint64_t at;
        uint32_t value;
    } rows[] = {
        {0, 0},                 /* magic */
        {4096 + 8, UINT32_MAX}, /* a slot that is not there */
        {4096 + 8, 2},          /* one that another has */
    };
    struct rig *rig = *state;
    struct bh_medium *medium;

    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd;

        medium = create(rig);
        assert_int_equal(put(rig, medium, 0, UNIT, 1), 0);
        medium->ops->close(medium);
        fd = openat(rig->spec.dir, "s1", O_WRONLY);
        assert_int_equal(pwrite(fd, &rows[i].value, 4, (off_t)rows[i].at), 4);
        close(fd);
        assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium),
                         -EBADMSG);
    }
    medium = create(rig);
    medium->ops->close(medium);
    assert_int_equal(ftruncate(openat(rig->spec.dir, "s1", O_WRONLY), 4096), 0);
    assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium), -EBADMSG);
    symlinkat("s1", rig->spec.dir, "link");
    rig->spec.name = "link";
    assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium), -EBADMSG);
}

static void bad_parameters_are_refused(void **state)
{
    static const char *const names[] = {"", ".x", "..", "a/b"};
    static const uint32_t units[] = {0, 64, 100, 384, 32768};
    struct rig *rig = *state;
    struct bh_medium *medium;

    for (size_t i = 0; i < COUNT(names); i++) {
        rig->spec.name = names[i];
        assert_int_equal(bh_overlay_create(&rig->spec, rig->base, &medium),
                         -EINVAL);
    }
    rig->spec.name = "s1";
    for (size_t i = 0; i < COUNT(units); i++) {
        rig->spec.unit = units[i];
        assert_int_equal(bh_overlay_open(&rig->spec, rig->base, &medium),
                         -EINVAL);
    }
    rig->spec.unit = 128;
    rig->spec.limit = UINT64_MAX;
    assert_int_equal(bh_overlay_create(&rig->spec, rig->base, &medium), -EFBIG);
}

static bool is_s1(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "s1") == 0;
}

static bool exists(const struct rig *rig, const char *name)
{
    return faccessat(rig->spec.dir, name, F_OK, 0) == 0;
}

static void a_sweep_removes_what_nobody_uses(void **state)
{
    static const char *const made[] = {"s1", "s2", "s3"};
    struct rig *rig = *state;
    int fd;

    for (size_t i = 0; i < COUNT(made); i++) {
        struct bh_medium *medium;

        rig->spec.name = made[i];
        medium = create(rig);
        medium->ops->close(medium);
    }
    close(openat(rig->spec.dir, "begun", O_CREAT | O_WRONLY, 0600));
    mkdirat(rig->spec.dir, "directory", 0700);
    fd = openat(rig->spec.dir, "notes.txt", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "mine\n", 5), 5);
    close(fd);
    assert_int_equal(bh_overlay_sweep(rig->spec.dir, is_s1, NULL), 0);
    assert_true(exists(rig, "s1"));
    assert_false(exists(rig, "s2"));
    assert_false(exists(rig, "s3"));
    assert_false(exists(rig, "begun"));
    assert_true(exists(rig, "directory"));
    assert_true(exists(rig, "notes.txt"));
    assert_int_equal(bh_overlay_remove(rig->spec.dir, "s1"), 0);
    assert_int_equal(bh_overlay_remove(rig->spec.dir, "s1"), -ENOENT);
}

static void an_empty_base_has_an_overlay(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *empty, *medium;

    assert_int_equal(bh_memory_open(NULL, 0, &empty), 0);
    assert_int_equal(bh_overlay_create(&rig->spec, empty, &medium), 0);
    assert_int_equal(medium->ops->write(medium, 0, (uint8_t[]){1}, 1),
                     -ENODATA);
    medium->ops->close(medium);
    empty->ops->close(empty);
}

struct writer {
    struct bh_medium *medium;
    uint32_t first; /* every fourth unit from here on is its own */
    bool right;
};

static void *write_and_read(void *context)
{
    struct writer *writer = context;
    uint8_t wrote[UNIT], out[UNIT];

    writer->right = true;
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t offset = (uint64_t)(writer->first + i % 10 * 4) * UNIT;

        memset(wrote, (int)(writer->first + i), UNIT);
        if (writer->medium->ops->write(writer->medium, offset, wrote, UNIT) !=
                0 ||
            read_at(writer->medium, offset, out, UNIT) != 0 ||
            memcmp(wrote, out, UNIT) != 0)
            writer->right = false;
    }
    return NULL;
}

static void threads_do_not_get_in_each_others_way(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium = create(rig);
    struct writer writers[4];
    pthread_t threads[4];

    for (uint32_t i = 0; i < 4; i++) {
        writers[i] = (struct writer){medium, i, false};
        pthread_create(&threads[i], NULL, write_and_read, &writers[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(writers[i].right);
    }
    medium->ops->close(medium);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_not_written_is_the_base,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_was_written_is_read_and_outlives_the_server, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(the_last_unit_may_be_short, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(spans_that_do_not_fit_are_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_is_put_together_piece_by_piece,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_unit_is_written_at_once_where_that_needs_no_disk, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(zeroed_units_are_zero_and_free, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            at_the_limit_only_what_was_changed_can_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_limit_is_that_of_the_beginning,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            writing_again_does_not_lengthen_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_what_was_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(anything_goes_in_any_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_kill_leaves_each_write_whole_or_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_kill_while_it_is_made_leaves_none_or_an_empty_one, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            what_does_not_belong_to_the_base_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bad_parameters_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_removes_what_nobody_uses,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_base_has_an_overlay, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(threads_do_not_get_in_each_others_way,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
