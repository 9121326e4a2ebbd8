/* SPDX-License-Identifier: MIT */
/* Who may have what, and who yields to whom. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* In the tables: nobody has opened it yet. */
#define NOBODY 0xFF
/* In the tables: as a name for no time-out at all. */
#define FOREVER (366ull * 86400000u)

/* The status that a stranger gets who asks with `flags`, at CONNECT or, where
 * that is 0, at the proof. */
static int ask(struct fx *fx, const struct bh_path *peer, uint8_t flags,
               const char *name)
{
    uint16_t id;
    int status = fx_connect(fx, peer, flags, name, &id);

    return status == BH_OK ? fx_read(fx, peer, id, 0) : status;
}

static void who_may_have_what(void **state)
{
    static const struct {
        uint8_t mode, holder, asks;
        int status;
        bool writes; /* the newcomer's WRITE gets 0, not 8 */
    } rows[] = {
        {BH_MODE_EXCLUSIVE, NOBODY, FX_PLAIN, BH_OK, true},
        {BH_MODE_EXCLUSIVE, NOBODY, FX_READER, BH_OK, false},
        {BH_MODE_EXCLUSIVE, NOBODY, FX_LOOK, BH_OK, false},
        {BH_MODE_EXCLUSIVE, NOBODY, FX_SHARED, BH_ERR_FLAGS, false},
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_PLAIN, BH_ERR_IN_USE, false},
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_READER, BH_ERR_IN_USE, false},
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_LOOK, BH_OK, false},
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_SHARED, BH_ERR_FLAGS, false},
        {BH_MODE_EXCLUSIVE, FX_READER, FX_PLAIN, BH_ERR_IN_USE, false},
        {BH_MODE_EXCLUSIVE, FX_READER, FX_READER, BH_OK, false},
        {BH_MODE_EXCLUSIVE, FX_READER, FX_LOOK, BH_OK, false},
        {BH_MODE_EXCLUSIVE, FX_LOOK, FX_PLAIN, BH_OK, true},
        {BH_MODE_EXCLUSIVE, FX_LOOK, FX_READER, BH_OK, false},
        {BH_MODE_READ_ONLY, NOBODY, FX_PLAIN, BH_OK, false},
        {BH_MODE_READ_ONLY, NOBODY, FX_SHARED, BH_ERR_FLAGS, false},
        {BH_MODE_READ_ONLY, FX_PLAIN, FX_PLAIN, BH_OK, false},
        {BH_MODE_READ_ONLY, FX_PLAIN, FX_READER, BH_OK, false},
        {BH_MODE_READ_ONLY, FX_READER, FX_PLAIN, BH_OK, false},
        {BH_MODE_READ_ONLY, FX_READER, FX_LOOK, BH_OK, false},
        {BH_MODE_SHARED, NOBODY, FX_PLAIN, BH_OK, true},
        {BH_MODE_SHARED, FX_PLAIN, FX_PLAIN, BH_OK, true},
        {BH_MODE_SHARED, FX_PLAIN, FX_SHARED, BH_OK, true},
        {BH_MODE_SHARED, FX_SHARED, FX_SHARED, BH_OK, true},
        {BH_MODE_SHARED, FX_PLAIN, FX_READER, BH_OK, false},
        {BH_MODE_SHARED, FX_READER, FX_PLAIN, BH_OK, true},
        {BH_MODE_SHARED, FX_READER, FX_LOOK, BH_OK, false},
        {BH_MODE_SHARED, FX_SHARED, FX_LOOK, BH_OK, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path holder = fx_peer(1, 10), peer = fx_peer(2, 20);
        uint16_t held = 0, id;
        int status, write = BH_ERR_READ_ONLY;

        fx_disk(fx, "d", 8 * FX_SECTOR)->facts.mode = rows[i].mode;
        if (rows[i].holder != NOBODY)
            held = fx_open(fx, &holder, rows[i].holder, "d");
        status = fx_connect(fx, &peer, rows[i].asks, "d", &id);
        if (status == BH_OK)
            status = fx_read(fx, &peer, id, 0);
        if (status == BH_OK)
            write = fx_write(fx, &peer, id, 1, 0x55);
        if (status != rows[i].status)
            fail_msg("row %zu: status %d", i, status);
        if (write != (rows[i].writes ? BH_OK : BH_ERR_READ_ONLY))
            fail_msg("row %zu: WRITE gets %d", i, write);
        if (held != 0)
            assert_int_equal(fx_read(fx, &holder, held, 0), BH_OK);
        fx_free(fx);
    }
}

