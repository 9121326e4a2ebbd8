/* SPDX-License-Identifier: MIT */
/* Proven sessions: their ids, their end, a full table. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static struct fx *with_disk(void **state)
{
    struct fx *fx = *state;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    return fx;
}

/*
 * The end.
 */

static void discon_frees_the_volume_at_once(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10);
    uint16_t id = fx_open(fx, &one, FX_PLAIN, "d");

    assert_int_equal(fx_discon(fx, &one, id), BH_OK);
    assert_int_equal(fx_read(fx, &one, id, 0), BH_ERR_SESSION);
    fx_open(fx, &two, FX_PLAIN, "d");
}

static void discon_waits_until_what_was_written_is_stable(void **state)
{
    struct fx *fx = with_disk(state);
    struct fx_disk *disk = fx->disks[0];
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d"), next;

    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_write(fx, &peer, id, 1, 1), FX_NONE);
    assert_int_equal(fx_discon(fx, &peer, id), FX_NONE);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 0);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer(fx, &peer), BH_OK); /* the WRITE's */
    assert_int_equal(fx_answer(fx, &peer), FX_NONE);
    assert_int_equal(fx_discon(fx, &peer, id), FX_NONE); /* is on its way */
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
    next = fx_pend(fx, &other, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &other, next, 0), FX_NONE); /* the lock, too */
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(disk->stable, disk->written);
    assert_int_equal(fx_answer(fx, &peer), BH_OK);
    assert_int_equal(fx_answer(fx, &peer),
                     FX_NONE); /* one, though asked twice */
    assert_int_equal(fx_answer(fx, &other), BH_OK);
}

static void discon_of_a_reader_waits_for_nothing(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_open(fx, &peer, FX_READER, "d");

    fx->disks[0]->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_discon(fx, &peer, id), BH_OK);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 1); /* since it was opened */
    fx->disks[0]->holds[BH_JOB_SYNC] = false;
    fx_release_all(fx);
}

/* A server that was killed may have left acknowledged writes in the page cache:
 * they are made stable whoever opens the volume next. */
static void the_first_flush_of_a_reader_waits_for_a_sync(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_open(fx, &peer, FX_READER, "d");

    assert_int_equal(fx_flush(fx, &peer, id), BH_OK);
    assert_int_equal(fx->disks[0]->count[BH_JOB_SYNC], 1);
    assert_int_equal(fx_flush(fx, &peer, id), BH_OK);
    assert_int_equal(fx->disks[0]->count[BH_JOB_SYNC], 1);
}

static void a_repeated_discon_gets_the_first_ones_status_for_120_s(void **state)
{
    static const uint8_t statuses[] = {BH_OK, BH_ERR_STORAGE};

    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path peer = fx_peer(1, 10);
        uint16_t id;

        fx_disk(fx, "d", 8 * FX_SECTOR)->fails[BH_JOB_SYNC] = statuses[i];
        id = fx_open(fx, &peer, FX_PLAIN, "d");
        fx_write(fx, &peer, id, 0, 1);
        for (int again = 0; again < 13; again++) { /* more than a burst of 4s */
            assert_int_equal(fx_discon(fx, &peer, id), statuses[i]);
            fx_pass(fx, again == 0 ? 0 : 10000);
        }
        fx_pass(fx, 2000);
        assert_int_equal(fx_discon(fx, &peer, id), BH_ERR_SESSION);
        fx_free(fx);
    }
}

/* An id of another host is an unknown one, closed or not. */
static void another_hosts_discon_of_a_closed_id_gets_4(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10), stranger = fx_peer(2, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d");

    assert_int_equal(fx_discon(fx, &peer, id), BH_OK);
    assert_int_equal(fx_discon(fx, &stranger, id), BH_ERR_SESSION);
}

/* A displaced session was not disconnected: its DISCON tells no success. */
static void a_displaced_session_gets_4(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d");
    struct bh_event event;

    fx_open(fx, &peer, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), BH_ERR_SESSION);
    assert_int_equal(fx_discon(fx, &peer, id), BH_ERR_SESSION);
    assert_true(fx_event(fx, BH_EVENT_SESSION_ENDED, &event));
    assert_int_equal(event.id, id);
    assert_int_equal(event.detail, BH_END_RESET);
}

