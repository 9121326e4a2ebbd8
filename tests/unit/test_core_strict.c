/* SPDX-License-Identifier: MIT */
/* Strict sessions and counting clients, from the datagram to the disk. */
#include "fixture.h"

#include "wire/bytes.h"
#include "wire/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define STRICT (FX_PLAIN | BH_FLAG_STRICT)
#define STRICT_SHARED (FX_SHARED | BH_FLAG_STRICT)

static const struct bh_path *client(void)
{
    static struct bh_path peer;

    peer = fx_peer(1, 10);
    return &peer;
}

static struct fx_disk *with_disk(struct fx *fx)
{
    return fx_disk(fx, "d", FX_DISK_LEN);
}

/*
 * A strict client without memory: the test says every number.
 */

static int strict_read(struct fx *fx, uint16_t id, uint32_t number,
                       uint32_t lsn)
{
    fx_strict_send(fx, client(), id, number, BH_OP_READ, lsn, NULL, 0);
    return fx_strict_answer(fx, client(), id, number);
}

static void send_write(struct fx *fx, uint16_t id, uint32_t number,
                       uint32_t lsn, uint8_t fill)
{
    uint8_t sector[FX_SECTOR];

    memset(sector, fill, sizeof sector);
    fx_strict_send(fx, client(), id, number, BH_OP_WRITE, lsn, sector,
                   sizeof sector);
}

static int strict_write(struct fx *fx, uint16_t id, uint32_t number,
                        uint32_t lsn, uint8_t fill)
{
    send_write(fx, id, number, lsn, fill);
    return fx_strict_answer(fx, client(), id, number);
}

static int strict_flush(struct fx *fx, uint16_t id, uint32_t number)
{
    fx_strict_send(fx, client(), id, number, BH_OP_FLUSH, 0, NULL, 0);
    return fx_strict_answer(fx, client(), id, number);
}

static int strict_keep(struct fx *fx, uint16_t id, uint32_t number)
{
    fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, number);
    return fx_strict_answer(fx, client(), id, number);
}

static int strict_discon(struct fx *fx, uint16_t id, uint32_t number)
{
    fx_strict_send_five(fx, client(), BH_PACKET_DISCON, id, number);
    return fx_strict_answer(fx, client(), id, number);
}

/* Proven by a READ with number 1. */
static uint16_t open_as(struct fx *fx, const struct bh_path *from,
                        uint8_t flags)
{
    uint16_t id = fx_pend(fx, from, flags, "d");

    fx_strict_send(fx, from, id, 1, BH_OP_READ, 0, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, from, id, 1), BH_OK);
    return id;
}

static uint16_t open_strict(struct fx *fx)
{
    return open_as(fx, client(), STRICT);
}

/* H is `number` afterwards. */
static void advance_to(struct fx *fx, uint16_t id, uint32_t from,
                       uint32_t number)
{
    for (uint32_t n = from; n <= number; n++)
        assert_int_equal(strict_keep(fx, id, n), BH_OK);
}

/*
 * At most once.
 */

static void a_write_is_carried_out_once_and_answered_always(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    for (unsigned copy = 0; copy < 5; copy++)
        assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
    assert_int_equal(strict_write(fx, id, 3, 3, 0xBB), BH_OK);
    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), BH_OK); /* late */
    assert_int_equal(disk->count[BH_JOB_WRITE], 2);
    assert_int_equal(disk->bytes[3 * FX_SECTOR], 0xBB);
}

static void a_status_is_stored_whatever_it_is(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_write(fx, id, 2, 9999, 1), BH_ERR_LSN);
    disk->fails[BH_JOB_WRITE] = BH_ERR_NO_SPACE;
    assert_int_equal(strict_write(fx, id, 3, 1, 1), BH_ERR_NO_SPACE);
    disk->fails[BH_JOB_WRITE] = BH_OK;
    disk->fails[BH_JOB_READ] = BH_ERR_SHORT;
    assert_int_equal(strict_read(fx, id, 4, 1), BH_ERR_SHORT);
    disk->fails[BH_JOB_READ] = BH_OK;
    assert_int_equal(strict_write(fx, id, 2, 9999, 1), BH_ERR_LSN);
    assert_int_equal(strict_write(fx, id, 3, 1, 1), BH_ERR_NO_SPACE);
    assert_int_equal(strict_read(fx, id, 4, 1), BH_ERR_SHORT);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
    assert_int_equal(disk->count[BH_JOB_READ], 2);
    assert_int_equal(strict_write(fx, id, 5, 1, 1), BH_OK);
}

static void a_copy_of_a_running_write_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_WRITE] = true;
    for (unsigned copy = 0; copy < 3; copy++)
        assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), FX_NONE);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), FX_NONE);
    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

/* Another session displaces it while its WRITE runs: of that WRITE the client
 * hears how it went, and nothing else. What is new gets 4, in the strict form.
 */