static void a_writer_waits_until_every_reader_yields(void **state)
{
    struct fx *fx = *state;
    struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10),
                   writer = fx_peer(3, 10);
    uint16_t a, b;

    fx_disk(fx, "d", 8 * FX_SECTOR)->facts.idle_ms = 60000;
    a = fx_open(fx, &one, FX_READER, "d");
    b = fx_open(fx, &two, FX_READER, "d");
    fx_pass(fx, 59999);
    assert_int_equal(fx_read(fx, &two, b, 0), BH_OK);
    fx_pass(fx, 1); /* the first would yield, the second does not */
    assert_int_equal(ask(fx, &writer, FX_PLAIN, "d"), BH_ERR_IN_USE);
    assert_int_equal(fx_read(fx, &one, a, 0), BH_OK); /* nobody was harmed */
    fx_pass(fx, 60000);
    assert_int_equal(ask(fx, &writer, FX_PLAIN, "d"), BH_OK);
    assert_int_equal(fx_read(fx, &one, a, 0), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, &two, b, 0), BH_ERR_SESSION);
}

/* After which silence of the holder, in ms, a newcomer gets the volume: 9 a
 * millisecond before, 0 then. */
static void when_a_holder_yields(void **state)
{
    static const struct {
        uint8_t takeover;
        uint64_t idle_ms;
        uint32_t host;
        uint16_t port;
        uint64_t after_ms; /* FOREVER: never */
    } rows[] = {
        {BH_TAKEOVER_HOST, 60000, 1, 10, 0},
        {BH_TAKEOVER_HOST, 60000, 1, 11, 3000},
        {BH_TAKEOVER_HOST, 60000, 2, 10, 60000},
        {BH_TAKEOVER_HOST, 60000, 2, 11, 60000},
        {BH_TAKEOVER_HOST, 1800000, 2, 10, 1800000},
        {BH_TAKEOVER_HOST, 0, 1, 10, 0},
        {BH_TAKEOVER_HOST, 0, 1, 11, 3000},
        {BH_TAKEOVER_HOST, 0, 2, 10, FOREVER},
        {BH_TAKEOVER_ADDRESS, 60000, 1, 10, 0},
        {BH_TAKEOVER_ADDRESS, 60000, 1, 11, 60000},
        {BH_TAKEOVER_ADDRESS, 60000, 2, 10, 60000},
        {BH_TAKEOVER_ADDRESS, 0, 1, 11, FOREVER},
        {BH_TAKEOVER_NEVER, 60000, 1, 10, FOREVER},
        {BH_TAKEOVER_NEVER, 60000, 1, 11, FOREVER},
        {BH_TAKEOVER_NEVER, 60000, 2, 10, FOREVER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
        struct bh_path holder = fx_peer(1, 10),
                       peer = fx_peer(rows[i].host, rows[i].port);
        uint16_t held;

        disk->facts.takeover = rows[i].takeover;
        disk->facts.idle_ms = rows[i].idle_ms;
        held = fx_open(fx, &holder, FX_PLAIN, "d");
        if (rows[i].after_ms > 0) {
            fx_pass(fx, rows[i].after_ms - 1);
            if (ask(fx, &peer, FX_PLAIN, "d") != BH_ERR_IN_USE)
                fail_msg("row %zu: too early", i);
            assert_int_equal(fx_read(fx, &holder, held, 0), BH_OK);
            fx_pass(fx, rows[i].after_ms);
        }
        if (ask(fx, &peer, FX_PLAIN, "d") !=
            (rows[i].after_ms == FOREVER ? BH_ERR_IN_USE : BH_OK))
            fail_msg("row %zu: not then", i);
        if (fx_read(fx, &holder, held, 0) !=
            (rows[i].after_ms == FOREVER ? BH_OK : BH_ERR_SESSION))
            fail_msg("row %zu: the holder", i);
        fx_free(fx);
    }
}

/* Silence is counted from the last valid request, whatever it was. */
static void only_valid_requests_keep_a_holder(void **state)
{
    struct fx *fx = *state;
    struct bh_path holder = fx_peer(1, 10), peer = fx_peer(1, 11);
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    id = fx_open(fx, &holder, FX_PLAIN, "d");
    fx_pass(fx, 2000);
    assert_int_equal(fx_read(fx, &holder, id, 99), BH_ERR_LSN);
    fx_pass(fx, 2999);
    assert_int_equal(fx_command(fx, &holder, id, 200, 0, NULL, 0),
                     BH_ERR_OPCODE);
    assert_int_equal(fx_command(fx, &holder, id, BH_OP_WRITE, 0, NULL, 0),
                     BH_ERR_FORMAT);
    fx_send(fx, &holder, (uint8_t[]){BH_PACKET_KEEP}, 1);
    fx_forget_replies(fx);
    assert_int_equal(ask(fx, &peer, FX_PLAIN, "d"), BH_ERR_IN_USE);
    fx_pass(fx, 1);
    assert_int_equal(ask(fx, &peer, FX_PLAIN, "d"), BH_OK);
}

static void several_machines_behind_one_address_wait_30_s(void **state)
{
    struct fx *fx = *state;
    struct bh_path holder = fx_peer(1, 10), third = fx_peer(1, 12),
                   peer = fx_peer(1, 11), far = fx_peer(2, 12);
    uint16_t other;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    fx_disk(fx, "e", 8 * FX_SECTOR);
    other = fx_open(fx, &third, FX_PLAIN, "e");
    fx_open(fx, &far, FX_LOOK, "e"); /* another host crowds nobody */
    fx_open(fx, &holder, FX_PLAIN, "d");
    fx_pass(fx, 3000);
    assert_int_equal(ask(fx, &peer, FX_PLAIN, "d"), BH_ERR_IN_USE);
    fx_pass(fx, 20000);
    assert_int_equal(fx_read(fx, &third, other, 0), BH_OK);
    fx_pass(fx, 6999);
    assert_int_equal(ask(fx, &peer, FX_PLAIN, "d"), BH_ERR_IN_USE);
    fx_pass(fx, 1);
    assert_int_equal(ask(fx, &peer, FX_PLAIN, "d"), BH_OK);
}

static void silent_neighbours_crowd_nobody(void **state)
{
    struct fx *fx = *state;
    struct bh_path holder = fx_peer(1, 10), third = fx_peer(1, 12),
                   peer = fx_peer(1, 11);

    fx_disk(fx, "d", 8 * FX_SECTOR);
    fx_disk(fx, "e", 8 * FX_SECTOR);
    fx_open(fx, &third, FX_PLAIN, "e");
    fx_pass(fx, 27000);
    fx_open(fx, &holder, FX_PLAIN, "d");
    fx_pass(fx, 3000); /* the third was heard 30 s ago */
    assert_int_equal(ask(fx, &peer, FX_PLAIN, "d"), BH_OK);
}

/* "The same full peer" is the one that was heard last. */
static void a_holder_is_where_it_was_heard_last(void **state)
{
    struct fx *fx = *state;
    struct bh_path before = fx_peer(1, 10), after = fx_peer(1, 11);
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR);
    id = fx_open(fx, &before, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &after, id, 0), BH_OK);
    assert_int_equal(ask(fx, &before, FX_PLAIN, "d"), BH_ERR_IN_USE);
    assert_int_equal(ask(fx, &after, FX_PLAIN, "d"), BH_OK);
}