static void an_id_is_its_hosts(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10), port = fx_peer(1, 11),
                   thief = fx_peer(2, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d");

    assert_int_equal(fx_read(fx, &thief, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_write(fx, &thief, id, 0, 1), BH_ERR_SESSION);
    assert_int_equal(fx_discon(fx, &thief, id), BH_ERR_SESSION);
    assert_int_equal(fx_write(fx, &port, id, 0, 1), BH_OK);
}

static void nothing_ends_a_session_that_is_merely_idle(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d");

    fx_pass(fx, 365ull * 86400000u);
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), BH_OK);
}

/*
 * Ids.
 */

/* 60,000 sessions in a row, one ended every 10 ms: an id comes back no sooner
 * than after 120 s, and is never 0. */
static void ids_are_not_reused_within_120_s(void **state)
{
    struct fx *fx = with_disk(state);
    uint64_t *ended = calloc(65536, sizeof *ended);
    struct bh_path peer = fx_peer(1, 10);
    unsigned reused = 0;

    assert_non_null(ended);
    for (int i = 0; i < 60000; i++) {
        uint16_t id = fx_open(fx, &peer, FX_READER, "d");

        assert_int_not_equal(id, 0);
        if (ended[id] != 0) {
            assert_true(fx->now - ended[id] >= BH_QUARANTINE_MS);
            reused++;
        }
        fx_pass(fx, 10);
        assert_int_equal(fx_discon(fx, &peer, id), BH_OK);
        ended[id] = fx->now;
    }
    assert_true(reused > 1000); /* and they do come back */
    free(ended);
}

static void ids_do_not_follow_each_other(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t last = 0;
    unsigned near = 0;

    for (int i = 0; i < 2000; i++) {
        uint16_t id = fx_open(fx, &peer, FX_READER, "d");

        near += (uint16_t)(id - last + 16) < 32;
        last = id;
    }
    assert_true(near < 20); /* one is expected */
}

/*
 * A full table.
 */

static void a_full_table_answers_1(void **state)
{
    struct fx *fx = with_disk(state);
    uint16_t ids[BH_SESSIONS_MIN], late, id;
    struct bh_path early = fx_peer(99, 1), peer;

    late = fx_pend(fx, &early, FX_LOOK, "d");
    for (uint32_t i = 0; i < BH_SESSIONS_MIN; i++) {
        peer = fx_peer(1 + i, 10);
        ids[i] = fx_open(fx, &peer, FX_LOOK, "d");
    }
    peer = fx_peer(50, 10);
    assert_int_equal(fx_connect(fx, &peer, FX_LOOK, "d", &id), BH_ERR_SESSIONS);
    assert_int_equal(fx_read(fx, &early, late, 0), BH_ERR_SESSIONS);
    assert_int_equal(fx_read(fx, &early, late, 0), BH_ERR_SESSION);
    for (uint32_t i = 0; i < BH_SESSIONS_MIN; i++) {
        peer = fx_peer(1 + i, 10);
        assert_int_equal(fx_read(fx, &peer, ids[i], 0), BH_OK);
    }
    assert_int_equal(fx_discon(fx, &peer, ids[BH_SESSIONS_MIN - 1]), BH_OK);
    fx_open(fx, &early, FX_LOOK, "d");
}

/* Host 1 holds four of the sixteen, the others one each; session i of them was
 * silent for the longer the lower i is. */
static void open_sixteen(struct fx *fx, uint16_t ids[BH_SESSIONS_MIN],
                         struct bh_path peers[BH_SESSIONS_MIN])
{
    for (uint16_t i = 0; i < BH_SESSIONS_MIN; i++) {
        bool many = i >= 4 && i < 8;

        peers[i] = fx_peer(many ? 1 : 100u + i, (uint16_t)(10 + i));
        ids[i] = fx_open(fx, &peers[i], FX_LOOK, "d");
        fx_pass(fx, 1000);
    }
}

