/* SPDX-License-Identifier: MIT */
/* Pending sessions: what a CONNECT alone does, and what proves it. */
#include "fixture.h"

#include "wire/bytes.h"
#include "wire/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct fx *with_disk(void **state)
{
    struct fx *fx = *state;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    return fx;
}

static void late_connect_kills_nobody(void **state)
{
    static const struct {
        uint32_t host;
        uint16_t port;
        int status;
    } rows[] = {
        {1, 10, BH_OK},         /* the holder's own peer: it would yield */
        {1, 11, BH_ERR_IN_USE}, /* its host */
        {2, 10, BH_ERR_IN_USE}, /* another host */
    };
    struct fx *fx = with_disk(state);
    struct bh_path holder = fx_peer(1, 10);
    uint16_t id = fx_open(fx, &holder, FX_PLAIN, "d"), other;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bh_path peer = fx_peer(rows[i].host, rows[i].port);

        assert_int_equal(fx_connect(fx, &peer, FX_PLAIN, "d", &other),
                         rows[i].status);
        assert_int_equal(fx_write(fx, &holder, id, 1, 0x11), BH_OK);
    }
    fx_pass(fx, 10000); /* now the whole host would be let in */
    for (uint16_t port = 20; port < 60; port++) {
        struct bh_path peer = fx_peer(1, port);

        assert_int_equal(fx_connect(fx, &peer, FX_PLAIN, "d", &other), BH_OK);
    }
    assert_int_equal(fx_write(fx, &holder, id, 1, 0x22), BH_OK);
}

static void connect_is_idempotent_while_pending(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10), port = fx_peer(1, 11),
                   host = fx_peer(2, 10);
    uint16_t first = fx_pend(fx, &peer, FX_PLAIN, "d"), again;
    uint8_t seq = fx->seq;

    for (int i = 0; i < 20; i++) {
        fx->seq = (uint8_t)(seq - 1);
        assert_int_equal(fx_connect(fx, &peer, FX_PLAIN, "d", &again), BH_OK);
        assert_int_equal(again, first);
    }
    /* Anything else about it makes it another CONNECT. */
    assert_int_not_equal(fx_pend(fx, &peer, FX_PLAIN, "d"), first);
    fx->seq = (uint8_t)(seq - 1);
    assert_int_not_equal(fx_pend(fx, &peer, FX_READER, "d"), first);
    fx->seq = (uint8_t)(seq - 1);
    assert_int_not_equal(fx_pend(fx, &port, FX_PLAIN, "d"), first);
    fx->seq = (uint8_t)(seq - 1);
    assert_int_not_equal(fx_pend(fx, &host, FX_PLAIN, "d"), first);
    /* The first is still there. */
    assert_int_equal(fx_read(fx, &peer, first, 0), BH_OK);
}

static void bytes_behind_the_name_do_not_make_another_connect(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint8_t bytes[BH_CONNECT_MAX_LEN + 40] = {
        BH_PACKET_CONNECT, 9, FX_PLAIN, 'd', 0, 0xEE, 0xDD};
    static const size_t lengths[] = {5,           6, 7, 60, BH_CONNECT_MAX_LEN,
                                     sizeof bytes};
    uint8_t reply[BH_DATAGRAM_MAX_LEN];
    uint16_t id = 0;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        fx_send(fx, &peer, bytes, lengths[i]);
        assert_int_equal(fx_take(fx, &peer, reply), BH_CONNECT_REPLY_LEN);
        assert_int_equal(reply[2], BH_OK);
        if (i == 0)
            id = BH_GET16(reply + 3);
        assert_int_equal(BH_GET16(reply + 3), id);
    }
}

static void same_connect_during_its_look_up_is_answered_once(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    static const uint8_t bytes[] = {BH_PACKET_CONNECT, 9, FX_PLAIN, 'd', 0};

    fx->hold_lookups = true;
    for (int i = 0; i < 10; i++)
        fx_send(fx, &peer, bytes, sizeof bytes);
    assert_int_equal(fx_held(fx, BH_JOB_LOOKUP), 1);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &peer), BH_OK);
    assert_int_equal(fx_answer(fx, &peer), FX_NONE);
}

