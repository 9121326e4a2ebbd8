/* SPDX-License-Identifier: MIT */
/* Volumes: order of requests, stability, attachment, change counters. */
#include "fixture.h"

#include "core/admin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct bh_path *client(void)
{
    static struct bh_path peer;

    peer = fx_peer(1, 10);
    return &peer;
}

static uint64_t change_counter(struct fx *fx, const struct bh_path *peer,
                               uint16_t id)
{
    struct bh_identify it;

    assert_int_equal(fx_identify(fx, peer, id, &it), BH_OK);
    return it.change_counter;
}

/*
 * Order.
 */

/* Posts two requests while every job is held: how many of them run. */
static void overlapping_requests_run_in_order_others_at_once(void **state)
{
    static const struct {
        uint8_t first, second;
        uint32_t first_lsn, second_lsn;
        size_t running;
    } rows[] = {
        {BH_OP_READ, BH_OP_READ, 1, 1, 2},
        {BH_OP_READ, BH_OP_READ, 1, 2, 2},
        {BH_OP_READ, BH_OP_WRITE, 1, 1, 1},
        {BH_OP_READ, BH_OP_WRITE, 1, 2, 2},
        {BH_OP_WRITE, BH_OP_READ, 1, 1, 1},
        {BH_OP_WRITE, BH_OP_READ, 2, 1, 2},
        {BH_OP_WRITE, BH_OP_WRITE, 1, 1, 1},
        {BH_OP_WRITE, BH_OP_WRITE, 1, 0, 2},
        {BH_OP_WRITE, BH_OP_WRITE, 1, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
        uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
        uint8_t sector[FX_SECTOR] = {0};

        disk->holds[BH_JOB_READ] = disk->holds[BH_JOB_WRITE] = true;
        fx_command(fx, client(), id, rows[i].first, rows[i].first_lsn, sector,
                   rows[i].first == BH_OP_WRITE ? sizeof sector : 0);
        fx_command(fx, client(), id, rows[i].second, rows[i].second_lsn, sector,
                   rows[i].second == BH_OP_WRITE ? sizeof sector : 0);
        if (fx->held_count != rows[i].running)
            fail_msg("row %zu: %zu run", i, fx->held_count);
        fx_release_at(fx, 0);
        fx_release_at(fx, 0);
        assert_int_equal(fx_answer(fx, client()), BH_OK);
        assert_int_equal(fx_answer(fx, client()), BH_OK);
        fx_free(fx);
    }
}

/* Sectors of several sizes on one shared volume. */
static void overlap_is_of_bytes_not_of_numbers(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 4096);
    struct bh_path small = fx_peer(1, 10), large = fx_peer(2, 10);
    uint8_t sector[1024] = {0};
    uint16_t a, b;

    disk->facts.mode = BH_MODE_SHARED;
    a = fx_open(fx, &small, 0x00, "d");
    b = fx_open(fx, &large, 0x03, "d");
    disk->holds[BH_JOB_WRITE] = true;
    fx_command(fx, &large, b, BH_OP_WRITE, 1, sector, 1024); /* 1024..2047 */
    assert_int_equal(fx_read(fx, &small, a, 1), BH_OK);
    assert_int_equal(fx_read(fx, &small, a, 7), BH_OK);
    assert_int_equal(fx_read(fx, &small, a, 16), BH_OK);
    assert_int_equal(fx_read(fx, &small, a, 8), FX_NONE);
    assert_int_equal(fx_read(fx, &small, a, 15), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &small), BH_OK);
    assert_int_equal(fx_answer(fx, &small), BH_OK);
}

static void a_chain_of_writes_ends_with_the_last(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_WRITE] = true;
    for (int fill = 1; fill <= 20; fill++)
        assert_int_equal(fx_write(fx, client(), id, 3, (uint8_t)fill), FX_NONE);
    assert_int_equal(fx_read(fx, client(), id, 3), FX_NONE);
    for (int fill = 1; fill <= 20; fill++) {
        assert_int_equal(fx_held(fx, BH_JOB_WRITE), 1);
        fx_release(fx, BH_JOB_WRITE);
        assert_int_equal(disk->bytes[3 * FX_SECTOR], fill);
        assert_int_equal(fx_answer(fx, client()), BH_OK);
    }
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx->data[0], 20);
}

