/* SPDX-License-Identifier: MIT */
/* TRIM, ZERO, CHECKSUM, TIME and CHECKPOINT of a disk, against a server that is
 * this test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/disk.h"
#include "rig.h"
#include "wire/bytes.h"
#include "wire/moment.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#define ALL 0x1F8Fu
#define SESSION 0xABCD

static void open_all(struct rig *rig, uint32_t features)
{
    rig->identify.features = features;
    rig->identify.heavy_len = 65536;
    open_with(rig, 0);
}

static void take_span(struct rig *rig, uint8_t opcode, uint32_t lsn,
                      uint16_t count)
{
    take_command(rig, opcode, SESSION);
    assert_int_equal(rig->request_len, 12);
    assert_int_equal(BH_GET32(rig->request + 5), lsn);
    assert_int_equal(BH_GET16(rig->request + 10), count);
}

static void checksum_brings_the_number(void **state)
{
    struct rig *rig = *state;
    uint32_t crc = 0;

    open_all(rig, ALL);
    assert_int_equal(bh_disk_start_checksum(rig->disk, 7, 128, &crc, NULL), 0);
    take_span(rig, BH_OP_CHECKSUM, 7, 128);
    answer_command(rig, BH_OK, "\x12\x34\x56\x78", 4);
    assert_int_equal(process(rig), 0);
    assert_int_equal(crc, 0x12345678);
    assert_int_equal(bh_disk_start_checksum(rig->disk, 7, 1, &crc, NULL), 0);
    take_span(rig, BH_OP_CHECKSUM, 7, 1);
    answer_command(rig, BH_ERR_LSN, NULL, 0);
    assert_int_equal(process(rig), -ERANGE);
    assert_says(rig, "cannot checksum sector 7 of blockhead://");
    assert_int_equal(crc, 0x12345678);
}

static void checksum_covers_no_more_than_the_server_allows(void **state)
{
    struct rig *rig = *state;
    uint32_t crc;

    open_all(rig, ALL);
    assert_int_equal(bh_disk_info(rig->disk)->job_len, 65536);
    assert_int_equal(bh_disk_start_checksum(rig->disk, 0, 129, &crc, NULL),
                     -EINVAL);
    assert_says(rig, "longer than a checksum may cover");
    assert_int_equal(bh_disk_start_checksum(rig->disk, 0, 0, &crc, NULL),
                     -EINVAL);
    assert_int_equal(
        bh_disk_start_checksum(rig->disk, UINT32_MAX, 2, &crc, NULL), -EINVAL);
    assert_silence(rig);
}

static void long_trim_is_cut_into_parts(void **state)
{
    struct rig *rig = *state;

    open_all(rig, ALL);
    assert_int_equal(bh_disk_start_trim(rig->disk, 10, 300, NULL), 0);
    take_span(rig, BH_OP_TRIM, 10, 128);
    answer_command(rig, BH_OK, NULL, 0);
    take_span(rig, BH_OP_TRIM, 138, 128);
    answer_command(rig, BH_OK, NULL, 0);
    take_span(rig, BH_OP_TRIM, 266, 44);
    answer_command(rig, BH_ERR_LSN, NULL, 0);
    assert_int_equal(process(rig), -ERANGE);
    assert_says(rig, "cannot trim sector 266 of");
}

static void zero_waits_for_writes_that_it_meets(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_all(rig, ALL);
    assert_int_equal(bh_disk_start_write(rig->disk, 15, data, NULL), 0);
    assert_int_equal(bh_disk_start_zero(rig->disk, 10, 6, NULL), 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 12, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, SESSION);
    assert_silence(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_span(rig, BH_OP_ZERO, 10, 6);
    assert_silence(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_WRITE, SESSION);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void checkpoint_stands_between_writes(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_all(rig, ALL);
    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), 0);
    assert_int_equal(bh_disk_start_checkpoint(rig->disk, "before ", NULL), 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 2, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, SESSION);
    assert_silence(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_CHECKPOINT, SESSION);
    assert_int_equal(rig->request_len, 17);
    assert_memory_equal(rig->request + 10, "\6before", 7);
    assert_silence(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_WRITE, SESSION);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void bad_labels_are_not_sent(void **state)
{
    static const char *const labels[] = {"a/b", "a\nb", "a@b",
                                         ".a",  "7",    "\xC3\xA4"};
    struct rig *rig = *state;
    char longest[66];
    size_t i;

    open_all(rig, ALL);
    for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        assert_int_equal(bh_disk_start_checkpoint(rig->disk, labels[i], NULL),
                         -EINVAL);
    memset(longest, 'x', 65);
    longest[65] = 0;
    assert_int_equal(bh_disk_start_checkpoint(rig->disk, longest, NULL),
                     -EINVAL);
    assert_says(rig, "a label is of");
    assert_silence(rig);
    longest[64] = 0;
    assert_int_equal(bh_disk_start_checkpoint(rig->disk, longest, NULL), 0);
    take_command(rig, BH_OP_CHECKPOINT, SESSION);
    assert_int_equal(rig->request_len, 75);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_start_checkpoint(rig->disk, NULL, NULL), 0);
    take_command(rig, BH_OP_CHECKPOINT, SESSION);
    assert_int_equal(rig->request_len, 11);
    assert_int_equal(rig->request[10], 0);
}

static void time_is_handed_over(void **state)
{
    uint8_t bytes[BH_MOMENT_LEN];
    struct rig *rig = *state;
    struct bh_moment moment;
    struct bh_time now;

    open_all(rig, ALL);
    bh_moment_set(&moment, 951782400, 60); /* 29 February 2000, 0:00 UTC */
    bh_moment_encode(bytes, &moment);
    assert_int_equal(bh_disk_start_time(rig->disk, &now, NULL), 0);
    take_command(rig, BH_OP_TIME, SESSION);
    answer_command(rig, BH_OK, bytes, sizeof(bytes));
    assert_int_equal(process(rig), 0);
    assert_int_equal(now.utc_seconds, 951782400);
    assert_int_equal(now.zone_minutes, 60);
    assert_int_equal(now.year, 2000);
    assert_int_equal(now.month * 100 + now.day, 229);
    assert_int_equal(now.hour * 100 + now.minute, 100);
    assert_int_equal(now.weekday, 2);
}

