/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of many sectors, and READ_RUN, against a server that is this
 * test (rig.h): what leaves together, what of a run is asked for again and how,
 * and whose error an error is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "client/disk.h"
#include "rig.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#define SECTOR_LEN 512
#define SECTORS 256

struct taken {
    uint8_t bytes[BH_COMMAND_HEADER_LEN + SECTOR_LEN];
    size_t len;
};

static struct taken taken[128];
static unsigned count; /* of them */
static uint8_t data[SECTORS][SECTOR_LEN];

static unsigned take_all(struct rig *rig)
{
    bh_disk_process(rig->disk);
    for (count = 0; readable(rig->fd, 0) == 1; count++) {
        assert_in_range(count, 0, 127);
        take(rig);
        taken[count].len = rig->request_len;
        memcpy(taken[count].bytes, rig->request, rig->request_len);
    }
    return count;
}

static uint16_t number_in(const struct taken *it)
{
    return (uint16_t)(it->bytes[9] << 8 | it->bytes[1]);
}

static uint32_t lsn_in(const struct taken *it)
{
    return BH_GET32(it->bytes + 5);
}

/* Sectors that it asks for. */
static unsigned run_in(const struct taken *it)
{
    return it->bytes[4] == BH_OP_READ_RUN ? it->bytes[10] : 1;
}

static void assert_run(const struct taken *it, unsigned number, uint32_t lsn,
                       unsigned sectors)
{
    assert_int_equal(it->bytes[4], sectors > 1 ? BH_OP_READ_RUN : BH_OP_READ);
    assert_int_equal(it->len,
                     sectors > 1 ? BH_READ_RUN_LEN : BH_COMMAND_HEADER_LEN);
    assert_int_equal(number_in(it), number);
    assert_int_equal(lsn_in(it), lsn);
    assert_int_equal(run_in(it), sectors);
}

/* What every sector holds. */
static void fill(uint8_t sector[SECTOR_LEN], uint32_t lsn)
{
    memset(sector, (int)(lsn * 7 + 1), SECTOR_LEN);
}

/* Reply `i` of a run; an error is one without data. */
static void answer_at(struct rig *rig, const struct taken *it, unsigned i,
                      uint8_t status)
{
    uint16_t number = (uint16_t)(number_in(it) + i);
    uint8_t sector[SECTOR_LEN];

    memcpy(rig->request, it->bytes, BH_COMMAND_HEADER_LEN);
    rig->request[1] = (uint8_t)number;
    rig->request[9] = (uint8_t)(number >> 8);
    fill(sector, lsn_in(it) + i);
    answer_command(rig, status, sector,
                   status == BH_OK && it->bytes[4] != BH_OP_WRITE ? SECTOR_LEN
                                                                  : 0);
}

static void answer_run(struct rig *rig, const struct taken *it)
{
    unsigned i;

    for (i = 0; i < run_in(it); i++)
        answer_at(rig, it, i, BH_OK);
}

static void answer_all(struct rig *rig)
{
    unsigned i;

    for (i = 0; i < count; i++)
        answer_run(rig, &taken[i]);
}

static int set_up_runs(void **state)
{
    struct rig *rig;

    set_up(state);
    rig = *state;
    rig->identify.features = 0xF | 1u << BH_OP_READ_RUN;
    rig->identify.preferred_run = 64;
    memset(data, 0xEE, sizeof(data));
    return 0;
}

/* Open, and with the pace where the window is. */
static void open_fast(struct rig *rig)
{
    int i;

    open_with(rig, 0);
    for (i = 0; i < 100; i++) {
        assert_int_equal(bh_disk_start_write(rig->disk, 0, data[0], NULL), 0);
        take_all(rig);
        answer_all(rig);
        assert_int_equal(process(rig), 0);
    }
}

static int start(struct rig *rig, uint32_t lsn, uint32_t sectors)
{
    return bh_disk_start_read_run(rig->disk, lsn, sectors, data[lsn],
                                  data[lsn]);
}

static void assert_read(uint32_t lsn, uint32_t sectors)
{
    uint8_t expected[SECTOR_LEN];

    for (; sectors > 0; sectors--, lsn++) {
        fill(expected, lsn);
        assert_memory_equal(data[lsn], expected, SECTOR_LEN);
    }
}