static void a_volume_has_no_more_jobs_than_its_cap(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *d = fx_disk(fx, "d", FX_DISK_LEN);
    struct bh_path other = fx_peer(2, 10);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d"), apart;

    fx_disk(fx, "e", FX_DISK_LEN);
    d->holds[BH_JOB_READ] = true;
    for (uint32_t lsn = 0; lsn < 10; lsn++)
        fx_read(fx, client(), id, lsn);
    assert_int_equal(fx_held(fx, BH_JOB_READ), 4);
    apart = fx_open(fx, &other, FX_PLAIN, "e"); /* another is not held up */
    assert_int_equal(fx_write(fx, &other, apart, 1, 1), BH_OK);
    for (size_t left = 10; left > 0; left--) {
        assert_int_equal(fx_held(fx, BH_JOB_READ), left > 4 ? 4 : left);
        fx_release(fx, BH_JOB_READ);
        assert_int_equal(fx_answer(fx, client()), BH_OK);
    }
}

static void storage_may_want_more_jobs(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *d = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id;

    d->parallel = 9;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    d->holds[BH_JOB_READ] = true;
    for (uint32_t lsn = 0; lsn < 12; lsn++)
        fx_read(fx, client(), id, lsn);
    assert_int_equal(fx_held(fx, BH_JOB_READ), 9);
}

/* FLUSH passes the cap: it is not to wait behind a queue of READs. */
static void flush_is_no_job_of_the_cap(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *d = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    d->holds[BH_JOB_READ] = true;
    for (uint32_t lsn = 0; lsn < 10; lsn++)
        fx_read(fx, client(), id, lsn);
    assert_int_equal(fx_flush(fx, client(), id), BH_OK);
    fx_release_all(fx);
}

static void read_behind_a_growing_write_sees_all_of_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_SECTOR + 100);
    uint16_t id;

    disk->facts.grow_limit = 8 * FX_SECTOR;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 0x5A), FX_NONE);
    assert_int_equal(fx_read(fx, client(), id, 1), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx->data_len, FX_SECTOR);
    assert_int_equal(fx->data[99], 0x5A);
    assert_int_equal(fx->data[FX_SECTOR - 1], 0x5A); /* not a torn sector */
}

/*
 * Stability.
 */

static void a_write_is_synced_within_a_second(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    fx_pass(fx, 5000);
    assert_int_equal(bh_server_deadline(fx->server), UINT64_MAX);
    for (int i = 0; i < 5; i++) {
        fx_write(fx, client(), id, 1, 1);
        fx_pass(fx, 100);
        fx_write(fx, client(), id, 2, 2); /* does not put it off */
        assert_true(bh_server_deadline(fx->server) <= fx->now + 900);
        fx_pass(fx, 900);
        assert_int_equal(disk->stable, disk->written);
        assert_int_equal(bh_server_deadline(fx->server), UINT64_MAX);
    }
}

/* A WRITE that finishes while a SYNC runs is not covered by it. */
static void a_write_during_a_sync_gets_another(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_SYNC] = true;
    fx_write(fx, client(), id, 1, 1);
    fx_pass(fx, 1000);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 1);
    assert_int_equal(fx_write(fx, client(), id, 2, 2), BH_OK);
    fx_pass(fx, 1000);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 1); /* one at a time */
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(disk->stable, disk->written - 1);
    fx_pass(fx, 1000);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(disk->stable, disk->written);
}

static void every_dirty_volume_has_its_own_timer(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *d = fx_disk(fx, "d", 8 * FX_SECTOR),
                   *e = fx_disk(fx, "e", 8 * FX_SECTOR);
    struct bh_path other = fx_peer(2, 10);
    uint16_t a = fx_open(fx, client(), FX_PLAIN, "d");
    uint16_t b = fx_open(fx, &other, FX_PLAIN, "e");

    fx_pass(fx, 5000);
    fx_write(fx, client(), a, 1, 1);
    fx_pass(fx, 500);
    fx_write(fx, &other, b, 1, 1);
    fx_pass(fx, 500);
    assert_int_equal(d->stable, d->written);
    assert_int_not_equal(e->stable, e->written);
    fx_pass(fx, 500);
    assert_int_equal(e->stable, e->written);
}

static void flush_answers_when_all_acknowledged_is_stable(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), BH_OK);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 1);
    assert_int_equal(fx_write(fx, client(), id, 2, 2), BH_OK);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), FX_NONE); /* not yet */
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->stable, disk->written);
    assert_int_equal(fx_flush(fx, client(), id), BH_OK); /* nothing to do */
}