static void connect_after_the_proof_makes_another_session(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_pend(fx, &peer, FX_PLAIN, "d"), late;
    uint8_t seq = fx->seq;

    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK);
    fx->seq = (uint8_t)(seq - 1);
    late = fx_pend(fx, &peer, FX_PLAIN, "d");
    assert_int_not_equal(late, id);
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), BH_OK);
}

/* Sends raw bytes with the id put in, for a pending session that is not yet
 * proven: whether the holder is still the holder afterwards. */
static void only_a_well_formed_command_proves(void **state)
{
    static const struct {
        const char *what;
        int len, status;
        uint8_t type, opcode;
        uint32_t lsn;
        bool proves;
    } rows[] = {
        {"header of 9 bytes", 9, BH_ERR_FORMAT, BH_PACKET_COMMAND, BH_OP_READ,
         0, false},
        {"header of 4 bytes", 4, BH_ERR_FORMAT, BH_PACKET_COMMAND, BH_OP_READ,
         0, false},
        {"opcode 4", 10, BH_ERR_OPCODE, BH_PACKET_COMMAND, 4, 0, false},
        {"opcode 0xE0", 600, BH_ERR_OPCODE, BH_PACKET_COMMAND, 0xE0, 0, false},
        {"WRITE of 0 bytes", 10, BH_ERR_FORMAT, BH_PACKET_COMMAND, BH_OP_WRITE,
         0, false},
        {"WRITE of 255 bytes", 265, BH_ERR_FORMAT, BH_PACKET_COMMAND,
         BH_OP_WRITE, 0, false},
        {"IDENTIFY without its word", 10, BH_ERR_OPCODE, BH_PACKET_COMMAND,
         BH_OP_IDENTIFY, 0, false},
        {"READ past the end", 10, BH_ERR_LSN, BH_PACKET_COMMAND, BH_OP_READ, 99,
         true},
        {"READ", 10, BH_OK, BH_PACKET_COMMAND, BH_OP_READ, 0, true},
        {"WRITE", 266, BH_OK, BH_PACKET_COMMAND, BH_OP_WRITE, 0, true},
        {"FLUSH", 10, BH_OK, BH_PACKET_COMMAND, BH_OP_FLUSH, 0, true},
        {"IDENTIFY", 10, BH_OK, BH_PACKET_COMMAND, BH_OP_IDENTIFY,
         BH_IDENTIFY_MAGIC, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path peer = fx_peer(1, 10);
        uint8_t bytes[600] = {rows[i].type, 77};
        uint16_t id, holder;
        int held;

        fx_disk(fx, "d", 8 * FX_SECTOR);
        holder = fx_open(fx, &peer, FX_PLAIN, "d");
        id = fx_pend(fx, &peer, FX_PLAIN, "d");
        bh_put16(bytes + 2, id);
        bytes[4] = rows[i].opcode;
        bh_put32(bytes + 5, rows[i].lsn);
        fx_send(fx, &peer, bytes, (size_t)rows[i].len);
        if (fx_answer(fx, &peer) != rows[i].status)
            fail_msg("%s: another status", rows[i].what);
        held = fx_read(fx, &peer, holder, 0);
        if ((held == BH_ERR_SESSION) != rows[i].proves)
            fail_msg("%s: the holder got %d", rows[i].what, held);
        fx_free(fx);
    }
}

static void keep_and_discon_prove_nothing(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t holder = fx_open(fx, &peer, FX_PLAIN, "d");
    uint16_t id = fx_pend(fx, &peer, FX_PLAIN, "d");
    uint8_t keep[46] = {BH_PACKET_KEEP, 0};

    bh_put16(keep + 2, id);
    fx_send(fx, &peer, keep, sizeof keep);
    fx_forget_replies(fx);
    assert_int_equal(fx_read(fx, &peer, holder, 0), BH_OK);
    assert_int_equal(fx_discon(fx, &peer, id), BH_OK);
    assert_int_equal(fx_read(fx, &peer, holder, 0), BH_OK);
    assert_int_equal(fx_discon(fx, &peer, id), BH_OK); /* as it was answered */
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
}

static void id_of_a_pending_session_is_its_hosts(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10), port = fx_peer(1, 99),
                   thief = fx_peer(2, 10);
    uint16_t id = fx_pend(fx, &peer, FX_PLAIN, "d");

    assert_int_equal(fx_read(fx, &thief, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_discon(fx, &thief, id), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, &port, id, 0), BH_OK);
}

