/* SPDX-License-Identifier: MIT */
/* What a killed server leaves to the next one. */
#include "fixture.h"

#include "core/admin.h"
#include "core/internal.h"
#include "wire/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STRICT (FX_PLAIN | BH_FLAG_STRICT)
#define STRICT_SHARED (FX_SHARED | BH_FLAG_STRICT)

static struct fx_disk *with_disk(struct fx *fx)
{
    return fx_disk(fx, "d", FX_DISK_LEN);
}

static void a_session_goes_on_under_its_id(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 3, 0xAA), BH_OK);
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 3), BH_OK);
    assert_int_equal(fx->data[0], 0xAA);
    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 4, 0xBB), BH_OK);
    assert_int_equal(disk->bytes[4 * FX_SECTOR], 0xBB);
}

static void a_pending_session_goes_on_too(void **state)
{
    struct fx *fx = *state;
    uint16_t id, again;

    with_disk(fx);
    assert_int_equal(fx_connect(fx, fx_host(fx, 1), FX_PLAIN, "d", &id), BH_OK);
    fx_kill(fx);
    fx->seq--; /* the same CONNECT */
    assert_int_equal(fx_connect(fx, fx_host(fx, 1), FX_PLAIN, "d", &again),
                     BH_OK);
    assert_int_equal(again, id);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_OK);
}

/* A kill between the store of the session and that of the slot that it left. */
static void a_pending_session_that_was_proven_does_not_come_back(void **state)
{
    enum { PENDINGS = 7 };
    struct fx *fx = *state;
    struct bh_table_shape shapes[BH_TABLE_KINDS];
    uint8_t pending[256];
    uint32_t slot = 0;
    uint16_t id;

    with_disk(fx);
    bh_keep_shape(&fx->config, shapes);
    assert_true(shapes[PENDINGS].len <= sizeof pending);
    id = fx_pend(fx, fx_host(fx, 1), FX_PLAIN, "d");
    while (bh_table_find(&fx->server->table, PENDINGS, slot) == NULL)
        slot++;
    memcpy(pending, bh_table_find(&fx->server->table, PENDINGS, slot),
           shapes[PENDINGS].len);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_OK);
    bh_table_store(&fx->server->table, PENDINGS, slot, pending);
    fx_kill(fx);
    assert_int_equal(fx->server->pending_used, 0);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    fx_kill(fx);
    assert_int_equal(fx->server->pending_used, 0);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_ERR_SESSION);
}

/* The server before this one lost its memory, and a client does not know. */
static void an_id_that_somebody_uses_is_not_given_away(void **state)
{
    struct fx *fx = *state;

    with_disk(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), 77, 0), BH_ERR_SESSION);
    assert_int_equal(bh_ids_state(&fx->server->ids, 77, fx->now), BH_ID_CLOSED);
    fx_kill(fx);
    assert_int_equal(bh_ids_state(&fx->server->ids, 77, fx->now), BH_ID_CLOSED);
}

static void the_volume_is_locked_before_anyone_asks(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d"), other;

    fx_kill(fx);
    assert_non_null(fx->media);
    assert_int_equal(fx->media->access, BH_ACCESS_WRITER);
    assert_int_equal(fx_connect(fx, fx_host(fx, 2), FX_PLAIN, "d", &other),
                     BH_ERR_IN_USE);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_OK);
    assert_int_equal(disk->count[BH_JOB_ATTACH], 2);
}

static void a_strict_number_is_not_carried_out_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");

    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     BH_OK);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 3, 9999, 0),
                     BH_ERR_LSN);
    fx_kill(fx);
    disk->bytes[5 * FX_SECTOR] = 0x77;
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     BH_OK);
    assert_int_equal(disk->bytes[5 * FX_SECTOR], 0x77);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 3, 9999, 0),
                     BH_ERR_LSN);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 4, 5, 0x22),
                     BH_OK);
    assert_int_equal(disk->bytes[5 * FX_SECTOR], 0x22);
}

/* Nor is one whose record was the last thing that the server did. */
static void a_number_that_ran_when_the_server_died_runs_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     FX_NONE);
    disk->holds[BH_JOB_WRITE] = false;
    fx_kill(fx);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     BH_OK);
    assert_int_equal(disk->bytes[5 * FX_SECTOR], 0x11);
}