static void hand_back(struct rig *rig)
{
    struct bh_done done;

    while (bh_disk_next(rig->disk, &done))
        assert_int_equal(done.result, 0);
}

/* Answers all until it is over; its result. */
static int serve(struct rig *rig)
{
    int rounds;

    for (rounds = 0; rounds < 100 && bh_disk_process(rig->disk) > 0; rounds++) {
        if (take_all(rig) == 0)
            rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
        answer_all(rig);
    }
    return process(rig);
}

/*
 * Leaving
 */

static void neighbours_leave_as_one_run(void **state)
{
    struct rig *rig = *state;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 16), 0);
    assert_int_equal(take_all(rig), 1);
    assert_run(&taken[0], 102, 10, 16);
    answer_all(rig);
    assert_int_equal(process(rig), 0);
    assert_read(10, 16);
}

static void single_reads_of_neighbours_are_a_run_too(void **state)
{
    struct rig *rig = *state;
    uint32_t lsn;

    open_fast(rig);
    for (lsn = 5; lsn < 9; lsn++)
        assert_int_equal(bh_disk_start_read(rig->disk, lsn, data[lsn], NULL),
                         0);
    assert_int_equal(start(rig, 20, 1), 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 21, data[21], NULL), 0);
    assert_int_equal(start(rig, 22, 1), 0);
    assert_int_equal(take_all(rig), 4);
    assert_run(&taken[0], 102, 5, 4);
    assert_run(&taken[1], 106, 20, 1);
    assert_int_equal(taken[2].bytes[4], BH_OP_WRITE);
    assert_run(&taken[3], 108, 22, 1);
    answer_all(rig);
    assert_int_equal(process(rig), 0);
    assert_read(5, 4);
}

static void runs_are_as_long_as_the_server_prefers(void **state)
{
    struct rig *rig = *state;

    rig->identify.preferred_run = 7;
    open_fast(rig);
    assert_int_equal(start(rig, 0, 20), 0);
    assert_int_equal(take_all(rig), 3);
    assert_run(&taken[0], 102, 0, 7);
    assert_run(&taken[1], 109, 7, 7);
    assert_run(&taken[2], 116, 14, 6);
}