static void the_longest_idle_of_the_host_that_holds_most_goes(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peers[BH_SESSIONS_MIN], newcomer = fx_peer(200, 1);
    uint16_t ids[BH_SESSIONS_MIN], id;
    struct bh_event event;

    open_sixteen(fx, ids, peers);
    /* Session 0 alone is past its time: it goes, though its host has one. */
    fx_pass(fx, BH_IDLE_DEFAULT_MS - 16000 - 1);
    assert_int_equal(fx_connect(fx, &newcomer, FX_LOOK, "d", &id),
                     BH_ERR_SESSIONS);
    fx_pass(fx, 1);
    fx_open(fx, &newcomer, FX_LOOK, "d");
    assert_int_equal(fx_read(fx, &peers[0], ids[0], 0), BH_ERR_SESSION);
    do
        assert_true(fx_event(fx, BH_EVENT_SESSION_ENDED, &event));
    while (event.id != ids[0]);
    assert_int_equal(event.detail, BH_END_RECLAIMED);
    /* Now several are: host 1's oldest goes before the older ones of others. */
    fx_pass(fx, 20000);
    newcomer = fx_peer(201, 1);
    fx_open(fx, &newcomer, FX_LOOK, "d");
    assert_int_equal(fx_read(fx, &peers[4], ids[4], 0), BH_ERR_SESSION);
    for (int i = 1; i < 16; i++)
        if (i != 4)
            assert_int_equal(fx_read(fx, &peers[i], ids[i], 0), BH_OK);
}

static void a_session_with_a_request_under_way_is_not_reclaimed(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peers[BH_SESSIONS_MIN], newcomer = fx_peer(200, 1);
    uint16_t ids[BH_SESSIONS_MIN], id;

    open_sixteen(fx, ids, peers);
    fx->disks[0]->holds[BH_JOB_READ] = true;
    for (int i = 0; i < 16; i++)
        assert_int_equal(fx_read(fx, &peers[i], ids[i], 0), FX_NONE);
    fx_pass(fx, 2 * BH_IDLE_DEFAULT_MS);
    assert_int_equal(fx_connect(fx, &newcomer, FX_LOOK, "d", &id),
                     BH_ERR_SESSIONS);
    fx_release_all(fx);
    for (int i = 0; i < 16; i++)
        assert_int_equal(fx_answer(fx, &peers[i]), BH_OK);
    assert_int_equal(fx_connect(fx, &newcomer, FX_LOOK, "d", &id), BH_OK);
    fx->disks[0]->holds[BH_JOB_READ] = false;
    assert_int_equal(fx_read(fx, &newcomer, id, 0), BH_OK);
}

static void sessions_without_idle_time_are_not_reclaimed(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peers[BH_SESSIONS_MIN], newcomer = fx_peer(200, 1);
    uint16_t ids[BH_SESSIONS_MIN], id;

    fx->disks[0]->facts.idle_ms = 0;
    open_sixteen(fx, ids, peers);
    fx_pass(fx, 365ull * 86400000u);
    assert_int_equal(fx_connect(fx, &newcomer, FX_LOOK, "d", &id),
                     BH_ERR_SESSIONS);
    assert_int_equal(fx_read(fx, &peers[0], ids[0], 0), BH_OK);
}

/* The table was full of patient sessions, then one of them became a listing
 * that nobody reads: it is not to keep its place for half an hour. */
static void an_impatient_session_that_came_later_is_reclaimed(void **state)
{
    struct fx *fx = with_disk(state);
    struct bh_path peers[BH_SESSIONS_MIN], lister = fx_peer(200, 1),
                                           newcomer = fx_peer(201, 1);
    uint16_t ids[BH_SESSIONS_MIN], id;

    open_sixteen(fx, ids, peers);
    assert_int_equal(fx_connect(fx, &newcomer, FX_LOOK, "d", &id),
                     BH_ERR_SESSIONS);
    fx_discon(fx, &peers[9], ids[9]);
    fx_open(fx, &lister, FX_PLAIN, ":list");
    fx_pass(fx, 60000);
    fx_open(fx, &newcomer, FX_LOOK, "d");
}

