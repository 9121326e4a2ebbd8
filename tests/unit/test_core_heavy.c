/* SPDX-License-Identifier: MIT */
/* TRIM, ZERO, CHECKSUM and CHECKPOINT, from the datagram to the disk. */
#include "fixture.h"

#include "core/hold.h"
#include "wire/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define STRICT (FX_PLAIN | BH_FLAG_STRICT)
#define STRICT_SHARED (FX_SHARED | BH_FLAG_STRICT)
#define STRICT_READER (FX_READER | BH_FLAG_STRICT)

static struct fx_disk *with_disk(struct fx *fx)
{
    return fx_disk(fx, "d", FX_DISK_LEN);
}

/* A strict session of host 1 on "d", and what it sends. */

static uint16_t open_strict(struct fx *fx)
{
    return fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");
}

static void send_run(struct fx *fx, uint16_t id, uint32_t number,
                     uint8_t opcode, uint32_t lsn, uint16_t count)
{
    uint8_t body[2];

    bh_put16(body, count);
    fx_strict_send(fx, fx_host(fx, 1), id, number, opcode, lsn, body,
                   sizeof body);
}

static int answer(struct fx *fx, uint16_t id, uint32_t number)
{
    return fx_strict_answer(fx, fx_host(fx, 1), id, number);
}

static int run(struct fx *fx, uint16_t id, uint32_t number, uint8_t opcode,
               uint32_t lsn, uint16_t count)
{
    send_run(fx, id, number, opcode, lsn, count);
    return answer(fx, id, number);
}

static void send_read(struct fx *fx, uint16_t id, uint32_t number, uint32_t lsn)
{
    fx_strict_send(fx, fx_host(fx, 1), id, number, BH_OP_READ, lsn, NULL, 0);
}

static int read_of(struct fx *fx, uint16_t id, uint32_t number, uint32_t lsn)
{
    send_read(fx, id, number, lsn);
    return answer(fx, id, number);
}

static void send_write(struct fx *fx, uint16_t id, uint32_t number,
                       uint32_t lsn)
{
    fx_strict_send_write(fx, fx_host(fx, 1), id, number, lsn, 0xEE);
}

static void send_checkpoint(struct fx *fx, const struct bh_path *from,
                            uint16_t id, uint32_t number, const char *label)
{
    uint8_t body[256];

    body[0] = (uint8_t)strlen(label);
    memcpy(body + 1, label, body[0]);
    fx_strict_send(fx, from, id, number, BH_OP_CHECKPOINT, 0, body,
                   body[0] + 1u);
}

static int checkpoint(struct fx *fx, uint16_t id, uint32_t number,
                      const char *label)
{
    send_checkpoint(fx, fx_host(fx, 1), id, number, label);
    return answer(fx, id, number);
}

static int discon(struct fx *fx, uint16_t id, uint8_t number)
{
    fx_strict_send_five(fx, fx_host(fx, 1), BH_PACKET_DISCON, id, number);
    return answer(fx, id, number);
}

static bool all_are(const struct fx_disk *disk, uint32_t lsn, uint32_t count,
                    uint8_t value)
{
    for (uint32_t i = 0; i < count * FX_SECTOR; i++)
        if (disk->bytes[lsn * FX_SECTOR + i] != value)
            return false;
    return true;
}

/*
 * Runs of sectors.
 */

static void trim_and_zero_make_zeros_and_nothing_else(void **state)
{
    static const uint8_t opcodes[] = {BH_OP_TRIM, BH_OP_ZERO};
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    memset(disk->bytes, 0x55, sizeof disk->bytes);
    for (uint32_t i = 0; i < COUNT(opcodes); i++)
        assert_int_equal(run(fx, id, 2 + i, opcodes[i], 10 * (i + 1), 3),
                         BH_OK);
    assert_true(all_are(disk, 0, 10, 0x55));
    assert_true(all_are(disk, 10, 3, 0));
    assert_true(all_are(disk, 13, 7, 0x55));
    assert_true(all_are(disk, 20, 3, 0));
    assert_true(all_are(disk, 23, 200, 0x55));
    assert_int_equal(disk->count[BH_JOB_ZERO], 2);
    assert_int_equal(disk->count[BH_JOB_WRITE], 0);
}

/* What the driver is told of the space beneath. */
static void only_trim_gives_space_back(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_ZERO] = true;
    send_run(fx, id, 2, BH_OP_ZERO, 0, 1);
    assert_false(fx->held[0]->trim);
    fx_release(fx, BH_JOB_ZERO);
    send_run(fx, id, 3, BH_OP_TRIM, 0, 1);
    assert_true(fx->held[0]->trim);
    fx_release_all(fx);
}

static void the_longest_run_is_zeroed_whole(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 0, 257), BH_ERR_FORMAT);
    assert_int_equal(disk->count[BH_JOB_ZERO], 0);
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 0, 256), BH_OK);
    assert_true(all_are(disk, 0, 256, 0));
}

/* A bad count takes no number; a run over the end takes one, and does nothing.
 */
static void a_run_is_refused_as_a_whole(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 5, 0), BH_ERR_FORMAT);
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 255, 2), BH_ERR_LSN);
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 255, 1), BH_ERR_LSN);
    assert_int_equal(run(fx, id, 3, BH_OP_TRIM, 0xFFFFFFFFu, 256), BH_ERR_LSN);
    assert_int_equal(disk->count[BH_JOB_ZERO], 0);
    assert_int_equal(run(fx, id, 4, BH_OP_ZERO, 255, 1), BH_OK);
}