static void a_session_about_to_end_answers_what_it_has_begun(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx), next;

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), FX_NONE);
    next = fx_pend(fx, client(), STRICT, "d");
    assert_int_equal(strict_read(fx, next, 1, 0), FX_NONE);
    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), FX_NONE);
    assert_int_equal(strict_write(fx, id, 3, 4, 0xBB), BH_ERR_SESSION);
    assert_int_equal(strict_keep(fx, id, 4), BH_ERR_SESSION);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, client(), next, 1), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

static void a_copy_of_a_write_that_waits_for_the_sync_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id;

    disk->facts.sync = BH_SYNC_WRITE;
    id = open_strict(fx);
    disk->holds[BH_JOB_SYNC] = true;
    for (unsigned copy = 0; copy < 3; copy++)
        assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

static void
sixty_four_in_flight_in_any_order_are_each_carried_out_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct fx *fx = fx_new(16, 256, 4);
        struct fx_disk *disk = with_disk(fx);
        uint16_t id = open_strict(fx);
        uint32_t order[128];

        disk->holds[BH_JOB_WRITE] = true;
        for (uint32_t i = 0; i < COUNT(order); i++)
            order[i] = 2 + i % 64; /* each twice */
        for (uint32_t i = COUNT(order) - 1; i > 0; i--) {
            uint32_t j = (uint32_t)(fx_random(fx) % (i + 1)), one = order[i];

            order[i] = order[j];
            order[j] = one;
        }
        for (uint32_t i = 0; i < COUNT(order); i++) {
            send_write(fx, id, order[i], order[i], (uint8_t)order[i]);
            while (fx->held_count > 0 && fx_random(fx) % 2 == 0)
                fx_release_at(fx, fx_random(fx) % fx->held_count);
        }
        fx_release_all(fx);
        for (uint32_t number = 2; number < 66; number++)
            assert_int_equal(fx_strict_answer(fx, client(), id, number), BH_OK);
        fx_forget_replies(fx); /* of copies that came when it was done */
        for (uint32_t i = 0; i < COUNT(order); i++)
            assert_int_equal(strict_write(fx, id, order[i], order[i], 0xEE),
                             BH_OK);
        for (uint32_t number = 2; number < 66; number++)
            assert_int_equal(disk->bytes[(size_t)number * FX_SECTOR], number);
        assert_int_equal(disk->count[BH_JOB_WRITE], 64);
        fx_free(fx);
    }
}

static void a_read_runs_again_and_brings_what_is_there_now(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), BH_OK);
    assert_int_equal(strict_read(fx, id, 3, 3), BH_OK);
    assert_int_equal(fx->data_len, FX_SECTOR);
    assert_int_equal(fx->data[0], 0xAA);
    assert_int_equal(strict_write(fx, id, 4, 3, 0xBB), BH_OK);
    assert_int_equal(strict_read(fx, id, 3, 3), BH_OK);
    assert_int_equal(fx->data_len, FX_SECTOR);
    assert_int_equal(fx->data[0], 0xBB);
    assert_int_equal(disk->count[BH_JOB_READ], 3); /* with that of the proof */
}

static void a_flush_again_is_answered_from_its_status(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_write(fx, id, 2, 1, 1), BH_OK);
    assert_int_equal(strict_flush(fx, id, 3), BH_OK);
    assert_int_equal(strict_write(fx, id, 4, 1, 2), BH_OK);
    assert_int_equal(strict_flush(fx, id, 3), BH_OK);
    assert_int_equal(disk->stable, 1);
    assert_int_equal(strict_flush(fx, id, 5), BH_OK);
    assert_int_equal(disk->stable, 2);
}

static void a_read_that_fails_the_second_time_keeps_its_number(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_read(fx, id, 2, 3), BH_OK);
    disk->fails[BH_JOB_READ] = BH_ERR_STORAGE;
    assert_int_equal(strict_read(fx, id, 2, 3), BH_ERR_STORAGE);
    disk->fails[BH_JOB_READ] = BH_OK;
    assert_int_equal(strict_read(fx, id, 2, 3), BH_OK);
}

static void an_identify_again_is_answered_in_full(void **state)
{
    struct fx *fx = *state;
    struct bh_identify it;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    for (unsigned copy = 0; copy < 3; copy++) {
        fx_strict_send(fx, client(), id, 2, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC,
                       NULL, 0);
        assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
        assert_int_equal(fx->data_len, BH_IDENTIFY_LEN);
        assert_int_equal(bh_identify_decode(fx->data, &it), BH_OK);
        assert_int_equal(it.window, 64);
        assert_int_equal(it.lease_seconds, 30);
        assert_int_equal(it.preferred_run, 64);
    }
}