/* Likewise one that had a request under way when the table was looked at. */
static void a_session_that_was_busy_then_is_reclaimed_in_time(void **state)
{
    struct fx *fx = with_disk(state);
    struct fx_disk *slow = fx_disk(fx, "slow", 8 * FX_SECTOR);
    struct bh_path busy = fx_peer(77, 1), newcomer = fx_peer(201, 1), peer;
    uint16_t id;

    slow->facts.idle_ms = 60000;
    id = fx_open(fx, &busy, FX_PLAIN, "slow");
    for (uint32_t i = 1; i < BH_SESSIONS_MIN; i++) {
        peer = fx_peer(300 + i, 10);
        fx_open(fx, &peer, FX_LOOK, "d");
    }
    slow->holds[BH_JOB_READ] = true;
    assert_int_equal(fx_read(fx, &busy, id, 0), FX_NONE);
    assert_int_equal(fx_connect(fx, &newcomer, FX_LOOK, "d", &id),
                     BH_ERR_SESSIONS);
    fx_release_all(fx);
    fx_pass(fx, 60000);
    fx_open(fx, &newcomer, FX_LOOK, "d");
}

/* A takeover needs no free place: it makes one. */
static void a_reset_machine_gets_in_when_the_table_is_full(void **state)
{
    static const uint8_t flags[] = {FX_PLAIN, FX_LOOK};

    (void)state;
    for (size_t i = 0; i < COUNT(flags); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path peer = fx_peer(1, 10), other;
        uint16_t id;
        int status;

        fx_disk(fx, "d", 8 * FX_SECTOR);
        fx_open(fx, &peer, flags[i], "d");
        for (uint32_t host = 100; host < 115; host++) {
            other = fx_peer(host, 10);
            fx_open(fx, &other, FX_LOOK, "d");
        }
        status = fx_connect(fx, &peer, flags[i], "d", &id);
        if (status == BH_OK)
            status = fx_read(fx, &peer, id, 0);
        if (status != BH_OK)
            fail_msg("flags 0x%02x: %d", flags[i], status);
        fx_free(fx);
    }
}

/* Sixteen listings that nobody closes must not keep the seventeenth away. */
static void a_forgotten_listing_makes_room_for_a_new_one(void **state)
{
    struct fx *fx = fx_new(64, 64, 4);
    struct bh_path greedy = fx_peer(3, 1), honest = fx_peer(2, 1);
    uint16_t ids[BH_VIRTUAL_MAX], mine = fx_open(fx, &honest, FX_LOOK, ":list");

    (void)state;
    for (uint32_t i = 0; i < BH_VIRTUAL_MAX + 4; i++) {
        struct bh_path from = fx_peer(3, (uint16_t)(10 + i));

        fx_pass(fx, 10);
        ids[i % BH_VIRTUAL_MAX] = fx_open(fx, &from, FX_LOOK, ":list");
        if (i == BH_VIRTUAL_MAX + 3)
            greedy = from;
    }
    assert_int_equal(fx_read(fx, &honest, mine, 0), BH_OK);
    assert_int_equal(fx_read(fx, &greedy, ids[3], 0), BH_OK);
    assert_int_equal(bh_server_session_count(fx->server), BH_VIRTUAL_MAX);
    fx_free(fx);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_forgotten_listing_makes_room_for_a_new_one),
        TEST(discon_frees_the_volume_at_once),
        TEST(discon_waits_until_what_was_written_is_stable),
        TEST(discon_of_a_reader_waits_for_nothing),
        TEST(the_first_flush_of_a_reader_waits_for_a_sync),
        TEST(a_repeated_discon_gets_the_first_ones_status_for_120_s),
        TEST(another_hosts_discon_of_a_closed_id_gets_4),
        TEST(a_displaced_session_gets_4),
        TEST(an_id_is_its_hosts),
        TEST(nothing_ends_a_session_that_is_merely_idle),
        TEST(ids_are_not_reused_within_120_s),
        TEST(ids_do_not_follow_each_other),
        TEST(a_full_table_answers_1),
        TEST(the_longest_idle_of_the_host_that_holds_most_goes),
        TEST(a_session_with_a_request_under_way_is_not_reclaimed),
        TEST(sessions_without_idle_time_are_not_reclaimed),
        TEST(an_impatient_session_that_came_later_is_reclaimed),
        TEST(a_session_that_was_busy_then_is_reclaimed_in_time),
        TEST(a_reset_machine_gets_in_when_the_table_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
