/* SPDX-License-Identifier: MIT */
/* Tables of partitions, as sfdisk writes them and as nobody should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "volume/partition.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define LEN BH_PARTITION_SECTOR_LEN
#define SECTORS 4096u

static uint8_t disk[SECTORS][LEN];

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

/* Two primary ones, one of no length, and three logical ones: the chain's
 * second table has no partition of its own. */
static int set_up(void **state)
{
    (void)state;
    memset(disk, 0, sizeof disk);
    put_entry(0, 0, 0x0C, 63, 937);
    put_entry(0, 1, 0x83, 1000, 1000);
    put_entry(0, 2, 0x05, 2000, 2096);
    put_entry(0, 3, 0x83, 5, 0);
    disk[0][446] = 0x80;
    put_entry(2000, 0, 0x06, 63, 437);
    put_entry(2000, 1, 0x05, 500, 500);
    put_entry(2500, 1, 0x0F, 1000, 500);
    put_entry(3000, 0, 0x83, 1, 499);
    put_entry(3000, 1, 0x85, 1500, 596);
    put_entry(3500, 0, 0x83, 1, 595);
    return 0;
}

static int find(unsigned number, uint64_t size, struct bh_extent *out,
                char cause[BH_CAUSE_LEN])
{
    struct bh_partition_walk walk;
    int error = 1;

    bh_partition_begin(&walk, number, size);
    for (unsigned reads = 0; error == 1; reads++) {
        assert_true(walk.at % LEN == 0 && walk.at + LEN <= size);
        assert_true(reads < 200);
        error = bh_partition_step(&walk, disk[walk.at / LEN], out, cause);
    }
    return error;
}

static void partitions_are_where_the_tables_say(void **state)
{
    static const struct {
        unsigned number, first, count;
    } rows[] = {{1, 63, 937},
                {2, 1000, 1000},
                {5, 2063, 437},
                {6, 3001, 499},
                {7, 3501, 595}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_extent extent = {.exponent = 7, .read_only = true};
        char cause[BH_CAUSE_LEN];

        if (find(rows[i].number, sizeof disk, &extent, cause) != 0)
            fail_msg("#%u: %s", rows[i].number, cause);
        assert_int_equal(extent.first, rows[i].first * LEN);
        assert_int_equal(extent.len, rows[i].count * LEN);
        assert_int_equal(extent.exponent, 7); /* the image's, untouched */
        assert_true(extent.read_only);
    }
}

static void one_that_is_not_there_is_not_found(void **state)
{
    static const struct {
        unsigned number;
        const char *says;
    } rows[] = {{0, "no partition table"},
                {3, "#5"},
                {4, "empty"},
                {8, "fewer"},
                {99, "fewer"}};
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(find(rows[i].number, sizeof disk, &extent, cause),
                         -ENOENT);
        assert_non_null(strstr(cause, rows[i].says));
    }
    put_entry(0, 2, 0x83, 2000, 2096);
    assert_int_equal(find(5, sizeof disk, &extent, cause), -ENOENT);
    assert_non_null(strstr(cause, "no extended"));
    put_entry(0, 0, 0xEE, 1, 4095);
    assert_int_equal(find(1, sizeof disk, &extent, cause), -ENOENT);
    assert_non_null(strstr(cause, "GPT"));
}

static void a_file_system_without_table_has_none(void **state)
{
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    disk[0][446 + 16] = 0x74; /* code, as in a FAT's boot sector */
    assert_int_equal(find(1, sizeof disk, &extent, cause), -ENOENT);
    assert_non_null(strstr(cause, "no partition table"));
    disk[0][446 + 16] = 0;
    disk[0][511] = 0;
    assert_int_equal(find(1, sizeof disk, &extent, cause), -ENOENT);
}

