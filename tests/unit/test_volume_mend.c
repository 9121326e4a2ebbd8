/* SPDX-License-Identifier: MIT */
/* Rollbacks that a killed server has left, and who is served from them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shelf.h"

#include "core/job.h"
#include "volume/catalogue.h"
#include "volume/file_lock.h"
#include "volume/mend.h"
#include "volume/recover.h"
#include "volume/rollback.h"

#define SEEDS 4u

static bool is_pending(const struct shelf *shelf)
{
    uint32_t number;

    assert_int_equal(bh_rollback_pending(shelf->dir, &number), 0);
    return number != 0;
}

/* Checkpoint 1 has pattern 1, the image 2, and is to have 1. */
static void begin_rollback(struct shelf *shelf)
{
    int fd;

    shelf_draw(shelf->image, 1);
    shelf_keep(shelf, "one");
    shelf_draw(shelf->image, 2);
    fd = openat(shelf->dir, ".rollback-0001", O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int mend(struct shelf *shelf, int image)
{
    return bh_mend(shelf->parent, "a.img", image, shelf->cause);
}

static void what_was_begun_is_finished(void **state)
{
    struct shelf *shelf = *state;

    assert_int_equal(mend(shelf, shelf->image), 0);
    begin_rollback(shelf);
    assert_int_equal(mend(shelf, shelf->image), 0);
    assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
    assert_false(is_pending(shelf));
}

static void nothing_is_done_where_nothing_may_be(void **state)
{
    struct shelf *shelf = *state;
    int fd = openat(shelf->parent, "a.img", O_RDONLY);

    begin_rollback(shelf);
    assert_true(mend(shelf, fd) < 0);
    assert_string_not_equal(shelf->cause, "");
    assert_true(is_pending(shelf));
    close(fd);
}

static void who_has_the_image_is_waited_for(void **state)
{
    struct shelf *shelf = *state;
    struct bh_file_lock lock = {.fd = openat(shelf->parent, "a.img", O_RDWR)};

    begin_rollback(shelf);
    assert_int_equal(bh_file_lock_set(&lock, BH_ACCESS_READER, shelf->cause),
                     0);
    assert_int_equal(mend(shelf, shelf->image), -EAGAIN);
    close(lock.fd);
    assert_int_equal(bh_checkpoints_lock(shelf->dir), 0);
    assert_int_equal(mend(shelf, shelf->image), -EAGAIN);
    bh_checkpoints_unlock(shelf->dir);
    assert_int_equal(mend(shelf, shelf->image), 0);
}

/* The directory, and the image under another name, too. */
static struct bh_contents contents_of(const struct shelf *shelf, bool single)
{
    struct bh_contents contents = {0};
    struct bh_volume_spec *spec = calloc(1, sizeof *spec);
    char path[128];

    snprintf(path, sizeof path, "%s%s", shelf->path, single ? "/a.img" : "");
    *spec = (struct bh_volume_spec){.name = single ? strdup("mine") : NULL,
                                    .path = strdup(path),
                                    .exponent = BH_ANY_EXPONENT};
    if (single) {
        contents.volumes = spec;
        contents.volume_count = 1;
    } else {
        contents.directories = spec;
        contents.directory_count = 1;
    }
    return contents;
}

static int open_it(struct shelf *shelf, const char *name, bool single)
{
    struct bh_catalogue *catalogue = bh_catalogue_new();
    struct bh_contents contents = contents_of(shelf, single);
    struct bh_volume_facts facts;
    struct bh_medium *medium;
    int error;

    assert_int_equal(bh_catalogue_set(catalogue, &contents, shelf->cause), 0);
    assert_int_equal(
        bh_catalogue_lookup(catalogue, name, NULL, &facts, shelf->cause), 0);
    error = bh_catalogue_open(catalogue, &facts, &medium, shelf->cause);
    if (error == 0)
        medium->ops->close(medium);
    bh_catalogue_free(catalogue);
    return error;
}

static void an_image_is_mended_when_it_is_opened(void **state)
{
    struct shelf *shelf = *state;

    for (int single = 0; single <= 1; single++) {
        begin_rollback(shelf);
        assert_int_equal(open_it(shelf, single ? "mine" : "a.img", single), 0);
        assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
        assert_false(is_pending(shelf));
    }
}

static void what_cannot_be_mended_is_not_opened(void **state)
{
    struct shelf *shelf = *state;

    begin_rollback(shelf);
    assert_int_equal(unlinkat(shelf->dir, "0001-one", 0), 0);
    assert_true(open_it(shelf, "a.img", false) < 0);
    assert_non_null(strstr(shelf->cause, "not finished"));
}

static unsigned complaints;

static void complain(void *context, const char *image, const char *cause)
{
    (void)context;
    assert_string_not_equal(image, "");
    assert_string_not_equal(cause, "");
    complaints++;
}

static void all_are_mended_at_the_start(void **state)
{
    struct shelf *shelf = *state;

    for (int single = 0; single <= 1; single++) {
        struct bh_contents contents = contents_of(shelf, single);

        complaints = 0;
        begin_rollback(shelf);
        bh_recover_contents(&contents, complain, NULL);
        assert_int_equal(complaints, 0);
        assert_int_equal(shelf_image_drawn(shelf, SEEDS), 1);
        assert_false(is_pending(shelf));
        begin_rollback(shelf);
        assert_int_equal(unlinkat(shelf->dir, "0001-one", 0), 0);
        bh_recover_contents(&contents, complain, NULL);
        assert_int_equal(complaints, 1);
        assert_int_equal(unlinkat(shelf->dir, ".rollback-0001", 0), 0);
        assert_int_equal(bh_checkpoint_remove(shelf->dir, 2), 0);
        if (!single)
            assert_int_equal(bh_checkpoints_sweep(shelf->dir), 0);
        bh_contents_free(&contents);
    }
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, shelf_set_up, shelf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_begun_is_finished),
        TEST(nothing_is_done_where_nothing_may_be),
        TEST(who_has_the_image_is_waited_for),
        TEST(an_image_is_mended_when_it_is_opened),
        TEST(what_cannot_be_mended_is_not_opened),
        TEST(all_are_mended_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