/* One that began before the WRITE finished does not count. */
static void flush_during_a_sync_waits_for_the_next(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_SYNC] = true;
    fx_write(fx, client(), id, 1, 1);
    fx_pass(fx, 1000);
    fx_write(fx, client(), id, 1, 2);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->stable, disk->written);
}

static void flush_waits_for_the_writes_before_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), FX_NONE);
    assert_int_equal(fx_write(fx, client(), id, 2, 2), FX_NONE);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->stable, disk->written);
}

/* All was stable before it. */
static void flush_behind_the_only_write_waits_for_its_sync(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    fx_pass(fx, 5000);
    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), FX_NONE);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer_to(fx, client(), fx->seq), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer_to(fx, client(), fx->seq), BH_OK);
    assert_int_equal(disk->stable, disk->written);
}

/* Group commit: WRITEs that finish during one SYNC share the next. */
static void sync_write_answers_after_a_sync_that_began_later(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    unsigned syncs;
    uint16_t id;

    disk->facts.sync = BH_SYNC_WRITE;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    fx_pass(fx, 1000);
    syncs = disk->count[BH_JOB_SYNC];
    disk->holds[BH_JOB_SYNC] = true;
    for (uint32_t lsn = 0; lsn < 4; lsn++)
        assert_int_equal(fx_write(fx, client(), id, lsn, 9), FX_NONE);
    assert_int_equal(disk->written, 4);
    fx_release(fx, BH_JOB_SYNC); /* began with the first alone */
    assert_int_equal(disk->stable, 1);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(disk->stable, 4);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->count[BH_JOB_SYNC], syncs + 2);
    disk->fails[BH_JOB_WRITE] = BH_ERR_NO_SPACE; /* an error needs no SYNC */
    assert_int_equal(fx_write(fx, client(), id, 0, 9), BH_ERR_NO_SPACE);
}

/* A client's WRITE is recorded when it is stable. What overlaps it must not
 * run before: a retransmission after a crash would run over it. */
static void what_overlaps_a_write_waits_until_it_is_stable(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path other = fx_peer(2, 10);
    uint16_t id, others;

    disk->facts.sync = BH_SYNC_WRITE;
    disk->facts.mode = BH_MODE_SHARED;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    others = fx_open(fx, &other, FX_PLAIN, "d");
    fx_pass(fx, 1000);
    disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 9), FX_NONE);
    assert_int_equal(fx_write(fx, &other, others, 1, 7), FX_NONE);
    assert_int_equal(fx_read(fx, &other, others, 2), BH_OK);
    assert_int_equal(disk->written, 1);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->written, 2);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, &other), BH_OK);
}

/* A server that was killed may have left something in the page cache. */
static void a_volume_opened_for_writing_is_synced_once(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);

    fx_open(fx, client(), FX_PLAIN, "d");
    fx_pass(fx, 1000);
    assert_int_equal(disk->count[BH_JOB_SYNC], 1);
    fx_pass(fx, 100000);
    assert_int_equal(disk->count[BH_JOB_SYNC], 1);
}

static void a_failed_sync_poisons_until_the_administrator_reopens(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d"), again;
    struct bh_identify it;
    struct bh_event event;
    unsigned attaches;

    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), BH_OK);
    assert_int_equal(fx_flush(fx, client(), id), BH_ERR_STORAGE);
    assert_true(fx_event(fx, BH_EVENT_SYNC_FAILED, &event));
    assert_string_equal(event.volume, "d");
    disk->fails[BH_JOB_SYNC] = BH_OK; /* as after a failed fsync of Linux */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fx_flush(fx, client(), id), BH_ERR_STORAGE);
        assert_int_equal(fx_read(fx, client(), id, 1), BH_ERR_STORAGE);
        assert_int_equal(fx_write(fx, client(), id, 1, 1), BH_ERR_STORAGE);
        assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
        fx_pass(fx, 5000);
    }
    assert_int_equal(fx_discon(fx, client(), id), BH_ERR_STORAGE);
    assert_int_equal(fx_discon(fx, client(), id), BH_ERR_STORAGE);
    again = fx_pend(fx, client(), FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, client(), again, 1), BH_ERR_STORAGE);

    attaches = disk->count[BH_JOB_ATTACH];
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    assert_int_equal(fx_read(fx, client(), again, 1), BH_ERR_SESSION);
    again = fx_open(fx, client(), FX_PLAIN, "d");
    assert_int_equal(disk->count[BH_JOB_ATTACH], attaches + 1); /* anew */
    assert_int_equal(fx_write(fx, client(), again, 1, 3), BH_OK);
    assert_int_equal(fx_flush(fx, client(), again), BH_OK);
}

