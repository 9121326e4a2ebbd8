/* SPDX-License-Identifier: MIT */
/* A medium that an administrator needs for himself. */
#include "fixture.h"

#include "core/hold.h"
#include "core/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct fx *fx, const struct fx_disk *disk,
                  enum bh_hold_kind kind)
{
    bh_hold_begin(fx->server, fx->now, &disk->facts, kind);
    fx_pump(fx);
}

static void end_sessions(struct fx *fx)
{
    bh_hold_change_medium(fx->server, fx->now);
    fx_pump(fx);
}

static bool is_still(struct fx *fx)
{
    bool still = bh_hold_is_still(fx->server, fx->now);

    fx_pump(fx);
    return still;
}

static void over(struct fx *fx)
{
    bh_hold_over(fx->server, fx->now);
    fx_pump(fx);
}

/* Another name of the same medium. */
static struct fx_disk *link_to(struct fx *fx, const struct fx_disk *disk)
{
    struct fx_disk *link = fx_disk(fx, "link", FX_DISK_LEN);

    link->facts.device = disk->facts.device;
    link->facts.inode = disk->facts.inode;
    return link;
}

static uint64_t changes(struct fx *fx, const struct bh_path *peer, uint16_t id)
{
    struct bh_identify identify;

    assert_int_equal(fx_identify(fx, peer, id, &identify), BH_OK);
    return identify.change_counter;
}

static void sessions_end_and_what_they_wrote_is_stable(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "d"), next;
    uint64_t before = changes(fx, one, id);

    assert_int_equal(fx_write(fx, one, id, 1, 0x11), BH_OK);
    begin(fx, disk, BH_HOLD_ALL);
    end_sessions(fx);
    assert_true(is_still(fx));
    assert_int_equal(disk->stable, 1);
    assert_null(fx->media);
    assert_int_equal(fx_write(fx, one, id, 2, 0x22), BH_ERR_SESSION);
    next = fx_pend(fx, two, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, two, next, 0), FX_NONE); /* it waits */
    assert_true(is_still(fx));
    over(fx);
    assert_int_equal(fx_answer(fx, two), BH_OK);
    assert_int_equal(disk->written, 1);
    assert_true(changes(fx, two, next) > before + 1);
}

static void what_runs_is_done_before(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_open(fx, peer, FX_PLAIN, "d");

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, peer, id, 1, 0x11), FX_NONE);
    begin(fx, disk, BH_HOLD_ALL);
    end_sessions(fx);
    assert_false(is_still(fx));
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, peer), BH_OK);
    assert_true(is_still(fx));
    assert_int_equal(disk->stable, 1);
    over(fx);
}

static void what_has_not_begun_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_pend(fx, peer, FX_PLAIN, "d");

    disk->holds[BH_JOB_ATTACH] = true;
    assert_int_equal(fx_write(fx, peer, id, 1, 0x11), FX_NONE);
    assert_int_equal(fx_discon(fx, peer, id), FX_NONE);
    begin(fx, disk, BH_HOLD_ALL);
    end_sessions(fx);
    assert_false(is_still(fx));
    fx_release_all(fx);
    assert_true(is_still(fx));
    over(fx);
    assert_int_equal(disk->count[BH_JOB_WRITE], 0);
    assert_int_equal(fx_answer(fx, peer), BH_ERR_SESSION);
    assert_int_equal(bh_server_session_count(fx->server), 0);
}

static void a_name_that_comes_meanwhile_waits_too(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id;

    begin(fx, disk, BH_HOLD_ALL);
    link_to(fx, disk);
    id = fx_pend(fx, peer, FX_LOOK, "link");
    assert_int_equal(fx_read(fx, peer, id, 0), FX_NONE);
    assert_true(is_still(fx));
    over(fx);
    assert_int_equal(fx_answer(fx, peer), BH_OK);
}

static void other_media_go_on(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id;

    fx_disk(fx, "other", FX_DISK_LEN);
    id = fx_open(fx, peer, FX_PLAIN, "other");
    begin(fx, disk, BH_HOLD_ALL);
    end_sessions(fx);
    assert_int_equal(fx_write(fx, peer, id, 1, 0x11), BH_OK);
    over(fx);
}

static void sessions_that_do_not_end_go_on_after_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_open(fx, peer, FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, peer, id, 1, 0x11), BH_OK);
    begin(fx, disk, BH_HOLD_ALL);
    assert_true(is_still(fx));
    assert_null(fx->media);
    assert_int_equal(disk->stable, 1);
    assert_int_equal(fx_write(fx, peer, id, 2, 0x22), FX_NONE);
    over(fx);
    assert_int_equal(fx_answer(fx, peer), BH_OK);
    assert_int_equal(disk->written, 2);
}

static void one_that_ends_early_leaves_nobody_waiting(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_open(fx, peer, FX_PLAIN, "d");

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, peer, id, 1, 0x11), FX_NONE);
    begin(fx, disk, BH_HOLD_ALL);
    assert_int_equal(fx_write(fx, peer, id, 2, 0x22), FX_NONE);
    assert_false(is_still(fx));
    over(fx);
    disk->holds[BH_JOB_WRITE] = false;
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, peer), BH_OK);
    assert_int_equal(fx_answer(fx, peer), BH_OK);
    assert_int_equal(disk->written, 2);
}