static void neither_lets_a_volume_grow(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 1000);
    uint16_t id;

    disk->facts.grow_limit = FX_DISK_LEN;
    id = open_strict(fx);
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 4, 1), BH_ERR_LSN);
    assert_int_equal(run(fx, id, 3, BH_OP_TRIM, 3, 2), BH_ERR_LSN);
    assert_int_equal(disk->facts.byte_count, 1000);
    send_write(fx, id, 4, 4);
    assert_int_equal(answer(fx, id, 4), BH_OK);
    assert_int_equal(run(fx, id, 5, BH_OP_ZERO, 3, 2), BH_OK);
    assert_true(all_are(disk, 3, 2, 0));
}

static void a_partial_last_sector_is_zeroed_as_far_as_it_goes(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 1000);
    uint16_t id = open_strict(fx);
    uint8_t behind = disk->bytes[1000];

    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 2, 2), BH_OK);
    assert_int_equal(disk->bytes[999], 0);
    assert_int_equal(disk->bytes[1000], behind);
    assert_int_equal(disk->facts.byte_count, 1000);
}

static void each_takes_one_number(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 0, 64), BH_OK);
    assert_int_equal(run(fx, id, 3, BH_OP_TRIM, 0, 64), BH_OK);
    assert_int_equal(run(fx, id, 4, BH_OP_CHECKSUM, 0, 64), BH_OK);
    assert_int_equal(read_of(fx, id, 5, 0), BH_OK);
    assert_int_equal(run(fx, id, 69, BH_OP_ZERO, 0, 64), BH_OK);
}

static void a_reader_may_only_sum_up(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_strict_open(fx, fx_host(fx, 1), STRICT_READER, "d");

    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 0, 1), BH_ERR_READ_ONLY);
    assert_int_equal(run(fx, id, 3, BH_OP_TRIM, 9999, 1), BH_ERR_READ_ONLY);
    assert_int_equal(checkpoint(fx, id, 4, "a"), BH_ERR_READ_ONLY);
    assert_int_equal(run(fx, id, 5, BH_OP_CHECKSUM, 0, 1), BH_OK);
    assert_int_equal(disk->count[BH_JOB_ZERO], 0);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 0);
}

static void default_sessions_know_only_checksum_and_time(void **state)
{
    static const uint8_t body[] = {0, 1};
    struct fx *fx = *state;
    const struct bh_path *host = fx_host(fx, 1);
    uint16_t id;

    with_disk(fx);
    id = fx_open(fx, host, FX_PLAIN, "d");
    assert_int_equal(fx_command(fx, host, id, BH_OP_ZERO, 0, body, 2),
                     BH_ERR_OPCODE);
    assert_int_equal(fx_command(fx, host, id, BH_OP_TRIM, 0, body, 2),
                     BH_ERR_OPCODE);
    assert_int_equal(fx_command(fx, host, id, BH_OP_CHECKPOINT, 0, body, 2),
                     BH_ERR_OPCODE);
    assert_int_equal(fx_command(fx, host, id, BH_OP_CHECKSUM, 0, body, 2),
                     BH_OK);
    assert_int_equal(fx->data_len, 4);
    assert_int_equal(fx_command(fx, host, id, BH_OP_TIME, 0, NULL, 0), BH_OK);
    assert_int_equal(fx->data_len, 18);
}

static void each_of_them_proves_a_session(void **state)
{
    static const uint8_t body[] = {1, 'a'}; /* also 353 sectors: too many */
    static const uint8_t one[] = {0, 1};
    static const struct {
        uint8_t opcode;
        const uint8_t *body;
        size_t len;
        int status;
    } rows[] = {
        {BH_OP_ZERO, one, 2, BH_OK},
        {BH_OP_TRIM, one, 2, BH_OK},
        {BH_OP_CHECKSUM, one, 2, BH_OK},
        {BH_OP_TIME, NULL, 0, BH_OK},
        {BH_OP_CHECKPOINT, body, 2, BH_OK},
        {BH_OP_ZERO, body, 2, BH_ERR_FORMAT},
        {BH_OP_CHECKPOINT, one, 1, BH_OK},
        {BH_OP_CHECKPOINT, body, 1, BH_ERR_FORMAT},
        {BH_OP_CHECKPOINT, NULL, 0, BH_ERR_FORMAT},
    };
    struct fx *fx = *state;

    with_disk(fx);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint16_t id = fx_pend(fx, fx_host(fx, 1), STRICT, "d"), other;

        fx_strict_send(fx, fx_host(fx, 1), id, 1, rows[i].opcode, 0,
                       rows[i].body, rows[i].len);
        assert_int_equal(answer(fx, id, 1), rows[i].status);
        assert_int_equal(fx_connect(fx, fx_host(fx, 2), FX_PLAIN, "d", &other),
                         rows[i].status == BH_OK ? BH_ERR_IN_USE : BH_OK);
        fx_discon(fx, fx_host(fx, 2), other);
        fx_strict_send(fx, fx_host(fx, 1), id, 2, BH_OP_READ, 0, NULL, 0);
        assert_int_equal(answer(fx, id, 2), BH_OK);
        assert_int_equal(discon(fx, id, 3), BH_OK);
    }
}

/*
 * Order.
 */

static void a_session_has_one_heavy_request_carried_out_at_a_time(void **state)
{
    static const uint8_t opcodes[] = {BH_OP_ZERO, BH_OP_CHECKSUM, BH_OP_TRIM,
                                      BH_OP_CHECKSUM};
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_ZERO] = disk->holds[BH_JOB_CHECKSUM] = true;
    for (uint32_t i = 0; i < COUNT(opcodes); i++)
        send_run(fx, id, 2 + i, opcodes[i], 20 * i, 10);
    for (uint32_t i = 0; i < COUNT(opcodes); i++) {
        assert_int_equal(fx->held_count, 1);
        fx_release_at(fx, 0);
        assert_int_equal(answer(fx, id, 2 + i), BH_OK);
    }
    assert_int_equal(fx->held_count, 0);
}

