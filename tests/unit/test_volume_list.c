/* SPDX-License-Identifier: MIT */
/* The records of `:list`, byte for byte. */
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
#include <unistd.h>

#include <cmocka.h>

#include "medium.h"

#include "volume/list.h"

#define RECORDS_MAX 16

struct rig {
    atomic_uint open;
    char root[64];
    struct bh_catalogue *catalogue;
    char text[RECORDS_MAX * BH_LIST_RECORD_LEN + 1];
};

static int set_up(void **state)
{
    static struct rig rig;

    memset(&rig, 0, sizeof rig);
    strcpy(rig.root, "/tmp/bh-list-XXXXXX");
    assert_non_null(mkdtemp(rig.root));
    rig.catalogue = bh_catalogue_new();
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[200];

    bh_catalogue_free(rig->catalogue);
    snprintf(command, sizeof command, "rm -rf %s", rig->root);
    return system(command);
}

static void make_file(const struct rig *rig, const char *name, off_t len)
{
    char path[400];
    int fd;

    snprintf(path, sizeof path, "%s/%s", rig->root, name);
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, len), 0);
    close(fd);
}

/* Serves the directory, its files in this mode. */
static void serve(struct rig *rig, uint8_t mode)
{
    struct bh_contents contents = {0};
    char cause[BH_CAUSE_LEN];

    contents.directories = malloc(sizeof *contents.directories);
    contents.directories[0] = (struct bh_volume_spec){
        .path = strdup(rig->root), .mode = mode, .exponent = BH_ANY_EXPONENT};
    contents.directory_count = 1;
    assert_int_equal(bh_catalogue_set(rig->catalogue, &contents, cause), 0);
}

static struct bh_medium *open_list(struct rig *rig)
{
    struct bh_medium *medium;

    assert_int_equal(bh_list_open(rig->catalogue, &rig->open, &medium), 0);
    assert_true(medium->byte_count < sizeof rig->text);
    memset(rig->text, 0, sizeof rig->text);
    assert_int_equal(
        read_at(medium, 0, rig->text, (uint32_t)medium->byte_count), 0);
    return medium;
}

static void a_record_has_its_64_bytes(void **state)
{
    static const struct {
        uint8_t mode;
        const char *record;
    } rows[] = {
        {BH_MODE_EXCLUSIVE,
         "    1 zork.dsk                                       143360 WE-\n"},
        {BH_MODE_SHARED,
         "    1 zork.dsk                                       143360 WS-\n"},
        {BH_MODE_READ_ONLY,
         "    1 zork.dsk                                       143360 RR-\n"},
        {BH_MODE_SCRATCH,
         "    1 zork.dsk                                       143360 WP-\n"},
    };
    struct rig *rig = *state;

    make_file(rig, "zork.dsk", 143360);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bh_medium *medium;

        serve(rig, rows[i].mode);
        medium = open_list(rig);
        assert_int_equal(strlen(rows[i].record), BH_LIST_RECORD_LEN);
        assert_int_equal(medium->byte_count, BH_LIST_RECORD_LEN);
        assert_string_equal(rig->text, rows[i].record);
        medium->ops->close(medium);
    }
}

static void records_are_sorted_and_names_cut_and_cleaned(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    make_file(rig, "b-1234567890123456789012345678901234567890123", 1);
    make_file(rig, "a\xC3\xA4", 0);
    serve(rig, BH_MODE_EXCLUSIVE);
    medium = open_list(rig);
    assert_string_equal(
        rig->text,
        "    1 a??                                                 0 WE-\n"
        "    2 b-12345678901234567890123456789012345678            1 WE-\n");
    medium->ops->close(medium);
}

/* 12 digits have room; a sparse image may be larger. */
static void a_huge_image_leaves_the_columns_where_they_are(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    make_file(rig, "huge", 0x20000000000); /* 2 TiB: 2199023255552 */
    serve(rig, BH_MODE_EXCLUSIVE);
    medium = open_list(rig);
    assert_int_equal(medium->byte_count, BH_LIST_RECORD_LEN);
    assert_memory_equal(rig->text + 59, " WE-\n", 5);
    assert_int_equal(rig->text[46], ' ');
    medium->ops->close(medium);
}

static bool is_it(void *context, uint64_t device, uint64_t inode)
{
    (void)device;
    return inode == *(const uint64_t *)context;
}

static void what_is_in_use_is_marked(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    struct bh_medium *medium;
    char cause[BH_CAUSE_LEN];

    make_file(rig, "a", 1);
    make_file(rig, "b", 1);
    make_file(rig, "c", 1);
    serve(rig, BH_MODE_EXCLUSIVE);
    assert_int_equal(
        bh_catalogue_lookup(rig->catalogue, "b", NULL, &facts, cause), 0);
    medium = open_list(rig);
    bh_list_mark(medium, is_it, &facts.inode);
    read_at(medium, 0, rig->text, 3 * BH_LIST_RECORD_LEN);
    assert_int_equal(rig->text[62], '-');
    assert_int_equal(rig->text[64 + 62], 'U');
    assert_int_equal(rig->text[128 + 62], '-');
    assert_int_equal(rig->text[64 + 63], '\n');
    medium->ops->close(medium);
}

static void a_listing_is_a_snapshot_that_cannot_be_written(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;
    char cause[BH_CAUSE_LEN];
    uint8_t byte;

    make_file(rig, "a", 1);
    serve(rig, BH_MODE_EXCLUSIVE);
    medium = open_list(rig);
    make_file(rig, "b", 1);
    assert_int_equal(medium->byte_count, BH_LIST_RECORD_LEN);
    assert_int_equal(read_at(medium, 64, &byte, 1), -ENODATA);
    assert_int_equal(medium->ops->write(medium, 0, &byte, 1), -EROFS);
    assert_int_equal(medium->ops->lock(medium, BH_ACCESS_READER, cause), 0);
    assert_int_equal(medium->ops->sync(medium), 0);
    medium->ops->close(medium);
}

static void an_empty_catalogue_is_an_empty_list(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    serve(rig, BH_MODE_EXCLUSIVE);
    medium = open_list(rig);
    assert_int_equal(medium->byte_count, 0);
    medium->ops->close(medium);
}

static void only_so_many_are_open_at_a_time(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *media[BH_LISTS_MAX], *more;

    serve(rig, BH_MODE_EXCLUSIVE);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < BH_LISTS_MAX; i++)
            assert_int_equal(
                bh_list_open(rig->catalogue, &rig->open, &media[i]), 0);
        assert_int_equal(bh_list_open(rig->catalogue, &rig->open, &more),
                         -EUSERS);
        for (size_t i = 0; i < BH_LISTS_MAX; i++)
            media[i]->ops->close(media[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_record_has_its_64_bytes),
        TEST(records_are_sorted_and_names_cut_and_cleaned),
        TEST(a_huge_image_leaves_the_columns_where_they_are),
        TEST(what_is_in_use_is_marked),
        TEST(a_listing_is_a_snapshot_that_cannot_be_written),
        TEST(an_empty_catalogue_is_an_empty_list),
        TEST(only_so_many_are_open_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
