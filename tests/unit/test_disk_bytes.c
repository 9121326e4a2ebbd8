/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of bytes, against a server that is this test (rig.h) and
 * holds a small medium: sectors that are written in part keep the rest.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/disk.h"
#include "rig.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#define SECTOR_LEN 512u
#define SECTORS 16u
#define MEDIUM_LEN (SECTOR_LEN * SECTORS)

static uint8_t medium[SECTORS][SECTOR_LEN];
static uint8_t model[MEDIUM_LEN]; /* what it should hold */
static uint8_t data[MEDIUM_LEN];
static unsigned reads, writes; /* that have come */

static void forget(void)
{
    size_t i;

    for (i = 0; i < MEDIUM_LEN; i++)
        model[i] = (uint8_t)(i * 7 + i / SECTOR_LEN);
    memcpy(medium, model, sizeof(medium));
    reads = writes = 0;
}

static int set_up_medium(void **state)
{
    int rc = set_up(state);
    struct rig *rig = *state;

    rig->identify.features = 0xF | 1u << BH_OP_READ_RUN;
    rig->identify.preferred_run = 64;
    forget();
    return rc;
}

static void answer_read(struct rig *rig, uint32_t lsn, unsigned count)
{
    uint16_t number = number_of(rig);
    unsigned i;

    for (i = 0; i < count; i++, number++) {
        rig->request[1] = (uint8_t)number;
        rig->request[9] = (uint8_t)(number >> 8);
        reads++;
        if (lsn + i < SECTORS)
            answer_command(rig, BH_OK, medium[lsn + i], SECTOR_LEN);
        else
            answer_command(rig, BH_ERR_LSN, NULL, 0);
    }
}

/* Carries out the last request taken, as a server does. */
static void carry_out(struct rig *rig)
{
    uint32_t lsn = BH_GET32(rig->request + 5);

    switch (rig->request[4]) {
    case BH_OP_READ:
        answer_read(rig, lsn, 1);
        break;
    case BH_OP_READ_RUN:
        answer_read(rig, lsn, rig->request[10]);
        break;
    default:
        assert_int_equal(rig->request[4], BH_OP_WRITE);
        assert_int_equal(rig->request_len, BH_COMMAND_HEADER_LEN + SECTOR_LEN);
        assert_in_range(lsn, 0, SECTORS - 1);
        memcpy(medium[lsn], rig->request + BH_COMMAND_HEADER_LEN, SECTOR_LEN);
        writes++;
        answer_command(rig, BH_OK, NULL, 0);
    }
}

/* Carries out what is asked until all is over; the result of the last. */
static int serve(struct rig *rig)
{
    int rounds;

    for (rounds = 0; rounds < 100 && bh_disk_process(rig->disk) > 0; rounds++) {
        while (readable(rig->fd, 0) == 1) {
            take(rig);
            carry_out(rig);
        }
    }
    return process(rig);
}

static void fill(uint8_t seed, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        data[i] = (uint8_t)(seed + i * 3);
}

/* Its data is at data + offset, and so in the model. */
static int start_write(struct rig *rig, uint64_t offset, size_t len)
{
    memcpy(model + offset, data + offset, len);
    return bh_disk_start_pwrite(rig->disk, offset, len, data + offset, NULL);
}

static const size_t lengths[] = {0,   1,   2,    127,  128,  511,
                                 512, 513, 1023, 1024, 1025, 2560};
static const uint64_t offsets[] = {0,   1,    255,  511,
                                   512, 1000, 1024, MEDIUM_LEN - 2560};

#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

static void reads_bring_exactly_the_bytes_asked_for(void **state)
{
    struct rig *rig = *state;
    size_t i, j;

    open_with(rig, 0);
    for (i = 0; i < COUNT(offsets); i++) {
        for (j = 0; j < COUNT(lengths); j++) {
            memset(data, 0xEE, sizeof(data));
            assert_int_equal(bh_disk_start_pread(rig->disk, offsets[i],
                                                 lengths[j], data + 100, NULL),
                             0);
            assert_int_equal(serve(rig), 0);
            assert_memory_equal(data + 100, model + offsets[i], lengths[j]);
            assert_int_equal(data[99], 0xEE);
            assert_int_equal(data[100 + lengths[j]], 0xEE);
        }
    }
    assert_int_equal(writes, 0);
}