static void sessions_do_not_wait_for_each_others(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    static const uint8_t body[] = {0, 10};
    uint16_t first, second;

    disk->facts.mode = BH_MODE_SHARED;
    first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    second = fx_strict_open(fx, fx_host(fx, 2), STRICT_SHARED, "d");
    disk->holds[BH_JOB_ZERO] = true;
    send_run(fx, first, 2, BH_OP_ZERO, 0, 10);
    fx_strict_send(fx, fx_host(fx, 2), second, 2, BH_OP_ZERO, 20, body, 2);
    assert_int_equal(fx->held_count, 2);
    fx_strict_send(fx, fx_host(fx, 2), second, 3, BH_OP_ZERO, 5, body, 2);
    assert_int_equal(fx->held_count, 2);
    fx_release_all(fx);
    assert_int_equal(answer(fx, first, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), second, 3), BH_OK);
}

/* READs and WRITEs of other sectors overtake it and what waits for it. */
static void others_overtake_what_does_not_touch_them(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_ZERO] = true;
    send_run(fx, id, 2, BH_OP_ZERO, 0, 10);
    send_run(fx, id, 3, BH_OP_ZERO, 20, 10);
    assert_int_equal(read_of(fx, id, 4, 10), BH_OK);
    send_write(fx, id, 5, 30);
    assert_int_equal(answer(fx, id, 5), BH_OK);
    send_read(fx, id, 6, 9);
    send_read(fx, id, 7, 29);
    send_write(fx, id, 8, 20);
    assert_int_equal(answer(fx, id, 6), FX_NONE);
    assert_int_equal(answer(fx, id, 7), FX_NONE);
    assert_int_equal(answer(fx, id, 8), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 6), BH_OK);
    assert_int_equal(fx->data[0], 0);
    assert_int_equal(answer(fx, id, 7), BH_OK);
    assert_int_equal(fx->data[0], 0);
    assert_int_equal(answer(fx, id, 8), BH_OK);
    assert_true(all_are(disk, 20, 1, 0xEE));
}

static void a_checksum_waits_for_the_writes_before_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);
    uint8_t before[4];

    assert_int_equal(run(fx, id, 2, BH_OP_CHECKSUM, 0, 10), BH_OK);
    memcpy(before, fx->data, 4);
    disk->holds[BH_JOB_WRITE] = true;
    send_write(fx, id, 3, 9);
    send_run(fx, id, 4, BH_OP_CHECKSUM, 0, 10);
    assert_int_equal(disk->count[BH_JOB_CHECKSUM], 1);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 4), BH_OK);
    assert_memory_not_equal(fx->data, before, 4);
}

/* Where a volume grows while they wait they have more bytes than before. */
static void a_zero_that_waits_covers_what_was_added(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 1000);
    uint16_t id;

    disk->facts.grow_limit = FX_DISK_LEN;
    id = open_strict(fx);
    disk->holds[BH_JOB_WRITE] = true;
    send_write(fx, id, 2, 3);
    send_run(fx, id, 3, BH_OP_ZERO, 3, 1);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 3), BH_OK);
    assert_true(all_are(disk, 3, 1, 0));
}

/* A sector is touched whole, though the volume ends within it. */
static void what_touches_a_partial_sector_waits_for_all_of_it(void **state)
{
    static const uint8_t half[FX_SECTOR / 2];
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 896);
    uint16_t first, second;

    disk->facts.grow_limit = FX_DISK_LEN;
    disk->facts.mode = BH_MODE_SHARED;
    first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    second = fx_strict_open(fx, fx_host(fx, 2), BH_FLAG_SHARED | BH_FLAG_STRICT,
                            "d");
    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_CHECKSUM] = true;
    send_write(fx, first, 2, 2);
    send_run(fx, first, 3, BH_OP_CHECKSUM, 2, 2);
    fx_strict_send(fx, fx_host(fx, 2), second, 2, BH_OP_WRITE, 7, half,
                   sizeof half);
    assert_int_equal(fx_held(fx, BH_JOB_WRITE), 1);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_held(fx, BH_JOB_CHECKSUM), 1);
    assert_int_equal(fx_held(fx, BH_JOB_WRITE), 0);
    fx_release_all(fx);
    assert_int_equal(answer(fx, first, 3), BH_OK);
}

static void a_flush_covers_a_zero(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_ZERO] = true;
    send_run(fx, id, 2, BH_OP_ZERO, 0, 10);
    fx_strict_send(fx, fx_host(fx, 1), id, 3, BH_OP_FLUSH, 0, NULL, 0);
    assert_int_equal(disk->count[BH_JOB_SYNC], 0);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 3), BH_OK);
    assert_int_equal(disk->stable, 1);
}

static void with_sync_write_a_zero_is_stable_before_its_answer(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id;

    disk->facts.sync = BH_SYNC_WRITE;
    id = open_strict(fx);
    disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 0, 10), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 2), BH_OK);
}

/*
 * CHECKSUM.
 */

static void a_checksum_is_the_crc_of_what_reads_bring(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 700);
    uint16_t id = open_strict(fx);

    /* Python's zlib.crc32 of three sectors of zeros, 256 bytes each. */
    memset(disk->bytes, 0, 700);
    memset(disk->bytes + 700, 0x77, 300);
    assert_int_equal(run(fx, id, 2, BH_OP_CHECKSUM, 0, 3), BH_OK);
    assert_int_equal(fx->data_len, 4);
    assert_int_equal(BH_GET32(fx->data), 0xF5A0F415u);
}