static void a_client_that_counts_is_still_protected(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    for (int i = 0; i < 10; i++)
        assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 1, (uint8_t)i),
                         BH_OK);
    fx_kill(fx);
    fx->seq = (uint8_t)(fx->seq - 3); /* a late copy */
    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 1, 0xEE), FX_NONE);
    assert_int_equal(disk->bytes[FX_SECTOR], 9);
}

static void a_disconnect_is_answered_again(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    fx_kill(fx);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_ERR_SESSION);
    assert_int_equal(fx->server->ids.of[id].state, BH_ID_CLOSED);
    fx_pass(fx, BH_QUARANTINE_MS + 2000);
    fx_kill(fx);
    assert_int_equal(fx->server->ids.of[id].state, BH_ID_FREE);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_ERR_SESSION);
}

/* The last thing that a killed server stored may be its number. */
static void
a_strict_disconnect_ends_the_session_whenever_the_kill_comes(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");
    uint8_t bytes[BH_STRICT_DISCON_LEN];
    struct bh_discon discon = {.seq = 2, .session = id};
    size_t len = bh_strict_discon_encode(bytes, &discon);

    disk->holds[BH_JOB_SYNC] = true;
    fx_send(fx, fx_host(fx, 1), bytes, len);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 2), FX_NONE);
    disk->holds[BH_JOB_SYNC] = false;
    fx_kill(fx);
    fx_send(fx, fx_host(fx, 1), bytes, len);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 2), BH_OK);
    assert_int_equal(bh_server_session_count(fx->server), 0);
    fx_kill(fx);
    fx_send(fx, fx_host(fx, 1), bytes, len);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 2), BH_OK);
}

static void a_clock_that_went_back_frees_ids_in_time(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    with_disk(fx);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    fx_discon(fx, fx_host(fx, 1), id);
    fx->now -= 900000;
    fx_kill(fx);
    assert_int_equal(bh_ids_state(&fx->server->ids, id, fx->now), BH_ID_CLOSED);
    fx_pass(fx, BH_QUARANTINE_MS + 2000);
    assert_int_equal(bh_ids_state(&fx->server->ids, id, fx->now), BH_ID_FREE);
}

static void the_instance_and_the_change_counter_stay(void **state)
{
    struct fx *fx = *state;
    struct bh_identify before, after;
    uint16_t id;

    with_disk(fx);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_identify(fx, fx_host(fx, 1), id, &before), BH_OK);
    fx_kill(fx);
    assert_int_equal(fx_identify(fx, fx_host(fx, 1), id, &after), BH_OK);
    assert_int_equal(after.instance, before.instance);
    assert_int_equal(after.change_counter, before.change_counter);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    fx_kill(fx);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_identify(fx, fx_host(fx, 1), id, &after), BH_OK);
    assert_int_equal(after.change_counter, before.change_counter + 1);
}

static void a_poisoned_volume_stays_so(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_write(fx, fx_host(fx, 1), id, 1, 1);
    assert_int_equal(fx_flush(fx, fx_host(fx, 1), id), BH_ERR_STORAGE);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_ERR_STORAGE);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_ERR_SESSION);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_OK);
}

/* The thread knows of the failure, the server does not yet. */
static void a_sync_that_failed_just_before_the_kill_is_known(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d"), other;

    disk->holds[BH_JOB_SYNC] = true;
    fx_write(fx, fx_host(fx, 1), id, 1, 1);
    assert_int_equal(fx_flush(fx, fx_host(fx, 1), id), FX_NONE);
    *fx->held[0]->failed = BH_JOB_FAILED;
    fx_disk(fx, "e", 4096)->facts.inode = disk->facts.inode;
    other = fx_open(fx, fx_host(fx, 2), FX_LOOK, "e"); /* stores volumes */
    disk->holds[BH_JOB_SYNC] = false;
    fx_kill(fx);
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_ERR_STORAGE);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), other, 1), BH_ERR_STORAGE);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    fx_kill(fx);
    fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
}