static void writes_change_exactly_the_bytes_given(void **state)
{
    struct rig *rig = *state;
    size_t i, j;

    open_with(rig, 0);
    for (i = 0; i < COUNT(offsets); i++) {
        for (j = 0; j < COUNT(lengths); j++) {
            fill((uint8_t)(i * 16 + j), sizeof(data));
            assert_int_equal(start_write(rig, offsets[i], lengths[j]), 0);
            assert_int_equal(serve(rig), 0);
            assert_memory_equal(medium, model, sizeof(medium));
        }
    }
}

static void default_sessions_write_bytes_too(void **state)
{
    struct rig *rig = *state;

    forget();
    open_with(rig, 0);
    assert_int_equal(start_write(rig, 700, 1500), 0);
    assert_int_equal(serve(rig), 0);
    assert_memory_equal(medium, model, sizeof(medium));
    assert_int_equal(reads, 2);
    assert_int_equal(writes, 4);
}

static void whole_sectors_are_not_read_first(void **state)
{
    static const struct {
        uint64_t offset;
        size_t len;
        unsigned reads, writes;
    } rows[] = {
        {0, 512, 0, 1},  {512, 1536, 0, 3}, {0, 513, 1, 2},   {511, 513, 1, 2},
        {511, 2, 2, 2},  {100, 100, 1, 1},  {100, 412, 1, 1}, {0, 100, 1, 1},
        {1, 1022, 2, 2}, {1, 2000, 2, 4},
    };
    struct rig *rig = *state;
    size_t i;

    open_with(rig, 0);
    for (i = 0; i < COUNT(rows); i++) {
        reads = writes = 0;
        assert_int_equal(start_write(rig, rows[i].offset, rows[i].len), 0);
        assert_int_equal(serve(rig), 0);
        assert_int_equal(reads, rows[i].reads);
        assert_int_equal(writes, rows[i].writes);
    }
}

static void nothing_is_written_before_both_edges_are_known(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(start_write(rig, 100, 2000), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_int_equal(BH_GET32(rig->request + 5), 0);
    carry_out(rig);
    bh_disk_process(rig->disk);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_int_equal(BH_GET32(rig->request + 5), 4);
    assert_silence(rig);
    carry_out(rig);
    assert_int_equal(serve(rig), 0);
    assert_memory_equal(medium, model, sizeof(medium));
}

/* Two writes of one sector: the second reads when the first is over. */
static void writes_of_one_sector_keep_each_other(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    fill(77, sizeof(data));
    assert_int_equal(start_write(rig, 10, 10), 0);
    assert_int_equal(start_write(rig, 20, 10), 0);
    assert_int_equal(start_write(rig, 500, 24), 0);
    assert_int_equal(start_write(rig, 1100, 10), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_int_equal(BH_GET32(rig->request + 5), 0);
    carry_out(rig);
    assert_int_equal(serve(rig), 0);
    assert_memory_equal(medium, model, sizeof(medium));
    assert_int_equal(reads, 5);
}

static void edge_that_cannot_be_read_writes_nothing(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(
        bh_disk_start_pwrite(rig->disk, MEDIUM_LEN - 600, 700, data, NULL), 0);
    assert_int_equal(serve(rig), -ERANGE);
    assert_says(rig, "cannot write sector 16 of");
    assert_int_equal(writes, 0);
    assert_memory_equal(medium, model, sizeof(medium));
}

static void lost_session_between_edge_and_write_is_won_again(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    fill(5, sizeof(data));
    assert_int_equal(start_write(rig, 100, 100), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    carry_out(rig);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_WRITE, 0xABCD);
    assert_goes_on(lose_session_to(rig, rig->identify.change_counter + 1));
    assert_int_equal(serve(rig), 0);
    assert_memory_equal(medium, model, sizeof(medium));
}

/* It was only read, so there is nothing that must not be sent again. */
static void shared_volume_goes_on_where_only_the_edge_was_read(void **state)
{
    struct rig *rig = *state;

    rig->identify.flags = BH_VOLUME_SHARED;
    open_with(rig, 0);
    assert_int_equal(start_write(rig, 100, 100), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_goes_on(lose_session_to(rig, rig->identify.change_counter + 1));
    assert_int_equal(serve(rig), 0);
    assert_memory_equal(medium, model, sizeof(medium));
}

static void another_sector_length_has_edges_of_its_own(void **state)
{
    struct rig *rig = *state;
    char *end = rig->url + strlen(rig->url);

    open_with(rig, 0);
    assert_int_equal(start_write(rig, 100, 100), 0);
    assert_int_equal(serve(rig), 0);
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
    assert_discon(rig, 0xABCD);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    snprintf(end, sizeof(rig->url) - (size_t)(end - rig->url), "?sector=1024");
    rig->identify.sector_exponent = 3;
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_pread(rig->disk, 1000, 100, data, NULL), 0);
    take_command(rig, BH_OP_READ_RUN, 0xABCD);
    answer_command(rig, BH_OK, model, 1024);
    rig->request[1]++;
    answer_command(rig, BH_OK, model + 1024, 1024);
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, model + 1000, 100);
}

static void none_is_over_at_once(void **state)
{
    struct rig *rig = *state;
    struct bh_done done;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_pread(rig->disk, 99, 0, data, data), 0);
    assert_int_equal(bh_disk_wait_ms(rig->disk), 0);
    assert_int_equal(bh_disk_next(rig->disk, &done), 1);
    assert_ptr_equal(done.tag, data);
    assert_int_equal(done.result, 0);
    assert_silence(rig);
}

