/* SPDX-License-Identifier: MIT */
/* What an administrator sees and does. */
#include "fixture.h"

#include "core/admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STRICT (FX_PLAIN | BH_FLAG_STRICT)

static struct bh_admin_session only_session(struct fx *fx)
{
    struct bh_admin_session session, another;
    uint32_t place = 0;

    assert_true(bh_admin_next_session(fx->server, fx->now, &place, &session));
    assert_false(bh_admin_next_session(fx->server, fx->now, &place, &another));
    return session;
}

static enum bh_admin_end disconnect(struct fx *fx, uint16_t id)
{
    enum bh_admin_end end = bh_admin_disconnect(fx->server, fx->now, id);

    fx_pump(fx);
    return end;
}

static void a_walk_shows_what_a_session_is(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    struct bh_admin_session session;
    uint16_t id;

    fx_disk(fx, "d", FX_DISK_LEN)->facts.number = 7;
    id = fx_strict_open(fx, &peer, STRICT, "d");
    fx_pass(fx, 1234);
    session = only_session(fx);
    assert_int_equal(session.id, id);
    assert_int_equal(session.access, BH_ACCESS_WRITER);
    assert_int_equal(BH_SECTOR_LEN(session.exponent), FX_SECTOR);
    assert_true(session.strict);
    assert_false(session.ending);
    assert_int_equal(session.requests, 0);
    assert_int_equal(session.carried_out, 1);
    assert_int_equal(session.idle_ms, 1234);
    assert_int_equal(session.number, 7);
    assert_true(bh_peer_same(&session.peer, &peer.peer));
    assert_string_equal(session.volume, "d");
}

static void a_walk_passes_by_each_session_once(void **state)
{
    struct fx *fx = *state;
    struct bh_admin_session session;
    uint32_t place = 0, seen = 0;
    uint16_t ids[4];

    fx_disk(fx, "d", FX_DISK_LEN);
    for (uint16_t i = 0; i < 4; i++) {
        struct bh_path peer = fx_peer(1, (uint16_t)(10 + i));

        ids[i] = fx_open(fx, &peer, FX_READER, "d");
        if (i == 1)
            assert_int_equal(fx_discon(fx, &peer, ids[i]), BH_OK);
    }
    while (bh_admin_next_session(fx->server, fx->now, &place, &session)) {
        assert_false(session.strict);
        assert_int_equal(session.carried_out, 0);
        for (unsigned i = 0; i < 4; i++)
            if (session.id == ids[i])
                seen |= 1u << i;
    }
    assert_int_equal(seen, 0xD);
    place = UINT32_MAX; /* from a stranger */
    assert_false(bh_admin_next_session(fx->server, fx->now, &place, &session));
}

static void pending_sessions_are_none(void **state)
{
    struct fx *fx = *state;
    struct bh_admin_session session;
    struct bh_path peer = fx_peer(1, 10);
    uint32_t place = 0;
    uint16_t id;

    fx_disk(fx, "d", FX_DISK_LEN);
    id = fx_pend(fx, &peer, FX_PLAIN, "d");
    assert_false(bh_admin_next_session(fx->server, fx->now, &place, &session));
    assert_int_equal(disconnect(fx, id), BH_ADMIN_UNKNOWN);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_OK);
}

static void a_disconnected_client_gets_4_and_its_volume_is_free(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    struct bh_event event;
    uint16_t id;

    fx_disk(fx, "d", FX_DISK_LEN);
    id = fx_open(fx, &peer, FX_PLAIN, "d");
    assert_int_equal(disconnect(fx, id), BH_ADMIN_ENDED);
    assert_true(fx_event(fx, BH_EVENT_SESSION_ENDED, &event));
    assert_int_equal(event.id, id);
    assert_int_equal(event.detail, BH_END_ADMIN);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
    fx_open(fx, &other, FX_PLAIN, "d");
    assert_int_equal(disconnect(fx, id), BH_ADMIN_UNKNOWN);
    assert_int_equal(disconnect(fx, 0), BH_ADMIN_UNKNOWN);
}

static void what_runs_is_finished_and_nothing_else_begins(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10), other = fx_peer(2, 10);
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d"), next;

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, &peer, id, 1, 0x11), FX_NONE);
    assert_int_equal(disconnect(fx, id), BH_ADMIN_ENDING);
    assert_true(only_session(fx).ending);
    assert_int_equal(only_session(fx).requests, 1);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
    next = fx_pend(fx, &other, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &other, next, 1), FX_NONE); /* it waits */
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &peer), BH_OK); /* the WRITE's */
    assert_int_equal(fx_answer(fx, &other), BH_OK);
    assert_int_equal(only_session(fx).id, next);
}

/* A server after a kill does not bring back what the administrator ended. */
static void a_kill_does_not_undo_it(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    struct bh_admin_session session;
    uint32_t place = 0;
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d");

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, &peer, id, 1, 0x11), FX_NONE);
    assert_int_equal(disconnect(fx, id), BH_ADMIN_ENDING);
    fx_kill(fx);
    assert_false(bh_admin_next_session(fx->server, fx->now, &place, &session));
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
}