static void every_name_of_a_poisoned_medium_is_poisoned(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx), *twin = fx_disk(fx, "t", 4096);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    twin->facts.inode = disk->facts.inode;
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_write(fx, fx_host(fx, 1), id, 1, 1);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_ERR_STORAGE);
    id = fx_pend(fx, fx_host(fx, 2), FX_PLAIN, "t");
    assert_int_equal(fx_read(fx, fx_host(fx, 2), id, 0), BH_ERR_STORAGE);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    fx_open(fx, fx_host(fx, 2), FX_PLAIN, "t");
}

/*
 * What was acknowledged on a volume that no session names any more.
 */

/* A machine that was reset has come back, only to look, and gone; its WRITEs of
 * before are not stable yet. */
static struct fx_disk *unnamed(struct fx *fx)
{
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 1, 1), BH_OK);
    disk->holds[BH_JOB_SYNC] = true;
    id = fx_open(fx, fx_host(fx, 1), FX_READER, "d");
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    assert_int_equal(bh_server_session_count(fx->server), 0);
    return disk;
}

static void it_is_made_stable_though_nobody_asks(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = unnamed(fx);

    fx_kill(fx);
    assert_int_not_equal(disk->stable, disk->written);
    fx_kill(fx); /* again, before it could be */
    disk->holds[BH_JOB_SYNC] = false;
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(disk->stable, disk->written);
    assert_null(fx->media); /* and let go of */
    disk->count[BH_JOB_ATTACH] = 0;
    fx_kill(fx);
    assert_int_equal(disk->count[BH_JOB_ATTACH], 0);
}

static void an_orderly_end_waits_for_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = unnamed(fx);

    fx_kill(fx);
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    assert_false(bh_server_idle(fx->server));
    disk->holds[BH_JOB_SYNC] = false;
    fx_release(fx, BH_JOB_SYNC);
    assert_true(bh_server_idle(fx->server));
    assert_int_equal(disk->stable, disk->written);
}

static void whoever_wants_it_meanwhile_waits_and_gets_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = unnamed(fx), *twin = fx_disk(fx, "t", 4096);
    uint16_t id;

    twin->facts.inode = disk->facts.inode; /* another name of it */
    fx_kill(fx);
    id = fx_pend(fx, fx_host(fx, 2), FX_PLAIN, "t");
    assert_int_equal(fx_write(fx, fx_host(fx, 2), id, 0, 2), FX_NONE);
    disk->holds[BH_JOB_SYNC] = false;
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_answer(fx, fx_host(fx, 2)), BH_OK);
}

/* It comes under another name while the file is being opened to be synced. */
static void whoever_wants_it_while_it_is_attached_gets_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = unnamed(fx), *twin = fx_disk(fx, "t", 4096);
    uint16_t id;

    twin->facts.inode = disk->facts.inode;
    disk->holds[BH_JOB_ATTACH] = twin->holds[BH_JOB_ATTACH] = true;
    fx_kill(fx);
    id = fx_pend(fx, fx_host(fx, 2), FX_PLAIN, "t");
    assert_int_equal(fx_write(fx, fx_host(fx, 2), id, 0, 2), FX_NONE);
    while (fx_held(fx, BH_JOB_ATTACH) > 0)
        fx_release(fx, BH_JOB_ATTACH);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, fx_host(fx, 2)), BH_OK);
    assert_int_equal(disk->stable, disk->written);
}

/* A session under another name will have it synced, or end before that. */
static void until_then_it_is_not_forgotten(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx), *twin = fx_disk(fx, "t", 4096);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    twin->facts.inode = disk->facts.inode;
    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 1, 1), BH_OK);
    disk->holds[BH_JOB_SYNC] = true;
    fx_open(fx, fx_host(fx, 1), FX_LOOK, "t");
    id = fx_open(fx, fx_host(fx, 1), FX_READER, "d");
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
    twin->holds[BH_JOB_ATTACH] = true;
    fx_kill(fx);
    assert_true(fx->server->volumes[0].overdue);
    assert_true(bh_list_empty(&fx->server->idle_volumes));
    twin->fails[BH_JOB_ATTACH] = BH_ERR_NO_IMAGE;
    fx_release_all(fx);
    assert_int_equal(disk->stable, disk->written);
    assert_false(bh_list_empty(&fx->server->idle_volumes));
}