static void the_server_itself_speaks_of_its_window_and_lease(void **state)
{
    struct fx *fx = *state;
    uint8_t bytes[BH_IDENTIFY_SERVER_REQUEST_LEN] = {BH_PACKET_COMMAND, 7, 0, 0,
                                                     BH_OP_IDENTIFY};
    struct bh_identify it;

    bh_put32(bytes + 5, BH_IDENTIFY_MAGIC);
    fx_send(fx, client(), bytes, sizeof bytes);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(bh_identify_decode(fx->data, &it), BH_OK);
    assert_int_equal(it.window, 64);
    assert_int_equal(it.lease_seconds, 30);
}

/*
 * The edges of the window.
 */

static void an_old_number_is_met_with_silence(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), BH_OK);
    advance_to(fx, id, 3, 65);
    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), BH_OK); /* H - 63 */
    advance_to(fx, id, 66, 66);
    assert_int_equal(strict_write(fx, id, 2, 3, 0xAA), FX_NONE); /* H - 64 */
    assert_int_equal(strict_read(fx, id, 1, 3), FX_NONE);
    assert_int_equal(strict_read(fx, id, 0, 3), FX_NONE);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

static void a_number_ahead_gets_17_and_is_not_taken(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    /* U is 2: up to 65. */
    assert_int_equal(strict_write(fx, id, 65, 3, 1), BH_OK);
    assert_int_equal(strict_write(fx, id, 66, 3, 2), BH_ERR_AHEAD);
    assert_int_equal(strict_write(fx, id, 66, 3, 2), BH_ERR_AHEAD);
    assert_int_equal(strict_keep(fx, id, 66), BH_ERR_AHEAD);
    assert_int_equal(strict_discon(fx, id, 66), BH_ERR_AHEAD);
    assert_int_equal(strict_write(fx, id, 2, 4, 3), BH_OK); /* U is 3 */
    assert_int_equal(strict_write(fx, id, 66, 3, 2), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 3);
}

static void a_number_that_still_runs_holds_the_window(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_WRITE] = true;
    send_write(fx, id, 2, 3, 0xAA);
    advance_to(fx, id, 3, 65);
    assert_int_equal(strict_keep(fx, id, 66), BH_ERR_AHEAD);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
    assert_int_equal(strict_keep(fx, id, 66), BH_OK);
}

static void numbers_go_on_behind_65535(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    for (uint32_t number = 2; number <= 140000; number++) {
        fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, number);
        fx_forget_replies(fx);
        if (number % 30011 == 0 || (number & 0xFFFF) >= 0xFFF0 ||
            (number & 0xFFFF) < 0x10) {
            unsigned before = disk->count[BH_JOB_WRITE];

            number++;
            assert_int_equal(strict_write(fx, id, number, 1, 1), BH_OK);
            assert_int_equal(strict_write(fx, id, number, 1, 1), BH_OK);
            assert_int_equal(disk->count[BH_JOB_WRITE], before + 1);
        }
    }
}

/* What is delayed by up to 65,535 - W requests is still told for old. */
static void a_write_that_comes_65471_requests_late_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    assert_int_equal(strict_write(fx, id, 2, 1, 1), BH_OK);
    for (uint32_t number = 3; number <= 2 + 65471; number++) {
        fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, number);
        fx_forget_replies(fx);
        if (number > 100 && number % 1000 == 0)
            assert_int_equal(strict_write(fx, id, 2, 1, 1), FX_NONE);
    }
    assert_int_equal(strict_write(fx, id, 2, 1, 1), FX_NONE);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

/*
 * What takes a number and what does not.
 */

static void a_malformed_request_takes_no_number(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);
    uint8_t sector[FX_SECTOR] = {0};

    for (unsigned copy = 0; copy < 2; copy++) {
        fx_strict_send(fx, client(), id, 2, BH_OP_WRITE, 1, sector,
                       sizeof sector - 1);
        assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_ERR_FORMAT);
    }
    assert_int_equal(strict_write(fx, id, 2, 1, 1), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

static void an_unknown_opcode_takes_its_number(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    fx_strict_send(fx, client(), id, 2, 200, 0, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_ERR_OPCODE);
    fx_strict_send(fx, client(), id, 2, 200, 0, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_ERR_OPCODE);
    assert_int_equal(strict_read(fx, id, 2, 0), BH_ERR_OPCODE); /* stored */
    advance_to(fx, id, 3, 66); /* U has passed it */
}

static void
an_unknown_opcode_takes_its_number_before_the_proof_too(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = fx_pend(fx, client(), STRICT, "d");
    for (unsigned copy = 0; copy < 2; copy++) {
        fx_strict_send(fx, client(), id, 1, 200, 0, NULL, 0);
        assert_int_equal(fx_strict_answer(fx, client(), id, 1), BH_ERR_OPCODE);
        fx_strict_send(fx, client(), id, 3, BH_OP_IDENTIFY, 0, NULL, 0);
        assert_int_equal(fx_strict_answer(fx, client(), id, 3), BH_ERR_OPCODE);
    }
    assert_int_equal(strict_read(fx, id, 2, 0), BH_OK); /* the proof */
    assert_int_equal(strict_read(fx, id, 1, 0), BH_ERR_OPCODE);
    assert_int_equal(strict_read(fx, id, 3, 0), BH_ERR_OPCODE);
    assert_int_equal(strict_keep(fx, id, 67), BH_OK); /* U is 4 */
    assert_int_equal(strict_keep(fx, id, 68), BH_ERR_AHEAD);
}

static void a_number_refused_while_pending_does_not_prove(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = fx_pend(fx, client(), STRICT, "d");
    fx_strict_send(fx, client(), id, 1, 200, 0, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, client(), id, 1), BH_ERR_OPCODE);
    /* Not a retransmission, but the number has its final status. */
    assert_int_equal(strict_read(fx, id, 1, 0), BH_ERR_OPCODE);
    assert_int_equal(strict_read(fx, id, 2, 0), BH_OK);
}