static void bytes_without_a_sector_number_are_refused(void **state)
{
    const uint64_t end = ((uint64_t)UINT32_MAX + 1) * SECTOR_LEN;
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_pread(rig->disk, end, 1, data, NULL),
                     -ERANGE);
    assert_says(rig, "behind the last sector");
    assert_int_equal(bh_disk_start_pread(rig->disk, end - 1, 2, data, NULL),
                     -ERANGE);
    assert_int_equal(bh_disk_start_pwrite(rig->disk, UINT64_MAX, 2, data, NULL),
                     -ERANGE);
    assert_int_equal(bh_disk_start_pread(rig->disk, 0, SIZE_MAX, data, NULL),
                     -ERANGE);
    assert_int_equal(bh_disk_start_pread(rig->disk, end - 1, 1, data, NULL), 0);
    assert_int_equal(serve(rig), -ERANGE); /* so says the server */
}

static void closed_disk_has_no_bytes(void **state)
{
    struct bh_disk *disk = bh_disk_new();

    (void)state;
    assert_int_equal(bh_disk_pread(disk, 0, 1, data), -ENOTCONN);
    assert_int_equal(bh_disk_pwrite(disk, 0, 0, data), -ENOTCONN);
    assert_int_equal(bh_disk_size(disk), 0);
    bh_disk_free(disk);
}

static void size_is_that_of_all_sectors(void **state)
{
    struct rig *rig = *state;

    rig->identify.sector_count = (uint64_t)1 << 32;
    open_with(rig, 0);
    assert_int_equal(bh_disk_size(rig->disk), (uint64_t)1 << 41);
}

#define BYTES(test)                                                            \
    cmocka_unit_test_setup_teardown(test, set_up_medium, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BYTES(reads_bring_exactly_the_bytes_asked_for),
        BYTES(writes_change_exactly_the_bytes_given),
        cmocka_unit_test_setup_teardown(default_sessions_write_bytes_too,
                                        set_up_old, tear_down),
        BYTES(whole_sectors_are_not_read_first),
        BYTES(nothing_is_written_before_both_edges_are_known),
        BYTES(writes_of_one_sector_keep_each_other),
        BYTES(edge_that_cannot_be_read_writes_nothing),
        BYTES(lost_session_between_edge_and_write_is_won_again),
        BYTES(shared_volume_goes_on_where_only_the_edge_was_read),
        BYTES(another_sector_length_has_edges_of_its_own),
        BYTES(none_is_over_at_once),
        BYTES(bytes_without_a_sector_number_are_refused),
        cmocka_unit_test(closed_disk_has_no_bytes),
        BYTES(size_is_that_of_all_sectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
