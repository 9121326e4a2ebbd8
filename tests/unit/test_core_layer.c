/* SPDX-License-Identifier: MIT */
/* Scratch volumes: what each session has for itself. */
#include "fixture.h"

#include "core/admin.h"
#include "core/hold.h"
#include "core/internal.h"
#include "core/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define STRICT (FX_PLAIN | BH_FLAG_STRICT)

static struct fx_disk *scratch(struct fx *fx)
{
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);

    disk->facts.mode = BH_MODE_SCRATCH;
    return disk;
}

/* Another name of the same medium, exclusive. */
static struct fx_disk *link_to(struct fx *fx, const struct fx_disk *disk)
{
    struct fx_disk *link = fx_disk(fx, "link", FX_DISK_LEN);

    link->facts.device = disk->facts.device;
    link->facts.inode = disk->facts.inode;
    return link;
}

static uint8_t first_byte(struct fx *fx, const struct bh_path *peer,
                          uint16_t id, uint32_t lsn)
{
    assert_int_equal(fx_read(fx, peer, id, lsn), BH_OK);
    return fx->data[0];
}

static uint64_t changes(struct fx *fx, const struct bh_path *peer, uint16_t id)
{
    struct bh_identify identify;

    assert_int_equal(fx_identify(fx, peer, id, &identify), BH_OK);
    return identify.change_counter;
}

static void each_session_sees_its_own_writes_alone(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2),
                         *three = fx_host(fx, 3);
    uint16_t a = fx_open(fx, one, FX_PLAIN, "d");
    uint16_t b = fx_open(fx, two, FX_PLAIN, "d"), c;

    assert_int_equal(fx_write(fx, one, a, 3, 0xAA), BH_OK);
    assert_int_equal(fx_write(fx, two, b, 3, 0xBB), BH_OK);
    c = fx_open(fx, three, FX_READER, "d");
    assert_int_equal(first_byte(fx, one, a, 3), 0xAA);
    assert_int_equal(first_byte(fx, two, b, 3), 0xBB);
    assert_int_equal(first_byte(fx, three, c, 3), 3);
    assert_int_equal(disk->bytes[3 * FX_SECTOR], 3);
    assert_int_equal(disk->written, 0);
    assert_int_equal(fx_layers(fx), 2);
}

/* Who may have what beside a session of the scratch volume "d", "link" being an
 * exclusive name of its bytes. */
static void what_goes_together(void **state)
{
    static const struct {
        const char *holds;
        uint8_t holder;
        const char *asks;
        uint8_t flags;
        int status;
        int write; /* the newcomer's */
    } rows[] = {
        {"d", FX_PLAIN, "d", FX_PLAIN, BH_OK, BH_OK},
        {"d", FX_PLAIN, "d", FX_READER, BH_OK, BH_ERR_READ_ONLY},
        {"d", FX_PLAIN, "d", FX_LOOK, BH_OK, BH_ERR_READ_ONLY},
        {"d", FX_PLAIN, "d", FX_SHARED, BH_ERR_FLAGS, 0},
        {"d", FX_READER, "d", FX_PLAIN, BH_OK, BH_OK},
        {"d", FX_LOOK, "d", FX_PLAIN, BH_OK, BH_OK},
        {"d", FX_PLAIN, "link", FX_PLAIN, BH_ERR_IN_USE, 0},
        {"d", FX_READER, "link", FX_PLAIN, BH_ERR_IN_USE, 0},
        {"d", FX_PLAIN, "link", FX_READER, BH_OK, BH_ERR_READ_ONLY},
        {"d", FX_PLAIN, "link", FX_LOOK, BH_OK, BH_ERR_READ_ONLY},
        {"link", FX_PLAIN, "d", FX_PLAIN, BH_ERR_IN_USE, 0},
        {"link", FX_PLAIN, "d", FX_READER, BH_ERR_IN_USE, 0},
        {"link", FX_PLAIN, "d", FX_LOOK, BH_OK, BH_ERR_READ_ONLY},
        {"link", FX_READER, "d", FX_PLAIN, BH_OK, BH_OK},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
        uint16_t held, id;
        int status;

        link_to(fx, scratch(fx));
        held = fx_open(fx, one, rows[i].holder, rows[i].holds);
        status = fx_connect(fx, two, rows[i].flags, rows[i].asks, &id);
        if (status == BH_OK)
            status = fx_read(fx, two, id, 0);
        if (status != rows[i].status)
            fail_msg("row %zu: status %d", i, status);
        if (status == BH_OK && fx_write(fx, two, id, 1, 0x55) != rows[i].write)
            fail_msg("row %zu: WRITE", i);
        assert_int_equal(fx_read(fx, one, held, 0), BH_OK);
        fx_free(fx);
    }
}