/* It has lost nothing: who waits is told, and nobody else. */
static void a_late_sync_is_asked_for_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
    struct bh_event event;
    unsigned syncs;

    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    disk->late = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), BH_OK);
    assert_int_equal(fx_flush(fx, client(), id), BH_ERR_STORAGE);
    assert_false(fx_event(fx, BH_EVENT_SYNC_FAILED, &event));
    assert_int_equal(fx_read(fx, client(), id, 1), BH_OK);
    syncs = disk->count[BH_JOB_SYNC];
    fx_pass(fx, 1000); /* nobody asks, and it is still not stable */
    assert_int_equal(disk->count[BH_JOB_SYNC], syncs + 1);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    assert_int_equal(fx_flush(fx, client(), id), BH_OK);
    assert_int_equal(disk->stable, disk->written);
    assert_int_equal(disk->count[BH_JOB_SYNC], syncs + 2);
}

/* The volume is let go of when it has come true. */
static void a_late_sync_keeps_the_volume_attached(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, client(), id, 1, 1), BH_OK);
    disk->holds[BH_JOB_SYNC] = disk->late = true;
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    assert_int_equal(fx_discon(fx, client(), id), FX_NONE);
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), BH_ERR_STORAGE);
    assert_int_equal(disk->count[BH_JOB_DETACH], 0);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(disk->count[BH_JOB_DETACH], 1);
    assert_int_equal(disk->stable, disk->written);
}

static void reopen_leaves_healthy_volumes_alone(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    assert_int_equal(fx_read(fx, client(), id, 1), BH_OK);
    assert_int_equal(disk->count[BH_JOB_ATTACH], 1);
}

static void every_failed_commit_is_told(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id;

    disk->facts.sync = BH_SYNC_WRITE;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_write(fx, client(), id, 0, 9), FX_NONE);
    assert_int_equal(fx_write(fx, client(), id, 1, 9), FX_NONE);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    assert_int_equal(fx_discon(fx, client(), id), FX_NONE);
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), BH_ERR_STORAGE);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    fx_release_all(fx);
    for (int i = 0; i < 3; i++) /* what waited for the next SYNC, too */
        assert_int_equal(fx_answer(fx, client()), BH_ERR_STORAGE);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
}

/* The WRITE ran while the SYNC failed: it is not to be acknowledged. */
static void no_write_is_acknowledged_on_a_poisoned_volume(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    fx_write(fx, client(), id, 1, 1);
    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, client(), id, 2, 2), FX_NONE);
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_pass(fx, 1000);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_ERR_STORAGE);
}

/* Reopened while a SYNC runs that a FLUSH waits for: that SYNC says nothing of
 * what the one before it lost. */
static void reopen_does_not_turn_a_lost_write_into_ok(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_SYNC] = true;
    fx_write(fx, client(), id, 1, 1);
    fx_pass(fx, 1000);
    assert_int_equal(fx_flush(fx, client(), id), FX_NONE);
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_release_all(fx);
    assert_int_not_equal(fx_answer(fx, client()), BH_OK);
}

/*
 * Attachment.
 */

static void a_volume_is_open_while_it_has_sessions(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path other = fx_peer(2, 10);
    uint16_t a, b;

    fx_pend(fx, client(), FX_READER, "d");
    assert_int_equal(disk->count[BH_JOB_ATTACH], 0);
    a = fx_open(fx, client(), FX_READER, "d");
    b = fx_open(fx, &other, FX_READER, "d");
    assert_int_equal(disk->count[BH_JOB_ATTACH], 1);
    assert_true(bh_server_in_use(fx->server, 7, disk->facts.inode));
    assert_int_equal(fx_discon(fx, client(), a), BH_OK);
    assert_int_equal(disk->count[BH_JOB_DETACH], 0);
    assert_int_equal(fx_discon(fx, &other, b), BH_OK);
    assert_int_equal(disk->count[BH_JOB_DETACH], 1);
    assert_false(bh_server_in_use(fx->server, 7, disk->facts.inode));
    assert_null(fx->media);
}