static void a_checksum_is_done_again_when_it_is_sent_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);
    uint8_t first[4];

    assert_int_equal(run(fx, id, 2, BH_OP_CHECKSUM, 0, 3), BH_OK);
    memcpy(first, fx->data, 4);
    disk->bytes[0]++;
    assert_int_equal(run(fx, id, 2, BH_OP_CHECKSUM, 0, 3), BH_OK);
    assert_memory_not_equal(fx->data, first, 4);
    assert_int_equal(disk->count[BH_JOB_CHECKSUM], 2);
}

static void send_checksum(struct fx *fx, uint16_t id, uint8_t seq,
                          uint16_t count)
{
    uint8_t body[2];

    bh_put16(body, count);
    fx->seq = (uint8_t)(seq - 1);
    fx_command(fx, fx_host(fx, 1), id, BH_OP_CHECKSUM, 0, body, 2);
}

/* In a default session: the same bytes are a retransmission while the first is
 * under way, others with its number are not. */
static void a_copy_of_a_checksum_under_way_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    disk->holds[BH_JOB_CHECKSUM] = true;
    send_checksum(fx, id, 100, 3);
    send_checksum(fx, id, 100, 3);
    assert_int_equal(fx->held_count, 1);
    fx_release(fx, BH_JOB_CHECKSUM);
    assert_int_equal(fx->held_count, 0);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), BH_OK);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), FX_NONE);
}

static void another_count_is_another_request(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    uint8_t four[4];

    send_checksum(fx, id, 99, 4);
    memcpy(four, fx->data, 4);
    disk->holds[BH_JOB_CHECKSUM] = true;
    send_checksum(fx, id, 100, 3);
    send_checksum(fx, id, 100, 4);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), BH_OK);
    assert_memory_equal(fx->data, four, 4);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), FX_NONE);
}

/*
 * CHECKPOINT.
 */

static void a_checkpoint_has_its_label_and_what_was_there(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(checkpoint(fx, id, 2, "before the troll \r\n"), BH_OK);
    assert_string_equal(disk->label, "before the troll");
    assert_memory_equal(disk->copy, disk->bytes, FX_DISK_LEN);
    assert_int_equal(checkpoint(fx, id, 3, ""), BH_OK);
    assert_string_equal(disk->label, "");
}

static void one_that_is_sent_again_makes_no_second_one(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_CHECKPOINT] = true;
    for (int copy = 0; copy < 3; copy++)
        assert_int_equal(checkpoint(fx, id, 2, "a"), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    assert_int_equal(checkpoint(fx, id, 2, "a"), BH_OK);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 1);
}

static void it_waits_for_what_changes_sectors_before_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_ZERO] = true;
    send_write(fx, id, 2, 5);
    send_run(fx, id, 3, BH_OP_ZERO, 10, 3);
    send_checkpoint(fx, fx_host(fx, 1), id, 4, "a");
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 0);
    fx_release(fx, BH_JOB_ZERO);
    assert_int_equal(answer(fx, id, 4), BH_OK);
    assert_int_equal(disk->copy[5 * FX_SECTOR], 0xEE);
    assert_int_equal(disk->copy[10 * FX_SECTOR], 0);
}

static void what_changes_sectors_waits_for_it_and_reads_do_not(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_CHECKPOINT] = true;
    send_checkpoint(fx, fx_host(fx, 1), id, 2, "a");
    send_write(fx, id, 3, 5);
    send_run(fx, id, 4, BH_OP_ZERO, 10, 3);
    send_run(fx, id, 5, BH_OP_TRIM, 20, 3);
    assert_int_equal(read_of(fx, id, 6, 7), BH_OK);
    assert_int_equal(run(fx, id, 7, BH_OP_CHECKSUM, 100, 9), FX_NONE);
    send_checkpoint(fx, fx_host(fx, 1), id, 8, "b");
    assert_int_equal(fx->held_count, 1);
    assert_int_equal(disk->count[BH_JOB_WRITE], 0);
    assert_int_equal(disk->count[BH_JOB_ZERO], 0);
    fx_release(fx, BH_JOB_CHECKPOINT);
    assert_int_not_equal(disk->copy[5 * FX_SECTOR], 0xEE);
    for (uint32_t number = 2; number <= 5; number++)
        assert_int_equal(answer(fx, id, number), BH_OK);
    assert_int_equal(answer(fx, id, 7), BH_OK);
    assert_int_equal(answer(fx, id, 8), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 8), BH_OK);
    assert_string_equal(disk->label, "b");
    assert_int_equal(disk->copy[5 * FX_SECTOR], 0xEE);
}

/* It does not change a sector: it neither waits for a READ nor for a FLUSH. */
static void it_does_not_wait_for_reads_or_a_flush(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    send_write(fx, id, 2, 5);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    disk->holds[BH_JOB_READ] = disk->holds[BH_JOB_SYNC] = true;
    send_read(fx, id, 3, 5);
    fx_strict_send(fx, fx_host(fx, 1), id, 4, BH_OP_FLUSH, 0, NULL, 0);
    assert_int_equal(checkpoint(fx, id, 5, "a"), BH_OK);
    fx_release_all(fx);
}

/*
 * Two partitions of one file: the copy is of the file.
 */

struct parts {
    struct fx_disk *one, *two;
    uint16_t of_one, of_two;
};

static struct parts two_parts(struct fx *fx)
{
    struct parts parts = {.one = fx_disk(fx, "d#1", FX_DISK_LEN),
                          .two = fx_disk(fx, "d#2", FX_DISK_LEN)};

