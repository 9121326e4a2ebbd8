/* SPDX-License-Identifier: MIT */
/*
 * A disk with several requests under way, against a server that is this test
 * (rig.h): what may be sent when, whose answer is whose, and what becomes of
 * all of them when one fails or the session does.
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

/* A datagram that the server has taken. */
struct taken {
    uint8_t bytes[BH_COMMAND_HEADER_LEN + SECTOR_LEN];
    size_t len;
};

static struct taken taken[128];
static uint8_t buffers[64][SECTOR_LEN];

static uint16_t number_in(const struct taken *it)
{
    return (uint16_t)(it->bytes[9] << 8 | it->bytes[1]);
}

static uint32_t lsn_in(const struct taken *it)
{
    return BH_GET32(it->bytes + 5);
}

/* All that has been sent. Loopback delivers within the send call. */
static unsigned take_all(struct rig *rig)
{
    unsigned count = 0;

    bh_disk_process(rig->disk);
    while (readable(rig->fd, 0) == 1) {
        assert_in_range(count, 0, 127);
        take(rig);
        taken[count].len = rig->request_len;
        memcpy(taken[count].bytes, rig->request,
               rig->request_len < sizeof(taken[count].bytes)
                   ? rig->request_len
                   : sizeof(taken[count].bytes));
        count++;
    }
    return count;
}

static void answer_taken(struct rig *rig, const struct taken *it,
                         uint8_t status)
{
    uint8_t data[SECTOR_LEN];

    memcpy(rig->request, it->bytes, sizeof(it->bytes));
    memset(data, (int)lsn_in(it), sizeof(data));
    answer_command(rig, status, data,
                   status == BH_OK && it->bytes[4] == BH_OP_READ ? SECTOR_LEN
                                                                 : 0);
}

static void answer_from(struct rig *rig, unsigned first, unsigned count)
{
    unsigned i;

    for (i = first; i < count; i++)
        answer_taken(rig, &taken[i], BH_OK);
}

static void *tag_of(uint32_t lsn)
{
    return &buffers[lsn % 64];
}

static int start_read(struct rig *rig, uint32_t lsn)
{
    return bh_disk_start_read(rig->disk, lsn, buffers[lsn % 64], tag_of(lsn));
}

static int start_write(struct rig *rig, uint32_t lsn)
{
    memset(buffers[lsn % 64], (int)lsn, SECTOR_LEN);
    return bh_disk_start_write(rig->disk, lsn, buffers[lsn % 64], tag_of(lsn));
}

static void start_writes(struct rig *rig, uint32_t first, uint32_t end)
{
    uint32_t lsn;

    for (lsn = first; lsn < end; lsn++)
        assert_int_equal(start_write(rig, lsn), 0);
}

/* Takes back all that are over, each with this result. */
static unsigned hand_back(struct rig *rig, int result)
{
    struct bh_done done;
    unsigned count = 0;

    while (bh_disk_next(rig->disk, &done)) {
        assert_int_equal(done.result, result);
        count++;
    }
    return count;
}

static void assert_next(struct rig *rig, uint32_t lsn, int result)
{
    struct bh_done done;

    assert_int_equal(bh_disk_next(rig->disk, &done), 1);
    assert_ptr_equal(done.tag, tag_of(lsn));
    assert_int_equal(done.result, result);
}

/* Answers enough for the pace to allow what the window does. */
static void speed_up(struct rig *rig)
{
    int i;

    for (i = 0; i < 100; i++) {
        assert_int_equal(start_write(rig, 0), 0);
        answer_from(rig, 0, take_all(rig));
        assert_int_equal(bh_disk_process(rig->disk), 0);
        assert_int_equal(hand_back(rig, 0), 1);
    }
}

/*
 * The window
 */

static void window_is_what_identify_says_up_to_64(void **state)
{
    static const unsigned rows[][2] = {{0, 1},   {1, 1},   {2, 2},     {63, 63},
                                       {64, 64}, {65, 64}, {65535, 64}};
    struct rig *rig = *state;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig->identify.window = (uint16_t)rows[i][0];
        open_with(rig, 0);
        assert_int_equal(bh_disk_info(rig->disk)->window, rows[i][1]);
        rig->identify.window = 7; /* fixed for the session */
        assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
        take(rig);
        answer_identify(rig);
        assert_int_equal(process(rig), 0);
        assert_int_equal(bh_disk_info(rig->disk)->window, rows[i][1]);
        bh_disk_start_close(rig->disk, NULL);
        take(rig);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
}

