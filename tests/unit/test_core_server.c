/* SPDX-License-Identifier: MIT */
/* The front door: dispatch, rates, malformed datagrams, randomness, the end. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static int keep(struct fx *fx, const struct bh_path *from)
{
    uint8_t reply[BH_DATAGRAM_MAX_LEN];

    fx_send(fx, from, (uint8_t[]){BH_PACKET_KEEP}, 1);
    return fx_take(fx, from, reply);
}

/* What is too short, or no packet at all: the length of its answer and the
 * status in it. */
static void malformed_datagrams_get_3_or_nothing(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t len;
        int reply_len;
    } rows[] = {
        {{0}, 0, FX_NONE},
        {{BH_PACKET_CONNECT}, 1, FX_NONE},
        {{BH_PACKET_CONNECT, 1, 1, 'd'}, 4, FX_NONE},
        {{BH_PACKET_CONNECT, 1, 1, 'd', 'd'}, 5, 5}, /* no NUL */
        {{BH_PACKET_CONNECT, 1, 1, 'd', 'd', 'd', 'd', 'd'}, 8, 5},
        {{BH_PACKET_COMMAND}, 1, FX_NONE},
        {{BH_PACKET_COMMAND, 7, 0}, 3, FX_NONE},
        {{BH_PACKET_COMMAND, 7, 0, 1}, 4, 4},
        {{BH_PACKET_COMMAND, 7, 0, 1, 0, 0, 0, 0, 0}, 9, 4},
        {{BH_PACKET_DISCON}, 1, FX_NONE},
        {{BH_PACKET_DISCON, 7}, 2, FX_NONE},
        {{BH_PACKET_DISCON, 7, 0}, 3, 3},
        {{BH_PACKET_REPLY, 7, 0, 0}, 4, FX_NONE},
        {{5, 7, 0, 0, 0, 0, 0, 0, 0, 0}, 10, FX_NONE},
        {{0xFF, 7, 0, 0, 0, 0, 0, 0, 0, 0}, 10, FX_NONE},
        {{'\n'}, 1, FX_NONE}, /* ncat and a hand on the keyboard */
        {{'h', 'e', 'l', 'l', 'o', '\n'}, 6, FX_NONE},
    };
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t reply[BH_DATAGRAM_MAX_LEN];
        int len;

        fx_send(fx, &peer, rows[i].bytes, rows[i].len);
        len = fx_take(fx, &peer, reply);
        if (len != rows[i].reply_len)
            fail_msg("row %zu: %d bytes", i, len);
        if (len == FX_NONE)
            continue;
        assert_int_equal(reply[1], rows[i].bytes[1]);
        assert_int_equal(reply[2], BH_ERR_FORMAT);
    }
}

static void a_name_of_256_bytes_without_nul_gets_3(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    uint8_t bytes[300];

    memset(bytes, 'x', sizeof bytes);
    bytes[0] = BH_PACKET_CONNECT;
    bytes[2] = FX_PLAIN;
    bytes[BH_CONNECT_MAX_LEN] = 0; /* behind the field: too late */
    fx_send(fx, &peer, bytes, sizeof bytes);
    assert_int_equal(fx_answer(fx, &peer), BH_ERR_FORMAT);
    bytes[BH_CONNECT_MAX_LEN - 1] = 0;
    fx_send(fx, &peer, bytes, sizeof bytes);
    assert_int_equal(fx_answer(fx, &peer), BH_ERR_NO_IMAGE);
}

static void keep_is_answered_5_times_then_once_a_second(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10), port = fx_peer(1, 11),
                   other = fx_peer(2, 10);

    for (int i = 0; i < 5; i++)
        assert_int_equal(keep(fx, i % 2 ? &port : &peer), 1);
    assert_int_equal(keep(fx, &peer), FX_NONE); /* the host's rate */
    assert_int_equal(keep(fx, &port), FX_NONE);
    assert_int_equal(keep(fx, &other), 1);
    for (int i = 0; i < 10; i++) {
        fx_pass(fx, 999);
        assert_int_equal(keep(fx, &peer), FX_NONE);
        fx_pass(fx, 1);
        assert_int_equal(keep(fx, &peer), 1);
    }
    fx_pass(fx, 5000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(keep(fx, &peer), 1);
    assert_int_equal(keep(fx, &peer), FX_NONE);
}