static void the_lock_is_on_the_medium_not_on_the_name(void **state)
{
    static const struct {
        uint64_t inode, device, first, len, grow;
        int status;
    } rows[] = {
        {100, 7, 0, 2048, 0, BH_ERR_IN_USE},    /* a link */
        {100, 7, 1024, 2048, 0, BH_ERR_IN_USE}, /* the second half and more */
        {100, 7, 2047, 1024, 0, BH_ERR_IN_USE}, /* one byte */
        {100, 7, 2048, 1024, 0, BH_OK},         /* the neighbour behind */
        {100, 8, 0, 2048, 0, BH_OK},            /* another device */
        {101, 7, 0, 2048, 0, BH_OK},            /* another file */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *a = fx_disk(fx, "a", 2048), *b = fx_disk(fx, "b", 0);
        struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10);

        a->facts.inode = 100;
        b->facts.inode = rows[i].inode;
        b->facts.device = rows[i].device;
        b->facts.first = rows[i].first;
        b->facts.byte_count = rows[i].len;
        for (int turn = 0; turn < 2; turn++) {
            uint16_t id =
                fx_open(fx, turn ? &two : &one, FX_PLAIN, turn ? "b" : "a");

            if (ask(fx, turn ? &one : &two, FX_PLAIN, turn ? "a" : "b") !=
                rows[i].status)
                fail_msg("row %zu, turn %d", i, turn);
            fx_discon(fx, turn ? &two : &one, id);
            fx_pass(fx, FOREVER);
            if (rows[i].status == BH_OK)
                break; /* both are open now */
        }
        fx_free(fx);
    }
}