static void identify_says_scratch(void **state)
{
    struct fx *fx = *state;
    uint16_t id;
    struct bh_identify identify;

    scratch(fx);
    id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_int_equal(fx_identify(fx, fx_host(fx, 1), id, &identify), BH_OK);
    assert_int_equal(identify.flags, BH_VOLUME_SCRATCH);
    id = fx_open(fx, fx_host(fx, 2), FX_READER, "d");
    assert_int_equal(fx_identify(fx, fx_host(fx, 2), id, &identify), BH_OK);
    assert_int_equal(identify.flags, BH_VOLUME_SCRATCH);
}

/* A reader's counter stays, as what he reads does; a writer's is never one more
 * than that of a session before. */
static void change_counters(void **state)
{
    struct fx *fx = *state;
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t reader, a, b;
    uint64_t before, first;

    scratch(fx);
    reader = fx_open(fx, one, FX_READER, "d");
    before = changes(fx, one, reader);
    a = fx_open(fx, two, FX_PLAIN, "d");
    first = changes(fx, two, a);
    b = fx_open(fx, two, FX_PLAIN, "d");
    assert_int_equal(changes(fx, one, reader), before);
    assert_true(changes(fx, two, b) != first + 1);
    assert_true(changes(fx, two, b) != first);
    assert_true(first != before + 1);
}

/* How a session may end: its layer goes with it. */
static void ends_by_discon(struct fx *fx, struct fx_disk *disk, uint16_t id)
{
    (void)disk;
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), id), BH_OK);
}

static void ends_by_a_reset(struct fx *fx, struct fx_disk *disk, uint16_t id)
{
    uint16_t next = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");

    (void)disk;
    assert_int_equal(first_byte(fx, fx_host(fx, 1), next, 3), 3);
    assert_int_equal(fx_layers(fx), 1); /* not the old one */
    assert_int_equal(fx_read(fx, fx_host(fx, 1), id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_discon(fx, fx_host(fx, 1), next), BH_OK);
}

static void ends_by_a_takeover(struct fx *fx, struct fx_disk *disk, uint16_t id)
{
    (void)id;
    fx_pass(fx, disk->facts.idle_ms);
    fx_open(fx, fx_host(fx, 2), FX_PLAIN, "link");
}

static void ends_by_the_administrator(struct fx *fx, struct fx_disk *disk,
                                      uint16_t id)
{
    (void)disk;
    assert_int_equal(bh_admin_disconnect(fx->server, fx->now, id),
                     BH_ADMIN_ENDED);
    fx_pump(fx);
}

static void ends_by_a_rollback(struct fx *fx, struct fx_disk *disk, uint16_t id)
{
    (void)id;
    bh_hold_begin(fx->server, fx->now, &disk->facts, BH_HOLD_ALL);
    bh_hold_change_medium(fx->server, fx->now);
    fx_pump(fx);
    assert_true(bh_hold_is_still(fx->server, fx->now));
    assert_int_equal(fx_layers(fx), 0);
    bh_hold_over(fx->server, fx->now);
    fx_pump(fx);
}

static void ends_by_reclaim(struct fx *fx, struct fx_disk *disk, uint16_t id)
{
    uint16_t other;

    (void)id;
    fx_disk(fx, "x", FX_DISK_LEN)->facts.mode = BH_MODE_SHARED;
    fx_pass(fx, disk->facts.idle_ms);
    for (uint32_t host = 100; host < 116; host++) {
        struct bh_path peer = fx_peer(host, 10);

        assert_int_equal(fx_connect(fx, &peer, FX_PLAIN, "x", &other), BH_OK);
        assert_int_equal(fx_read(fx, &peer, other, 0), BH_OK);
    }
}

static void ends_without_a_table_at_the_stop(struct fx *fx,
                                             struct fx_disk *disk, uint16_t id)
{
    (void)disk;
    (void)id;
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    assert_true(bh_server_idle(fx->server));
}

static void a_layer_ends_with_its_session(void **state)
{
    static void (*const ways[])(struct fx *, struct fx_disk *,
                                uint16_t) = {ends_by_discon,
                                             ends_by_a_reset,
                                             ends_by_a_takeover,
                                             ends_by_the_administrator,
                                             ends_by_a_rollback,
                                             ends_by_reclaim,
                                             ends_without_a_table_at_the_stop};

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *disk = scratch(fx);
        uint16_t id;

        link_to(fx, disk);
        id = fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
        assert_int_equal(fx_write(fx, fx_host(fx, 1), id, 3, 0xAA), BH_OK);
        assert_int_equal(fx_layers(fx), 1);
        ways[i](fx, disk, id);
        if (fx_layers(fx) != 0)
            fail_msg("way %zu: the layer stays", i);
        assert_int_equal(disk->written, 0);
        fx_free(fx);
    }
}