    parts.two->facts.inode = parts.one->facts.inode;
    parts.two->facts.first = FX_DISK_LEN;
    parts.of_one = fx_strict_open(fx, fx_host(fx, 1), STRICT, "d#1");
    parts.of_two = fx_strict_open(fx, fx_host(fx, 2), STRICT, "d#2");
    return parts;
}

static void it_waits_for_what_runs_on_another_part(void **state)
{
    struct fx *fx = *state;
    struct parts parts = two_parts(fx);

    parts.two->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 2), parts.of_two, 2, 5, 0x22);
    assert_int_equal(checkpoint(fx, parts.of_one, 2, "a"), FX_NONE);
    assert_int_equal(parts.one->count[BH_JOB_CHECKPOINT], 0);
    fx_release_all(fx);
    assert_int_equal(answer(fx, parts.of_one, 2), BH_OK);
}

static void it_holds_back_what_changes_another_part(void **state)
{
    struct fx *fx = *state;
    struct parts parts = two_parts(fx);

    parts.one->holds[BH_JOB_CHECKPOINT] = true;
    send_checkpoint(fx, fx_host(fx, 1), parts.of_one, 2, "a");
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), parts.of_two, 2, 5, 0x22), FX_NONE);
    send_checkpoint(fx, fx_host(fx, 2), parts.of_two, 3, "b");
    fx_strict_send(fx, fx_host(fx, 2), parts.of_two, 4, BH_OP_READ, 6, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, 4),
                     BH_OK);
    assert_int_equal(parts.two->count[BH_JOB_WRITE], 0);
    assert_int_equal(parts.two->count[BH_JOB_CHECKPOINT], 0);
    fx_release_all(fx);
    assert_int_equal(answer(fx, parts.of_one, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, 2),
                     BH_OK);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, 3),
                     BH_OK);
}

/* One waits for a WRITE of its own volume; what arrives at the other part then
 * is not in the copy, and does not overtake it. */
static void one_that_waits_holds_another_part_back_too(void **state)
{
    struct fx *fx = *state;
    struct parts parts = two_parts(fx);

    parts.one->holds[BH_JOB_WRITE] = true;
    send_write(fx, parts.of_one, 2, 5);
    send_checkpoint(fx, fx_host(fx, 1), parts.of_one, 3, "a");
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), parts.of_two, 2, 5, 0x22), FX_NONE);
    assert_int_equal(parts.two->count[BH_JOB_WRITE], 0);
    fx_release_all(fx);
    assert_int_equal(answer(fx, parts.of_one, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, 2),
                     BH_OK);
}

static void two_at_once_on_two_parts_are_made_in_turn(void **state)
{
    struct fx *fx = *state;
    struct parts parts = two_parts(fx);

    parts.one->holds[BH_JOB_WRITE] = parts.two->holds[BH_JOB_WRITE] = true;
    parts.one->holds[BH_JOB_CHECKPOINT] = true;
    parts.two->holds[BH_JOB_CHECKPOINT] = true;
    send_write(fx, parts.of_one, 2, 5);
    fx_strict_send_write(fx, fx_host(fx, 2), parts.of_two, 2, 5, 0x22);
    send_checkpoint(fx, fx_host(fx, 1), parts.of_one, 3, "a");
    send_checkpoint(fx, fx_host(fx, 2), parts.of_two, 3, "b");
    fx_release(fx, BH_JOB_WRITE);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_held(fx, BH_JOB_CHECKPOINT), 1);
    fx_release(fx, BH_JOB_CHECKPOINT);
    assert_int_equal(fx_held(fx, BH_JOB_CHECKPOINT), 1);
    fx_release(fx, BH_JOB_CHECKPOINT);
    assert_int_equal(answer(fx, parts.of_one, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, 3),
                     BH_OK);
}

/* Each waits for a WRITE of its own volume, which waits for another WRITE; were
 * those to wait for the other's CHECKPOINT, nobody would ever go on. */
static void two_that_wait_do_not_wait_for_each_other(void **state)
{
    struct fx *fx = *state;
    struct parts parts = two_parts(fx);

    parts.one->holds[BH_JOB_WRITE] = parts.two->holds[BH_JOB_WRITE] = true;
    for (uint32_t number = 2; number <= 3; number++) {
        send_write(fx, parts.of_one, number, 5);
        fx_strict_send_write(fx, fx_host(fx, 2), parts.of_two, number, 5, 0x22);
    }
    send_checkpoint(fx, fx_host(fx, 1), parts.of_one, 4, "a");
    send_checkpoint(fx, fx_host(fx, 2), parts.of_two, 4, "b");
    fx_release_all(fx);
    for (uint32_t number = 2; number <= 4; number++) {
        assert_int_equal(answer(fx, parts.of_one, number), BH_OK);
        assert_int_equal(
            fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, number), BH_OK);
    }
}

static void another_file_does_not_wait(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx), other;

    fx_disk(fx, "e", FX_DISK_LEN);
    other = fx_strict_open(fx, fx_host(fx, 2), STRICT, "e");
    disk->holds[BH_JOB_CHECKPOINT] = true;
    send_checkpoint(fx, fx_host(fx, 1), id, 2, "a");
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 2), other, 2, 5, 0x22),
                     BH_OK);
    fx_release_all(fx);
}