/* The last number that the window allows is kept for a DISCON. */
static void as_many_are_under_way_as_the_window_allows(void **state)
{
    static const unsigned rows[][2] = {
        {1, 1}, {2, 2}, {3, 2}, {4, 3}, {64, 63}};
    struct rig *rig = *state;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig->identify.window = (uint16_t)rows[i][0];
        open_with(rig, 0);
        speed_up(rig);
        start_writes(rig, 0, rows[i][0]);
        assert_int_equal(start_write(rig, 1000), -EBUSY);
        assert_int_equal(take_all(rig), rows[i][1]);
        answer_from(rig, 0, rows[i][1]);
        bh_disk_process(rig->disk);
        answer_from(rig, 0, take_all(rig));
        assert_int_equal(bh_disk_process(rig->disk), 0);
        assert_int_equal(start_write(rig, 1000), -EBUSY); /* not handed back */
        assert_int_equal(hand_back(rig, 0), rows[i][0]);
        assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
        take(rig);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
}

static void no_number_passes_the_oldest_unanswered_by_a_window(void **state)
{
    struct rig *rig = *state;
    uint16_t oldest, highest;
    uint32_t lsn;
    unsigned count, i;

    rig->identify.window = 16;
    open_with(rig, 0);
    speed_up(rig);
    start_writes(rig, 0, 1);
    assert_int_equal(take_all(rig), 1);
    oldest = highest = number_in(&taken[0]);
    for (lsn = 1; lsn < 40 && start_write(rig, lsn) == 0; lsn++) {
        count = take_all(rig);
        for (i = 0; i < count; i++)
            highest = number_in(&taken[i]);
        answer_from(rig, 0, count);
        bh_disk_process(rig->disk);
        hand_back(rig, 0);
    }
    assert_int_equal(highest, oldest + 14);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), -EBUSY);
    assert_silence(rig);
    bh_disk_free(rig->disk); /* in the middle of it all */
    rig->disk = NULL;
    assert_discon(rig, 0xABCD);
    assert_int_equal(number_of(rig), oldest + 15);
}

static void default_session_has_a_window_of_one(void **state)
{
    struct rig *rig = *state;

    rig->identify.window = 64; /* whatever the server says */
    open_with(rig, 0);
    assert_int_equal(bh_disk_info(rig->disk)->window, 1);
    assert_int_equal(start_read(rig, 1), 0);
    assert_int_equal(start_read(rig, 2), -EBUSY);
    assert_says(rig, "still running");
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_silence(rig);
}

static void blocking_calls_open_and_close_want_to_be_alone(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(start_read(rig, 1), 0);
    assert_int_equal(bh_disk_read(rig->disk, 2, buffers[2]), -EBUSY);
    assert_says(rig, "cannot read sector 2");
    assert_int_equal(bh_disk_flush(rig->disk), -EBUSY);
    assert_int_equal(bh_disk_close(rig->disk), -EBUSY);
    assert_int_equal(bh_disk_open(rig->disk, rig->url, 0), -EBUSY);
    assert_int_equal(start_read(rig, 2), 0);
    assert_int_equal(take_all(rig), 2);
    answer_from(rig, 0, 2);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(bh_disk_flush(rig->disk), -EBUSY); /* not handed back */
    assert_int_equal(hand_back(rig, 0), 2);
}

/*
 * Answers
 */

static void answers_in_any_order_reach_their_own_requests(void **state)
{
    struct rig *rig = *state;
    uint8_t expected[SECTOR_LEN];
    uint32_t lsn;

    open_with(rig, 0);
    memset(buffers, 0xEE, sizeof(buffers));
    for (lsn = 0; lsn < 8; lsn++)
        assert_int_equal(start_read(rig, lsn), 0);
    assert_int_equal(take_all(rig), 8);
    for (lsn = 8; lsn-- > 3;)
        answer_taken(rig, &taken[lsn], BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 3);
    assert_int_equal(bh_disk_wait_ms(rig->disk), 0); /* to be handed back */
    for (lsn = 3; lsn < 8; lsn++) { /* in order of their start */
        assert_next(rig, lsn, 0);
        memset(expected, (int)lsn, sizeof(expected));
        assert_memory_equal(buffers[lsn], expected, sizeof(expected));
    }
    assert_int_equal(hand_back(rig, 0), 0);
    memset(expected, 0xEE, sizeof(expected)); /* not touched before its time */
    assert_memory_equal(buffers[0], expected, sizeof(expected));
    assert_true(bh_disk_wait_ms(rig->disk) > 0);
    answer_from(rig, 0, 3);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 3);
}