/* Its image is gone: there is nothing left to do, and it is not tried again. */
static void it_is_given_up_when_it_cannot_be_attached(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = unnamed(fx);

    disk->fails[BH_JOB_ATTACH] = BH_ERR_NO_IMAGE;
    disk->count[BH_JOB_ATTACH] = 0;
    fx_kill(fx);
    fx_pass(fx, 5000);
    assert_int_equal(disk->count[BH_JOB_ATTACH], 1);
    assert_true(bh_server_idle(fx->server));
}

static void what_is_no_longer_the_same_is_answered_4(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    disk->fails[BH_JOB_ATTACH] = BH_ERR_SESSION; /* as the daemon finds out */
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_ERR_SESSION);
    disk->fails[BH_JOB_ATTACH] = BH_OK;
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_ERR_SESSION);
    fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
}

static void the_first_attachment_is_patient(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    disk->holds[BH_JOB_ATTACH] = true;
    fx_kill(fx);
    assert_int_equal(fx_held(fx, BH_JOB_ATTACH), 1);
    assert_true(fx->held[0]->patient);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), FX_NONE);
    fx_release(fx, BH_JOB_ATTACH);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), BH_OK);
}

static void a_stopped_server_leaves_its_sessions(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_strict_open(fx, fx_host(fx, 1), STRICT, "d"), pending,
             parked;

    fx_disk(fx, "e", 4096)->holds[BH_JOB_ATTACH] = true;
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     BH_OK);
    assert_int_equal(fx_connect(fx, fx_host(fx, 2), FX_READER, "e", &pending),
                     BH_OK);
    parked = fx_pend(fx, fx_host(fx, 3), FX_READER, "e");
    assert_int_equal(fx_read(fx, fx_host(fx, 3), parked, 0), FX_NONE);
    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), id, 3, 6, 0x22);
    bh_server_stop(fx->server, fx->now);
    fx_release_all(fx); /* what runs is finished, and answered */
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 3), BH_OK);
    assert_int_equal(fx_answer(fx, fx_host(fx, 3)),
                     FX_NONE); /* the rest is not */
    assert_true(bh_server_idle(fx->server));
    assert_null(fx->media);
    assert_int_equal(disk->stable, disk->written);
    disk->holds[BH_JOB_WRITE] = false;
    fx_kill(fx);
    fx_release_all(fx);
    disk->bytes[6 * FX_SECTOR] = 0x77;
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 3, 6, 0x22),
                     BH_OK);
    assert_int_equal(disk->bytes[6 * FX_SECTOR], 0x77);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), pending, 0), BH_OK);
    assert_int_equal(fx_read(fx, fx_host(fx, 3), parked, 0), BH_OK);
}

static void stop(struct fx *fx)
{
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    assert_true(bh_server_idle(fx->server));
    fx_kill(fx);
}

/* Whoever stops a server may use its images until it is started again. */
static void a_session_ends_if_its_image_is_written_to_meanwhile(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    disk->version = 5;
    stop(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_OK);
    disk->version = 6; /* our own write */
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_OK);
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    disk->version = 7; /* somebody else's */
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 1), BH_ERR_SESSION);
    fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
}

/* A listing is made anew by each server. */
static void sessions_on_virtual_volumes_end(void **state)
{
    struct fx *fx = *state;
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, ":list");

    with_disk(fx);
    fx_kill(fx);
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_ERR_SESSION);
    fx_open(fx, fx_host(fx, 1), FX_PLAIN, ":list");
    fx_open(fx, fx_host(fx, 2), FX_PLAIN, "d");
    fx_kill(fx);
}

/* As when the catalogue has lost its numbers: whoever shared a volume still
 * does. */
static void a_shared_volume_is_the_same_under_another_number(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t first, second;

    disk->facts.mode = BH_MODE_SHARED;
    first = fx_open(fx, fx_host(fx, 1), FX_SHARED, "d");
    disk->facts.number += 7;
    fx_kill(fx);
    second = fx_open(fx, fx_host(fx, 2), FX_SHARED, "d");
    assert_int_equal(fx_read(fx, fx_host(fx, 1), first, 0), BH_OK);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), second, 0), BH_OK);
}

/*
 * WRITEs in doubt: two sessions on a shared volume, and the first one's WRITE
 * was carried out or not when the server was killed.
 */