static void room_to_grow_belongs_to_the_volume(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *a = fx_disk(fx, "a", 1024), *b = fx_disk(fx, "b", 1024);
    struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10);

    a->facts.grow_limit = 2048;
    b->facts.inode = a->facts.inode;
    b->facts.first = 2047;
    fx_open(fx, &one, FX_PLAIN, "a");
    assert_int_equal(ask(fx, &two, FX_PLAIN, "b"), BH_ERR_IN_USE);
    assert_int_equal(ask(fx, &two, FX_LOOK, "b"), BH_OK);
}

/* A machine that was switched off asks for the same bytes by another name. */
static void takeover_works_under_another_name_of_the_medium(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *a = fx_disk(fx, "a", 2048), *b = fx_disk(fx, "b", 2048);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id, other;

    b->facts.inode = a->facts.inode;
    id = fx_open(fx, &peer, FX_PLAIN, "a");
    assert_int_equal(fx_write(fx, &peer, id, 0, 1), BH_OK);
    other = fx_pend(fx, &peer, FX_PLAIN, "b");
    assert_int_equal(fx_read(fx, &peer, other, 0), BH_OK);
    assert_int_equal(fx_write(fx, &peer, other, 0, 2), BH_OK);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
}

/* DISCON has been answered, so the volume is free, by whatever name. */
static void after_discon_the_medium_is_free_under_another_name(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *a = fx_disk(fx, "a", 2048), *b = fx_disk(fx, "b", 2048);
    struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10);
    uint16_t id;

    b->facts.inode = a->facts.inode;
    a->holds[BH_JOB_DETACH] = true; /* a slow close */
    id = fx_open(fx, &one, FX_PLAIN, "a");
    assert_int_equal(fx_discon(fx, &one, id), BH_OK);
    id = fx_pend(fx, &two, FX_PLAIN, "b");
    assert_int_not_equal(fx_read(fx, &two, id, 0), BH_ERR_IN_USE);
    fx_release_all(fx);
    fx_forget_replies(fx);
    assert_int_equal(fx_read(fx, &two, id, 0), BH_OK);
}

/* A reload that changes a key of a volume makes it another one to the core. */
static void takeover_works_after_the_volume_was_described_anew(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id = fx_open(fx, &peer, FX_PLAIN, "d"), other;

    disk->facts.idle_ms = 77777;
    other = fx_pend(fx, &peer, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &peer, other, 0), BH_OK);
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
}