static void a_volume_tells_who_has_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    struct fx_disk *link = fx_disk(fx, "link", FX_DISK_LEN);
    struct bh_admin_volume volume;

    link->facts.device = disk->facts.device;
    link->facts.inode = disk->facts.inode;
    bh_admin_volume(fx->server, &disk->facts, &volume);
    assert_int_equal(volume.looks + volume.readers + volume.writers, 0);
    fx_open(fx, fx_host(fx, 1), FX_READER, "d");
    fx_open(fx, fx_host(fx, 2), FX_READER, "d");
    fx_open(fx, fx_host(fx, 3), FX_LOOK, "d");
    bh_admin_volume(fx->server, &disk->facts, &volume);
    assert_int_equal(volume.looks, 1);
    assert_int_equal(volume.readers, 2);
    assert_int_equal(volume.writers, 0);
    assert_false(volume.poisoned);
    bh_admin_volume(fx->server, &link->facts, &volume);
    assert_int_equal(volume.readers, 0); /* under this name */
}

/* A disk whose SYNC has failed. */
static struct fx_disk *lost(struct fx *fx, const char *name, uint32_t host)
{
    struct fx_disk *disk = fx_disk(fx, name, FX_DISK_LEN);
    uint16_t id = fx_open(fx, fx_host(fx, host), FX_PLAIN, name);

    assert_int_equal(fx_write(fx, fx_host(fx, host), id, 1, 0x11), BH_OK);
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_pass(fx, BH_SYNC_DELAY_MS);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    assert_int_equal(fx_read(fx, fx_host(fx, host), id, 0), BH_ERR_STORAGE);
    return disk;
}

static uint32_t reopen(struct fx *fx, const char *name)
{
    uint32_t count = bh_admin_reopen(fx->server, fx->now, name, NULL);

    fx_pump(fx);
    return count;
}

static void one_volume_is_reopened_by_its_name(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *one = lost(fx, "one", 1), *two = lost(fx, "two", 2);
    struct bh_admin_volume volume;

    assert_int_equal(reopen(fx, "nosuch"), 0);
    assert_int_equal(reopen(fx, "one"), 1);
    bh_admin_volume(fx->server, &one->facts, &volume);
    assert_false(volume.poisoned);
    assert_int_equal(volume.writers, 0); /* it lost what it had written */
    bh_admin_volume(fx->server, &two->facts, &volume);
    assert_true(volume.poisoned);
    assert_int_equal(volume.writers, 1);
    fx_open(fx, fx_host(fx, 3), FX_PLAIN, "one");
    assert_int_equal(reopen(fx, "one"), 0);
    assert_int_equal(reopen(fx, NULL), 1);
    assert_false(bh_server_poisoned(fx->server));
}

/* A medium that lost a write has lost it under each of its names. */
static void reopening_one_name_reopens_the_medium(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = lost(fx, "d", 1);
    struct fx_disk *link = fx_disk(fx, "link", FX_DISK_LEN);
    uint16_t id;

    link->facts.device = disk->facts.device;
    link->facts.inode = disk->facts.inode;
    link->facts.number = disk->facts.number + 100;
    fx_pend(fx, fx_host(fx, 2), FX_LOOK, "link");
    assert_int_equal(reopen(fx, "link"), 2);
    assert_false(bh_server_poisoned(fx->server));
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_OK);
}

/* The core has not heard of a name that nobody has opened. */
static void a_medium_is_reopened_by_its_facts(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = lost(fx, "d", 1);

    lost(fx, "other", 2);
    assert_int_equal(bh_admin_reopen(fx->server, fx->now, "link", &disk->facts),
                     1);
    fx_pump(fx);
    fx_open(fx, fx_host(fx, 3), FX_PLAIN, "d");
    assert_true(bh_server_poisoned(fx->server));
}

static void the_instance_is_that_of_identify(void **state)
{
    struct fx *fx = *state;
    struct bh_identify identify;
    uint16_t id;

    fx_disk(fx, "d", FX_DISK_LEN);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_identify(fx, fx_host(fx, 1), id, &identify), BH_OK);
    assert_true(bh_admin_instance(fx->server) == identify.instance);
    assert_int_equal(bh_admin_session_max(fx->server), 16);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up_kept, fx_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_walk_shows_what_a_session_is),
        TEST(a_walk_passes_by_each_session_once),
        TEST(pending_sessions_are_none),
        TEST(a_disconnected_client_gets_4_and_its_volume_is_free),
        TEST(what_runs_is_finished_and_nothing_else_begins),
        TEST(a_kill_does_not_undo_it),
        TEST(a_volume_tells_who_has_it),
        TEST(one_volume_is_reopened_by_its_name),
        TEST(reopening_one_name_reopens_the_medium),
        TEST(a_medium_is_reopened_by_its_facts),
        TEST(the_instance_is_that_of_identify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