static void a_pending_session_takes_1_to_64_as_its_first_number(void **state)
{
    static const struct {
        uint32_t number;
        int status;
    } rows[] = {{1, BH_OK}, {2, BH_OK}, {64, BH_OK}, {65, BH_ERR_AHEAD}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        uint16_t id;

        with_disk(fx);
        id = fx_pend(fx, client(), STRICT, "d");
        assert_int_equal(strict_read(fx, id, rows[i].number, 0),
                         rows[i].status);
        assert_int_equal(strict_read(fx, id, 1, 0), BH_OK);
        fx_free(fx);
    }
}

/* IDENTIFY is known only with its word: another request with a number that
 * has its status must not change that. */
static void a_stored_status_does_not_change(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    fx_strict_send(fx, client(), id, 2, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, NULL,
                   0);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
    fx_strict_send(fx, client(), id, 2, BH_OP_IDENTIFY, 0, NULL, 0);
    fx_forget_replies(fx);
    fx_strict_send(fx, client(), id, 2, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, NULL,
                   0);
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
}

/*
 * Clients that break the rules hurt only themselves.
 */

static void
a_keep_with_the_number_of_a_running_write_takes_nothing(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_strict(fx);

    disk->holds[BH_JOB_WRITE] = true;
    send_write(fx, id, 2, 3, 0xAA);
    for (uint32_t number = 2; number <= 200; number++)
        fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, number);
    fx_forget_replies(fx);
    fx_release_all(fx); /* records 2, which must not have left the window */
    assert_int_equal(fx_strict_answer(fx, client(), id, 2), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
}

static void
a_first_command_with_the_number_of_a_refused_one_takes_nothing(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_pend(fx, client(), STRICT, "d");

    fx_strict_send(fx, client(), id, 1, 200, 0, NULL, 0);
    disk->holds[BH_JOB_WRITE] = true;
    send_write(fx, id, 1, 3, 0xAA);
    for (uint32_t number = 2; number <= 200; number++)
        fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, number);
    fx_release_all(fx);
    fx_forget_replies(fx);
    assert_int_equal(disk->count[BH_JOB_WRITE], 0);
}

static void
a_refused_command_with_the_number_of_a_waiting_one_takes_nothing(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    struct bh_path other = fx_peer(2, 10);
    uint16_t holder = open_as(fx, &other, STRICT), id;
    uint8_t sector[FX_SECTOR] = {0};

    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send(fx, &other, holder, 2, BH_OP_WRITE, 1, sector,
                   sizeof sector);
    fx_pass(fx, BH_LEASE_MS);
    id = fx_pend(fx, client(), STRICT, "d");
    send_write(fx, id, 1, 3, 0xAA); /* waits for the holder's WRITE */
    fx_strict_send(fx, client(), id, 1, 200, 0, NULL, 0);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_held(fx, BH_JOB_WRITE), 1); /* proven, and runs */
    for (uint32_t number = 2; number <= 200; number++)
        fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, number);
    fx_release_all(fx);
    fx_forget_replies(fx);
    assert_int_equal(disk->count[BH_JOB_WRITE], 2);
}

/*
 * DISCON and KEEP.
 */

static void discon_has_a_number_and_its_answer_is_repeated(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    assert_int_equal(strict_write(fx, id, 2, 1, 1), BH_OK);
    assert_int_equal(strict_discon(fx, id, 3), BH_OK);
    assert_int_equal(strict_discon(fx, id, 3), BH_OK);
    fx_pass(fx, 119000);
    assert_int_equal(strict_discon(fx, id, 3), BH_OK);
}

static void a_late_discon_with_a_seen_number_ends_nothing(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    advance_to(fx, id, 2, 100);
    assert_int_equal(strict_discon(fx, id, 100), BH_OK); /* the KEEP's */
    assert_int_equal(strict_discon(fx, id, 2), FX_NONE); /* old */
    assert_int_equal(strict_read(fx, id, 101, 0), BH_OK);
}