static void a_peer_has_one_session_of_a_kind_on_a_medium(void **state)
{
    static const struct {
        uint8_t mode, first, second;
        bool ends; /* the first */
    } rows[] = {
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_PLAIN, true},
        {BH_MODE_EXCLUSIVE, FX_READER, FX_READER, true},
        {BH_MODE_EXCLUSIVE, FX_LOOK, FX_LOOK, true},
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_LOOK, false},
        {BH_MODE_EXCLUSIVE, FX_PLAIN, FX_READER, true}, /* they conflict */
        {BH_MODE_READ_ONLY, FX_PLAIN, FX_PLAIN, true},
        {BH_MODE_READ_ONLY, FX_PLAIN, FX_READER, false},
        {BH_MODE_SHARED, FX_SHARED, FX_SHARED, true},
        {BH_MODE_SHARED, FX_PLAIN, FX_PLAIN, true},
        {BH_MODE_SHARED, FX_PLAIN, FX_SHARED, false},
        {BH_MODE_SHARED, FX_SHARED, FX_READER, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path peer = fx_peer(1, 10), port = fx_peer(1, 11);
        uint16_t first, neighbour = 0;
        int status;

        fx_disk(fx, "d", 8 * FX_SECTOR)->facts.mode = rows[i].mode;
        if (rows[i].mode != BH_MODE_EXCLUSIVE)
            neighbour = fx_open(fx, &port, rows[i].second, "d");
        first = fx_open(fx, &peer, rows[i].first, "d");
        fx_open(fx, &peer, rows[i].second, "d");
        status = fx_read(fx, &peer, first, 0);
        if ((status == BH_ERR_SESSION) != rows[i].ends)
            fail_msg("row %zu: %d", i, status);
        if (neighbour != 0) /* another port is another peer */
            assert_int_equal(fx_read(fx, &port, neighbour, 0), BH_OK);
        fx_free(fx);
    }
}

/* The sector size is no access flag. */
static void a_reset_machine_may_choose_another_sector_size(void **state)
{
    struct fx *fx = *state;
    struct bh_path peer = fx_peer(1, 10);
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR)->facts.mode = BH_MODE_SHARED;
    id = fx_open(fx, &peer, 0x01, "d");
    fx_open(fx, &peer, 0x02, "d");
    assert_int_equal(fx_read(fx, &peer, id, 0), BH_ERR_SESSION);
}

/* The lock moves when the last job of the displaced session is done. */
static void takeover_waits_for_the_holders_last_write(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path peer = fx_peer(1, 10);
    uint16_t held = fx_open(fx, &peer, FX_PLAIN, "d"), id;

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, &peer, held, 3, 0xAA), FX_NONE);
    assert_int_equal(fx_write(fx, &peer, held, 3, 0xBB), FX_NONE); /* waits */
    id = fx_pend(fx, &peer, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &peer, id, 3), FX_NONE);
    assert_int_equal(fx_read(fx, &peer, held, 0), BH_ERR_SESSION);
    assert_int_equal(fx_discon(fx, &peer, held), BH_ERR_SESSION);
    assert_int_equal(disk->count[BH_JOB_READ], 1); /* fx_open()'s */
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer(fx, &peer), BH_OK);
    assert_int_equal(disk->count[BH_JOB_READ], 1);
    fx_release(fx, BH_JOB_WRITE);
    assert_int_equal(fx_answer(fx, &peer), BH_OK);
    assert_int_equal(fx_answer(fx, &peer), BH_OK); /* the READ */
    assert_int_equal(fx->data[0], 0xBB);
}

static void of_two_that_wait_the_first_gets_it(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    struct bh_path holder = fx_peer(1, 10), one = fx_peer(2, 10),
                   two = fx_peer(3, 10);
    uint16_t held = fx_open(fx, &holder, FX_PLAIN, "d"), a, b;

    disk->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_write(fx, &holder, held, 3, 0xAA), FX_NONE);
    fx_pass(fx, BH_IDLE_DEFAULT_MS);
    a = fx_pend(fx, &one, FX_PLAIN, "d");
    b = fx_pend(fx, &two, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &one, a, 3), FX_NONE);
    assert_int_equal(fx_read(fx, &two, b, 3), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, &one), BH_OK);
    assert_int_equal(fx->data[0], 0xAA);
    assert_int_equal(fx_answer(fx, &two), BH_ERR_IN_USE);
}