/* A failure lets go of what waits as success does. */
static void after_a_checkpoint_that_fails_all_goes_on(void **state)
{
    struct fx *fx = *state;
    struct parts parts = two_parts(fx);

    parts.one->holds[BH_JOB_CHECKPOINT] = true;
    parts.one->fails[BH_JOB_CHECKPOINT] = BH_ERR_NO_SPACE;
    send_checkpoint(fx, fx_host(fx, 1), parts.of_one, 2, "a");
    send_write(fx, parts.of_one, 3, 5);
    fx_strict_send_write(fx, fx_host(fx, 2), parts.of_two, 2, 5, 0x22);
    fx_release_all(fx);
    assert_int_equal(answer(fx, parts.of_one, 2), BH_ERR_NO_SPACE);
    assert_int_equal(answer(fx, parts.of_one, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), parts.of_two, 2),
                     BH_OK);
    assert_int_equal(checkpoint(fx, parts.of_one, 2, "a"), BH_ERR_NO_SPACE);
    assert_int_equal(parts.one->count[BH_JOB_CHECKPOINT], 1);
}

/* Its session ends while it runs: it is finished first. */
static void a_disconnect_waits_for_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_CHECKPOINT] = true;
    send_checkpoint(fx, fx_host(fx, 1), id, 2, "a");
    send_write(fx, id, 3, 5);
    assert_int_equal(discon(fx, id, 4), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    assert_int_equal(answer(fx, id, 3), BH_OK);
    assert_int_equal(answer(fx, id, 4), BH_OK);
}

/*
 * What fails.
 */

static void what_the_disk_says_is_final(void **state)
{
    static const struct {
        uint8_t opcode, kind, status;
    } rows[] = {
        {BH_OP_ZERO, BH_JOB_ZERO, BH_ERR_NO_SPACE},
        {BH_OP_TRIM, BH_JOB_ZERO, BH_ERR_STORAGE},
        {BH_OP_ZERO, BH_JOB_ZERO, BH_ERR_SHORT},
        {BH_OP_CHECKSUM, BH_JOB_CHECKSUM, BH_ERR_SHORT},
        {BH_OP_CHECKSUM, BH_JOB_CHECKSUM, BH_ERR_STORAGE},
    };
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    for (uint32_t i = 0; i < COUNT(rows); i++) {
        disk->fails[rows[i].kind] = rows[i].status;
        assert_int_equal(run(fx, id, 2 + i, rows[i].opcode, 5, 3),
                         rows[i].status);
        assert_int_equal(fx->data_len, 0);
        disk->fails[rows[i].kind] = BH_OK;
        assert_int_equal(run(fx, id, 2 + i, rows[i].opcode, 5, 3),
                         rows[i].status);
    }
}

static void a_poisoned_volume_does_none_of_them(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 5, 3), BH_OK);
    fx_strict_send(fx, fx_host(fx, 1), id, 3, BH_OP_FLUSH, 0, NULL, 0);
    assert_int_equal(answer(fx, id, 3), BH_ERR_STORAGE);
    assert_int_equal(run(fx, id, 4, BH_OP_ZERO, 5, 3), BH_ERR_STORAGE);
    assert_int_equal(run(fx, id, 5, BH_OP_TRIM, 5, 3), BH_ERR_STORAGE);
    assert_int_equal(run(fx, id, 6, BH_OP_CHECKSUM, 5, 3), BH_ERR_STORAGE);
    assert_int_equal(checkpoint(fx, id, 7, "a"), BH_ERR_STORAGE);
    fx_strict_send(fx, fx_host(fx, 1), id, 8, BH_OP_TIME, 0, NULL, 0);
    assert_int_equal(answer(fx, id, 8), BH_ERR_STORAGE);
    assert_int_equal(disk->count[BH_JOB_ZERO], 1);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 0);
}

/* The sync fails while they are with the disk. */
static void
nothing_is_answered_with_0_that_a_failed_sync_overtakes(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    send_write(fx, id, 2, 100);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    disk->holds[BH_JOB_CHECKSUM] = true;
    disk->holds[BH_JOB_CHECKPOINT] = true;
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    send_run(fx, id, 3, BH_OP_CHECKSUM, 5, 3);
    send_checkpoint(fx, fx_host(fx, 1), id, 4, "a");
    fx_strict_send(fx, fx_host(fx, 1), id, 5, BH_OP_FLUSH, 0, NULL, 0);
    fx_release_all(fx);
    assert_int_equal(answer(fx, id, 5), BH_ERR_STORAGE);
    assert_int_equal(answer(fx, id, 3), BH_ERR_STORAGE);
    assert_int_equal(answer(fx, id, 4), BH_ERR_STORAGE);
}

/*
 * A kill.
 */

static void a_zero_that_was_answered_is_not_done_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 5, 3), BH_OK);
    fx_kill(fx);
    send_write(fx, id, 3, 5);
    assert_int_equal(answer(fx, id, 3), BH_OK);
    assert_int_equal(run(fx, id, 2, BH_OP_ZERO, 5, 3), BH_OK);
    assert_true(all_are(disk, 5, 1, 0xEE));
}

/* docs/protocol.md says so of a CHECKPOINT that the disk has made. */
static void a_checkpoint_that_was_not_answered_is_made_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_CHECKPOINT] = true;
    send_checkpoint(fx, fx_host(fx, 1), id, 2, "a");
    disk->holds[BH_JOB_CHECKPOINT] = false;
    fx_kill(fx);
    assert_int_equal(checkpoint(fx, id, 2, "a"), BH_OK);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 2);
    fx_kill(fx);
    assert_int_equal(checkpoint(fx, id, 2, "a"), BH_OK);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 2);
}

/* Two sessions on a shared volume; the first one's ZERO or TRIM of sectors 5 to
 * 7 was carried out or not when the server was killed. */
struct doubt {
    struct fx_disk *disk;
    uint16_t first, second;
};