static void a_discon_without_its_fifth_byte_gets_3(void **state)
{
    struct fx *fx = *state;
    uint16_t id, pending;

    with_disk(fx)->facts.mode = BH_MODE_SHARED;
    id = open_as(fx, client(), STRICT_SHARED);
    assert_int_equal(fx_discon(fx, client(), id), BH_ERR_FORMAT);
    assert_int_equal(strict_read(fx, id, 2, 0), BH_OK);
    pending = fx_pend(fx, client(), STRICT_SHARED, "d");
    assert_int_equal(fx_discon(fx, client(), pending), BH_ERR_FORMAT);
    assert_int_equal(strict_read(fx, pending, 1, 0), BH_OK);
}

static void discon_ends_a_pending_session(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = fx_pend(fx, client(), STRICT, "d");
    assert_int_equal(strict_discon(fx, id, 1), BH_OK);
    assert_int_equal(strict_discon(fx, id, 1), BH_OK);
}

static void a_keep_is_answered_again_from_its_status(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    for (unsigned copy = 0; copy < 20; copy++) /* and no rate limits it */
        assert_int_equal(strict_keep(fx, id, 2), BH_OK);
    assert_int_equal(strict_keep(fx, id, 3), BH_OK);
}

static void a_plain_keep_takes_no_number(void **state)
{
    struct fx *fx = *state;
    uint8_t bytes[46] = {BH_PACKET_KEEP}, reply[BH_DATAGRAM_MAX_LEN];
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    fx_send(fx, client(), bytes, 1);
    assert_int_equal(fx_take(fx, client(), reply), 1);
    fx_send(fx, client(), bytes, sizeof bytes);
    assert_int_equal(fx_take(fx, client(), reply), 1);
    bytes[2] = (uint8_t)(id >> 8);
    bytes[3] = (uint8_t)id;
    fx_send(fx, client(), bytes, 4); /* a byte short of the strict form */
    assert_int_equal(fx_take(fx, client(), reply), 1);
    assert_int_equal(strict_keep(fx, id, 2), BH_OK);
}

static void
a_keep_of_a_default_or_pending_session_is_the_plain_one(void **state)
{
    struct fx *fx = *state;
    uint8_t reply[BH_DATAGRAM_MAX_LEN];
    uint16_t id, pending;

    with_disk(fx)->facts.mode = BH_MODE_SHARED;
    id = fx_open(fx, client(), FX_SHARED, "d");
    fx_strict_send_five(fx, client(), BH_PACKET_KEEP, id, 2);
    assert_int_equal(fx_take(fx, client(), reply), 1);
    pending = fx_pend(fx, client(), STRICT_SHARED, "d");
    fx_strict_send_five(fx, client(), BH_PACKET_KEEP, pending, 1);
    assert_int_equal(fx_take(fx, client(), reply), 1);
    assert_int_equal(strict_read(fx, pending, 1, 0), BH_OK); /* not taken */
}

/*
 * Forms of the answers to ids that are none.
 */

static void an_unknown_id_is_answered_in_the_default_form(void **state)
{
    struct fx *fx = *state;
    uint8_t reply[BH_DATAGRAM_MAX_LEN];
    uint16_t id;

    with_disk(fx);
    id = (uint16_t)(open_strict(fx) ^ 1);
    fx_strict_send(fx, client(), id, 0x1234, BH_OP_READ, 0, NULL, 0);
    assert_int_equal(fx_take(fx, client(), reply), BH_REPLY_HEADER_LEN);
    assert_memory_equal(reply, "\x02\x34\x04\x12", 4);
    fx_strict_send_five(fx, client(), BH_PACKET_DISCON, id, 0x1234);
    assert_int_equal(fx_take(fx, client(), reply), BH_DISCON_REPLY_LEN);
    assert_memory_equal(reply, "\x02\x34\x04", 3);
}

static void a_closed_id_is_answered_in_the_strict_form(void **state)
{
    struct fx *fx = *state;
    struct bh_path stranger = fx_peer(9, 10);
    uint8_t reply[BH_DATAGRAM_MAX_LEN];
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    assert_int_equal(strict_discon(fx, id, 2), BH_OK);
    fx_strict_send(fx, &stranger, id, 3, BH_OP_READ, 0, NULL, 0);
    assert_int_equal(fx_take(fx, &stranger, reply), BH_REPLY_HEADER_LEN);
    assert_int_equal(strict_read(fx, id, 3, 0), BH_ERR_SESSION);
}

static void a_displaced_session_is_answered_in_the_strict_form(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(2, 10);
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    fx_pass(fx, BH_LEASE_MS);
    open_as(fx, &other, STRICT);
    assert_int_equal(strict_write(fx, id, 2, 1, 1), BH_ERR_SESSION);
    assert_int_equal(strict_keep(fx, id, 3), BH_ERR_SESSION);
    assert_int_equal(strict_discon(fx, id, 4), BH_ERR_SESSION);
}

/*
 * The lease.
 */

