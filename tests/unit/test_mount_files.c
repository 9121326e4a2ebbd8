/* SPDX-License-Identifier: MIT */
/* The files of a mount, and the partitions that a table makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mount/files.h"
#include "mount/scan.h"

#define SECTORS 4096u
#define LEN BH_PARTITION_SECTOR_LEN

static uint8_t disk[SECTORS][LEN];
static struct files files;
static const struct timespec then = {.tv_sec = 1}, later = {.tv_sec = 2};

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void put_entry(unsigned sector, unsigned index, uint8_t type,
                      uint32_t first, uint32_t count)
{
    uint8_t *at = disk[sector] + 446 + 16 * index;

    at[4] = type;
    put32(at + 8, first);
    put32(at + 12, count);
    disk[sector][510] = 0x55;
    disk[sector][511] = 0xAA;
}

static int begin(void **state)
{
    (void)state;
    memset(disk, 0, sizeof(disk));
    files_begin(&files, sizeof(disk), &then);
    return 0;
}

/* Returns how many sectors were read. */
static unsigned scan_disk(void)
{
    struct scan scan;
    unsigned count = 0;
    uint64_t at;

    for (scan_begin(&scan, &files); scan_wants(&scan, &at); count++) {
        assert_true(at % LEN == 0 && at <= sizeof(disk) - LEN);
        scan_take(&scan, disk[at / LEN]);
    }
    return count;
}

static void expect(const char *name, uint64_t first, uint64_t len)
{
    const struct file *file = files_find(&files, name);

    assert_non_null(file);
    assert_int_equal(file->first, first * LEN);
    assert_int_equal(file->len, len * LEN);
}

static void the_volume_alone(void **state)
{
    (void)state;
    assert_true(scan_disk() <= 5);
    expect("image", 0, SECTORS);
    assert_null(files_find(&files, "p0"));
    assert_null(files_find(&files, "p1"));
    assert_null(files_find(&files, "p64"));
    assert_null(files_find(&files, ""));
    assert_false(files.doubtful);
}

static void put_three(void)
{
    put_entry(0, 0, 0x0C, 8, 100);
    put_entry(0, 2, 0x05, 200, 300);
    put_entry(200, 0, 0x83, 1, 50);
    put_entry(200, 1, 0x05, 100, 100);
    put_entry(300, 0, 0x83, 2, 60);
}

static void primary_and_logical_ones(void **state)
{
    (void)state;
    put_three();
    scan_disk();
    expect("p1", 8, 100);
    assert_null(files_find(&files, "p2"));
    assert_null(files_find(&files, "p3"));
    expect("p5", 201, 50);
    expect("p6", 302, 60);
    assert_null(files_find(&files, "p7"));
}

static void a_table_that_lies_gives_nothing(void **state)
{
    (void)state;
    put_entry(0, 0, 0x83, 8, SECTORS);
    put_entry(0, 1, 0x83, 0, 8);
    put_entry(0, 2, 0x83, 4000, 96);
    scan_disk();
    assert_null(files_find(&files, "p1"));
    assert_null(files_find(&files, "p2"));
    expect("p3", 4000, 96);
}

static void a_chain_without_end_ends(void **state)
{
    (void)state;
    put_entry(0, 0, 0x05, 200, 300);
    for (unsigned i = 0; i < 150; i++) {
        put_entry(200 + i, 0, 0x83, 1, 1);
        put_entry(200 + i, 1, 0x05, i + 1, 1);
    }
    assert_true(scan_disk() < 150 * 64);
    assert_non_null(files_find(&files, "p63"));
}

static void what_cannot_be_read_leaves_it_doubtful(void **state)
{
    struct scan scan;
    uint64_t at;

    (void)state;
    put_three();
    scan_begin(&scan, &files);
    assert_true(scan_wants(&scan, &at));
    scan_take(&scan, NULL);
    assert_false(scan_wants(&scan, &at));
    assert_true(files.doubtful);
}

static void less_than_a_sector_has_no_table(void **state)
{
    (void)state;
    files_begin(&files, LEN - 1, &then);
    assert_int_equal(scan_disk(), 0);
}

static void an_open_partition_stays(void **state)
{
    struct file *first, *fifth;

    (void)state;
    put_three();
    scan_disk();
    first = files_find(&files, "p1");
    fifth = files_find(&files, "p5");
    files_open(first);
    memset(disk[0], 0, LEN);
    put_entry(0, 0, 0x83, 16, 10);
    scan_disk();
    assert_ptr_equal(files_find(&files, "p1"), first);
    expect("p1", 8, 100);
    assert_false(fifth->there);
    assert_true(files.doubtful);
    files_close(first);
    scan_disk();
    expect("p1", 16, 10);
    assert_false(files.doubtful);
}

static void a_range_is_cut_at_the_end(void **state)
{
    const struct file *file = &files.all[0];

    (void)state;
    assert_int_equal(file_clip(file, 0, 10), 10);
    assert_int_equal(file_clip(file, sizeof(disk) - 3, 10), 3);
    assert_int_equal(file_clip(file, sizeof(disk), 10), 0);
    assert_int_equal(file_clip(file, UINT64_MAX, SIZE_MAX), 0);
}

static bool is_good(const char *name)
{
    struct file *file = files_find(&files, name);
    bool good = files_open(file);

    files_close(file);
    return good;
}

static void caches_of_shared_bytes_are_dropped(void **state)
{
    struct file *image = &files.all[0];

    (void)state;
    put_three();
    scan_disk();
    assert_false(is_good("p1")); /* it is new */
    assert_true(is_good("p1") && !is_good("p5") && is_good("image"));
    files_change(&files, image, 107 * LEN, 1, &later);
    assert_true(is_good("image") && !is_good("p1") && is_good("p5"));
    files_change(&files, image, 108 * LEN, 1, &later);
    assert_true(is_good("p1"));
    files_change(&files, files_find(&files, "p5"), 0, 1, &later);
    assert_true(is_good("p5") && is_good("p1") && !is_good("image"));
    assert_int_equal(files_find(&files, "p5")->changed.tv_sec, 2);
    assert_int_equal(files_find(&files, "p6")->changed.tv_sec, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_volume_alone, begin),
        cmocka_unit_test_setup(primary_and_logical_ones, begin),
        cmocka_unit_test_setup(a_table_that_lies_gives_nothing, begin),
        cmocka_unit_test_setup(a_chain_without_end_ends, begin),
        cmocka_unit_test_setup(what_cannot_be_read_leaves_it_doubtful, begin),
        cmocka_unit_test_setup(less_than_a_sector_has_no_table, begin),
        cmocka_unit_test_setup(an_open_partition_stays, begin),
        cmocka_unit_test_setup(a_range_is_cut_at_the_end, begin),
        cmocka_unit_test_setup(caches_of_shared_bytes_are_dropped, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
