/* SPDX-License-Identifier: MIT */
/* ports/fuzix as Fuzix's block devices call it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fuzix/devbh.h"
#include <kernel.h>

#include <blkdev.h>
#include <kdata.h>
#include <printf.h>

#include "bench_disk.h"

#include "tiny/drive.h"

struct u_data udata;
struct blkparam blk_op;

static blkdev_t disk;
static unsigned disks, scans, borrowed, printed;
static uint8_t page[512], user[512], kernel[512];

void *tmpbuf(void)
{
    assert_int_equal(borrowed++, 0);
    return page;
}

void tmpfree(void *buffer)
{
    assert_ptr_equal(buffer, page);
    borrowed--;
}

int uget(const void *from, void *to, size_t len)
{
    assert_ptr_equal(from, user);
    memcpy(to, from, len);
    return 0;
}

int uput(const void *from, void *to, size_t len)
{
    assert_ptr_equal(to, user);
    memcpy(to, from, len);
    return 0;
}

blkdev_t *blkdev_alloc(void)
{
    disks++;
    return &disk;
}

void blkdev_scan(blkdev_t *found, uint_fast8_t flags)
{
    assert_ptr_equal(found, &disk);
    assert_int_equal(flags, 0);
    scans++;
}

void kprintf(const char *format, ...)
{
    (void)format;
    printed++;
}

static uint_fast8_t move(bool is_read, uint8_t *at, uint8_t is_user,
                         uint32_t lba)
{
    uint_fast8_t moved;

    blk_op.is_read = is_read;
    blk_op.addr = at;
    blk_op.is_user = is_user;
    blk_op.lba = lba;
    blk_op.nblock = 2;
    moved = disk.transfer();
    assert_int_equal(borrowed, 0);
    return moved;
}

static void a_silent_server_has_no_disk(void **state)
{
    (void)state;
    bench_disk.silent = 1;
    devbh_init();
    assert_int_equal(disks, 0);
    assert_int_equal(printed, 1);
    bench_disk.silent = 0;
}

static void a_disk_is_found_with_its_size(void **state)
{
    (void)state;
    devbh_init();
    assert_int_equal(scans, 1);
    assert_int_equal(disk.drive_lba_count, BENCH_SECTORS);
    assert_int_equal(borrowed, 0);
}

static void sectors_move_to_and_from_the_kernel_one_by_one(void **state)
{
    (void)state;
    memset(kernel, 5, sizeof(kernel));
    assert_int_equal(move(false, kernel, 0, 3), 1);
    assert_int_equal(bench_disk.sectors[3][511], 5);
    memset(kernel, 0, sizeof(kernel));
    assert_int_equal(move(true, kernel, 0, 3), 1);
    assert_int_equal(kernel[511], 5);
}

static void and_to_and_from_a_user(void **state)
{
    (void)state;
    memset(user, 6, sizeof(user));
    assert_int_equal(move(false, user, 1, 4), 1);
    assert_int_equal(bench_disk.sectors[4][511], 6);
    memset(user, 0, sizeof(user));
    assert_int_equal(move(true, user, 1, 4), 1);
    assert_int_equal(user[511], 6);
}

static void an_error_moves_nothing(void **state)
{
    (void)state;
    memset(user, 7, sizeof(user));
    assert_int_equal(move(true, user, 1, BENCH_SECTORS), 0);
    assert_int_equal(user[0], 7);
    assert_int_equal(move(true, kernel, 0, 0), 1);
}

static void there_is_no_swap(void **state)
{
    (void)state;
    assert_int_equal(move(true, kernel, 2, 0), 0);
}

static void flush_reaches_the_disk(void **state)
{
    (void)state;
    assert_int_equal(disk.flush(), 0);
    assert_int_equal(bench_disk.flushes, 1);
}

static void a_lost_session_is_lost_for_good(void **state)
{
    (void)state;
    bench_disk.fails_with = BH_ERR_SESSION;
    assert_int_equal(move(true, kernel, 0, 0), 0);
    bench_disk.fails_with = BH_OK;
    assert_int_equal(move(true, kernel, 0, 0), 0);
    assert_int_equal(disk.flush(), -1);
    assert_int_equal(udata.u_error, EIO);
}

/* In this order: there is one kernel. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_server_has_no_disk),
        cmocka_unit_test(a_disk_is_found_with_its_size),
        cmocka_unit_test(sectors_move_to_and_from_the_kernel_one_by_one),
        cmocka_unit_test(and_to_and_from_a_user),
        cmocka_unit_test(an_error_moves_nothing),
        cmocka_unit_test(there_is_no_swap),
        cmocka_unit_test(flush_reaches_the_disk),
        cmocka_unit_test(a_lost_session_is_lost_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