static void
a_strict_holder_yields_to_anyone_when_its_lease_is_over(void **state)
{
    static const struct {
        uint32_t host;
        uint16_t port;
        uint8_t takeover;
        uint64_t silence_ms;
        bool yields;
    } rows[] = {
        {1, 10, BH_TAKEOVER_HOST, 0, true}, /* its own peer */
        {1, 11, BH_TAKEOVER_HOST, 3000, false},
        {1, 11, BH_TAKEOVER_HOST, 29999, false},
        {1, 11, BH_TAKEOVER_HOST, 30000, true},
        {2, 10, BH_TAKEOVER_HOST, 29999, false},
        {2, 10, BH_TAKEOVER_HOST, 30000, true},
        {1, 11, BH_TAKEOVER_ADDRESS, 29999, false},
        {1, 11, BH_TAKEOVER_ADDRESS, 30000, true},
        {2, 10, BH_TAKEOVER_ADDRESS, 30000, true},
        {1, 10, BH_TAKEOVER_NEVER, 99999999, false},
        {2, 10, BH_TAKEOVER_NEVER, 99999999, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path newcomer = fx_peer(rows[i].host, rows[i].port);
        uint16_t id;
        int status;

        with_disk(fx)->facts.takeover = rows[i].takeover;
        open_strict(fx);
        fx_pass(fx, rows[i].silence_ms);
        status = fx_connect(fx, &newcomer, FX_PLAIN, "d", &id);
        if (status != (rows[i].yields ? BH_OK : BH_ERR_IN_USE))
            fail_msg("row %zu: %d", i, status);
        if (rows[i].yields)
            assert_int_equal(fx_read(fx, &newcomer, id, 0), BH_OK);
        fx_free(fx);
    }
}

static void whatever_is_valid_renews_the_lease(void **state)
{
    enum { KEEP, READ, KEEP_AGAIN, WAYS };

    (void)state;
    for (unsigned way = 0; way < WAYS; way++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path other = fx_peer(2, 10);
        uint16_t id, none;

        with_disk(fx);
        id = open_strict(fx);
        assert_int_equal(strict_keep(fx, id, 2), BH_OK);
        for (uint32_t number = 3; number < 8; number++) {
            fx_pass(fx, 29000);
            if (way == READ)
                assert_int_equal(strict_read(fx, id, number, 0), BH_OK);
            else
                assert_int_equal(strict_keep(fx, id, way == KEEP ? number : 2),
                                 BH_OK);
            assert_int_equal(fx_connect(fx, &other, FX_PLAIN, "d", &none),
                             BH_ERR_IN_USE);
        }
        fx_pass(fx, BH_LEASE_MS);
        fx_open(fx, &other, FX_PLAIN, "d");
        fx_free(fx);
    }
}

static void neither_a_plain_keep_nor_an_old_number_renews_it(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(2, 10);
    uint8_t keep = BH_PACKET_KEEP;
    uint16_t id;

    with_disk(fx);
    id = open_strict(fx);
    fx_pass(fx, 29000);
    fx_send(fx, client(), &keep, 1);
    assert_int_equal(strict_read(fx, id, 0, 0), FX_NONE);
    fx_pass(fx, 1000);
    fx_open(fx, &other, FX_PLAIN, "d");
}

static void a_session_past_its_lease_makes_room_in_a_full_table(void **state)
{
    struct fx *fx = *state;
    struct bh_path late = fx_peer(200, 1);
    uint16_t id;

    with_disk(fx)->facts.mode = BH_MODE_SHARED;
    for (uint32_t i = 0; i < BH_SESSIONS_MIN; i++) {
        struct bh_path peer = fx_peer(100 + i, 1);

        if (i == 5)
            open_as(fx, &peer, STRICT_SHARED);
        else
            fx_open(fx, &peer, FX_SHARED, "d");
    }
    fx_pass(fx, BH_LEASE_MS - 1);
    assert_int_equal(fx_connect(fx, &late, FX_SHARED, "d", &id),
                     BH_ERR_SESSIONS);
    fx_pass(fx, 1);
    fx_open(fx, &late, FX_SHARED, "d");
    assert_int_equal(fx_connect(fx, client(), FX_SHARED, "d", &id),
                     BH_ERR_SESSIONS);
}

/*
 * Counting clients.
 */

static int numbered(struct fx *fx, uint16_t id, uint8_t seq, uint8_t opcode,
                    uint8_t fill)
{
    int status;

    fx->seq = (uint8_t)(seq - 1);
    status = opcode == BH_OP_WRITE ? fx_write(fx, client(), id, 1, fill)
                                   : fx_read(fx, client(), id, 1);
    return status;
}

/* CONNECT has number 1, the proof 2; the last of 8 commands has 9. */
static uint16_t open_counting(struct fx *fx)
{
    uint16_t id;

    fx->seq = 0;
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    for (uint8_t seq = 2; seq <= 9; seq++)
        assert_int_equal(numbered(fx, id, seq, BH_OP_READ, 0), BH_OK);
    return id;
}

static void a_late_write_of_one_that_counts_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_counting(fx);

    assert_int_equal(numbered(fx, id, 10, BH_OP_WRITE, 0xAA), BH_OK);
    assert_int_equal(numbered(fx, id, 11, BH_OP_WRITE, 0xBB), BH_OK);
    assert_int_equal(numbered(fx, id, 10, BH_OP_WRITE, 0xAA), FX_NONE);
    assert_int_equal(disk->bytes[FX_SECTOR], 0xBB);
    assert_int_equal(numbered(fx, id, 10, BH_OP_READ, 0), BH_OK); /* late */
    assert_int_equal(fx->data[0], 0xBB);
    assert_int_equal(numbered(fx, id, 11, BH_OP_WRITE, 0xBB), BH_OK); /* again
                                                                       */
}