static void failures_speak_of_the_request_that_is_handed_back(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    start_writes(rig, 10, 13);
    take_all(rig);
    answer_taken(rig, &taken[2], BH_ERR_NO_SPACE);
    answer_taken(rig, &taken[0], BH_ERR_STORAGE);
    answer_taken(rig, &taken[1], BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_next(rig, 10, -EIO);
    assert_says(rig, "cannot write sector 10");
    assert_int_equal(bh_disk_status(rig->disk), BH_ERR_STORAGE);
    assert_next(rig, 11, 0);
    assert_says(rig, "cannot write sector 10"); /* still the last failure */
    assert_next(rig, 12, -ENOSPC);
    assert_says(rig, "cannot write sector 12");
}

static void doubled_answers_are_strays(void **state)
{
    struct rig *rig = *state;
    struct bh_stats stats;

    open_with(rig, 0);
    start_writes(rig, 0, 4);
    take_all(rig);
    answer_from(rig, 0, 4);
    answer_from(rig, 0, 4);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 4);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.strays, 4);
}

static void what_was_lost_is_sent_again_alone(void **state)
{
    struct rig *rig = *state;
    struct bh_stats stats;
    struct taken lost;

    open_with(rig, 0);
    start_writes(rig, 0, 4);
    take_all(rig);
    lost = taken[2];
    answer_from(rig, 3, 4);
    answer_from(rig, 0, 2);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_int_equal(hand_back(rig, 0), 3);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(taken[0].len, lost.len);
    assert_memory_equal(taken[0].bytes, lost.bytes, lost.len);
    answer_from(rig, 0, 1);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.retransmissions, 1);
}

/* Karn's rule is for a client that has nothing else to go by. */
static void one_that_was_sent_twice_does_not_slow_down_the_others(void **state)
{
    struct rig *rig = *state;
    struct bh_stats stats;
    struct taken lost;

    open_with(rig, 0);
    speed_up(rig);
    start_writes(rig, 0, 4);
    take_all(rig);
    lost = taken[0];
    sleep_ms(rig, 1);
    answer_from(rig, 1, 4);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    sleep_ms(rig, 10);
    assert_int_equal(hand_back(rig, 0), 3);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    answer_taken(rig, &lost, BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.retransmissions, 1);
    assert_in_range(stats.rto_us, 5000, 7000);
}

static void busy_holds_back_one_and_not_the_others(void **state)
{
    struct rig *rig = *state;
    unsigned i;

    open_with(rig, 0);
    start_writes(rig, 0, 3);
    take_all(rig);
    memcpy(rig->request, taken[1].bytes, sizeof(taken[1].bytes));
    answer_busy(rig, 3000);
    answer_taken(rig, &taken[0], BH_OK);
    answer_taken(rig, &taken[2], BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_int_equal(hand_back(rig, 0), 2);
    for (i = 10; i < 20; i++) {
        assert_int_equal(start_write(rig, i), 0);
        assert_int_equal(take_all(rig), 1);
        answer_from(rig, 0, 1);
        assert_int_equal(bh_disk_process(rig->disk), 1);
        assert_int_equal(hand_back(rig, 0), 1);
    }
    sleep_ms(rig, 3002);
    bh_disk_process(rig->disk);
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(lsn_in(&taken[0]), 1);
}

/*
 * Order
 */

static void requests_for_one_sector_follow_each_other(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(start_write(rig, 5), 0);
    assert_int_equal(start_write(rig, 5), 0);
    assert_int_equal(start_read(rig, 5), 0);
    assert_int_equal(start_read(rig, 5), 0);
    assert_int_equal(start_write(rig, 5), 0);
    assert_int_equal(start_write(rig, 6), 0); /* passes them */
    assert_int_equal(take_all(rig), 2);
    assert_int_equal(lsn_in(&taken[1]), 6);
    answer_from(rig, 0, 2);
    bh_disk_process(rig->disk);
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(taken[0].bytes[4], BH_OP_WRITE);
    answer_from(rig, 0, 1);
    bh_disk_process(rig->disk);
    assert_int_equal(take_all(rig),
                     2); /* two READs do not exclude each other */
    assert_int_equal(taken[0].bytes[4], BH_OP_READ);
    answer_from(rig, 1, 2);
    bh_disk_process(rig->disk);
    assert_silence(rig);
    answer_from(rig, 0, 1);
    bh_disk_process(rig->disk);
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(taken[0].bytes[4], BH_OP_WRITE);
    answer_from(rig, 0, 1);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 6);
}