/* Four, so that the line is never idle, and none beyond the window. */
static void window_holds_four_runs_and_no_short_one_is_begun(void **state)
{
    struct rig *rig = *state;
    struct taken runs[4];

    open_fast(rig);
    assert_int_equal(start(rig, 0, 200), 0);
    assert_int_equal(take_all(rig), 4);
    assert_run(&taken[0], 102, 0, 16);
    assert_run(&taken[1], 118, 16, 16);
    assert_run(&taken[2], 134, 32, 16);
    assert_run(&taken[3], 150, 48, 15);
    memcpy(runs, taken, sizeof(runs));
    answer_at(rig, &runs[0], 0, BH_OK);
    answer_at(rig, &runs[0], 1, BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_silence(rig);
    answer_run(rig, &runs[0]);
    assert_int_equal(take_all(rig), 1);
    assert_run(&taken[0], 165, 63, 16);
    answer_run(rig, &runs[2]);
    answer_run(rig, &runs[3]);
    answer_run(rig, &runs[1]);
    answer_all(rig);
    assert_int_equal(serve(rig), 0);
    assert_read(0, 200);
}

static void run_is_no_longer_than_the_pace_allows(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(start(rig, 0, 100), 0);
    assert_int_equal(take_all(rig), 4);
    assert_run(&taken[0], 2, 0, 2);
    assert_run(&taken[3], 8, 6, 2);
    answer_all(rig);
    assert_int_equal(serve(rig), 0);
    assert_read(0, 100);
}

static void servers_without_runs_are_read_as_ever(void **state)
{
    static const struct {
        uint32_t features;
        uint16_t preferred_run;
    } rows[] = {{0xF, 64}, {0x1F8F, 1}, {0x1F8F, 0}};
    struct rig *rig = *state;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig->identify.features = rows[i].features;
        rig->identify.preferred_run = rows[i].preferred_run;
        open_fast(rig);
        assert_int_equal(start(rig, 0, 20), 0);
        assert_int_equal(take_all(rig), 20);
        assert_run(&taken[19], 121, 19, 1);
        answer_all(rig);
        assert_int_equal(process(rig), 0);
        assert_read(0, 20);
        assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
        take_all(rig);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
}

static void default_sessions_read_one_by_one(void **state)
{
    struct rig *rig = *state;
    unsigned i;

    rig->identify.features = 0x1F8F;
    rig->identify.preferred_run = 64;
    open_with(rig, 0);
    assert_int_equal(start(rig, 0, 3), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(take_all(rig), 1);
        assert_int_equal(taken[0].bytes[4], BH_OP_READ);
        assert_int_equal(lsn_in(&taken[0]), i);
        answer_all(rig);
    }
    assert_int_equal(process(rig), 0);
    assert_read(0, 3);
}

static void writes_of_many_sectors_are_as_many_writes(void **state)
{
    struct rig *rig = *state;
    uint32_t lsn;

    open_fast(rig);
    for (lsn = 0; lsn < 70; lsn++)
        fill(data[lsn], lsn);
    assert_int_equal(bh_disk_start_write_run(rig->disk, 0, 70, data[0], NULL),
                     0);
    assert_int_equal(take_all(rig), 63);
    for (lsn = 0; lsn < 63; lsn++) {
        assert_int_equal(taken[lsn].bytes[4], BH_OP_WRITE);
        assert_int_equal(lsn_in(&taken[lsn]), lsn);
        assert_memory_equal(taken[lsn].bytes + BH_COMMAND_HEADER_LEN, data[lsn],
                            SECTOR_LEN);
    }
    answer_all(rig);
    assert_int_equal(take_all(rig), 7);
    answer_all(rig);
    assert_int_equal(process(rig), 0);
}

static void runs_that_overlap_with_a_write_wait(void **state)
{
    struct rig *rig = *state;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 5), 0);
    assert_int_equal(bh_disk_start_write_run(rig->disk, 14, 2, data[14], NULL),
                     0);
    assert_int_equal(start(rig, 15, 1), 0);
    assert_int_equal(start(rig, 16, 3), 0);
    assert_int_equal(take_all(rig), 2);
    assert_run(&taken[0], 102, 10, 5);
    assert_run(&taken[1], 107, 16, 3);
    answer_all(rig);
    assert_int_equal(take_all(rig), 2);
    assert_int_equal(taken[0].bytes[4], BH_OP_WRITE);
    answer_at(rig, &taken[1], 0, BH_OK);
    bh_disk_process(rig->disk);
    assert_silence(rig);
    answer_at(rig, &taken[0], 0, BH_OK);
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(lsn_in(&taken[0]), 15);
}

static void run_has_a_length_and_an_end(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(start(rig, 0, 0), -EINVAL);
    assert_int_equal(
        bh_disk_start_read_run(rig->disk, UINT32_MAX, 2, data, NULL), -EINVAL);
    assert_says(rig, "one sector at least");
    assert_int_equal(
        bh_disk_start_read_run(rig->disk, UINT32_MAX, 1, data, NULL), 0);
    assert_int_equal(take_all(rig), 1);
    assert_run(&taken[0], 2, UINT32_MAX, 1);
}

/*
 * Losses
 */

static void lost_reply_is_fetched_by_a_read(void **state)
{
    struct rig *rig = *state;
    struct taken run;
    struct bh_stats stats;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 3), 0);
    take_all(rig);
    run = taken[0];
    answer_at(rig, &run, 0, BH_OK);
    answer_at(rig, &run, 2, BH_OK);
    assert_int_equal(take_all(rig), 0);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    assert_int_equal(take_all(rig), 1);
    assert_run(&taken[0], 103, 11, 1);
    answer_all(rig);
    assert_int_equal(process(rig), 0);
    assert_read(10, 3);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.retransmissions, 1);
}

/* It may still be on its way to the server. */
static void run_of_which_nothing_has_come_is_sent_again(void **state)
{
    struct rig *rig = *state;
    struct taken run;
    struct bh_stats stats;
    int i;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 16), 0);
    take_all(rig);
    run = taken[0];
    for (i = 0; i < 5; i++) { /* however much the pace is halved */
        rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
        assert_int_equal(take_all(rig), 1);
        assert_int_equal(taken[0].len, run.len);
        assert_memory_equal(taken[0].bytes, run.bytes, run.len);
    }
    answer_all(rig);
    assert_int_equal(process(rig), 0);
    assert_read(10, 16);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.retransmissions, 5);
}