static void
whether_the_holder_yields_is_decided_again_at_the_proof(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path holder = fx_peer(1, 10), other = fx_peer(1, 11);
    uint16_t held = fx_open(fx, &holder, FX_PLAIN, "d"), id;

    fx_pass(fx, BH_SILENCE_MS);
    id = fx_pend(fx, &other, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &holder, held, 0), BH_OK); /* it lives */
    assert_int_equal(fx_read(fx, &other, id, 0), BH_ERR_IN_USE);
    assert_int_equal(fx_read(fx, &other, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, &holder, held, 0), BH_OK);
}

static void a_host_has_16_and_the_oldest_goes(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    uint16_t ids[17], apart = fx_pend(fx, &other, FX_LOOK, "d");

    for (size_t i = 0; i < 17; i++)
        ids[i] = fx_pend(fx, &peer, FX_LOOK, "d");
    assert_int_equal(fx_read(fx, &peer, ids[0], 0), BH_ERR_SESSION);
    /* Each proof ends the session before it: one peer, the same flags. */
    for (size_t i = 1; i < 17; i++)
        assert_int_equal(fx_read(fx, &peer, ids[i], 0), BH_OK);
    assert_int_equal(fx_read(fx, &other, apart, 0), BH_OK);
}

static void a_thousand_and_twenty_four_in_all_and_the_oldest_goes(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path first = fx_peer(1, 10), second = fx_peer(2, 10);
    struct bh_path proven = fx_peer(9999, 1);
    uint16_t session = fx_open(fx, &proven, FX_LOOK, "d");
    uint16_t a = fx_pend(fx, &first, FX_LOOK, "d");
    uint16_t b = fx_pend(fx, &second, FX_LOOK, "d");

    for (uint32_t i = 0; i < BH_PENDING_MAX - 1; i++) {
        struct bh_path peer = fx_peer(100 + i, 10);

        fx_pend(fx, &peer, FX_LOOK, "d");
    }
    assert_int_equal(fx_read(fx, &first, a, 0), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, &second, b, 0), BH_OK);
    assert_int_equal(fx_read(fx, &proven, session, 0), BH_OK);
}

static void pending_sessions_have_no_time_out(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_pend(fx, &peer, FX_PLAIN, "d");

    fx_pass(fx, 7 * 86400000ull);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK);
}

static void the_32nd_wrong_id_of_its_host_ends_it(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10), guesser = fx_peer(1, 66),
                   far = fx_peer(2, 66);
    uint16_t id = fx_pend(fx, &peer, FX_LOOK, "d"), doomed, wrong;

    for (wrong = 1; wrong < 100; wrong++) /* another host's do not count */
        fx_read(fx, &far, (uint16_t)(id + wrong), 0);
    for (wrong = 1; wrong < 32; wrong++)
        wrong % 2 ? fx_read(fx, &guesser, (uint16_t)(id + wrong), 0)
                  : fx_discon(fx, &guesser, (uint16_t)(id + wrong));
    fx_pass(fx, 60000); /* and time heals nothing */
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK);

    doomed = fx_pend(fx, &peer, FX_LOOK, "d");
    for (uint16_t i = 0; i < 32; i++, wrong++)
        fx_read(fx, &guesser, (uint16_t)(doomed + wrong), 0);
    fx_pass(fx, 60000);
    fx_forget_replies(fx);
    assert_int_equal(fx_read(fx, &peer, doomed, 0), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK); /* proven: safe */
}

/* A takeover that waits for the holder's last WRITE. */
static uint16_t waiting_proof(struct fx *fx, const struct bh_path *holder,
                              uint8_t opcode)
{
    struct bh_path peer = *holder;
    uint8_t sector[FX_SECTOR] = {0x77};
    uint16_t held = fx_open(fx, holder, FX_PLAIN, "d"), id;

    id = fx_pend(fx, &peer, FX_PLAIN, "d");
    fx->disks[0]->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, holder, held, 1, 0x11), FX_NONE);
    assert_int_equal(fx_command(fx, &peer, id, opcode, 2, sector,
                                opcode == BH_OP_WRITE ? sizeof sector : 0),
                     FX_NONE);
    return id;
}