static void a_look_is_no_use(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);

    fx_open(fx, client(), FX_LOOK, "d");
    assert_false(bh_server_in_use(fx->server, 7, disk->facts.inode));
}

static void a_failed_attach_answers_and_ends(void **state)
{
    static const uint8_t statuses[] = {BH_ERR_IN_USE, BH_ERR_NO_MEDIUM,
                                       BH_ERR_STORAGE};
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_event event;

    for (size_t i = 0; i < COUNT(statuses); i++) {
        uint16_t id = fx_pend(fx, client(), FX_PLAIN, "d");

        disk->fails[BH_JOB_ATTACH] = statuses[i];
        assert_int_equal(fx_read(fx, client(), id, 0), statuses[i]);
        assert_true(fx_event(fx, BH_EVENT_ATTACH_FAILED, &event));
        assert_int_equal(event.status, statuses[i]);
        assert_int_equal(fx_read(fx, client(), id, 0), BH_ERR_SESSION);
        assert_int_equal(bh_server_session_count(fx->server), 0);
    }
    disk->fails[BH_JOB_ATTACH] = BH_OK;
    fx_open(fx, client(), FX_PLAIN, "d");
}

/* Another program holds the file: a reader joins an open look. */
static void a_failed_upgrade_ends_only_who_needs_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path other = fx_peer(2, 10);
    uint16_t look = fx_open(fx, client(), FX_LOOK, "d"), id;
    uint8_t discon;

    id = fx_pend(fx, &other, FX_PLAIN, "d");
    disk->holds[BH_JOB_ATTACH] = true;
    assert_int_equal(fx_write(fx, &other, id, 0, 1), FX_NONE);
    assert_int_equal(fx_write(fx, &other, id, 1, 1), FX_NONE);
    assert_int_equal(fx_discon(fx, &other, id), FX_NONE);
    discon = fx->seq;
    assert_int_equal(fx_read(fx, client(), look, 0), BH_OK); /* all the while */
    disk->fails[BH_JOB_ATTACH] = BH_ERR_IN_USE;
    fx_release_all(fx);
    assert_true(fx_answer_to(fx, &other, discon) >= 0); /* the DISCON, too */
    assert_int_equal(fx_answer(fx, &other), BH_ERR_IN_USE);
    assert_int_equal(fx_answer(fx, &other), BH_ERR_IN_USE);
    assert_int_equal(fx_read(fx, client(), look, 0), BH_OK);
    assert_int_equal(bh_server_session_count(fx->server), 1);
}

static void the_first_requests_wait_for_the_attachment(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_pend(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_ATTACH] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 0xA1), FX_NONE);
    assert_int_equal(fx_read(fx, client(), id, 1), FX_NONE);
    assert_int_equal(fx_read(fx, client(), id, 99), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer_to(fx, client(), fx->seq), BH_ERR_LSN);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx->data[0], 0xA1);
}

/* The file is longer or shorter now than when its name was looked up. */
static void the_length_is_that_of_the_attachment(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_pend(fx, client(), FX_PLAIN, "d");
    struct bh_identify it;

    disk->facts.byte_count = 3 * FX_SECTOR + 1;
    assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
    assert_int_equal(it.sector_count, 4);
}

/* A medium that is being closed is not read from. */
static void a_session_that_comes_during_the_detach_opens_anew(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_DETACH] = true;
    assert_int_equal(fx_discon(fx, client(), id), BH_OK);
    assert_int_equal(fx_held(fx, BH_JOB_DETACH), 1);
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, client(), id, 0), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->count[BH_JOB_ATTACH], 2);
}

static void a_look_that_comes_during_the_detach_opens_anew(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_READER, "d");

    disk->holds[BH_JOB_DETACH] = true;
    assert_int_equal(fx_discon(fx, client(), id), BH_OK);
    id = fx_pend(fx, client(), FX_LOOK, "d");
    assert_int_equal(fx_read(fx, client(), id, 0), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
}

/* The writer's lock is being loosened for the readers that are left. */
static void a_writer_that_comes_meanwhile_waits_for_its_lock(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path other = fx_peer(2, 10);
    uint16_t id;

    disk->facts.mode = BH_MODE_SHARED;
    fx_open(fx, &other, FX_READER, "d");
    id = fx_open(fx, client(), FX_PLAIN, "d");
    disk->holds[BH_JOB_ATTACH] = true;
    assert_int_equal(fx_discon(fx, client(), id), BH_OK);
    assert_int_equal(fx_held(fx, BH_JOB_ATTACH), 1);
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, client(), id, 0, 0x42), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(disk->bytes[0], 0x42);
}