/* Three answers to what was sent later: the time-out is far away. */
static void what_others_have_passed_leaves_at_once(void **state)
{
    struct rig *rig = *state;
    struct taken first, later;
    unsigned i;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 2), 0);
    take_all(rig);
    first = taken[0];
    assert_int_equal(start(rig, 20, 4), 0);
    take_all(rig);
    later = taken[0];
    rig->now_us += 3000;
    for (i = 0; i < 3; i++) {
        assert_int_equal(take_all(rig), 0);
        answer_at(rig, &later, i, BH_OK);
    }
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(taken[0].len, first.len);
    assert_memory_equal(taken[0].bytes, first.bytes, first.len);
    answer_all(rig);
    answer_at(rig, &later, 3, BH_OK);
    assert_int_equal(process(rig), 0);
}

static void what_is_passed_too_soon_waits_a_moment(void **state)
{
    struct rig *rig = *state;
    struct taken first;
    unsigned i;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 1), 0);
    assert_int_equal(start(rig, 20, 4), 0);
    take_all(rig);
    first = taken[0];
    for (i = 0; i < 4; i++)
        answer_at(rig, &taken[1], i, BH_OK);
    assert_int_equal(take_all(rig), 0);
    hand_back(rig);
    assert_in_range(bh_disk_wait_ms(rig->disk), 1, 3);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    assert_int_equal(take_all(rig), 1);
    assert_memory_equal(taken[0].bytes, first.bytes, first.len);
    assert_true(bh_disk_wait_ms(rig->disk) >= 5); /* then the time-out */
}

static void two_answers_to_later_ones_are_no_loss(void **state)
{
    struct rig *rig = *state;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 1), 0);
    assert_int_equal(start(rig, 20, 2), 0);
    take_all(rig);
    answer_run(rig, &taken[1]);
    rig->now_us += 3000;
    assert_int_equal(take_all(rig), 0);
    assert_int_equal(bh_disk_process(rig->disk), 1);
}

/* Losses leave before anything new, and no more of them than may. */
static void lost_ones_wait_for_the_pace(void **state)
{
    struct rig *rig = *state;
    uint32_t lsn;
    unsigned air;

    rig->identify.features = 0xF;
    open_fast(rig);
    for (lsn = 0; lsn < 63; lsn++)
        assert_int_equal(start(rig, 2 * lsn, 1), 0);
    assert_int_equal(take_all(rig), 63);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    air = take_all(rig);
    assert_in_range(air, 30, 33);
    assert_int_equal(lsn_in(&taken[0]), 0);
    answer_run(rig, &taken[0]);
    take_all(rig);
    assert_int_equal(count, 1);
    assert_int_equal(lsn_in(&taken[0]), 2 * air);
    hand_back(rig);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    assert_in_range(take_all(rig), air / 2 - 1, air / 2 + 1);
}

static void losses_of_every_kind_end_with_the_right_data(void **state)
{
    struct rig *rig = *state;
    uint32_t random = 12345, rounds;
    unsigned i, at;

    open_fast(rig);
    assert_int_equal(start(rig, 0, 250), 0);
    for (rounds = 0; bh_disk_process(rig->disk) > 0; rounds++) {
        assert_in_range(rounds, 0, 2000);
        if (take_all(rig) == 0)
            rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
        for (at = 0; at < count; at++)
            for (i = 0; i < run_in(&taken[at]); i++) {
                random = random * 1664525 + 1013904223;
                if (random >> 29 != 0)
                    answer_at(rig, &taken[at], i, BH_OK);
            }
    }
    assert_int_equal(process(rig), 0);
    assert_read(0, 250);
}

/*
 * Errors
 */

