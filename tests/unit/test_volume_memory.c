/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "medium.h"

#include "core/job.h"
#include "volume/memory.h"

static void what_was_written_is_read(void **state)
{
    struct bh_medium *medium;
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];
    char cause[BH_CAUSE_LEN];

    (void)state;
    assert_int_equal(bh_memory_open(bytes, sizeof bytes, &medium), 0);
    assert_int_equal(medium->byte_count, 8);
    assert_int_equal(medium->ops->lock(medium, BH_ACCESS_WRITER, cause), 0);
    bytes[0] = 99; /* it has a copy */
    assert_int_equal(medium->ops->write(medium, 6, (uint8_t[]){70, 80}, 2), 0);
    assert_int_equal(medium->ops->sync(medium), 0);
    assert_int_equal(read_at(medium, 0, out, 8), 0);
    assert_memory_equal(out, ((uint8_t[]){1, 2, 3, 4, 5, 6, 70, 80}), 8);
    memset(out, 0, sizeof out);
    assert_int_equal(read_now_at(medium, 1, out, 2), 0);
    assert_int_equal(out[0], 2);
    assert_int_equal(out[2], 0);
    medium->ops->close(medium);
}

static void without_bytes_it_begins_with_zeros(void **state)
{
    struct bh_medium *medium;
    uint8_t out[4] = {9, 9, 9, 9};

    (void)state;
    assert_int_equal(bh_memory_open(NULL, 4, &medium), 0);
    assert_int_equal(read_at(medium, 0, out, 4), 0);
    assert_memory_equal(out, ((uint8_t[]){0, 0, 0, 0}), 4);
    medium->ops->close(medium);
}

static void nothing_beyond_its_end_is_touched(void **state)
{
    static const struct {
        uint64_t offset;
        uint32_t len;
        int error;
    } rows[] = {
        {0, 8, 0},
        {8, 0, 0},
        {0, 9, -ENODATA},
        {8, 1, -ENODATA},
        {7, 2, -ENODATA},
        {9, 0, -ENODATA},
        {UINT64_MAX, 1, -ENODATA},
        {UINT64_MAX - 1, 8, -ENODATA},
    };
    struct bh_medium *medium;
    uint8_t bytes[16] = {0};

    (void)state;
    assert_int_equal(bh_memory_open(NULL, 8, &medium), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_at(medium, rows[i].offset, bytes, rows[i].len),
                         rows[i].error);
        assert_int_equal(
            medium->ops->write(medium, rows[i].offset, bytes, rows[i].len),
            rows[i].error);
    }
    medium->ops->close(medium);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(without_bytes_it_begins_with_zeros),
        cmocka_unit_test(nothing_beyond_its_end_is_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