/* A good disk but for one entry. */
static void a_table_that_lies_is_refused_with_a_sentence(void **state)
{
    static const struct {
        unsigned sector, index, first, count, number;
        uint8_t type;
        const char *says;
    } rows[] = {
        {0, 0, 63, 4034, 1, 0x0C, "more than there is"},
        {0, 0, 4096, 1, 1, 0x0C, "more than there is"},
        {0, 0, 5000, 1, 1, 0x0C, "more than there is"},
        {0, 0, UINT32_MAX, UINT32_MAX, 1, 0x0C, "more than there is"},
        {0, 0, 0, 100, 1, 0x0C, "where the table is"},
        {0, 2, 2000, 2097, 5, 0x05, "more than there is"},
        {0, 2, 0, 4096, 5, 0x05, "where the table is"},
        {0, 2, 2001, 2000, 5, 0x05, "damaged"}, /* no table there */
        {2000, 0, 0, 10, 5, 0x06, "where the table is"},
        {2000, 0, 63, 2034, 5, 0x06, "more than there is"},
        {2000, 0, UINT32_MAX, 1, 5, 0x06, "more than there is"},
        {2000, 1, 2096, 10, 6, 0x05, "astray"},
        {2000, 1, UINT32_MAX, 10, 6, 0x05, "astray"},
        {2000, 1, 501, 10, 6, 0x05, "damaged"},
        {2500, 1, 500, 10, 6, 0x05, "astray"}, /* to itself */
        {2500, 1, 0, 10, 6, 0x05, "astray"},   /* in a circle */
        {3500, 1, 0, 10, 99, 0x05, "astray"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_extent extent;
        char cause[BH_CAUSE_LEN] = "";
        int error;

        set_up(state);
        put_entry(rows[i].sector, rows[i].index, rows[i].type, rows[i].first,
                  rows[i].count);
        error = find(rows[i].number, sizeof disk, &extent, cause);
        if (error != -EBADMSG || strstr(cause, rows[i].says) == NULL)
            fail_msg("row %zu: %d, '%s'", i, error, cause);
    }
}

/* As many as fit: the chain's end is the last. */
static void a_long_chain_is_followed_to_its_limit(void **state)
{
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    put_entry(0, 2, 0x05, 1000, 3000);
    for (unsigned i = 0; i < 110; i++) {
        put_entry(1000 + 10 * i, 0, 0x83, 1, 9);
        put_entry(1000 + 10 * i, 1, 0x05, 10 * i + 10, 10);
    }
    assert_int_equal(find(104, sizeof disk, &extent, cause), 0);
    assert_int_equal(extent.first, (1000 + 990 + 1) * LEN);
    assert_int_equal(find(105, sizeof disk, &extent, cause), -EBADMSG);
}

static void whatever_the_bytes_a_partition_lies_in_its_image(void **state)
{
    uint64_t seed = 88172645463325252u;

    for (unsigned turn = 0; turn < 20000; turn++) {
        static const unsigned tables[] = {0, 2000, 2500, 3000, 3500};
        struct bh_extent extent;
        char cause[BH_CAUSE_LEN] = "";
        int error;

        if (turn % 100 == 0)
            set_up(state);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        disk[tables[seed >> 32 & 3]][446 + (seed >> 40) % 64] =
            (uint8_t)(seed >> 56);
        error = find((unsigned)(turn % 12), sizeof disk, &extent, cause);
        if (error == 0) {
            assert_true(extent.first > 0 && extent.first < sizeof disk);
            assert_true(extent.len > 0);
            assert_true(extent.len <= sizeof disk - extent.first);
        } else {
            assert_true(error == -ENOENT || error == -EBADMSG);
            assert_true(cause[0] != '\0');
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(partitions_are_where_the_tables_say),
        TEST(one_that_is_not_there_is_not_found),
        TEST(a_file_system_without_table_has_none),
        TEST(a_table_that_lies_is_refused_with_a_sentence),
        TEST(a_long_chain_is_followed_to_its_limit),
        TEST(whatever_the_bytes_a_partition_lies_in_its_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