/* The layer goes after its last request. */
static void the_last_request_is_done_before(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "d"), next;

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, one, id, 3, 0xAA), FX_NONE);
    next = fx_pend(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, one, next, 3), BH_OK); /* it waits for none */
    assert_int_equal(fx->data[0], 3);
    assert_int_equal(fx_layers(fx), 2);
    fx_release_all(fx);
    assert_int_equal(fx_layers(fx), 1);
    assert_int_equal(first_byte(fx, one, next, 3), 3);
}

static void nothing_is_synced(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id;

    disk->facts.sync = BH_SYNC_WRITE;
    id = fx_open(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, one, id, 1, 0x11), BH_OK);
    assert_int_equal(fx_flush(fx, one, id), BH_OK);
    fx_pass(fx, 10000);
    assert_int_equal(fx_discon(fx, one, id), BH_OK);
    assert_int_equal(disk->count[BH_JOB_SYNC], 0);
}

static void a_full_layer_says_so(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "d");

    assert_int_equal(fx_write(fx, one, id, 1, 0x11), BH_OK);
    disk->fails[BH_JOB_WRITE] = BH_ERR_NO_SPACE;
    assert_int_equal(fx_write(fx, one, id, 2, 0x22), BH_ERR_NO_SPACE);
    disk->fails[BH_JOB_WRITE] = BH_OK;
    assert_int_equal(first_byte(fx, one, id, 1), 0x11);
    assert_int_equal(first_byte(fx, one, id, 2), 2);
    assert_int_equal(fx_write(fx, one, id, 2, 0x22), BH_OK);
}

static void no_checkpoint_is_made_of_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, one, STRICT, "d");

    fx_strict_send(fx, one, id, 2, BH_OP_CHECKPOINT, 0, "\1x", 2);
    assert_int_equal(fx_strict_answer(fx, one, id, 2), BH_ERR_NO_SPACE);
    id = fx_strict_open(fx, two, FX_READER | BH_FLAG_STRICT, "d");
    fx_strict_send(fx, two, id, 2, BH_OP_CHECKPOINT, 0, "\1x", 2);
    assert_int_equal(fx_strict_answer(fx, two, id, 2), BH_ERR_READ_ONLY);
    assert_int_equal(disk->count[BH_JOB_CHECKPOINT], 0);
    assert_int_equal(fx->server->checkpoint_count, 0);
}

static void trim_zero_and_checksum_are_of_the_layer(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id = fx_strict_open(fx, one, STRICT, "d");
    static const uint8_t sum_of_zeros[] = {0xF5, 0xA0, 0xF4, 0x15};

    fx_strict_send(fx, one, id, 2, BH_OP_ZERO, 5, "\0\1", 2);
    assert_int_equal(fx_strict_answer(fx, one, id, 2), BH_OK);
    fx_strict_send(fx, one, id, 3, BH_OP_TRIM, 6, "\0\2", 2);
    assert_int_equal(fx_strict_answer(fx, one, id, 3), BH_OK);
    fx_strict_send(fx, one, id, 4, BH_OP_CHECKSUM, 5, "\0\3", 2);
    assert_int_equal(fx_strict_answer(fx, one, id, 4), BH_OK);
    assert_memory_equal(fx->data, sum_of_zeros, sizeof sum_of_zeros);
    assert_int_equal(disk->bytes[5 * FX_SECTOR], 5);
}

/* A copy of the medium does not need the layers to keep still. */
static void a_hold_of_changes_does_not_stop_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "d");

    bh_hold_begin(fx->server, fx->now, &disk->facts, BH_HOLD_CHANGES);
    assert_int_equal(fx_write(fx, one, id, 1, 0x11), BH_OK);
    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, one, id, 2, 0x22), FX_NONE);
    assert_true(bh_hold_is_still(fx->server, fx->now));
    fx_release_all(fx);
    bh_hold_over(fx->server, fx->now);
    assert_int_equal(first_byte(fx, one, id, 2), 0x22);
}