/* It is open at once, while a SYNC still runs. */
static void what_waited_is_before_what_comes_later(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_strict_open(fx, peer, FX_PLAIN | BH_FLAG_STRICT, "d");

    assert_int_equal(fx_strict_write(fx, peer, id, 2, 1, 0x11), BH_OK);
    disk->holds[BH_JOB_SYNC] = true;
    begin(fx, disk, BH_HOLD_ALL);
    fx_strict_send_write(fx, peer, id, 3, 1, 0x22);
    assert_false(is_still(fx));
    over(fx);
    fx_strict_send_write(fx, peer, id, 4, 1, 0x33);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, peer, id, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, peer, id, 4), BH_OK);
    assert_int_equal(disk->bytes[FX_SECTOR], 0x33);
}

static void changes_are_held_under_each_name(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN / 2);
    struct fx_disk *link = link_to(fx, disk);
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "d"), other;

    link->facts.first = FX_DISK_LEN / 2;
    link->facts.byte_count = FX_DISK_LEN / 2;
    other = fx_open(fx, two, FX_PLAIN, "link");
    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, one, id, 1, 0x11), FX_NONE);
    begin(fx, link, BH_HOLD_CHANGES);
    assert_true(bh_hold_is_locked(fx->server, &link->facts));
    assert_false(is_still(fx));
    disk->holds[BH_JOB_WRITE] = false;
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, one), BH_OK);
    assert_true(is_still(fx));
    assert_int_equal(fx_read(fx, one, id, 1), BH_OK);
    assert_int_equal(fx_write(fx, one, id, 1, 0x22), FX_NONE);
    assert_int_equal(fx_write(fx, two, other, 1, 0x33), FX_NONE);
    assert_true(is_still(fx));
    over(fx);
    assert_int_equal(fx_answer(fx, one), BH_OK);
    assert_int_equal(fx_answer(fx, two), BH_OK);
}

/* A strict session learns that it has other bytes. */
static void strict_sessions_are_told(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_strict_open(fx, peer, 0x21, "d");

    fx_strict_open(fx, fx_host(fx, 2), 0x39, "d");
    disk->holds[BH_JOB_READ] = true;
    fx_strict_send(fx, peer, id, 2, BH_OP_READ, 0, NULL, 0);
    begin(fx, disk, BH_HOLD_ALL);
    fx_strict_send_write(fx, peer, id, 3, 1, 'x');
    end_sessions(fx);
    assert_int_equal(fx_strict_answer(fx, peer, id, 3), BH_ERR_CHANGED);
    fx_strict_send(fx, peer, id, 4, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, NULL, 0);
    fx_release_all(fx);
    assert_true(is_still(fx) || is_still(fx));
    assert_int_equal(fx_strict_answer(fx, peer, id, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, peer, id, 4), FX_NONE);
    over(fx);
    assert_int_equal(fx_strict_answer(fx, peer, id, 4), BH_OK);
    assert_int_equal(fx_strict_write(fx, peer, id, 5, 1, 'y'), BH_OK);
    assert_int_equal(disk->written, 1);
}

/* A server after a kill does not bring the sessions back. */
static void a_kill_does_not_undo_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    const struct bh_path *peer = fx_host(fx, 1);
    uint16_t id = fx_open(fx, peer, FX_PLAIN, "d");
    uint64_t before = changes(fx, peer, id);

    begin(fx, disk, BH_HOLD_ALL);
    end_sessions(fx);
    fx_kill(fx);
    assert_int_equal(fx_read(fx, peer, id, 0), BH_ERR_SESSION);
    id = fx_open(fx, peer, FX_PLAIN, "d");
    assert_true(changes(fx, peer, id) != before + 1);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up_kept, fx_tear_down)

/* Nothing is due to it meanwhile, and its place is not free for all that. */
static void a_held_volume_that_a_session_names_is_not_forgotten(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_LOOK, "d");

    begin(fx, disk, BH_HOLD_ALL);
    assert_true(is_still(fx));
    assert_true(bh_list_empty(&fx->server->idle_volumes));
    over(fx);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    assert_false(bh_list_empty(&fx->server->idle_volumes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_held_volume_that_a_session_names_is_not_forgotten),
        TEST(sessions_end_and_what_they_wrote_is_stable),
        TEST(what_runs_is_done_before),
        TEST(what_has_not_begun_is_dropped),
        TEST(a_name_that_comes_meanwhile_waits_too),
        TEST(other_media_go_on),
        TEST(sessions_that_do_not_end_go_on_after_it),
        TEST(one_that_ends_early_leaves_nobody_waiting),
        TEST(what_waited_is_before_what_comes_later),
        TEST(changes_are_held_under_each_name),
        TEST(strict_sessions_are_told),
        TEST(a_kill_does_not_undo_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
