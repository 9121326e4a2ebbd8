/* SPDX-License-Identifier: MIT */
/* READ_RUN: one request, the replies of many READs. */
#include "fixture.h"

#include "core/internal.h"
#include "wire/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STRICT (FX_PLAIN | BH_FLAG_STRICT)
#define SECTORS (FX_DISK_LEN / FX_SECTOR)

static struct fx_disk *with_disk(struct fx *fx)
{
    return fx_disk(fx, "d", FX_DISK_LEN);
}

static uint16_t open_strict(struct fx *fx)
{
    return fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");
}

static void send_run(struct fx *fx, uint16_t id, uint32_t number, uint32_t lsn,
                     uint8_t count)
{
    fx_strict_send(fx, fx_host(fx, 1), id, number, BH_OP_READ_RUN, lsn, &count,
                   1);
}

static int answer(struct fx *fx, uint16_t id, uint32_t number)
{
    return fx_strict_answer(fx, fx_host(fx, 1), id, number);
}

static int run(struct fx *fx, uint16_t id, uint32_t number, uint32_t lsn,
               uint8_t count)
{
    send_run(fx, id, number, lsn, count);
    return answer(fx, id, number);
}

static int strict_read(struct fx *fx, uint16_t id, uint32_t number,
                       uint32_t lsn)
{
    fx_strict_send(fx, fx_host(fx, 1), id, number, BH_OP_READ, lsn, NULL, 0);
    return answer(fx, id, number);
}

/* All of its replies but the first, which the caller has taken. */
static void expect_rest(struct fx *fx, const struct fx_disk *disk, uint16_t id,
                        uint32_t number, uint32_t lsn, uint8_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        assert_int_equal(answer(fx, id, number + i), BH_OK);
        assert_int_equal(fx->data_len, FX_SECTOR);
        assert_memory_equal(fx->data, disk->bytes + (lsn + i) * FX_SECTOR,
                            FX_SECTOR);
    }
}

static void each_reply_is_that_of_a_read(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);
    uint8_t of_run[64][BH_DATAGRAM_MAX_LEN], of_read[BH_DATAGRAM_MAX_LEN];

    send_run(fx, id, 2, 17, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(fx_take(fx, fx_host(fx, 1), of_run[i]),
                         BH_STRICT_REPLY_HEADER_LEN + FX_SECTOR);
    for (unsigned i = 0; i < 5; i++) {
        fx_strict_send(fx, fx_host(fx, 1), id, 2 + i, BH_OP_READ, 17 + i, NULL,
                       0);
        assert_int_equal(fx_take(fx, fx_host(fx, 1), of_read),
                         BH_STRICT_REPLY_HEADER_LEN + FX_SECTOR);
        assert_memory_equal(of_run[i], of_read,
                            BH_STRICT_REPLY_HEADER_LEN + FX_SECTOR);
    }
    assert_int_equal(disk->count[BH_JOB_READ], 1 + 1 + 5);
    assert_int_equal(bh_server_counters(fx->server)->reads, 1 + 5 + 5);
    assert_int_equal(bh_server_counters(fx->server)->replied, 1 + 1 + 5 + 5);
}

static void it_takes_as_many_numbers_as_sectors(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    for (uint32_t number = 2; number < 70000; number += 64) {
        assert_int_equal(run(fx, id, number, number % 100, 64), BH_OK);
        expect_rest(fx, disk, id, number, number % 100, 64);
    }
}

static void a_repetition_is_answered_whole(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(fx, id, 2, 9, 7), BH_OK);
        expect_rest(fx, disk, id, 2, 9, 7);
    }
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 9, 9, 0xAB),
                     BH_OK);
}

static void while_it_runs_its_numbers_are_taken(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_READ] = true;
    assert_int_equal(run(fx, id, 2, 9, 7), FX_NONE);
    assert_int_equal(run(fx, id, 2, 9, 7), FX_NONE);
    assert_int_equal(strict_read(fx, id, 8, 15), FX_NONE);
    assert_int_equal(fx_held(fx, BH_JOB_READ), 1);
    assert_int_equal(strict_read(fx, id, 9, 15), FX_NONE);
    assert_int_equal(fx_held(fx, BH_JOB_READ), 2);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    expect_rest(fx, disk, id, 2, 9, 7);
    assert_int_equal(answer(fx, id, 9), BH_OK);
}

/* READs that came before it have recorded some of its numbers, and one is still
 * under way: the window goes on all the same. */
static void some_of_it_may_have_been_read_before(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_read(fx, id, 2, 9), BH_OK);
    assert_int_equal(strict_read(fx, id, 5, 12), BH_OK);
    disk->holds[BH_JOB_READ] = true;
    assert_int_equal(strict_read(fx, id, 6, 13), FX_NONE);
    disk->holds[BH_JOB_READ] = false;
    assert_int_equal(run(fx, id, 2, 9, 7), BH_OK);
    expect_rest(fx, disk, id, 2, 9, 7);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 6), BH_OK);
    for (uint32_t number = 9; number < 300; number++)
        assert_int_equal(strict_read(fx, id, number, 1), BH_OK);
}

static void all_of_it_must_be_in_the_window(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 3, 0, 64), BH_ERR_AHEAD);
    assert_int_equal(run(fx, id, 65, 0, 2), BH_ERR_AHEAD);
    assert_int_equal(run(fx, id, 3, 0, 63), BH_OK); /* 17 takes no number */
    expect_rest(fx, disk, id, 3, 0, 63);
}

static void the_first_command_may_be_one(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_pend(fx, fx_host(fx, 1), STRICT, "d");

    assert_int_equal(run(fx, id, 2, 0, 64), BH_ERR_AHEAD);
    assert_int_equal(run(fx, id, 1, 0, 64), BH_OK);
    expect_rest(fx, disk, id, 1, 0, 64);
}