static void an_upgrade_lets_readers_read_on(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path other = fx_peer(2, 10);
    uint16_t reader, id;

    disk->facts.mode = BH_MODE_SHARED;
    reader = fx_open(fx, &other, FX_READER, "d");
    disk->holds[BH_JOB_ATTACH] = true;
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, client(), id, 0, 0x42), FX_NONE);
    assert_int_equal(fx_read(fx, &other, reader, 0), BH_OK);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
}

/*
 * Change counters.
 */

static void the_counter_rises_by_one_with_each_writer(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(2, 10);
    uint64_t before;
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    id = fx_open(fx, client(), FX_PLAIN, "d");
    before = change_counter(fx, client(), id);
    assert_int_equal(change_counter(fx, client(), id), before);
    fx_write(fx, client(), id, 0, 1); /* WRITEs do not count */
    assert_int_equal(change_counter(fx, client(), id), before);
    fx_open(fx, &other, FX_LOOK, "d");
    assert_int_equal(change_counter(fx, client(), id), before);
    fx_pend(fx, client(), FX_PLAIN, "d"); /* not proven */
    assert_int_equal(change_counter(fx, client(), id), before);
    id = fx_open(fx, client(), FX_PLAIN, "d");
    assert_int_equal(change_counter(fx, client(), id), before + 1);
    fx_discon(fx, client(), id);
    id = fx_open(fx, client(), FX_READER, "d");
    assert_int_equal(change_counter(fx, client(), id), before + 1);
    fx_discon(fx, client(), id);
    id = fx_open(fx, client(), FX_PLAIN, "d");
    assert_int_equal(change_counter(fx, client(), id), before + 2);
}

/* libblockhead resends after exactly one more: nobody may have written between
 * by way of a link to the same file. */
static void a_writer_under_another_name_moves_the_counter(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *a = fx_disk(fx, "a", 2048), *b = fx_disk(fx, "b", 2048);
    struct bh_path other = fx_peer(2, 10);
    uint64_t before;
    uint16_t id;

    b->facts.inode = a->facts.inode;
    id = fx_open(fx, client(), FX_PLAIN, "a");
    before = change_counter(fx, client(), id);
    assert_int_equal(fx_discon(fx, client(), id), BH_OK);
    id = fx_open(fx, &other, FX_PLAIN, "b");
    assert_int_equal(fx_write(fx, &other, id, 0, 1), BH_OK);
    assert_int_equal(fx_discon(fx, &other, id), BH_OK);
    id = fx_open(fx, client(), FX_PLAIN, "a");
    assert_int_not_equal(change_counter(fx, client(), id), before + 1);
}

#define VOLUMES (BH_SESSIONS_MIN + BH_PENDING_MAX + BH_VOLUMES_SPARE)

/* A forgotten volume starts from a new random number. */
static void a_forgotten_volume_never_looks_like_one_more(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(2, 10);
    uint64_t before, after;
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    for (int round = 0; round < 5; round++) {
        id = fx_open(fx, client(), FX_PLAIN, "d");
        before = change_counter(fx, client(), id);
        fx_discon(fx, client(), id);
        for (uint32_t i = 0; i <= VOLUMES; i++)
            fx_pend(fx, &other, FX_PLAIN, ":list");
        id = fx_open(fx, client(), FX_PLAIN, "d");
        after = change_counter(fx, client(), id);
        assert_int_not_equal(after, before);
        assert_int_not_equal(after, before + 1);
        fx_discon(fx, client(), id);
    }
}

static void a_volume_in_use_is_never_forgotten(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(2, 10);
    uint16_t id;
    uint64_t before;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    id = fx_open(fx, client(), FX_PLAIN, "d");
    before = change_counter(fx, client(), id);
    for (uint32_t i = 0; i < 500; i++)
        fx_pend(fx, &other, FX_PLAIN, ":list");
    assert_int_equal(change_counter(fx, client(), id), before);
    assert_int_equal(fx_write(fx, client(), id, 0, 1), BH_OK);
}