struct doubt {
    struct fx_disk *disk;
    uint16_t first, second;
};

static struct doubt in_doubt(struct fx *fx, bool carried_out)
{
    struct doubt doubt = {.disk = with_disk(fx)};

    doubt.disk->facts.mode = BH_MODE_SHARED;
    doubt.first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    doubt.second = fx_strict_open(fx, fx_host(fx, 2), STRICT_SHARED, "d");
    doubt.disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), doubt.first, 2, 5, 0x11);
    doubt.disk->holds[BH_JOB_WRITE] = false;
    if (carried_out)
        memset(doubt.disk->bytes + 5 * FX_SECTOR, 0x11, FX_SECTOR);
    fx_kill(fx);
    return doubt;
}

static void a_write_that_was_carried_out_is_not_again(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, true);

    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), doubt.second, 2, 5, 0x22), BH_OK);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 1), doubt.first, 2, 5, 0x11), BH_OK);
    assert_int_equal(doubt.disk->bytes[5 * FX_SECTOR], 0x22);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 1), doubt.first, 3, 5, 0x33), BH_OK);
    assert_int_equal(doubt.disk->bytes[5 * FX_SECTOR], 0x33);
}

static void one_that_was_not_is_carried_out(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = in_doubt(fx, false);

    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), doubt.second, 2, 5, 0x22), BH_OK);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 1), doubt.first, 2, 5, 0x11), BH_OK);
    assert_int_equal(doubt.disk->bytes[5 * FX_SECTOR], 0x11);
}

static void nothing_else_is_done_before_doubts_are_settled(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt = {.disk = with_disk(fx)};

    doubt = (struct doubt){.disk = doubt.disk};
    doubt.disk->facts.mode = BH_MODE_SHARED;
    doubt.first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    doubt.second = fx_strict_open(fx, fx_host(fx, 2), STRICT_SHARED, "d");
    doubt.disk->holds[BH_JOB_WRITE] = true;
    for (uint32_t n = 2; n < 6; n++)
        fx_strict_send_write(fx, fx_host(fx, 1), doubt.first, n, n, (uint8_t)n);
    doubt.disk->holds[BH_JOB_WRITE] = false;
    memset(doubt.disk->bytes + 4 * FX_SECTOR, 4, FX_SECTOR);
    doubt.disk->holds[BH_JOB_READ] = true;
    fx_kill(fx);
    assert_int_equal(fx_held(fx, BH_JOB_READ), 1);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), doubt.second, 2, 4, 0x22), FX_NONE);
    for (int i = 0; i < 3; i++) {
        fx_release(fx, BH_JOB_READ);
        assert_int_equal(fx_held(fx, BH_JOB_READ), 1);
        assert_int_equal(fx_held(fx, BH_JOB_WRITE), 0);
    }
    fx_release(fx, BH_JOB_READ);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), doubt.second, 2),
                     BH_OK);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), doubt.first, 4, 4, 4),
                     BH_OK);
    assert_int_equal(doubt.disk->bytes[4 * FX_SECTOR], 0x22);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), doubt.first, 3, 3, 3),
                     BH_OK);
    assert_int_equal(doubt.disk->bytes[3 * FX_SECTOR], 3);
}

static void cannot_be_read(struct fx *fx, uint8_t status)
{
    struct fx_disk *disk = with_disk(fx);
    uint16_t id;

    disk->facts.mode = BH_MODE_SHARED;
    id = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), id, 2, 5, 0x11);
    disk->holds[BH_JOB_WRITE] = false;
    disk->fails[BH_JOB_READ] = status;
    fx_kill(fx);
    disk->fails[BH_JOB_READ] = BH_OK;
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     BH_ERR_STORAGE);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 3, 5, 0x11),
                     BH_OK);
}

static void a_sector_that_cannot_be_read_is_12(void **state)
{
    cannot_be_read(*state, BH_ERR_STORAGE);
}

/* Less than a sector tells nothing either. */
static void a_sector_that_is_read_in_part_is_12(void **state)
{
    cannot_be_read(*state, BH_ERR_SHORT);
}