static void a_padded_keep_gets_one_byte(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    uint8_t bytes[46] = {BH_PACKET_KEEP, 1, 2, 3}, reply[BH_DATAGRAM_MAX_LEN];

    fx_send(fx, &peer, bytes, sizeof bytes);
    assert_int_equal(fx_take(fx, &peer, reply), 1);
    assert_int_equal(reply[0], BH_PACKET_KEEP);
}

static void unknown_ids_get_4_at_20_a_second(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);

    for (uint16_t i = 0; i < 5; i++)
        assert_int_equal(i % 2 ? fx_read(fx, &peer, (uint16_t)(1 + i), 0)
                               : fx_discon(fx, &peer, (uint16_t)(1 + i)),
                         BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, &peer, 9, 0), FX_NONE);
    assert_int_equal(fx_discon(fx, &peer, 9), FX_NONE);
    assert_int_equal(fx_read(fx, &other, 9, 0), BH_ERR_SESSION);
    for (int i = 0; i < 40; i++) {
        fx_pass(fx, 49);
        assert_int_equal(fx_read(fx, &peer, 9, 0), FX_NONE);
        fx_pass(fx, 1);
        assert_int_equal(fx_read(fx, &peer, 9, 0), BH_ERR_SESSION);
    }
    assert_int_equal(bh_server_counters(fx->server)->silenced, 42);
}

/* A storm of wrong ids from elsewhere, and from here, leaves sessions alone. */
static void silence_is_for_wrong_ids_alone(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id;

    fx_disk(fx, "d", 2048);
    id = fx_open(fx, &peer, FX_PLAIN, "d");
    for (uint16_t i = 1; i < 200; i++)
        fx_read(fx, &peer, (uint16_t)(id + i), 0);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK);
}

static void without_randomness_nothing_breaks(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    uint16_t session, id, last = 0;
    int status;

    fx_disk(fx, "d", 2048);
    session = fx_open(fx, &peer, FX_PLAIN, "d");
    fx->no_random = true;
    for (int i = 0; i < 2000; i++) {
        status = fx_connect(fx, &other, FX_LOOK, "d", &id);
        if (status == BH_OK) {
            last = id;
            continue;
        }
        assert_true(status == FX_NONE || status == BH_ERR_SESSIONS);
    }
    status = fx_connect(fx, &other, FX_LOOK, "d", &id);
    assert_true(status == FX_NONE || status == BH_ERR_SESSIONS);
    status = fx_connect(fx, &other, FX_LOOK, ":list", &id);
    assert_true(status == FX_NONE || status == BH_ERR_SESSIONS);
    assert_int_equal(fx_write(fx, &peer, session, 0, 1), BH_OK);
    if (last != 0)
        fx_read(fx, &other, last, 0);
    fx->no_random = false;
    fx_pump(fx);
    fx_open(fx, &other, FX_LOOK, "d");
}

/* Neither an id nor a change counter can be drawn. */
static void the_last_random_byte_may_go_anywhere(void **state)
{
    (void)state;
    for (size_t spare = 0; spare < 12; spare++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path peer = fx_peer(1, 10);
        static const uint8_t bytes[12] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x58,
                                          0x97, 0x93, 0x23, 0x84, 0x62, 0x64};
        uint16_t id;
        int status;

        fx->no_random = true;
        while (fx_connect(fx, &peer, FX_LOOK, ":list", &id) == BH_OK)
            ;
        bh_server_add_random(fx->server, bytes, spare);
        fx_disk(fx, "d", 2048);
        status = fx_connect(fx, &peer, FX_PLAIN, "d", &id);
        assert_true(status == BH_OK || status == FX_NONE ||
                    status == BH_ERR_SESSIONS);
        assert_int_equal(keep(fx, &peer), 1);
        fx->no_random = false;
        fx_pump(fx);
        fx_open(fx, &peer, FX_PLAIN, "d");
        fx_free(fx);
    }
}