static void flush_waits_for_the_writes_before_it_and_no_others(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    start_writes(rig, 0, 2);
    assert_int_equal(start_read(rig, 9), 0);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    assert_int_equal(start_write(rig, 2), 0);
    assert_int_equal(take_all(rig), 4);
    assert_int_equal(lsn_in(&taken[3]), 2);
    answer_from(rig, 1, 2);
    bh_disk_process(rig->disk);
    assert_silence(rig);
    answer_from(rig, 0, 1);
    bh_disk_process(rig->disk);
    assert_int_equal(take_all(rig), 1);
    assert_int_equal(taken[0].bytes[4], BH_OP_FLUSH);
}

/* Its own writes are stable then, and those that ran beside it are not. */
static void flush_covers_what_was_over_when_it_was_sent(void **state)
{
    struct rig *rig = *state;
    struct taken second;

    open_with(rig, 0);
    start_writes(rig, 0, 1);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    start_writes(rig, 1, 2);
    assert_int_equal(take_all(rig), 2);
    second = taken[1];
    answer_from(rig, 0, 1);
    bh_disk_process(rig->disk);
    assert_int_equal(take_all(rig), 1);
    answer_from(rig, 0, 1);
    answer_taken(rig, &second, BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 3);
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
    take(rig);
    answer(rig, (uint8_t[]){BH_PACKET_REPLY, rig->request[1], BH_ERR_SESSION},
           3);
    assert_int_equal(process(rig), -ESTALE);
    assert_says(rig, "stable storage");
}

/*
 * Time-outs
 */

/* Its number stays open: the others end in peace, and nothing begins. */
static void after_one_time_out_the_rest_ends_before_a_new_session(void **state)
{
    struct rig *rig = *state;
    unsigned i;

    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 5000);
    start_writes(rig, 0, 1);
    sleep_ms(rig, 4000);
    start_writes(rig, 1, 3);
    assert_int_equal(start_write(rig, 0), 0); /* held back by the first */
    take_all(rig);
    sleep_ms(rig, 1000);
    assert_int_equal(bh_disk_process(rig->disk), 3);
    assert_next(rig, 0, -ETIMEDOUT);
    for (i = take_all(rig); i-- > 0;)
        assert_in_range(lsn_in(&taken[i]), 1, 2); /* sent again */
    memcpy(rig->request, taken[0].bytes, sizeof(taken[0].bytes));
    assert_int_equal(start_write(rig, 3), 0);
    assert_silence(rig);
    for (i = 3; i < 5; i++) { /* number 2 was the first's */
        rig->request[1] = (uint8_t)i;
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(bh_disk_process(rig->disk), 5 - (int)i + 1);
    }
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 2);
    assert_int_equal(BH_GET16(taken[0].bytes + 2), 0x1234);
    assert_int_equal(lsn_in(&taken[0]), 0);
    assert_int_equal(lsn_in(&taken[1]), 3);
    answer_from(rig, 0, 2);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 4);
}

static void all_may_time_out_together(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 5000);
    start_writes(rig, 0, 20);
    while (wait_out(rig) == -EINPROGRESS)
        take_all(rig);
    assert_int_equal(rig->last, -ETIMEDOUT);
    take_all(rig);
    assert_int_equal(start_write(rig, 3), 0);
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 1);
    answer_from(rig, 0, 1);
    assert_int_equal(process(rig), 0);
}