static void with_sync_write_what_was_done_is_stable_first(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id;

    disk->facts.mode = BH_MODE_SHARED;
    disk->facts.sync = BH_SYNC_WRITE;
    id = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    disk->holds[BH_JOB_SYNC] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), id, 2, 5, 0x11);
    assert_int_equal(disk->bytes[5 * FX_SECTOR], 0x11);
    fx_kill(fx);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x11),
                     FX_NONE);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 1);
    disk->holds[BH_JOB_SYNC] = false;
    fx_release(fx, BH_JOB_SYNC);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 2), BH_OK);
    assert_int_equal(disk->count[BH_JOB_WRITE], 1);
    assert_int_equal(disk->stable, disk->written);
}

/* One that ends while its WRITE is examined, and one whose slot goes to a
 * session with numbers of its own. */
static void doubts_end_with_their_session(void **state)
{
    struct fx *fx = *state;
    struct doubt doubt;
    uint16_t id;

    doubt = in_doubt(fx, true);
    doubt.disk->holds[BH_JOB_READ] = true;
    fx_kill(fx);
    id = fx_pend(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    fx_strict_send(fx, fx_host(fx, 1), id, 1, BH_OP_READ, 0, NULL,
                   0); /* ends it */
    doubt.disk->holds[BH_JOB_READ] = false;
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 1), BH_OK);
    for (int i = 0; i < 40; i++) { /* through all slots */
        id = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED,
                            "d"); /* ends the one before */
        assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x44),
                         BH_OK);
    }
    id = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    fx_kill(fx);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 2), doubt.second, 2, 5, 0x22), BH_OK);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 5, 0x55),
                     BH_OK);
    assert_int_equal(doubt.disk->bytes[5 * FX_SECTOR], 0x55);
}

/* What the killed server has acknowledged is made stable by whoever asks. */
static void a_flush_of_a_reader_covers_an_earlier_server(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 3, 0xAA), BH_OK);
    disk->holds[BH_JOB_SYNC] = true;
    fx_pass(fx, BH_SYNC_DELAY_MS);
    fx_kill(fx);
    disk->holds[BH_JOB_SYNC] = false;
    disk->holds[BH_JOB_ATTACH] = true;
    disk->fails[BH_JOB_ATTACH] = BH_ERR_STORAGE; /* ends the writer */
    fx_kill(fx);
    fx_release_all(fx);
    disk->fails[BH_JOB_ATTACH] = BH_OK;
    id = fx_open(fx, fx_host(fx, 2), FX_READER, "d");
    disk->stable = 0;
    assert_int_equal(fx_flush(fx, fx_host(fx, 2), id), BH_OK);
    assert_int_equal(disk->stable, disk->written);
    disk->count[BH_JOB_SYNC] = 0;
    assert_int_equal(fx_flush(fx, fx_host(fx, 2), id),
                     BH_OK); /* once is enough */
    assert_int_equal(disk->count[BH_JOB_SYNC], 0);
}

static void a_disconnect_waits_for_the_volume_to_be_open_again(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 3, 0xAA), BH_OK);
    disk->stable = 0;
    disk->holds[BH_JOB_ATTACH] = true;
    fx_kill(fx);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), FX_NONE);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id),
                     FX_NONE); /* a repetition */
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), BH_OK);
    assert_int_equal(disk->stable, disk->written);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
}

static void keep(struct fx *fx, uint32_t host, uint16_t id, uint32_t number)
{
    uint8_t bytes[BH_STRICT_KEEP_LEN];
    struct bh_discon packet = {(uint8_t)number, id, (uint8_t)(number >> 8)};

    fx_send(fx, fx_host(fx, host), bytes,
            bh_strict_keep_encode(bytes, &packet));
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, host), id, number),
                     BH_OK);
}

/* A parked retransmission is overtaken by another one, which is answered, and
 * by all that the client does then. */