static struct doubt in_doubt_on(struct fx *fx, struct fx_disk *disk,
                                uint8_t opcode, bool carried_out)
{
    struct doubt doubt = {.disk = disk};

    doubt.disk->facts.mode = BH_MODE_SHARED;
    doubt.first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    doubt.second = fx_strict_open(fx, fx_host(fx, 2), STRICT_SHARED, "d");
    doubt.disk->holds[BH_JOB_ZERO] = true;
    send_run(fx, doubt.first, 2, opcode, 5, 3);
    doubt.disk->holds[BH_JOB_ZERO] = false;
    if (carried_out)
        memset(doubt.disk->bytes + 5 * FX_SECTOR, 0, (size_t)3 * FX_SECTOR);
    return doubt;
}

static struct doubt in_doubt(struct fx *fx, uint8_t opcode, bool carried_out)
{
    return in_doubt_on(fx, with_disk(fx), opcode, carried_out);
}

static void a_zero_that_was_carried_out_is_not_again(void **state)
{
    static const uint8_t opcodes[] = {BH_OP_ZERO, BH_OP_TRIM};

    for (size_t i = 0; i < COUNT(opcodes); i++) {
        struct fx *fx;
        struct doubt doubt;

        assert_int_equal(fx_set_up_kept(state), 0);
        fx = *state;
        doubt = in_doubt(fx, opcodes[i], true);
        fx_kill(fx);
        assert_int_equal(
            fx_strict_write(fx, fx_host(fx, 2), doubt.second, 2, 6, 0x22),
            BH_OK);
        assert_int_equal(run(fx, doubt.first, 2, opcodes[i], 5, 3), BH_OK);
        assert_true(all_are(doubt.disk, 6, 1, 0x22));
        fx_tear_down(state);
    }
}

/* Others may have seen a part of it: it is done before what they write now. */
static void a_zero_that_was_not_is_carried_out_at_once(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, BH_OP_ZERO, false);

    memset(doubt.disk->bytes + 6 * FX_SECTOR, 0, FX_SECTOR);
    fx_kill(fx);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), doubt.second, 2, 6, 0x22), BH_OK);
    assert_int_equal(run(fx, doubt.first, 2, BH_OP_ZERO, 5, 3), BH_OK);
    assert_int_equal(doubt.disk->count[BH_JOB_ZERO], 2);
    assert_true(all_are(doubt.disk, 5, 1, 0));
    assert_true(all_are(doubt.disk, 6, 1, 0x22));
    assert_true(all_are(doubt.disk, 7, 1, 0));
}

static void it_is_stable_before_it_is_recorded(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    struct doubt doubt;

    disk->facts.sync = BH_SYNC_WRITE;
    doubt = in_doubt_on(fx, disk, BH_OP_ZERO, false);
    disk->holds[BH_JOB_SYNC] = true;
    fx_kill(fx);
    send_run(fx, doubt.first, 2, BH_OP_ZERO, 5, 3);
    fx_release(fx, BH_JOB_SYNC); /* as the volume is opened */
    assert_int_equal(disk->count[BH_JOB_ZERO], 2);
    assert_int_equal(answer(fx, doubt.first, 2), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(answer(fx, doubt.first, 2), BH_OK);
    assert_int_equal(disk->count[BH_JOB_ZERO], 2);
    assert_true(all_are(disk, 5, 3, 0));
}

/* What it finishes changes the medium. */
static void what_needs_the_medium_still_excludes_that(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, BH_OP_ZERO, false);
    struct fx_disk *disk = doubt.disk;

    disk->holds[BH_JOB_READ] = disk->holds[BH_JOB_ZERO] = true;
    fx_kill(fx);
    fx_strict_send_write(fx, fx_host(fx, 2), doubt.second, 2, 50, 0x22);
    bh_hold_begin(fx->server, fx->now, &disk->facts, BH_HOLD_CHANGES);
    fx_release(fx, BH_JOB_READ);
    assert_false(bh_hold_is_still(fx->server, fx->now));
    fx_release(fx, BH_JOB_ZERO);
    assert_true(bh_hold_is_still(fx->server, fx->now));
    bh_hold_over(fx->server, fx->now);
    fx_pump(fx);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), doubt.second, 2),
                     BH_OK);
}

static void a_checkpoint_of_another_part_waits_for_that(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, BH_OP_ZERO, false);
    struct fx_disk *part = fx_disk(fx, "p", FX_DISK_LEN);
    const struct bh_path *third = fx_host(fx, 3);
    uint16_t id;

    part->facts.inode = doubt.disk->facts.inode;
    part->facts.device = doubt.disk->facts.device;
    part->facts.first = 2 * FX_DISK_LEN;
    doubt.disk->holds[BH_JOB_READ] = doubt.disk->holds[BH_JOB_ZERO] = true;
    fx_kill(fx);
    id = fx_strict_open(fx, third, STRICT, "p");
    send_checkpoint(fx, third, id, 2, "a");
    fx_release(fx, BH_JOB_READ);
    assert_int_equal(part->count[BH_JOB_CHECKPOINT], 0);
    fx_release(fx, BH_JOB_ZERO);
    assert_int_equal(part->count[BH_JOB_CHECKPOINT], 1);
    assert_int_equal(fx_strict_answer(fx, third, id, 2), BH_OK);
}

static void it_begins_on_no_medium_that_is_held(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, BH_OP_ZERO, false);
    struct fx_disk *disk = doubt.disk;

    disk->holds[BH_JOB_ATTACH] = true;
    fx_kill(fx);
    fx_strict_send_write(fx, fx_host(fx, 2), doubt.second, 2, 50, 0x22);
    bh_hold_begin(fx->server, fx->now, &disk->facts, BH_HOLD_CHANGES);
    fx_release(fx, BH_JOB_ATTACH);
    assert_true(bh_hold_is_still(fx->server, fx->now));
    fx_pump(fx);
    assert_int_equal(disk->count[BH_JOB_ZERO], 1);
    bh_hold_over(fx->server, fx->now);
    fx_pump(fx);
    assert_int_equal(disk->count[BH_JOB_ZERO], 2);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), doubt.second, 2),
                     BH_OK);
}