/* However many volumes others ask for. */
static void a_pending_session_keeps_its_volume(void **state)
{
    struct fx *fx = *state;
    struct bh_path other = fx_peer(2, 10);
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    id = fx_pend(fx, client(), FX_PLAIN, "d");
    for (uint32_t i = 0; i <= VOLUMES; i++)
        fx_pend(fx, &other, FX_PLAIN, ":list");
    assert_int_equal(fx_read(fx, client(), id, 0), BH_OK);
}

static void a_volume_described_anew_starts_from_another_number(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
    uint64_t before = change_counter(fx, client(), id), after;

    fx_discon(fx, client(), id);
    disk->facts.inode++;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    after = change_counter(fx, client(), id);
    assert_int_not_equal(after, before);
    assert_int_not_equal(after, before + 1);
}

/* `:list`: each look-up is a volume of its own, held by nobody. */
static void every_listing_is_a_volume_of_its_own(void **state)
{
    struct fx *fx = *state;
    uint16_t ids[8];

    for (uint16_t i = 0; i < 8; i++) {
        struct bh_path peer = fx_peer(1u + i / 2, (uint16_t)(10 + i % 2));

        ids[i] = fx_open(fx, &peer, FX_PLAIN, ":list");
        assert_int_equal(fx->data_len, FX_SECTOR);
        assert_int_equal(fx->data[0], ':');
        assert_int_equal(fx_write(fx, &peer, ids[i], 0, 1), BH_ERR_READ_ONLY);
        assert_int_equal(fx_read(fx, &peer, ids[i], 4), BH_ERR_LSN);
    }
    for (uint16_t i = 0; i < 8; i++) {
        struct bh_path peer = fx_peer(1u + i / 2, (uint16_t)(10 + i % 2));

        assert_int_equal(fx_read(fx, &peer, ids[i], 1), BH_OK);
        assert_int_equal(fx_discon(fx, &peer, ids[i]), BH_OK);
    }
    assert_null(fx->media);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(overlapping_requests_run_in_order_others_at_once),
        TEST(overlap_is_of_bytes_not_of_numbers),
        TEST(a_chain_of_writes_ends_with_the_last),
        TEST(a_volume_has_no_more_jobs_than_its_cap),
        TEST(storage_may_want_more_jobs),
        TEST(flush_is_no_job_of_the_cap),
        TEST(read_behind_a_growing_write_sees_all_of_it),
        TEST(a_write_is_synced_within_a_second),
        TEST(a_write_during_a_sync_gets_another),
        TEST(every_dirty_volume_has_its_own_timer),
        TEST(flush_answers_when_all_acknowledged_is_stable),
        TEST(flush_during_a_sync_waits_for_the_next),
        TEST(flush_waits_for_the_writes_before_it),
        TEST(flush_behind_the_only_write_waits_for_its_sync),
        TEST(sync_write_answers_after_a_sync_that_began_later),
        TEST(what_overlaps_a_write_waits_until_it_is_stable),
        TEST(a_volume_opened_for_writing_is_synced_once),
        TEST(a_failed_sync_poisons_until_the_administrator_reopens),
        TEST(a_late_sync_is_asked_for_again),
        TEST(a_late_sync_keeps_the_volume_attached),
        TEST(reopen_leaves_healthy_volumes_alone),
        TEST(every_failed_commit_is_told),
        TEST(no_write_is_acknowledged_on_a_poisoned_volume),
        TEST(reopen_does_not_turn_a_lost_write_into_ok),
        TEST(a_volume_is_open_while_it_has_sessions),
        TEST(a_look_is_no_use),
        TEST(a_failed_attach_answers_and_ends),
        TEST(a_failed_upgrade_ends_only_who_needs_it),
        TEST(the_first_requests_wait_for_the_attachment),
        TEST(the_length_is_that_of_the_attachment),
        TEST(a_session_that_comes_during_the_detach_opens_anew),
        TEST(a_look_that_comes_during_the_detach_opens_anew),
        TEST(a_writer_that_comes_meanwhile_waits_for_its_lock),
        TEST(an_upgrade_lets_readers_read_on),
        TEST(the_counter_rises_by_one_with_each_writer),
        TEST(a_writer_under_another_name_moves_the_counter),
        TEST(a_forgotten_volume_never_looks_like_one_more),
        TEST(a_volume_in_use_is_never_forgotten),
        TEST(a_pending_session_keeps_its_volume),
        TEST(a_volume_described_anew_starts_from_another_number),
        TEST(every_listing_is_a_volume_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