static void a_parked_write_may_be_old_when_its_turn_comes(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t first, second;

    disk->facts.mode = BH_MODE_SHARED;
    first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    second = fx_strict_open(fx, fx_host(fx, 2), STRICT_SHARED, "d");
    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_READ] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), first, 2, 5, 0x11);
    fx_strict_send_write(fx, fx_host(fx, 2), second, 2, 6, 0x22);
    disk->holds[BH_JOB_WRITE] = false;
    memset(disk->bytes + 5 * FX_SECTOR, 0x11, FX_SECTOR);
    fx_kill(fx);
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), first, 2, 5, 0x11),
                     FX_NONE);
    fx_release(fx, BH_JOB_READ); /* the first WRITE is settled */
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), first, 2, 5, 0x11),
                     BH_OK);
    for (uint32_t n = 3; n <= 2 + BH_WINDOW_MAX; n++)
        keep(fx, 1, first, n);
    disk->count[BH_JOB_WRITE] = 0;
    fx_release_all(fx);
    assert_int_equal(disk->count[BH_JOB_WRITE], 0);
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), FX_NONE);
    assert_int_equal(
        fx_strict_write(fx, fx_host(fx, 1), first, 3 + BH_WINDOW_MAX, 5, 0x33),
        BH_OK);
}

/* On a shared volume nobody waits for the last request of a session that is
 * displaced. */
static void a_displaced_session_does_not_come_back(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = with_disk(fx);
    uint16_t old, id;

    disk->facts.mode = BH_MODE_SHARED;
    old = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), old, 2, 5, 0x11);
    disk->holds[BH_JOB_WRITE] = false;
    id = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    assert_int_equal(fx_strict_write(fx, fx_host(fx, 1), id, 2, 6, 0x22),
                     BH_OK);
    fx_kill(fx);
    fx_strict_send_write(fx, fx_host(fx, 1), old, 3, 6,
                         0x11); /* late, and given up */
    assert_int_equal(fx_answer(fx, fx_host(fx, 1)), BH_ERR_SESSION);
    assert_int_equal(disk->bytes[6 * FX_SECTOR], 0x22);
    assert_int_equal(bh_ids_state(&fx->server->ids, old, fx->now),
                     BH_ID_CLOSED);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up_kept, fx_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_goes_on_under_its_id),
        TEST(a_pending_session_goes_on_too),
        TEST(a_pending_session_that_was_proven_does_not_come_back),
        TEST(an_id_that_somebody_uses_is_not_given_away),
        TEST(the_volume_is_locked_before_anyone_asks),
        TEST(a_strict_number_is_not_carried_out_again),
        TEST(a_number_that_ran_when_the_server_died_runs_again),
        TEST(a_client_that_counts_is_still_protected),
        TEST(a_disconnect_is_answered_again),
        TEST(a_strict_disconnect_ends_the_session_whenever_the_kill_comes),
        TEST(a_clock_that_went_back_frees_ids_in_time),
        TEST(the_instance_and_the_change_counter_stay),
        TEST(a_poisoned_volume_stays_so),
        TEST(a_sync_that_failed_just_before_the_kill_is_known),
        TEST(every_name_of_a_poisoned_medium_is_poisoned),
        TEST(it_is_made_stable_though_nobody_asks),
        TEST(an_orderly_end_waits_for_it),
        TEST(whoever_wants_it_meanwhile_waits_and_gets_it),
        TEST(whoever_wants_it_while_it_is_attached_gets_it),
        TEST(until_then_it_is_not_forgotten),
        TEST(it_is_given_up_when_it_cannot_be_attached),
        TEST(what_is_no_longer_the_same_is_answered_4),
        TEST(the_first_attachment_is_patient),
        TEST(a_stopped_server_leaves_its_sessions),
        TEST(a_session_ends_if_its_image_is_written_to_meanwhile),
        TEST(sessions_on_virtual_volumes_end),
        TEST(a_shared_volume_is_the_same_under_another_number),
        TEST(a_write_that_was_carried_out_is_not_again),
        TEST(one_that_was_not_is_carried_out),
        TEST(nothing_else_is_done_before_doubts_are_settled),
        TEST(a_sector_that_cannot_be_read_is_12),
        TEST(a_sector_that_is_read_in_part_is_12),
        TEST(with_sync_write_what_was_done_is_stable_first),
        TEST(doubts_end_with_their_session),
        TEST(a_displaced_session_does_not_come_back),
        TEST(a_parked_write_may_be_old_when_its_turn_comes),
        TEST(a_flush_of_a_reader_covers_an_earlier_server),
        TEST(a_disconnect_waits_for_the_volume_to_be_open_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