/* None of it is read, and each of its numbers has the answer. */
static void past_the_end_is_5_for_all(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, SECTORS - 3, 4), BH_ERR_LSN);
    assert_int_equal(answer(fx, id, 3), FX_NONE);
    assert_int_equal(run(fx, id, 2, SECTORS - 3, 4), BH_ERR_LSN);
    assert_int_equal(strict_read(fx, id, 5, 0), BH_ERR_LSN);
    assert_int_equal(run(fx, id, 6, UINT32_MAX, 64), BH_ERR_LSN);
    assert_int_equal(run(fx, id, 70, SECTORS - 3, 3), BH_OK);
    expect_rest(fx, disk, id, 70, SECTORS - 3, 3);
}

static void what_the_volume_lacks_of_the_last_sector_is_zero(void **state)
{
    struct fx *fx = *state;
    uint8_t zeros[FX_SECTOR] = {0};
    struct fx_disk *disk = fx_disk(fx, "d", 10 * FX_SECTOR + 100);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, 8, 3), BH_OK);
    assert_int_equal(answer(fx, id, 3), BH_OK);
    assert_int_equal(answer(fx, id, 4), BH_OK);
    assert_memory_equal(fx->data, disk->bytes + 10 * FX_SECTOR, 100);
    assert_memory_equal(fx->data + 100, zeros, FX_SECTOR - 100);
}

static void a_count_that_cannot_be_is_3_and_takes_no_number(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, 0, 0), BH_ERR_FORMAT);
    assert_int_equal(run(fx, id, 2, 0, 65), BH_ERR_FORMAT);
    fx_strict_send(fx, fx_host(fx, 1), id, 2, BH_OP_READ_RUN, 0, NULL, 0);
    assert_int_equal(answer(fx, id, 2), BH_ERR_FORMAT);
    assert_int_equal(run(fx, id, 2, 0, 4), BH_OK);
    expect_rest(fx, disk, id, 2, 0, 4);
}

/* The replies to a run are at most what one datagram may hold. */
static void large_sectors_make_short_runs(void **state)
{
    static const uint8_t most[] = {64, 64, 64, 63, 31, 15, 7, 3};
    struct fx *fx = *state;
    struct bh_identify it;

    with_disk(fx);
    fx->path_len = 65507;
    for (uint8_t n = 0; n < 8; n++) {
        uint8_t flags = n | BH_FLAG_STRICT;
        uint16_t id = fx_strict_open(fx, fx_host(fx, 1), flags, "d");

        fx_strict_send(fx, fx_host(fx, 1), id, 2, BH_OP_IDENTIFY,
                       BH_IDENTIFY_MAGIC, NULL, 0);
        assert_int_equal(answer(fx, id, 2), BH_OK);
        assert_int_equal(bh_identify_decode(fx->data, &it), BH_OK);
        assert_int_equal(it.preferred_run, most[n]);
        assert_int_equal(run(fx, id, 3, 0, (uint8_t)(most[n] + 1)),
                         BH_ERR_FORMAT);
        assert_int_equal(run(fx, id, 3, 0, most[n]), BH_OK);
        fx_forget_replies(fx);
    }
}

static void an_error_of_the_storage_is_one_reply(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->fails[BH_JOB_READ] = BH_ERR_STORAGE;
    assert_int_equal(run(fx, id, 2, 0, 4), BH_ERR_STORAGE);
    assert_int_equal(answer(fx, id, 3), FX_NONE);
    disk->fails[BH_JOB_READ] = BH_OK;
    assert_int_equal(run(fx, id, 2, 0, 4), BH_ERR_STORAGE);
    assert_int_equal(run(fx, id, 6, 0, 4), BH_OK);
}

static void a_default_session_does_not_know_it(void **state)
{
    struct fx *fx = *state;
    uint8_t count = 4;
    uint16_t id;

    with_disk(fx);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(
        fx_command(fx, fx_host(fx, 1), id, BH_OP_READ_RUN, 0, &count, 1),
        BH_ERR_OPCODE);
}

/* A WRITE that it overlaps comes before it or after, whole. */
static void it_waits_for_a_write_before_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), id, 2, 12, 0xAB);
    assert_int_equal(run(fx, id, 3, 9, 4), FX_NONE);
    assert_int_equal(run(fx, id, 7, 13, 4), BH_OK);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 3), BH_OK);
    expect_rest(fx, disk, id, 3, 9, 4);
    assert_int_equal(fx->data[0], 0xAB);
}

static void it_outlives_the_server(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, 9, 7), BH_OK);
    fx_kill(fx);
    assert_int_equal(strict_read(fx, id, 8, 15), BH_OK);
    assert_int_equal(fx->server->sessions[0].window->highest, 8);
    assert_int_equal(run(fx, id, 9, 9, 60), BH_OK);
    expect_rest(fx, disk, id, 9, 9, 60);
}

int main(void)
{
#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up_kept, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_reply_is_that_of_a_read),
        TEST(it_takes_as_many_numbers_as_sectors),
        TEST(a_repetition_is_answered_whole),
        TEST(while_it_runs_its_numbers_are_taken),
        TEST(some_of_it_may_have_been_read_before),
        TEST(all_of_it_must_be_in_the_window),
        TEST(the_first_command_may_be_one),
        TEST(past_the_end_is_5_for_all),
        TEST(what_the_volume_lacks_of_the_last_sector_is_zero),
        TEST(a_count_that_cannot_be_is_3_and_takes_no_number),
        TEST(large_sectors_make_short_runs),
        TEST(an_error_of_the_storage_is_one_reply),
        TEST(a_default_session_does_not_know_it),
        TEST(it_waits_for_a_write_before_it),
        TEST(it_outlives_the_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