/* It is the run's, and which sector's it is tell READs with new numbers. */
static void error_is_that_of_the_sector_that_has_it(void **state)
{
    struct rig *rig = *state;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 3), 0);
    assert_int_equal(start(rig, 13, 1), 0);
    assert_int_equal(start(rig, 20, 1), 0);
    assert_int_equal(take_all(rig), 2);
    assert_run(&taken[0], 102, 10, 4);
    answer_at(rig, &taken[0], 0, BH_ERR_STORAGE);
    answer_run(rig, &taken[1]);
    assert_int_equal(take_all(rig), 4);
    assert_run(&taken[0], 107, 10, 1);
    assert_run(&taken[1], 108, 11, 1);
    assert_run(&taken[3], 110, 13, 1);
    answer_run(rig, &taken[0]);
    answer_at(rig, &taken[1], 0, BH_ERR_STORAGE);
    answer_run(rig, &taken[2]);
    answer_run(rig, &taken[3]);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    {
        struct bh_done done;

        assert_int_equal(bh_disk_next(rig->disk, &done), 1);
        assert_ptr_equal(done.tag, data[10]);
        assert_int_equal(done.result, -EIO);
        assert_says(rig, "cannot read sector 11 ");
        assert_int_equal(bh_disk_next(rig->disk, &done), 1);
        assert_int_equal(done.result, 0);
        assert_int_equal(bh_disk_next(rig->disk, &done), 1);
        assert_int_equal(done.result, 0);
    }
    assert_read(13, 1);
}

/* Then nothing more of it is begun; what is under way is waited for. */
static void failed_read_begins_nothing_more(void **state)
{
    struct rig *rig = *state;

    rig->identify.features = 0xF;
    open_fast(rig);
    assert_int_equal(start(rig, 0, 200), 0);
    assert_int_equal(take_all(rig), 63);
    answer_at(rig, &taken[5], 0, BH_ERR_SHORT);
    answer_run(rig, &taken[0]);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_silence(rig);
    for (unsigned i = 1; i < 63; i++)
        if (i != 5)
            answer_run(rig, &taken[i]);
    assert_int_equal(process(rig), -EIO);
    assert_says(rig, "cannot read sector 5 ");
    assert_silence(rig);
}

/* The stored answer of a run that has failed: it is asked again as well. */
static void late_error_to_one_of_a_run_is_asked_again_too(void **state)
{
    struct rig *rig = *state;
    struct taken run;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 3), 0);
    take_all(rig);
    run = taken[0];
    answer_at(rig, &run, 1, BH_OK);
    answer_at(rig, &run, 0, BH_ERR_STORAGE); /* of number 102 alone */
    assert_int_equal(take_all(rig), 1);
    assert_run(&taken[0], 105, 10, 1);
    answer_all(rig);
    answer_at(rig, &run, 2, BH_OK);
    assert_int_equal(process(rig), 0);
    assert_read(10, 3);
}

static void busy_holds_the_whole_run(void **state)
{
    struct rig *rig = *state;
    struct taken run;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 3), 0);
    take_all(rig);
    run = taken[0];
    answer_busy(rig, 3000);
    bh_disk_process(rig->disk);
    sleep_ms(rig, 2900);
    assert_int_equal(take_all(rig), 0);
    sleep_ms(rig, 102);
    assert_int_equal(take_all(rig), 1);
    assert_memory_equal(taken[0].bytes, run.bytes, run.len);
    answer_all(rig);
    assert_int_equal(process(rig), 0);
    assert_read(10, 3);
}

static void lost_session_asks_for_what_is_missing_in_runs(void **state)
{
    struct rig *rig = *state;
    struct taken run;

    open_fast(rig);
    assert_int_equal(start(rig, 10, 10), 0);
    take_all(rig);
    run = taken[0];
    answer_at(rig, &run, 3, BH_OK);
    bh_disk_process(rig->disk);
    memcpy(rig->request, run.bytes, BH_COMMAND_HEADER_LEN);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    bh_disk_process(rig->disk);
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 2);
    assert_run(&taken[0], 2, 10, 3);
    assert_run(&taken[1], 5, 14, 6);
    answer_all(rig);
    assert_int_equal(process(rig), 0);
    assert_read(10, 10);
}