static void
write_of_a_session_that_ends_unproven_is_not_acknowledged(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint8_t reply[BH_DATAGRAM_MAX_LEN];
    uint8_t before = fx->disks[0]->bytes[2 * FX_SECTOR], seq;
    uint16_t id = waiting_proof(fx, &peer, BH_OP_WRITE);
    int len, answers = 0;

    seq = fx->seq;
    fx_send(
        fx, &peer,
        (uint8_t[]){BH_PACKET_DISCON, 0xD1, (uint8_t)(id >> 8), (uint8_t)id},
        4);
    fx_release_all(fx);
    assert_int_equal(fx->disks[0]->bytes[2 * FX_SECTOR], before);
    while ((len = fx_take(fx, &peer, reply)) != FX_NONE) {
        if (reply[1] != seq)
            continue;
        answers++;
        assert_int_equal(len, BH_REPLY_HEADER_LEN);
        assert_int_equal(reply[2], BH_ERR_SESSION); /* never BH_OK */
    }
    assert_true(answers <= 1);
}

static void read_of_a_session_that_ends_unproven_gets_an_error(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint8_t reply[BH_DATAGRAM_MAX_LEN], seq;
    uint16_t id = waiting_proof(fx, &peer, BH_OP_READ);
    int len;

    seq = fx->seq;
    fx_send(
        fx, &peer,
        (uint8_t[]){BH_PACKET_DISCON, 0xD1, (uint8_t)(id >> 8), (uint8_t)id},
        4);
    fx_release_all(fx);
    while ((len = fx_take(fx, &peer, reply)) != FX_NONE)
        if (reply[1] == seq)
            assert_int_not_equal(reply[2], BH_OK);
}

static void
a_waiting_proof_drops_other_commands_and_survives_repeats(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = waiting_proof(fx, &peer, BH_OP_READ);

    fx->seq--;
    assert_int_equal(fx_read(fx, &peer, id, 2), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &peer), BH_OK); /* the holder's WRITE */
    assert_int_equal(fx_answer(fx, &peer), BH_OK); /* the READ, once */
    assert_int_equal(fx_answer(fx, &peer), FX_NONE);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK);
}

static void a_waiting_proof_that_is_pushed_out_gets_4(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    struct bh_path pusher = fx_peer(1, 11);
    uint16_t id = waiting_proof(fx, &peer, BH_OP_WRITE);
    uint8_t before = fx->disks[0]->bytes[2 * FX_SECTOR];

    for (int i = 0; i < 16; i++)
        fx_pend(fx, &pusher, FX_LOOK, "d");
    assert_int_equal(fx_answer(fx, &peer), BH_ERR_SESSION);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &peer), BH_OK); /* the holder's WRITE */
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx->disks[0]->bytes[2 * FX_SECTOR], before);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(late_connect_kills_nobody),
        TEST(connect_is_idempotent_while_pending),
        TEST(bytes_behind_the_name_do_not_make_another_connect),
        TEST(same_connect_during_its_look_up_is_answered_once),
        TEST(connect_after_the_proof_makes_another_session),
        TEST(only_a_well_formed_command_proves),
        TEST(keep_and_discon_prove_nothing),
        TEST(id_of_a_pending_session_is_its_hosts),
        TEST(whether_the_holder_yields_is_decided_again_at_the_proof),
        TEST(a_host_has_16_and_the_oldest_goes),
        TEST(a_thousand_and_twenty_four_in_all_and_the_oldest_goes),
        TEST(pending_sessions_have_no_time_out),
        TEST(the_32nd_wrong_id_of_its_host_ends_it),
        TEST(write_of_a_session_that_ends_unproven_is_not_acknowledged),
        TEST(read_of_a_session_that_ends_unproven_gets_an_error),
        TEST(a_waiting_proof_drops_other_commands_and_survives_repeats),
        TEST(a_waiting_proof_that_is_pushed_out_gets_4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