static void eight_commands_after_the_connect_are_enough(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_counting(fx);

    assert_int_equal(numbered(fx, id, 5, BH_OP_WRITE, 0xAA), FX_NONE);
    assert_int_equal(disk->count[BH_JOB_WRITE], 0);
}

static void seven_are_not(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    fx->seq = 0;
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    for (uint8_t seq = 2; seq <= 8; seq++)
        assert_int_equal(numbered(fx, id, seq, BH_OP_READ, 0), BH_OK);
    assert_int_equal(numbered(fx, id, 5, BH_OP_WRITE, 0xAA), BH_OK);
}

static void who_has_lost_count_gets_4_after_5_seconds(void **state)
{
    struct fx *fx = *state;
    struct bh_event event;
    uint16_t id;

    with_disk(fx);
    id = open_counting(fx);
    numbered(fx, id, 10, BH_OP_READ, 0);
    assert_int_equal(numbered(fx, id, 200, BH_OP_WRITE, 1), FX_NONE);
    fx_pass(fx, 4999);
    assert_int_equal(numbered(fx, id, 200, BH_OP_WRITE, 1), FX_NONE);
    fx_pass(fx, 1);
    assert_int_equal(numbered(fx, id, 200, BH_OP_WRITE, 1), BH_ERR_SESSION);
    assert_true(fx_event(fx, BH_EVENT_SESSION_ENDED, &event));
    assert_int_equal(event.detail, BH_END_LOST);
    assert_int_equal(numbered(fx, id, 200, BH_OP_WRITE, 1), BH_ERR_SESSION);
}

static void a_constant_number_never_loses_a_write(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id;

    fx->seq = 4;
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    for (unsigned i = 1; i <= 3000; i++) {
        assert_int_equal(numbered(fx, id, 5, BH_OP_WRITE, (uint8_t)i), BH_OK);
        assert_int_equal(disk->bytes[FX_SECTOR], (uint8_t)i);
        if (i % 100 == 0)
            fx_pass(fx, 6000);
    }
}

static void random_numbers_never_lose_a_write(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    for (unsigned i = 1; i <= 3000; i++) {
        assert_int_equal(
            numbered(fx, id, (uint8_t)fx_random(fx), BH_OP_WRITE, (uint8_t)i),
            BH_OK);
        assert_int_equal(disk->bytes[FX_SECTOR], (uint8_t)i);
    }
}

static void two_requests_under_way_make_it_naive_for_good(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_counting(fx);

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(numbered(fx, id, 10, BH_OP_WRITE, 1), FX_NONE);
    numbered(fx, id, 11, BH_OP_WRITE, 2);
    fx_release_all(fx);
    fx_forget_replies(fx);
    for (uint8_t seq = 12; seq < 40; seq++)
        assert_int_equal(numbered(fx, id, seq, BH_OP_READ, 0), BH_OK);
    assert_int_equal(numbered(fx, id, 20, BH_OP_WRITE, 3), BH_OK);
    assert_int_equal(disk->bytes[FX_SECTOR], 3);
}

/* The network doubles an answered request, and its copy is under way when the
 * client's next one comes. */
static void a_copy_under_way_makes_nobody_naive(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = open_counting(fx);

    assert_int_equal(numbered(fx, id, 10, BH_OP_WRITE, 1), BH_OK);
    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(numbered(fx, id, 10, BH_OP_WRITE, 1), FX_NONE);
    assert_int_equal(numbered(fx, id, 11, BH_OP_WRITE, 2), FX_NONE);
    disk->holds[BH_JOB_WRITE] = false;
    fx_release_all(fx);
    fx_forget_replies(fx);
    assert_int_equal(numbered(fx, id, 12, BH_OP_WRITE, 3), BH_OK);
    disk->holds[BH_JOB_READ] = true;
    assert_int_equal(numbered(fx, id, 9, BH_OP_READ, 0), FX_NONE);
    assert_int_equal(numbered(fx, id, 13, BH_OP_READ, 0), FX_NONE);
    disk->holds[BH_JOB_READ] = false;
    fx_release_all(fx);
    fx_forget_replies(fx);
    assert_int_equal(numbered(fx, id, 11, BH_OP_WRITE, 2), FX_NONE);
    assert_int_equal(disk->bytes[FX_SECTOR], 3);
}

