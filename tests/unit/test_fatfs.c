/* SPDX-License-Identifier: MIT */
/* ports/fatfs as FatFs calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench_disk.h"
#include "ff.h"

#include "diskio.h"
#include "fatfs/image.h"

#include "tiny/drive.h"

const char *bh_fatfs_image = "disk.img";
uint16_t bh_fatfs_image_len = 9;
uint8_t bh_fatfs_flags = 0;

static BYTE bytes[3 * 512];

static int begin(void **state)
{
    (void)state;
    memset(&bench_disk, 0, sizeof(bench_disk));
    memset(bytes, 0xEE, sizeof(bytes));
    assert_int_equal(disk_initialize(0), 0);
    return 0;
}

static void nothing_is_there_before_it_is_initialized(void **state)
{
    (void)state;
    bench_disk.silent = 1;
    assert_int_equal(disk_initialize(0), STA_NOINIT);
    assert_int_equal(disk_status(0), STA_NOINIT);
    assert_int_equal(disk_read(0, bytes, 0, 1), RES_NOTRDY);
    assert_int_equal(disk_write(0, bytes, 0, 1), RES_NOTRDY);
    assert_int_equal(disk_ioctl(0, CTRL_SYNC, NULL), RES_NOTRDY);
}

static void there_is_one_drive(void **state)
{
    (void)state;
    assert_int_equal(disk_initialize(1), STA_NOINIT);
    assert_int_equal(disk_status(1), STA_NOINIT);
    assert_int_equal(disk_read(1, bytes, 0, 1), RES_PARERR);
    assert_int_equal(disk_write(1, bytes, 0, 1), RES_PARERR);
    assert_int_equal(disk_ioctl(1, CTRL_SYNC, NULL), RES_PARERR);
}

static void many_sectors_are_read_and_written_at_once(void **state)
{
    (void)state;
    memset(bytes, 1, 512);
    memset(bytes + 512, 2, 512);
    assert_int_equal(disk_write(0, bytes, 7, 2), RES_OK);
    assert_int_equal(bench_disk.sectors[7][511], 1);
    assert_int_equal(bench_disk.sectors[8][0], 2);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(disk_read(0, bytes + 512, 7, 2), RES_OK);
    assert_int_equal(bytes[511], 0);
    assert_int_equal(bytes[512], 1);
    assert_int_equal(bytes[3 * 512 - 1], 2);
    assert_int_equal(disk_read(0, bytes, 7, 0), RES_PARERR);
}

static void a_sector_beyond_the_end_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(disk_read(0, bytes, BENCH_SECTORS - 1, 2), RES_PARERR);
    /* Not the first sector instead. */
    assert_int_equal(disk_read(0, bytes, (LBA_t)0xFFFFFFFF, 2), RES_PARERR);
    assert_int_equal(disk_write(0, bytes, (LBA_t)0xFFFFFFFF, 2), RES_PARERR);
    assert_int_equal(disk_status(0), 0);
}

static void a_protected_disk_says_so(void **state)
{
    (void)state;
    bench_disk.fails_with = BH_ERR_READ_ONLY;
    assert_int_equal(disk_write(0, bytes, 0, 1), RES_WRPRT);
    assert_int_equal(disk_status(0), STA_PROTECT);
    bench_disk.fails_with = BH_OK;
    assert_int_equal(disk_read(0, bytes, 0, 1), RES_OK);
}

static void a_failing_disk_is_an_error_and_stays(void **state)
{
    (void)state;
    bench_disk.fails_with = BH_ERR_STORAGE;
    assert_int_equal(disk_read(0, bytes, 0, 1), RES_ERROR);
    assert_int_equal(disk_status(0), 0);
}

static void a_lost_session_is_refused_until_the_next_mount(void **state)
{
    static const uint8_t statuses[] = {BH_ERR_SESSION, BH_ERR_NO_MEDIUM,
                                       BH_ERR_CHANGED};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses); i++) {
        bench_disk.fails_with = statuses[i];
        assert_int_equal(disk_write(0, bytes, 0, 1), RES_NOTRDY);
        bench_disk.fails_with = BH_OK;
        assert_int_equal(disk_write(0, bytes, 0, 1), RES_NOTRDY);
        assert_int_equal(disk_status(0), STA_NOINIT);
        assert_int_equal(bench_disk.connects, i + 1);
        assert_int_equal(disk_initialize(0), 0);
        assert_int_equal(disk_write(0, bytes, 0, 1), RES_OK);
    }
}

static void ioctl_tells_what_mkfs_asks(void **state)
{
    LBA_t count = 0;
    WORD size = 0;
    DWORD block = 0;

    (void)state;
    assert_int_equal(disk_ioctl(0, GET_SECTOR_COUNT, &count), RES_OK);
    assert_int_equal(count, BENCH_SECTORS);
    assert_int_equal(disk_ioctl(0, GET_SECTOR_SIZE, &size), RES_OK);
    assert_int_equal(size, 512);
    assert_int_equal(disk_ioctl(0, GET_BLOCK_SIZE, &block), RES_OK);
    assert_int_equal(block, 1);
    assert_int_equal(disk_ioctl(0, CTRL_TRIM, NULL), RES_PARERR);
}

static void sync_is_a_flush(void **state)
{
    (void)state;
    assert_int_equal(disk_ioctl(0, CTRL_SYNC, NULL), RES_OK);
    assert_int_equal(bench_disk.flushes, 1);
    bench_disk.fails_with = BH_ERR_STORAGE;
    assert_int_equal(disk_ioctl(0, CTRL_SYNC, NULL), RES_ERROR);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_there_before_it_is_initialized),
        TEST(there_is_one_drive),
        TEST(many_sectors_are_read_and_written_at_once),
        TEST(a_sector_beyond_the_end_is_an_error),
        TEST(a_protected_disk_says_so),
        TEST(a_failing_disk_is_an_error_and_stays),
        TEST(a_lost_session_is_refused_until_the_next_mount),
        TEST(ioctl_tells_what_mkfs_asks),
        TEST(sync_is_a_flush),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