/* Those that are lost wait for their turn as well. */
static void time_out_halves_what_may_be_under_way(void **state)
{
    struct rig *rig = *state;
    struct taken first[4];
    unsigned i;

    open_with(rig, 0);
    start_writes(rig, 0, 8);
    assert_int_equal(take_all(rig), 8);
    rig->now_us += 1000u * (unsigned)bh_disk_wait_ms(rig->disk);
    assert_int_equal(take_all(rig), 4);
    memcpy(first, taken, sizeof(first));
    for (i = 0; i < 4; i++) {
        assert_int_equal(lsn_in(&first[i]), i);
        answer_taken(rig, &first[i], BH_OK);
        assert_int_equal(take_all(rig), 1);
        assert_int_equal(lsn_in(&taken[0]), i + 4);
    }
    assert_int_equal(hand_back(rig, 0), 4);
    start_writes(rig, 10, 14);
    assert_silence(rig);
}

/*
 * A session that was lost
 */

/* The first session's answers have no say in the second. */
static void all_without_an_answer_are_sent_again_in_order(void **state)
{
    struct rig *rig = *state;
    struct taken old[6];
    unsigned i;

    open_with(rig, 0);
    start_writes(rig, 0, 6);
    assert_int_equal(start_read(rig, 5), 0); /* never sent yet */
    assert_int_equal(take_all(rig), 6);
    memcpy(old, taken, sizeof(old));
    answer_from(rig, 1, 2);
    assert_int_equal(bh_disk_process(rig->disk), 6);
    memcpy(rig->request, old[3].bytes, sizeof(old[3].bytes));
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_int_equal(bh_disk_process(rig->disk), 6);
    answer_taken(rig, &old[4], BH_ERR_SESSION);
    answer_taken(rig, &old[0], BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 6);
    assert_int_equal(hand_back(rig, 0), 1);
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 5);
    for (i = 0; i < 5; i++) {
        assert_int_equal(BH_GET16(taken[i].bytes + 2), 0x1234);
        assert_int_equal(number_in(&taken[i]), i + 2);
        assert_int_equal(lsn_in(&taken[i]), i == 0 ? 0 : i + 1);
    }
    answer_taken(rig, &old[5], BH_ERR_STORAGE); /* number 7, late */
    answer_taken(rig, &old[0], BH_ERR_STORAGE); /* number 2, late */
    assert_int_equal(bh_disk_process(rig->disk), 6);
    answer_from(rig, 0, 5);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    answer_from(rig, 0, take_all(rig));
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 6);
}

static void image_that_others_wrote_to_fails_all(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    start_writes(rig, 0, 3);
    assert_int_equal(start_write(rig, 2), 0);
    take_all(rig);
    answer_taken(rig, &taken[0], BH_OK);
    answer_taken(rig, &taken[1], BH_ERR_SESSION);
    bh_disk_process(rig->disk);
    assert_next(rig, 0, 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 0x1234);
    bh_disk_process(rig->disk);
    take_command(rig, BH_OP_IDENTIFY, 0x1234);
    rig->identify.change_counter += 2;
    answer_identify(rig);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, -ESTALE), 3);
    assert_says(rig, "others may have changed the image");
    assert_discon(rig, 0x1234);
    assert_lost(rig, -ESTALE);
}

static void shared_volume_is_lost_with_one_write_on_its_way(void **state)
{
    struct rig *rig = *state;

    rig->identify.flags = BH_VOLUME_SHARED;
    open_with(rig, 0);
    assert_int_equal(start_read(rig, 1), 0);
    assert_int_equal(start_read(rig, 2), 0);
    assert_int_equal(take_all(rig), 2);
    answer_taken(rig, &taken[0], BH_ERR_SESSION);
    bh_disk_process(rig->disk);
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 2); /* READs alone go on */
    answer_from(rig, 0, 1);
    bh_disk_process(rig->disk);
    assert_int_equal(start_write(rig, 3), 0);
    assert_int_equal(take_all(rig), 1);
    answer_taken(rig, &taken[0], BH_ERR_SESSION);
    bh_disk_process(rig->disk);
    assert_next(rig, 1, 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 0x1235);
    bh_disk_process(rig->disk);
    take_command(rig, BH_OP_IDENTIFY, 0x1235);
    rig->identify.change_counter++;
    answer_identify(rig);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, -ESTALE), 2);
    assert_says(rig, "whether the sector was written");
}