/* As long as something comes there is hope. */
static void each_answer_puts_the_end_of_patience_off(void **state)
{
    struct rig *rig = *state;
    int i;

    rig->identify.window = 1;
    rig->identify.lease_seconds = 0;
    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 5000);
    assert_int_equal(start(rig, 0, 4), 0);
    for (i = 0; i < 4; i++) {
        assert_int_equal(take_all(rig), 1);
        sleep_ms(rig, 4000);
        answer_all(rig);
        if (i < 3)
            assert_int_equal(bh_disk_process(rig->disk), 1);
        while (readable(rig->fd, 0) == 1 && i == 3)
            take(rig);
    }
    assert_int_equal(process(rig), 0);
}

static void silence_names_the_first_sector_without_an_answer(void **state)
{
    struct rig *rig = *state;

    open_fast(rig);
    bh_disk_set_timeout(rig->disk, 5000);
    assert_int_equal(start(rig, 10, 5), 0);
    take_all(rig);
    answer_at(rig, &taken[0], 0, BH_OK);
    answer_at(rig, &taken[0], 2, BH_OK);
    bh_disk_process(rig->disk);
    sleep_ms(rig, 5000);
    assert_int_equal(process(rig), -ETIMEDOUT);
    assert_says(rig, "cannot read sector 11 ");
}

/* Of one run, whose other half goes on alone. */
static void each_of_two_requests_may_time_out(void **state)
{
    struct rig *rig = *state;
    struct bh_done done;
    uint32_t late;

    for (late = 0; late < 2; late++) {
        open_fast(rig);
        bh_disk_set_timeout(rig->disk, late == 0 ? 5000 : 60000);
        assert_int_equal(start(rig, 10, 2), 0);
        bh_disk_set_timeout(rig->disk, late == 0 ? 60000 : 5000);
        assert_int_equal(start(rig, 12, 2), 0);
        assert_int_equal(take_all(rig), 1);
        assert_run(&taken[0], 102, 10, 4);
        sleep_ms(rig, 5000);
        take_all(rig);
        assert_int_equal(bh_disk_next(rig->disk, &done), 1);
        assert_int_equal(done.result, -ETIMEDOUT);
        assert_ptr_equal(done.tag, data[10 + 2 * late]);
        sleep_ms(rig, 5000);
        while (bh_disk_process(rig->disk) > 0) {
            take_all(rig);
            answer_all(rig);
            sleep_ms(rig, 2000);
        }
        assert_int_equal(process(rig), 0);
        assert_read(12 - 2 * late, 2);
        assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
        take_all(rig);
        answer_command(rig, BH_OK, NULL, 0);
        process(rig);
    }
}

#define RUNS(name) cmocka_unit_test_setup_teardown(name, set_up_runs, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUNS(neighbours_leave_as_one_run),
        RUNS(single_reads_of_neighbours_are_a_run_too),
        RUNS(runs_are_as_long_as_the_server_prefers),
        RUNS(window_holds_four_runs_and_no_short_one_is_begun),
        RUNS(run_is_no_longer_than_the_pace_allows),
        RUNS(servers_without_runs_are_read_as_ever),
        cmocka_unit_test_setup_teardown(default_sessions_read_one_by_one,
                                        set_up_old, tear_down),
        RUNS(writes_of_many_sectors_are_as_many_writes),
        RUNS(runs_that_overlap_with_a_write_wait),
        RUNS(run_has_a_length_and_an_end),
        RUNS(lost_reply_is_fetched_by_a_read),
        RUNS(run_of_which_nothing_has_come_is_sent_again),
        RUNS(what_others_have_passed_leaves_at_once),
        RUNS(what_is_passed_too_soon_waits_a_moment),
        RUNS(two_answers_to_later_ones_are_no_loss),
        RUNS(lost_ones_wait_for_the_pace),
        RUNS(losses_of_every_kind_end_with_the_right_data),
        RUNS(error_is_that_of_the_sector_that_has_it),
        RUNS(failed_read_begins_nothing_more),
        RUNS(late_error_to_one_of_a_run_is_asked_again_too),
        RUNS(busy_holds_the_whole_run),
        RUNS(lost_session_asks_for_what_is_missing_in_runs),
        RUNS(each_answer_puts_the_end_of_patience_off),
        RUNS(each_of_two_requests_may_time_out),
        RUNS(silence_names_the_first_sector_without_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