static void server_that_lacks_them_is_not_asked(void **state)
{
    struct rig *rig = *state;
    struct bh_time now;
    uint32_t crc;

    open_all(rig, 0x80F);
    assert_int_equal(bh_disk_start_trim(rig->disk, 0, 1, NULL), -EOPNOTSUPP);
    assert_says(rig, "the server does not offer TRIM");
    assert_int_equal(bh_disk_start_zero(rig->disk, 0, 1, NULL), -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_checksum(rig->disk, 0, 1, &crc, NULL),
                     -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_time(rig->disk, &now, NULL), -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_checkpoint(rig->disk, "x", NULL),
                     -EOPNOTSUPP);
    assert_silence(rig);
}

static void default_session_has_checksum_and_time_alone(void **state)
{
    struct rig *rig = *state;
    uint32_t crc = 0;

    open_all(rig, ALL);
    assert_int_equal(bh_disk_start_trim(rig->disk, 0, 1, NULL), -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_checkpoint(rig->disk, "x", NULL),
                     -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_checksum(rig->disk, 3, 5, &crc, NULL), 0);
    take_span(rig, BH_OP_CHECKSUM, 3, 5);
    answer_command(rig, BH_OK, "\0\0\0\1", 4);
    assert_int_equal(process(rig), 0);
    assert_int_equal(crc, 1);
}

static void trim_of_a_shared_volume_is_not_sent_twice(void **state)
{
    struct rig *rig = *state;

    rig->identify.flags = BH_VOLUME_SHARED;
    open_all(rig, ALL);
    assert_int_equal(bh_disk_start_trim(rig->disk, 0, 4, NULL), 0);
    take_span(rig, BH_OP_TRIM, 0, 4);
    assert_int_equal(lose_session(rig, rig->identify.change_counter + 1,
                                  rig->identify.instance),
                     -ESTALE);
}

#define STRICT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define OLD(name) cmocka_unit_test_setup_teardown(name, set_up_old, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRICT(checksum_brings_the_number),
        STRICT(checksum_covers_no_more_than_the_server_allows),
        STRICT(long_trim_is_cut_into_parts),
        STRICT(zero_waits_for_writes_that_it_meets),
        STRICT(checkpoint_stands_between_writes),
        STRICT(bad_labels_are_not_sent),
        STRICT(time_is_handed_over),
        STRICT(server_that_lacks_them_is_not_asked),
        OLD(default_session_has_checksum_and_time_alone),
        STRICT(trim_of_a_shared_volume_is_not_sent_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