static void requests_started_while_reconnecting_join_the_others(void **state)
{
    struct rig *rig = *state;
    unsigned i;

    open_with(rig, 0);
    start_writes(rig, 0, 2);
    take_all(rig);
    answer_taken(rig, &taken[0], BH_ERR_SESSION);
    bh_disk_process(rig->disk);
    start_writes(rig, 2, 4);
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 4);
    for (i = 0; i < 4; i++)
        assert_int_equal(lsn_in(&taken[i]), i);
}

static void server_that_answers_in_between_is_not_given_up(void **state)
{
    struct rig *rig = *state;
    int i;

    open_with(rig, 0);
    start_writes(rig, 0, 1);
    for (i = 1; i < 20; i++) {
        start_writes(rig, (uint32_t)i, (uint32_t)i + 1);
        take_all(rig);
        answer_taken(rig, &taken[0], BH_OK);
        memcpy(rig->request, taken[0].bytes, sizeof(taken[0].bytes));
        rig->request[1]++;
        answer_command(rig, BH_ERR_SESSION, NULL, 0);
        bh_disk_process(rig->disk);
        assert_int_equal(hand_back(rig, 0), 1);
        take_reconnection(rig);
    }
}

/*
 * The lease
 */

static void requests_and_keep_run_beside_each_other(void **state)
{
    struct rig *rig = *state;
    struct taken write;

    open_with(rig, 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0xABCD);
    assert_int_equal(start_write(rig, 5), 0);
    assert_int_equal(take_all(rig), 1);
    write = taken[0];
    assert_int_equal(number_in(&write), 3);
    answer_taken(rig, &write, BH_OK);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(hand_back(rig, 0), 1);
    start_writes(rig, 5, 7);
    take_all(rig);
    answer(rig, (uint8_t[]){BH_PACKET_KEEP}, 1); /* who is that? */
    assert_int_equal(bh_disk_process(rig->disk), 2);
    take_reconnection(rig);
    assert_int_equal(take_all(rig), 2);
}

static void no_keep_is_sent_while_requests_run(void **state)
{
    struct rig *rig = *state;
    unsigned i, count;

    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 60000);
    start_writes(rig, 0, 2);
    take_all(rig);
    sleep_ms(rig, 20000);
    bh_disk_process(rig->disk);
    count = take_all(rig);
    for (i = 0; i < count; i++)
        assert_int_equal(taken[i].bytes[0], BH_PACKET_COMMAND);
}

#define STRICT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRICT(window_is_what_identify_says_up_to_64),
        STRICT(as_many_are_under_way_as_the_window_allows),
        STRICT(no_number_passes_the_oldest_unanswered_by_a_window),
        cmocka_unit_test_setup_teardown(default_session_has_a_window_of_one,
                                        set_up_old, tear_down),
        STRICT(blocking_calls_open_and_close_want_to_be_alone),
        STRICT(answers_in_any_order_reach_their_own_requests),
        STRICT(failures_speak_of_the_request_that_is_handed_back),
        STRICT(doubled_answers_are_strays),
        STRICT(what_was_lost_is_sent_again_alone),
        STRICT(one_that_was_sent_twice_does_not_slow_down_the_others),
        STRICT(busy_holds_back_one_and_not_the_others),
        STRICT(requests_for_one_sector_follow_each_other),
        STRICT(flush_waits_for_the_writes_before_it_and_no_others),
        STRICT(flush_covers_what_was_over_when_it_was_sent),
        STRICT(after_one_time_out_the_rest_ends_before_a_new_session),
        STRICT(all_may_time_out_together),
        STRICT(time_out_halves_what_may_be_under_way),
        STRICT(all_without_an_answer_are_sent_again_in_order),
        STRICT(image_that_others_wrote_to_fails_all),
        STRICT(shared_volume_is_lost_with_one_write_on_its_way),
        STRICT(requests_started_while_reconnecting_join_the_others),
        STRICT(server_that_answers_in_between_is_not_given_up),
        STRICT(requests_and_keep_run_beside_each_other),
        STRICT(no_keep_is_sent_while_requests_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