static void after_stop_the_server_becomes_idle_with_all_stable(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d"), pending;

    pending = fx_pend(fx, &other, FX_LOOK, "d");
    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_SYNC] = true;
    disk->holds[BH_JOB_DETACH] = true;
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), FX_NONE);
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    assert_false(bh_server_idle(fx->server));
    assert_int_equal(fx_read(fx, &other, pending, 0), FX_NONE);
    assert_int_equal(keep(fx, &peer), FX_NONE);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer(fx, &peer), BH_OK);
    assert_false(bh_server_idle(fx->server));
    fx_release(fx, BH_JOB_SYNC);
    assert_false(bh_server_idle(fx->server));
    fx_release(fx, BH_JOB_DETACH);
    assert_true(bh_server_idle(fx->server));
    assert_int_equal(disk->stable, disk->written);
    assert_null(fx->media);
    assert_int_equal(bh_server_session_count(fx->server), 0);
}

static void stop_outlives_every_job_that_was_under_way(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *d = fx_disk(fx, "d", 2048), *e = fx_disk(fx, "e", 2048);
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d"), waits;

    (void)e;
    d->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), FX_NONE);
    waits = fx_pend(fx, &peer, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &peer, waits, 0), FX_NONE); /* a takeover */
    e->holds[BH_JOB_ATTACH] = true;
    waits = fx_pend(fx, &other, FX_PLAIN, "e");
    assert_int_equal(fx_read(fx, &other, waits, 0), FX_NONE); /* an ATTACH */
    fx->hold_lookups = true;
    fx_connect(fx, &other, FX_LOOK, "e", &waits); /* a LOOKUP */
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    assert_int_equal(fx_answer(fx, &peer), BH_ERR_SESSION);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &peer), BH_OK);
    assert_int_equal(fx_answer(fx, &other), BH_ERR_SESSION);
    assert_int_equal(fx_answer(fx, &other), FX_NONE);
    assert_true(bh_server_idle(fx->server));
    assert_null(fx->media);
}

static void events_that_do_not_fit_are_left_out(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    struct bh_event event;
    unsigned count = 0;

    for (uint32_t i = 0; i < 3 * BH_EVENTS_MAX; i++)
        fx_read(fx, &peer, (uint16_t)(1 + i), 0);
    while (bh_server_next_event(fx->server, &event)) {
        assert_int_equal(event.kind, BH_EVENT_ID_UNKNOWN);
        count++;
    }
    assert_int_equal(count, BH_EVENTS_MAX);
    fx_read(fx, &peer, 7, 0);
    assert_true(bh_server_next_event(fx->server, &event));
    assert_int_equal(event.id, 7);
    assert_false(bh_server_next_event(fx->server, &event));
}

static void a_refused_name_is_in_the_event(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    struct bh_event event;
    char name[256];
    uint16_t id;

    memset(name, 'z', sizeof name);
    name[255] = '\0';
    assert_int_equal(fx_connect(fx, &peer, FX_PLAIN, name, &id),
                     BH_ERR_NO_IMAGE);
    assert_true(fx_event(fx, BH_EVENT_CONNECT_REFUSED, &event));
    assert_int_equal(event.status, BH_ERR_NO_IMAGE);
    assert_int_equal(strlen(event.volume), BH_EVENT_NAME_LEN - 1);
    assert_memory_equal(&event.peer, &peer.peer, sizeof event.peer);
}

/* Hosts beyond the table's room push the stalest out, never an owner. */
static void a_flood_of_hosts_harms_no_owner(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id;

    fx_disk(fx, "d", 2048);
    id = fx_open(fx, &peer, FX_PLAIN, "d");
    for (uint32_t i = 0; i < 20000; i++) {
        struct bh_path other = fx_peer(1000 + i, 1);

        assert_int_equal(keep(fx, &other), 1);
    }
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), BH_OK);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(malformed_datagrams_get_3_or_nothing),
        TEST(a_name_of_256_bytes_without_nul_gets_3),
        TEST(keep_is_answered_5_times_then_once_a_second),
        TEST(a_padded_keep_gets_one_byte),
        TEST(unknown_ids_get_4_at_20_a_second),
        TEST(silence_is_for_wrong_ids_alone),
        TEST(without_randomness_nothing_breaks),
        TEST(the_last_random_byte_may_go_anywhere),
        TEST(after_stop_the_server_becomes_idle_with_all_stable),
        TEST(stop_outlives_every_job_that_was_under_way),
        TEST(events_that_do_not_fit_are_left_out),
        TEST(a_refused_name_is_in_the_event),
        TEST(a_flood_of_hosts_harms_no_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