/* A session that is proven while the medium is away for a moment, and one that
 * had begun to be attached before. */
static void a_hold_of_all_stops_it_and_it_goes_on(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t a, b;

    disk->holds[BH_JOB_ATTACH] = true;
    a = fx_pend(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, one, a, 1, 0x11), FX_NONE);
    bh_hold_begin(fx->server, fx->now, &disk->facts, BH_HOLD_ALL);
    b = fx_pend(fx, two, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, two, b, 1, 0x22), FX_NONE);
    fx_release_all(fx);
    fx_pump(fx);
    assert_true(bh_hold_is_still(fx->server, fx->now));
    assert_int_equal(fx_layers(fx), 1);
    disk->holds[BH_JOB_ATTACH] = false;
    bh_hold_over(fx->server, fx->now);
    fx_pump(fx);
    assert_int_equal(fx_answer(fx, one), BH_OK);
    assert_int_equal(fx_answer(fx, two), BH_OK);
    assert_int_equal(fx_layers(fx), 2);
    assert_int_equal(first_byte(fx, one, a, 1), 0x11);
}

/* The layer of a session that ends while nothing is attached. */
static void a_layer_ends_while_the_medium_is_held(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id;

    disk->holds[BH_JOB_ATTACH] = true;
    id = fx_pend(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, one, id, 0), FX_NONE);
    bh_hold_begin(fx->server, fx->now, &disk->facts, BH_HOLD_ALL);
    fx_release_all(fx);
    assert_true(bh_hold_is_still(fx->server, fx->now));
    assert_int_equal(fx_layers(fx), 1);
    bh_hold_change_medium(fx->server, fx->now);
    fx_pump(fx);
    assert_int_equal(fx_layers(fx), 0);
    bh_hold_over(fx->server, fx->now);
    assert_int_equal(bh_server_session_count(fx->server), 0);
}

static void a_kill_is_not_noticed(void **state)
{
    struct fx *fx = *state;
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t a, b;

    scratch(fx);
    a = fx_open(fx, one, FX_PLAIN, "d");
    b = fx_open(fx, two, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, one, a, 3, 0xAA), BH_OK);
    assert_int_equal(fx_write(fx, two, b, 3, 0xBB), BH_OK);
    for (int turn = 0; turn < 3; turn++) {
        fx_kill(fx);
        assert_int_equal(fx_layers(fx), 2);
        assert_int_equal(first_byte(fx, one, a, 3), 0xAA);
        assert_int_equal(first_byte(fx, two, b, 3), 0xBB);
    }
    assert_int_equal(fx_discon(fx, one, a), BH_OK);
    assert_int_equal(fx_layers(fx), 1);
    fx_kill(fx);
    assert_int_equal(fx_layers(fx), 1);
    assert_int_equal(fx_read(fx, one, a, 0), BH_ERR_SESSION);
}

static void nor_is_an_orderly_restart(void **state)
{
    struct fx *fx = *state;
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id;

    scratch(fx);
    id = fx_open(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, one, id, 3, 0xAA), BH_OK);
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    assert_true(bh_server_idle(fx->server));
    assert_null(fx->media);
    fx_kill(fx);
    assert_int_equal(first_byte(fx, one, id, 3), 0xAA);
}

/* Killed before the ATTACH, and when the driver had done it. */
static void a_kill_before_the_first_answer(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id;

    disk->holds[BH_JOB_ATTACH] = true;
    id = fx_pend(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, one, id, 3, 0xAA), FX_NONE);
    fx_kill(fx);
    assert_int_equal(fx_layers(fx), 0);
    fx_release_all(fx);
    assert_int_equal(fx_layers(fx), 1);
    fx_forget_replies(fx);
    disk->holds[BH_JOB_ATTACH] = false;
    assert_int_equal(first_byte(fx, one, id, 3), 3);
    assert_int_equal(fx_write(fx, one, id, 3, 0xAA), BH_OK);
    fx_kill(fx);
    assert_int_equal(first_byte(fx, one, id, 3), 0xAA);
}