/* The numbers of both sessions of a peer come from one counter. */
static void two_sessions_of_one_peer_make_both_naive(void **state)
{
    static const uint8_t others[] = {FX_PLAIN, STRICT};

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        uint16_t one, two;

        with_disk(fx);
        fx_disk(fx, "e", 4096);
        one = open_counting(fx);
        two = fx_pend(fx, client(), others[i], "e");
        fx_strict_send(fx, client(), two, 1, BH_OP_READ, 0, NULL, 0);
        fx_forget_replies(fx);
        for (uint8_t seq = 10; seq < 30; seq++)
            assert_int_equal(numbered(fx, one, seq, BH_OP_READ, 0), BH_OK);
        if (numbered(fx, one, 20, BH_OP_WRITE, 3) != BH_OK)
            fail_msg("beside a session with flags %02x", others[i]);
        fx_free(fx);
    }
}

static void sessions_of_two_peers_count_each_for_itself(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(1, 11);
    uint16_t id;

    with_disk(fx);
    fx_disk(fx, "e", 4096);
    fx_open(fx, &other, FX_PLAIN, "e");
    id = open_counting(fx);
    assert_int_equal(numbered(fx, id, 10, BH_OP_READ, 0), BH_OK);
    assert_int_equal(numbered(fx, id, 11, BH_OP_READ, 0), BH_OK);
    assert_int_equal(numbered(fx, id, 5, BH_OP_WRITE, 3), FX_NONE);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_is_carried_out_once_and_answered_always),
        TEST(a_status_is_stored_whatever_it_is),
        TEST(a_copy_of_a_running_write_is_dropped),
        TEST(a_session_about_to_end_answers_what_it_has_begun),
        TEST(a_copy_of_a_write_that_waits_for_the_sync_is_dropped),
        TEST(sixty_four_in_flight_in_any_order_are_each_carried_out_once),
        TEST(a_read_runs_again_and_brings_what_is_there_now),
        TEST(a_flush_again_is_answered_from_its_status),
        TEST(a_read_that_fails_the_second_time_keeps_its_number),
        TEST(an_identify_again_is_answered_in_full),
        TEST(the_server_itself_speaks_of_its_window_and_lease),
        TEST(an_old_number_is_met_with_silence),
        TEST(a_number_ahead_gets_17_and_is_not_taken),
        TEST(a_number_that_still_runs_holds_the_window),
        TEST(numbers_go_on_behind_65535),
        TEST(a_write_that_comes_65471_requests_late_is_dropped),
        TEST(a_malformed_request_takes_no_number),
        TEST(an_unknown_opcode_takes_its_number),
        TEST(an_unknown_opcode_takes_its_number_before_the_proof_too),
        TEST(a_number_refused_while_pending_does_not_prove),
        TEST(a_pending_session_takes_1_to_64_as_its_first_number),
        TEST(a_stored_status_does_not_change),
        TEST(a_keep_with_the_number_of_a_running_write_takes_nothing),
        TEST(a_first_command_with_the_number_of_a_refused_one_takes_nothing),
        TEST(a_refused_command_with_the_number_of_a_waiting_one_takes_nothing),
        TEST(discon_has_a_number_and_its_answer_is_repeated),
        TEST(a_late_discon_with_a_seen_number_ends_nothing),
        TEST(a_discon_without_its_fifth_byte_gets_3),
        TEST(discon_ends_a_pending_session),
        TEST(a_keep_is_answered_again_from_its_status),
        TEST(a_plain_keep_takes_no_number),
        TEST(a_keep_of_a_default_or_pending_session_is_the_plain_one),
        TEST(an_unknown_id_is_answered_in_the_default_form),
        TEST(a_closed_id_is_answered_in_the_strict_form),
        TEST(a_displaced_session_is_answered_in_the_strict_form),
        TEST(a_strict_holder_yields_to_anyone_when_its_lease_is_over),
        TEST(whatever_is_valid_renews_the_lease),
        TEST(neither_a_plain_keep_nor_an_old_number_renews_it),
        TEST(a_session_past_its_lease_makes_room_in_a_full_table),
        TEST(a_late_write_of_one_that_counts_is_dropped),
        TEST(eight_commands_after_the_connect_are_enough),
        TEST(seven_are_not),
        TEST(who_has_lost_count_gets_4_after_5_seconds),
        TEST(a_constant_number_never_loses_a_write),
        TEST(random_numbers_never_lose_a_write),
        TEST(two_requests_under_way_make_it_naive_for_good),
        TEST(a_copy_under_way_makes_nobody_naive),
        TEST(two_sessions_of_one_peer_make_both_naive),
        TEST(sessions_of_two_peers_count_each_for_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