static void roaming_sessions_move_to_another_host(void **state)
{
    struct fx *fx = *state;
    struct bh_path home = fx_peer(1, 10), away = fx_peer(2, 20);
    struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
    uint16_t id = fx_open(fx, &home, FX_PLAIN, "d");

    assert_int_equal(fx_read(fx, &away, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_discon(fx, &away, id), BH_ERR_SESSION);
    fx_discon(fx, &home, id);
    disk->facts.roam = true;
    id = fx_open(fx, &home, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &away, id, 0), BH_OK);
    assert_int_equal(fx_write(fx, &home, id, 0, 1), BH_OK);
    assert_int_equal(fx_discon(fx, &away, id), BH_OK);
}

/* It was switched off and on over there: its full peer is the new one. */
static void a_roamed_holder_yields_to_itself_where_it_is_now(void **state)
{
    struct fx *fx = *state;
    struct bh_path home = fx_peer(1, 10), away = fx_peer(2, 20);
    uint16_t id;

    fx_disk(fx, "d", 8 * FX_SECTOR)->facts.roam = true;
    id = fx_open(fx, &home, FX_PLAIN, "d");
    assert_int_equal(fx_read(fx, &away, id, 0), BH_OK);
    assert_int_equal(ask(fx, &away, FX_PLAIN, "d"), BH_OK);
}

/* A volume that is empty as yet overlaps what begins at the same byte. */
static void two_descriptions_of_an_empty_file_are_one_medium(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *a = fx_disk(fx, "a", 0), *b = fx_disk(fx, "b", 0);
    struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10);
    uint16_t id, other;

    b->facts.inode = a->facts.inode;
    b->facts.grow_limit = 2048;
    id = fx_pend(fx, &one, FX_PLAIN, "a");
    assert_int_equal(fx_read(fx, &one, id, 0), BH_ERR_LSN);
    assert_int_equal(fx_connect(fx, &two, FX_PLAIN, "b", &other),
                     BH_ERR_IN_USE);
    id = fx_pend(fx, &one, FX_PLAIN, "b"); /* takes itself over */
    assert_int_equal(fx_write(fx, &one, id, 0, 1), BH_OK);
    assert_int_equal(fx_connect(fx, &two, FX_PLAIN, "a", &other),
                     BH_ERR_IN_USE);
    assert_int_equal(fx_discon(fx, &one, id), BH_OK);
    id = fx_pend(fx, &two, FX_PLAIN, "a");
    assert_int_equal(fx_discon(fx, &two, id), BH_OK);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_may_have_what),
        TEST(a_writer_waits_until_every_reader_yields),
        TEST(when_a_holder_yields),
        TEST(only_valid_requests_keep_a_holder),
        TEST(several_machines_behind_one_address_wait_30_s),
        TEST(silent_neighbours_crowd_nobody),
        TEST(a_holder_is_where_it_was_heard_last),
        TEST(the_lock_is_on_the_medium_not_on_the_name),
        TEST(room_to_grow_belongs_to_the_volume),
        TEST(takeover_works_under_another_name_of_the_medium),
        TEST(after_discon_the_medium_is_free_under_another_name),
        TEST(takeover_works_after_the_volume_was_described_anew),
        TEST(a_peer_has_one_session_of_a_kind_on_a_medium),
        TEST(a_reset_machine_may_choose_another_sector_size),
        TEST(takeover_waits_for_the_holders_last_write),
        TEST(of_two_that_wait_the_first_gets_it),
        TEST(two_descriptions_of_an_empty_file_are_one_medium),
        TEST(roaming_sessions_move_to_another_host),
        TEST(a_roamed_holder_yields_to_itself_where_it_is_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