/* A session whose layer is gone has lost what it wrote. */
static void a_lost_layer_ends_its_session(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    const struct bh_path *one = fx_host(fx, 1);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "d");

    disk->fails[BH_JOB_ATTACH] = BH_ERR_SESSION; /* the medium is another */
    fx_kill(fx);
    assert_int_equal(fx_read(fx, one, id, 3), BH_ERR_SESSION);
    assert_int_equal(fx_layers(fx), 0); /* discarded, though not attached */
    assert_int_equal(bh_server_session_count(fx->server), 0);
    disk->fails[BH_JOB_ATTACH] = BH_OK;
    id = fx_open(fx, one, FX_PLAIN, "d");
    fx_kill(fx);
    assert_int_equal(fx_read(fx, one, id, 3), BH_OK);
}

/* What a writer by another name wrote before the kill is not left to the
 * layer's syncs, for there are none. */
static void a_layer_does_not_make_its_medium_stable(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *link = link_to(fx, scratch(fx));
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t writer = fx_open(fx, one, FX_PLAIN, "link"), id;

    assert_int_equal(fx_write(fx, one, writer, 1, 0x11), BH_OK);
    link->holds[BH_JOB_SYNC] = true;
    bh_admin_disconnect(fx->server, fx->now, writer);
    fx_pump(fx);
    assert_int_equal(fx_held(fx, BH_JOB_SYNC), 1);
    id = fx_pend(fx, two, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, two, id, 1), FX_NONE); /* the lock is taken */
    link->holds[BH_JOB_SYNC] = false;
    fx_kill(fx);
    assert_int_equal(fx_read(fx, two, id, 1), BH_OK);
    assert_int_equal(link->stable, 1);
}

/* Failed storage is failed for those who read through a layer; and layers that
 * are over do not use the table up until it is well. */
static void a_poisoned_medium(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx), *link = link_to(fx, disk);
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t id = fx_open(fx, one, FX_PLAIN, "link");
    uint32_t used;

    link->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    assert_int_equal(fx_write(fx, one, id, 1, 0x11), BH_OK);
    assert_int_equal(fx_discon(fx, one, id), BH_ERR_STORAGE);
    link->fails[BH_JOB_SYNC] = BH_OK;
    used = fx->server->volumes_used;
    for (int turn = 0; turn < 20; turn++) {
        id = fx_pend(fx, two, FX_PLAIN, "d");
        assert_int_equal(fx_read(fx, two, id, 0), BH_ERR_STORAGE);
        assert_int_equal(fx_discon(fx, two, id), BH_ERR_STORAGE);
    }
    assert_true(fx->server->volumes_used <= used + 2);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    id = fx_open(fx, two, FX_PLAIN, "d");
    assert_int_equal(fx_write(fx, two, id, 1, 0x22), BH_OK);
}

/* Sessions on layers are no reason to forget what is known of volumes. */
static void layers_come_and_go_in_one_slot(void **state)
{
    struct fx *fx = *state;
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t id;
    uint64_t before;
    uint32_t used;

    scratch(fx);
    fx_disk(fx, "x", FX_DISK_LEN);
    id = fx_open(fx, one, FX_PLAIN, "x");
    before = changes(fx, one, id);
    assert_int_equal(fx_discon(fx, one, id), BH_OK);
    used = fx->server->volumes_used;
    for (int turn = 0; turn < 2000; turn++) {
        id = fx_open(fx, two, FX_PLAIN, "d"); /* the one before ends */
        fx_pass(fx, 100);
    }
    assert_true(fx->server->volumes_used <= used + 3);
    assert_int_equal(fx_layers(fx), 1);
    id = fx_open(fx, one, FX_PLAIN, "x");
    assert_int_equal(changes(fx, one, id), before + 1);
}

/* A session whose turn comes in the midst of a call gets the slot of a layer
 * that the same call was about to look at. */
static void a_slot_is_taken_in_the_midst_of_a_call(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *link = link_to(fx, scratch(fx));
    const struct bh_path *one = fx_host(fx, 1), *two = fx_host(fx, 2);
    uint16_t id = fx_open(fx, two, FX_LOOK, "link");

    assert_int_equal(fx_discon(fx, two, id), BH_OK);
    id = fx_open(fx, two, FX_PLAIN, "d");
    assert_int_equal(fx_discon(fx, two, id), BH_OK);
    link->holds[BH_JOB_ATTACH] = true;
    id = fx_pend(fx, one, FX_PLAIN, "link");
    assert_int_equal(fx_read(fx, one, id, 0), FX_NONE);
    id = fx_pend(fx, one, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, one, id, 0), FX_NONE); /* for the other */
    link->fails[BH_JOB_ATTACH] = BH_ERR_STORAGE;
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, one), BH_ERR_STORAGE);
    assert_int_equal(fx_answer(fx, one), BH_OK);
    assert_int_equal(fx_write(fx, one, id, 1, 0x11), BH_OK);
    for (uint32_t i = 0; i < fx->server->volumes_used; i++)
        assert_true(bh_list_empty(&fx->server->volumes[i].unsettled));
}