static void if_that_fails_nobody_knows(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, BH_OP_ZERO, false);

    doubt.disk->fails[BH_JOB_ZERO] = BH_ERR_NO_SPACE;
    fx_kill(fx);
    assert_int_equal(run(fx, doubt.first, 2, BH_OP_ZERO, 5, 3), BH_ERR_STORAGE);
    assert_int_equal(doubt.disk->count[BH_JOB_ZERO], 2);
}

/* Its retransmission waits while it is examined, behind another's WRITE: what
 * that found holds for it, too. */
static void a_zero_that_waits_for_its_own_doubt_is_not_done_again(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, BH_OP_ZERO, true);

    doubt.disk->holds[BH_JOB_READ] = true;
    fx_kill(fx);
    fx_strict_send_write(fx, fx_host(fx, 2), doubt.second, 2, 6, 0x22);
    send_run(fx, doubt.first, 2, BH_OP_ZERO, 5, 3);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), doubt.second, 2),
                     BH_OK);
    assert_int_equal(answer(fx, doubt.first, 2), BH_OK);
    assert_int_equal(doubt.disk->count[BH_JOB_ZERO], 1);
    assert_true(all_are(doubt.disk, 6, 1, 0x22));
}

/*
 * TIME.
 */

static void the_time_is_the_drivers(void **state)
{
    static const uint8_t want[] = {0,    0,    0,    0,    0x69, 0x21,
                                   0xAB, 0x40, 0,    0x3C, 0x07, 0xE9,
                                   0x0B, 0x16, 0x0D, 0x17, 0x1C, 6};
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    bh_server_set_time(fx->server, 0x6921AB40, 60);
    fx_strict_send(fx, fx_host(fx, 1), id, 2, BH_OP_TIME, 0, NULL, 0);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    assert_int_equal(fx->data_len, sizeof want);
    assert_memory_equal(fx->data, want, sizeof want);
    bh_server_set_time(fx->server, 0x6921AB41, 60);
    fx_strict_send(fx, fx_host(fx, 1), id, 2, BH_OP_TIME, 0, NULL, 0);
    assert_int_equal(answer(fx, id, 2), BH_OK);
    assert_int_equal(fx->data[7], 0x41);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
#define KEPT(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up_kept, fx_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trim_and_zero_make_zeros_and_nothing_else),
        TEST(only_trim_gives_space_back),
        TEST(the_longest_run_is_zeroed_whole),
        TEST(a_run_is_refused_as_a_whole),
        TEST(neither_lets_a_volume_grow),
        TEST(a_partial_last_sector_is_zeroed_as_far_as_it_goes),
        TEST(each_takes_one_number),
        TEST(a_reader_may_only_sum_up),
        TEST(default_sessions_know_only_checksum_and_time),
        TEST(each_of_them_proves_a_session),
        TEST(a_session_has_one_heavy_request_carried_out_at_a_time),
        TEST(sessions_do_not_wait_for_each_others),
        TEST(others_overtake_what_does_not_touch_them),
        TEST(a_checksum_waits_for_the_writes_before_it),
        TEST(a_zero_that_waits_covers_what_was_added),
        TEST(what_touches_a_partial_sector_waits_for_all_of_it),
        TEST(a_flush_covers_a_zero),
        TEST(with_sync_write_a_zero_is_stable_before_its_answer),
        TEST(a_checksum_is_the_crc_of_what_reads_bring),
        TEST(a_checksum_is_done_again_when_it_is_sent_again),
        TEST(a_copy_of_a_checksum_under_way_is_dropped),
        TEST(another_count_is_another_request),
        TEST(a_checkpoint_has_its_label_and_what_was_there),
        TEST(one_that_is_sent_again_makes_no_second_one),
        TEST(it_waits_for_what_changes_sectors_before_it),
        TEST(what_changes_sectors_waits_for_it_and_reads_do_not),
        TEST(it_does_not_wait_for_reads_or_a_flush),
        TEST(it_waits_for_what_runs_on_another_part),
        TEST(it_holds_back_what_changes_another_part),
        TEST(one_that_waits_holds_another_part_back_too),
        TEST(two_at_once_on_two_parts_are_made_in_turn),
        TEST(two_that_wait_do_not_wait_for_each_other),
        TEST(another_file_does_not_wait),
        TEST(after_a_checkpoint_that_fails_all_goes_on),
        TEST(a_disconnect_waits_for_it),
        TEST(what_the_disk_says_is_final),
        TEST(a_poisoned_volume_does_none_of_them),
        TEST(nothing_is_answered_with_0_that_a_failed_sync_overtakes),
        KEPT(a_zero_that_was_answered_is_not_done_again),
        KEPT(a_checkpoint_that_was_not_answered_is_made_again),
        cmocka_unit_test(a_zero_that_was_carried_out_is_not_again),
        KEPT(a_zero_that_was_not_is_carried_out_at_once),
        KEPT(it_is_stable_before_it_is_recorded),
        KEPT(what_needs_the_medium_still_excludes_that),
        KEPT(a_checkpoint_of_another_part_waits_for_that),
        KEPT(it_begins_on_no_medium_that_is_held),
        KEPT(if_that_fails_nobody_knows),
        KEPT(a_zero_that_waits_for_its_own_doubt_is_not_done_again),
        TEST(the_time_is_the_drivers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