/* All sessions that there may be, each with a layer, and one more. */
static void a_full_table(void **state)
{
    struct fx *fx = *state;
    uint16_t ids[BH_SESSIONS_MIN], id;

    scratch(fx);
    for (uint32_t i = 0; i < BH_SESSIONS_MIN; i++) {
        struct bh_path peer = fx_peer(1 + i / 8, (uint16_t)(10 + i));

        ids[i] = fx_open(fx, &peer, FX_PLAIN, "d");
        assert_int_equal(fx_write(fx, &peer, ids[i], 1, (uint8_t)i), BH_OK);
    }
    assert_int_equal(fx_layers(fx), BH_SESSIONS_MIN);
    assert_int_equal(fx_connect(fx, fx_host(fx, 7), FX_PLAIN, "d", &id),
                     BH_ERR_SESSIONS);
    for (uint32_t i = 0; i < BH_SESSIONS_MIN; i++) {
        struct bh_path peer = fx_peer(1 + i / 8, (uint16_t)(10 + i));

        assert_int_equal(first_byte(fx, &peer, ids[i], 1), i);
    }
}

/* Without randomness there is no layer, and nothing else changes. */
static void no_randomness(void **state)
{
    struct fx *fx = *state;
    const struct bh_path *one = fx_host(fx, 1);
    uint32_t sessions = 0;
    uint16_t id;

    scratch(fx);
    id = fx_pend(fx, one, FX_PLAIN, "d");
    fx->no_random = true;
    fx->server->random.left = 0;
    assert_int_equal(fx_read(fx, one, id, 0), BH_ERR_SESSIONS);
    fx->no_random = false;
    fx_pump(fx);
    BH_LIST_EACH (link, &fx->server->free_sessions)
        sessions++;
    assert_int_equal(sessions, BH_SESSIONS_MIN);
    fx_open(fx, one, FX_PLAIN, "d");
}

static void an_administrator_sees_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = scratch(fx);
    struct bh_admin_session session;
    struct bh_admin_volume volume;
    uint32_t place = 0;

    fx_open(fx, fx_host(fx, 1), FX_PLAIN, "d");
    assert_true(bh_admin_next_session(fx->server, fx->now, &place, &session));
    assert_true(session.scratch);
    assert_string_equal(session.volume, "d");
    fx_open(fx, fx_host(fx, 2), FX_PLAIN, "d");
    bh_admin_volume(fx->server, &disk->facts, &volume);
    assert_int_equal(volume.writers, 2);
    fx_open(fx, fx_host(fx, 3), FX_READER, "d");
    bh_admin_volume(fx->server, &disk->facts, &volume);
    assert_int_equal(volume.readers, 1);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
#define KEPT(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up_kept, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_session_sees_its_own_writes_alone),
        cmocka_unit_test(what_goes_together),
        TEST(identify_says_scratch),
        TEST(change_counters),
        cmocka_unit_test(a_layer_ends_with_its_session),
        TEST(the_last_request_is_done_before),
        TEST(nothing_is_synced),
        TEST(a_full_layer_says_so),
        TEST(no_checkpoint_is_made_of_it),
        TEST(trim_zero_and_checksum_are_of_the_layer),
        TEST(a_hold_of_changes_does_not_stop_it),
        TEST(a_hold_of_all_stops_it_and_it_goes_on),
        TEST(a_layer_ends_while_the_medium_is_held),
        KEPT(a_kill_is_not_noticed),
        KEPT(nor_is_an_orderly_restart),
        KEPT(a_kill_before_the_first_answer),
        KEPT(a_lost_layer_ends_its_session),
        KEPT(a_layer_does_not_make_its_medium_stable),
        TEST(a_poisoned_medium),
        TEST(layers_come_and_go_in_one_slot),
        TEST(a_slot_is_taken_in_the_midst_of_a_call),
        TEST(a_full_table),
        TEST(no_randomness),
        TEST(an_administrator_sees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
