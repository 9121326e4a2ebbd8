/* SPDX-License-Identifier: MIT */
/* Slots: what clients see of a medium that is changed. */
#include "fixture.h"

#include "core/admin.h"
#include "core/limits.h"
#include "core/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { STRICT = 0x21, STRICT_READER = 0x29, STRICT_LOOK = 0x39 };

struct two {
    struct fx *fx;
    struct fx_disk *a, *b;
    const struct bh_path *peer;
};

/* Two disks, the first of them in the slot. */
static struct two two(void **state)
{
    struct fx *fx = *state;
    struct two it = {.fx = fx,
                     .a = fx_disk(fx, "a", 8 * FX_SECTOR),
                     .b = fx_disk(fx, "b", 16 * FX_SECTOR),
                     .peer = fx_host(fx, 1)};

    memset(it.a->bytes, 'a', sizeof it.a->bytes);
    memset(it.b->bytes, 'b', sizeof it.b->bytes);
    fx_slot(fx, it.a);
    return it;
}

static struct bh_volume_facts present(const struct fx *fx)
{
    struct bh_volume_facts facts = {.device = UINT64_MAX};

    if (fx->slotted != NULL)
        facts = fx->slotted->facts;
    facts.removable = true;
    strcpy(facts.name, FX_SLOT);
    return facts;
}

static void order(struct fx *fx, const char *image)
{
    struct bh_volume_facts facts = present(fx);

    assert_true(bh_slot_order(fx->server, fx->now, &facts, image, false));
    fx_pump(fx);
}

static int order_status(struct fx *fx)
{
    uint8_t status;

    return bh_slot_order_over(fx->server, &status) ? status : FX_NONE;
}

static void insert(struct fx *fx, const char *image)
{
    order(fx, image);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
}

static int ask(struct fx *fx, const struct bh_path *peer, uint16_t id,
               uint32_t number, uint8_t opcode)
{
    uint32_t lsn = opcode == BH_OP_IDENTIFY ? BH_IDENTIFY_MAGIC : 0;

    fx_strict_send(fx, peer, id, number, opcode, lsn, NULL, 0);
    return fx_strict_answer(fx, peer, id, number);
}

static int flags_of(struct fx *fx, const struct bh_path *peer, uint16_t id,
                    uint32_t number)
{
    struct bh_identify it;

    assert_int_equal(ask(fx, peer, id, number, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(bh_identify_decode(fx->data, &it), BH_OK);
    return it.flags;
}

/*
 * A change.
 */

static void a_strict_session_is_told_until_it_identifies(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    struct bh_identify seen;

    insert(fx, "b");
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_IDENTIFY), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_TIME), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(bh_identify_decode(fx->data, &seen), BH_OK);
    assert_int_equal(seen.sector_count, 16);
    assert_string_equal(seen.name, FX_SLOT);
    assert_int_equal(seen.flags, BH_VOLUME_REMOVABLE);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'b');
}

static void what_was_settled_is_final(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_OK);
    insert(fx, "b");
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_IDENTIFY), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_IDENTIFY), BH_OK);
    /* The WRITE was sent to the medium of before, and was late. */
    assert_int_equal(fx_strict_write(fx, it.peer, id, 3, 1, 'x'),
                     BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(fx_strict_write(fx, it.peer, id, 7, 1, 'y'), BH_OK);
    assert_int_equal(it.a->bytes[FX_SECTOR], 'a');
    assert_int_equal(it.b->bytes[FX_SECTOR], 'y');
}

/* It was for a copy that the network made: the client has had its answer, and
 * knows of no change when it asks IDENTIFY for its own reasons. */
static void an_11_that_nobody_waits_for_tells_nobody(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_OK);
    insert(fx, "b");
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_IDENTIFY), BH_ERR_CHANGED);
    assert_int_equal(fx_strict_write(fx, it.peer, id, 4, 1, 'x'),
                     BH_ERR_CHANGED);
    assert_int_equal(it.b->written, 0);
}

static void default_sessions_end(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_open(fx, it.peer, FX_PLAIN, FX_SLOT);
    uint16_t pending = fx_pend(fx, fx_host(fx, 2), FX_LOOK, FX_SLOT);
    struct bh_event event;

    insert(fx, "b");
    assert_true(fx_event(fx, BH_EVENT_SESSION_ENDED, &event));
    assert_int_equal(event.detail, BH_END_MEDIUM);
    assert_int_equal(fx_read(fx, it.peer, id, 0), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), pending, 0), BH_ERR_SESSION);
    id = fx_open(fx, it.peer, FX_PLAIN, FX_SLOT);
    assert_int_equal(fx->data[0], 'b');
    assert_int_equal(fx_write(fx, it.peer, id, 15, 'x'), BH_OK);
}

static void in_a_silent_slot_they_go_on(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id, strict;

    fx->slot.facts.silent = true;
    id = fx_open(fx, it.peer, FX_READER, FX_SLOT);
    strict = fx_strict_open(fx, fx_host(fx, 2), STRICT_READER, FX_SLOT);
    insert(fx, "");
    assert_int_equal(fx_read(fx, it.peer, id, 0), BH_ERR_NO_MEDIUM);
    insert(fx, "b");
    assert_int_equal(fx_read(fx, it.peer, id, 15), BH_OK);
    assert_int_equal(fx->data[0], 'b');
    assert_int_equal(ask(fx, fx_host(fx, 2), strict, 2, BH_OP_READ),
                     BH_ERR_CHANGED);
}

static void without_a_medium_there_is_error_10(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT), other;

    insert(fx, "");
    for (uint32_t n = 2; n < 5; n++)
        assert_int_equal(ask(fx, it.peer, id, n, BH_OP_IDENTIFY),
                         BH_ERR_NO_MEDIUM);
    /* There is nothing that anybody could keep others from. */
    other = fx_pend(fx, fx_host(fx, 2), 0x21, FX_SLOT);
    assert_int_equal(ask(fx, fx_host(fx, 2), other, 1, BH_OP_READ),
                     BH_ERR_NO_MEDIUM);
    insert(fx, "b");
    assert_int_equal(ask(fx, fx_host(fx, 2), other, 2, BH_OP_READ),
                     BH_ERR_SESSION);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 7, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'b');
}

static void an_empty_slot_can_be_connected_to(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id, strict;

    fx_slot(fx, NULL);
    fx->slot.facts.silent = true;
    assert_int_equal(fx_connect(fx, it.peer, FX_LOOK, FX_SLOT, &id), BH_OK);
    assert_int_equal(fx_read(fx, it.peer, id, 0), BH_ERR_NO_MEDIUM);
    assert_int_equal(fx_connect(fx, fx_host(fx, 2), STRICT, FX_SLOT, &strict),
                     BH_OK);
    assert_int_equal(ask(fx, fx_host(fx, 2), strict, 1, BH_OP_READ),
                     BH_ERR_NO_MEDIUM);
    insert(fx, "a");
    assert_int_equal(fx_read(fx, it.peer, id, 0), BH_OK);
    assert_int_equal(ask(fx, fx_host(fx, 2), strict, 2, BH_OP_READ),
                     BH_ERR_CHANGED);
    assert_int_equal(fx_discon(fx, it.peer, id), BH_OK);
}

/* Another file has got the image's name since: each session has the one that
 * it found. */
static void sessions_on_two_media_move_together(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT_READER, FX_SLOT), second;
    struct bh_volume_facts facts;

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_LOCK), BH_OK);
    fx_slot(fx, fx_disk(fx, "a2", 8 * FX_SECTOR));
    second = fx_strict_open(fx, other, STRICT_READER, FX_SLOT);
    assert_int_equal(ask(fx, other, second, 2, BH_OP_EJECT), BH_ERR_IN_USE);
    facts = present(fx);
    assert_true(bh_slot_order(fx->server, fx->now, &facts, "b", true));
    fx_pump(fx);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, other, second, 3, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'b');
}

/* A CD with many readers: none of them is to be missed. */
static void all_sessions_stay_on_an_empty_slot(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id[3];

    it.a->facts.mode = BH_MODE_READ_ONLY;
    for (uint32_t i = 0; i < 3; i++)
        id[i] = fx_strict_open(fx, fx_host(fx, i + 1), STRICT, FX_SLOT);
    insert(fx, "");
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ask(fx, fx_host(fx, i + 1), id[i], 2, BH_OP_READ),
                         BH_ERR_NO_MEDIUM);
    insert(fx, "a");
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ask(fx, fx_host(fx, i + 1), id[i], 3, BH_OP_READ),
                         BH_ERR_CHANGED);
}

/* The same bytes, described otherwise: nobody is in his own way. */
static void a_part_of_the_same_medium_can_be_inserted(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    struct fx_disk *part = fx_disk(fx, "part", 4 * FX_SECTOR);

    part->facts.device = it.a->facts.device;
    part->facts.inode = it.a->facts.inode;
    part->facts.size_limit = 4 * FX_SECTOR;
    insert(fx, "part");
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_IDENTIFY), BH_OK);
}

static void a_discon_needs_no_medium(void **state)
{
    struct two it = two(state);
    uint16_t id;

    it.fx->slot.facts.silent = true;
    id = fx_open(it.fx, it.peer, FX_PLAIN, FX_SLOT);
    assert_int_equal(fx_write(it.fx, it.peer, id, 0, 'x'), BH_OK);
    insert(it.fx, "");
    assert_int_equal(fx_discon(it.fx, it.peer, id), BH_OK);
    assert_int_equal(it.a->stable, it.a->written);
}

/*
 * Under load.
 */

static void what_has_begun_is_done_on_the_medium_of_before(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    it.a->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, it.peer, id, 2, 1, 'x');
    order(fx, "b");
    fx_pass(fx, 50);
    assert_int_equal(order_status(fx), FX_NONE);
    fx_strict_send_write(fx, it.peer, id, 3, 2, 'y');
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), FX_NONE);
    it.a->holds[BH_JOB_WRITE] = false;
    fx_release(fx, BH_JOB_WRITE);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_ERR_CHANGED);
    assert_int_equal(it.a->bytes[FX_SECTOR], 'x');
    assert_int_equal(it.a->stable, it.a->written);
    assert_int_equal(it.b->written, 0);
}

static void a_connect_meanwhile_gets_the_new_medium(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT_READER, FX_SLOT), late;

    fx->slot.holds[BH_JOB_SWAP] = true;
    order(fx, "b");
    assert_int_equal(fx_held(fx, BH_JOB_SWAP), 1);
    assert_int_equal(fx_connect(fx, fx_host(fx, 2), FX_READER, FX_SLOT, &late),
                     FX_NONE);
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release(fx, BH_JOB_SWAP);
    assert_int_equal(fx_connect(fx, fx_host(fx, 2), FX_READER, FX_SLOT, &late),
                     BH_OK);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), late, 15), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
}

static void a_look_up_from_before_is_made_again(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id;

    fx->hold_lookups = true;
    assert_int_equal(fx_connect(fx, it.peer, FX_PLAIN, FX_SLOT, &id), FX_NONE);
    insert(fx, "b");
    fx->hold_lookups = false;
    fx_release(fx, BH_JOB_LOOKUP);
    fx_forget_replies(fx);
    fx_open(fx, it.peer, FX_PLAIN, FX_SLOT);
    assert_int_equal(fx->data[0], 'b');
    assert_int_equal(it.a->count[BH_JOB_ATTACH], 0);
}

/* The disk is wanted by two: whoever had it in the slot, and who has it by its
 * own name. */
static void who_cannot_have_the_new_medium_ends(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    uint16_t holder = fx_open(fx, fx_host(fx, 2), FX_PLAIN, "b");

    insert(fx, "b");
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_SESSION);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), holder, 0), BH_OK);
}

static void sectors_of_another_size_end_a_session(void **state)
{
    struct two it = two(state);
    uint16_t id = fx_strict_open(it.fx, it.peer, STRICT, FX_SLOT);

    it.b->facts.exponent = 2;
    insert(it.fx, "b");
    assert_int_equal(ask(it.fx, it.peer, id, 2, BH_OP_READ), BH_ERR_SESSION);
}

static void a_writer_may_become_a_reader_and_a_writer_again(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    it.b->facts.mode = BH_MODE_READ_ONLY;
    insert(fx, "b");
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(flags_of(fx, it.peer, id, 3),
                     BH_VOLUME_REMOVABLE | BH_VOLUME_READ_ONLY);
    assert_int_equal(fx_strict_write(fx, it.peer, id, 4, 0, 'x'),
                     BH_ERR_READ_ONLY);
    insert(fx, "a");
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(fx_strict_write(fx, it.peer, id, 7, 0, 'x'), BH_OK);
}

static void the_change_counter_moves(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t reader = fx_open(fx, fx_host(fx, 2), FX_LOOK, "b"), id;
    struct bh_identify before, after;

    id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    assert_int_equal(fx_identify(fx, fx_host(fx, 2), reader, &before), BH_OK);
    insert(fx, "b");
    assert_int_equal(fx_identify(fx, fx_host(fx, 2), reader, &after), BH_OK);
    assert_true(after.change_counter > before.change_counter);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_CHANGED);
}

static void a_medium_that_cannot_be_synced_stays(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    struct bh_volume_facts facts = present(fx);

    assert_int_equal(fx_strict_write(fx, it.peer, id, 2, 0, 'x'), BH_OK);
    it.a->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    order(fx, "b");
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_ERR_STORAGE);
    assert_ptr_equal(fx->slotted, it.a);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_ERR_STORAGE);
    assert_true(bh_slot_order(fx->server, fx->now, &facts, "b", true));
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_READ), BH_ERR_SESSION);
}

static void a_swap_that_fails_changes_nothing(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    fx->slot.fails[BH_JOB_SWAP] = BH_ERR_STORAGE;
    order(fx, "b");
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_ERR_STORAGE);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'a');
}

static void an_order_can_be_cancelled_before_it_is_too_late(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    it.a->holds[BH_JOB_READ] = true;
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    order(fx, "b");
    fx_strict_send(fx, it.peer, id, 3, BH_OP_READ, 0, NULL, 0);
    assert_true(bh_slot_order_cancel(fx->server, fx->now));
    fx_pump(fx);
    assert_int_equal(order_status(fx), BH_ERR_BUSY);
    fx_release_all(fx);
    it.a->holds[BH_JOB_READ] = false;
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_READ), BH_OK);
    assert_false(bh_slot_order_cancel(fx->server, fx->now));
    fx->slot.holds[BH_JOB_SWAP] = true;
    order(fx, "b");
    fx_pass(fx, 10);
    assert_false(bh_slot_order_cancel(fx->server, fx->now));
    fx_release_all(fx);
    assert_int_equal(order_status(fx), BH_OK);
}

/* It was sent before its client could know: what follows it, too. */
static void an_identify_from_before_ends_nothing(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    fx->slot.holds[BH_JOB_SWAP] = true;
    order(fx, "b");
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    fx_strict_send(fx, it.peer, id, 3, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, NULL,
                   0);
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 2), BH_ERR_CHANGED);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_ERR_CHANGED);
    assert_int_equal(fx_strict_write(fx, it.peer, id, 4, 1, 'x'),
                     BH_ERR_CHANGED);
    assert_int_equal(it.b->written, 0);
}

/* A copy that the network made is answered, and its client has gone on. */
static void a_copy_that_has_waited_tells_nobody(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_OK);
    fx->slot.holds[BH_JOB_SWAP] = true;
    order(fx, "b");
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 2), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_IDENTIFY), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_IDENTIFY), BH_OK);
}

/*
 * What clients want.
 */

static void a_client_ejects(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(fx_strict_write(fx, it.peer, id, 2, 0, 'x'), BH_OK);
    fx_strict_send(fx, it.peer, id, 3, BH_OP_EJECT, 0, NULL, 0);
    fx_pass(fx, 10);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_OK);
    assert_null(fx->slotted);
    assert_int_equal(it.a->stable, it.a->written);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_EJECT), BH_OK); /* again */
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_READ), BH_ERR_NO_MEDIUM);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_EJECT), BH_ERR_NO_MEDIUM);
}

static void a_fixed_medium_is_not_ejected(void **state)
{
    struct two it = two(state);
    uint16_t id = fx_strict_open(it.fx, it.peer, STRICT, "b");

    assert_int_equal(ask(it.fx, it.peer, id, 2, BH_OP_EJECT), BH_ERR_OPCODE);
    assert_int_equal(ask(it.fx, it.peer, id, 3, BH_OP_LOCK), BH_ERR_OPCODE);
    assert_int_equal(ask(it.fx, it.peer, id, 4, BH_OP_UNLOCK), BH_ERR_OPCODE);
}

static void who_only_looks_has_no_say(void **state)
{
    struct two it = two(state);
    uint16_t id = fx_strict_open(it.fx, it.peer, STRICT_LOOK, FX_SLOT);

    assert_int_equal(ask(it.fx, it.peer, id, 2, BH_OP_EJECT), BH_ERR_READ_ONLY);
    assert_int_equal(ask(it.fx, it.peer, id, 3, BH_OP_LOCK), BH_ERR_READ_ONLY);
    assert_int_equal(flags_of(it.fx, it.peer, id, 4), BH_VOLUME_REMOVABLE);
}

static void a_lock_keeps_others_from_ejecting(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT_READER, FX_SLOT);
    uint16_t second = fx_strict_open(fx, other, STRICT_READER, FX_SLOT);
    struct bh_volume_facts facts = present(fx);

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_LOCK), BH_OK);
    assert_true(bh_slot_is_locked(fx->server, &facts));
    assert_int_equal(flags_of(fx, other, second, 2),
                     BH_VOLUME_REMOVABLE | BH_VOLUME_LOCKED);
    assert_int_equal(ask(fx, other, second, 3, BH_OP_EJECT), BH_ERR_IN_USE);
    assert_int_equal(ask(fx, other, second, 4, BH_OP_UNLOCK), BH_OK);
    assert_true(bh_slot_is_locked(fx->server, &facts));
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_UNLOCK), BH_OK);
    assert_false(bh_slot_is_locked(fx->server, &facts));
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_LOCK), BH_OK);
    assert_int_equal(bh_admin_disconnect(fx->server, fx->now, id),
                     BH_ADMIN_ENDED);
    assert_false(bh_slot_is_locked(fx->server, &facts));
}

/* Each has a volume of its own in the core, and both have one slot. */
static void so_does_one_on_a_layer(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2), *third = fx_host(fx, 3);
    uint16_t id, second, reader;

    it.a->facts.mode = BH_MODE_SCRATCH;
    id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    second = fx_strict_open(fx, other, STRICT, FX_SLOT);
    reader = fx_strict_open(fx, third, STRICT_READER, FX_SLOT);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_LOCK), BH_OK);
    assert_int_equal(ask(fx, other, second, 2, BH_OP_EJECT), BH_ERR_IN_USE);
    assert_int_equal(ask(fx, third, reader, 2, BH_OP_EJECT), BH_ERR_IN_USE);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_EJECT), BH_OK);
}

/* Two clients eject, and an administrator inserts, at once. */
static void one_after_the_other(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT_READER, FX_SLOT);
    uint16_t second = fx_strict_open(fx, other, STRICT_READER, FX_SLOT);

    fx->slot.holds[BH_JOB_SWAP] = true;
    fx_strict_send(fx, it.peer, id, 2, BH_OP_EJECT, 0, NULL, 0);
    fx_strict_send(fx, other, second, 2, BH_OP_EJECT, 0, NULL, 0);
    fx_pass(fx, 10);
    assert_int_equal(fx_held(fx, BH_JOB_SWAP), 1);
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    fx_pass(fx, 10);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 2), BH_OK);
    assert_int_equal(fx_strict_answer(fx, other, second, 2), BH_ERR_NO_MEDIUM);
    assert_null(fx->slotted);
}

/* What it waits for is the EJECT alone; the medium has gone. */
static void a_discon_after_an_eject_is_answered(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(flags_of(fx, it.peer, id, 2), BH_VOLUME_REMOVABLE);
    fx->slot.holds[BH_JOB_SWAP] = true;
    fx_strict_send(fx, it.peer, id, 3, BH_OP_EJECT, 0, NULL, 0);
    fx_pass(fx, 10);
    fx_strict_send_five(fx, it.peer, BH_PACKET_DISCON, id, 4);
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    fx_pass(fx, 10);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 4), BH_OK);
    assert_null(fx->slotted);
}

/* It is gone for him, too, who has waited to eject it himself. */
static void who_ends_with_a_medium_has_it_opened_no_more(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT_READER, FX_SLOT);
    uint16_t second = fx_strict_open(fx, other, STRICT_READER, FX_SLOT);
    struct bh_event event;

    it.a->holds[BH_JOB_READ] = true;
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    order(fx, "b");
    fx_strict_send(fx, it.peer, id, 3, BH_OP_EJECT, 0, NULL, 0);
    fx_strict_send(fx, other, second, 2, BH_OP_EJECT, 0, NULL, 0);
    fx_strict_send_five(fx, other, BH_PACKET_DISCON, second, 3);
    assert_true(bh_slot_order_cancel(fx->server, fx->now)); /* both go on */
    it.a->holds[BH_JOB_READ] = false;
    fx_release(fx, BH_JOB_READ);
    fx_pass(fx, 10);
    fx_pass(fx, 10);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, other, second, 2), BH_ERR_SESSION);
    assert_int_equal(fx_strict_answer(fx, other, second, 3), BH_OK);
    assert_false(fx_event(fx, BH_EVENT_ATTACH_FAILED, &event));
}

/* Of two that eject one medium the second must not eject the next one. */
static void an_eject_that_has_waited_meets_no_other_medium(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT_READER, FX_SLOT);
    uint16_t second = fx_strict_open(fx, other, STRICT_READER, FX_SLOT);

    it.a->holds[BH_JOB_READ] = fx->slot.holds[BH_JOB_SWAP] = true;
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    order(fx, "b");
    fx_strict_send(fx, it.peer, id, 3, BH_OP_EJECT, 0, NULL, 0);
    fx_strict_send(fx, other, second, 2, BH_OP_EJECT, 0, NULL, 0);
    assert_true(bh_slot_order_cancel(fx->server, fx->now)); /* both go on */
    it.a->holds[BH_JOB_READ] = false;
    fx_release(fx, BH_JOB_READ);
    fx_pass(fx, 10);
    assert_int_equal(fx_held(fx, BH_JOB_SWAP), 1);
    order(fx, "b");
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    fx_pass(fx, 10);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_OK);
    assert_int_equal(fx_strict_answer(fx, other, second, 2), BH_ERR_CHANGED);
    assert_ptr_equal(fx->slotted, it.b);
}

static void an_order_of_before_an_eject_finds_the_slot(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    struct bh_volume_facts facts = present(fx);

    fx_strict_send(fx, it.peer, id, 2, BH_OP_EJECT, 0, NULL, 0);
    fx_pass(fx, 10);
    assert_true(bh_slot_order(fx->server, fx->now, &facts, "b", false));
    fx_pump(fx);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_IDENTIFY), BH_OK);
}

/*
 * Restart.
 */

static void a_killed_server_leaves_the_change_to_the_next(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    insert(fx, "b");
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_IDENTIFY), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_IDENTIFY), BH_OK);
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 1, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'b');
}

static void killed_between_the_change_and_the_moving(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_LOCK), BH_OK);
    fx->slotted = it.b;
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(flags_of(fx, it.peer, id, 4), BH_VOLUME_REMOVABLE);
    assert_int_equal(it.a->count[BH_JOB_ATTACH], 1);
    fx->slotted = NULL;
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_READ), BH_ERR_NO_MEDIUM);
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_READ), BH_ERR_NO_MEDIUM);
    insert(fx, "a");
    assert_int_equal(ask(fx, it.peer, id, 7, BH_OP_READ), BH_ERR_CHANGED);
}

/* Who wants a change at once is not faster than the sync of what the killed
 * server had acknowledged. */
static void what_a_killed_server_has_acknowledged_is_stable_first(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(fx_strict_write(fx, it.peer, id, 2, 1, 'x'), BH_OK);
    assert_true(it.a->stable < it.a->written);
    fx->slot.holds[BH_JOB_SWAP] = true;
    fx_kill(fx);
    order(fx, "b");
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_ptr_equal(fx->slotted, it.b);
    assert_int_equal(it.a->stable, it.a->written);
}

static void nothing_has_changed_and_nobody_notices(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    uint16_t looker = fx_open(fx, fx_host(fx, 2), FX_LOOK, FX_SLOT);

    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_LOCK), BH_OK);
    fx_kill(fx);
    assert_int_equal(fx_strict_write(fx, it.peer, id, 3, 0, 'x'), BH_OK);
    assert_int_equal(flags_of(fx, it.peer, id, 4),
                     BH_VOLUME_REMOVABLE | BH_VOLUME_LOCKED);
    assert_int_equal(fx_read(fx, fx_host(fx, 2), looker, 0), BH_OK);
    assert_int_equal(fx->data[0], 'x');
}

static void a_slot_that_is_gone_ends_its_sessions(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    fx->slot.fails[BH_JOB_SWAP] = BH_ERR_NO_IMAGE;
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 2, BH_OP_READ), BH_ERR_SESSION);
}

/* Of two slots it has asked for one. */
static void a_stopping_server_asks_for_all_slots_that_it_was_left(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT), second;

    it.b->facts.removable = true; /* is in the other one */
    fx->slotted = it.b;
    second = fx_strict_open(fx, other, STRICT, "b");
    fx->slotted = it.a;
    fx->slot.holds[BH_JOB_SWAP] = true;
    fx_kill(fx);
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    fx_strict_send(fx, other, second, 2, BH_OP_READ, 0, NULL, 0);
    bh_server_stop(fx->server, fx->now);
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    fx_pass(fx, 10);
    assert_true(bh_server_idle(fx->server));
}

static void a_stopping_server_leaves_an_eject_undone(void **state)
{
    struct two it = two(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    it.a->holds[BH_JOB_READ] = true;
    fx_strict_send(fx, it.peer, id, 2, BH_OP_READ, 0, NULL, 0);
    fx_strict_send(fx, it.peer, id, 3, BH_OP_EJECT, 0, NULL, 0);
    bh_server_stop(fx->server, fx->now);
    it.a->holds[BH_JOB_READ] = false;
    fx_release_all(fx);
    fx_pass(fx, 10);
    assert_true(bh_server_idle(fx->server));
    assert_ptr_equal(fx->slotted, it.a);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), FX_NONE);
    fx_kill(fx);
    fx_strict_send(fx, it.peer, id, 3, BH_OP_EJECT, 0, NULL, 0);
    fx_pass(fx, 10);
    assert_int_equal(fx_strict_answer(fx, it.peer, id, 3), BH_OK);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up, fx_tear_down)
#define KEPT(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up_kept, fx_tear_down)

/*
 * Scratch media.
 */

static struct two two_scratch(void **state)
{
    struct two it = two(state);

    it.a->facts.mode = it.b->facts.mode = BH_MODE_SCRATCH;
    return it;
}

static void a_layer_goes_with_its_medium(void **state)
{
    struct two it = two_scratch(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(fx_strict_write(fx, it.peer, id, 2, 0, 'x'), BH_OK);
    for (uint32_t n = 3; n <= 9; n += 6) {
        insert(fx, n == 3 ? "b" : "a");
        assert_int_equal(ask(fx, it.peer, id, n, BH_OP_READ), BH_ERR_CHANGED);
        assert_int_equal(ask(fx, it.peer, id, n + 1, BH_OP_IDENTIFY), BH_OK);
        assert_int_equal(ask(fx, it.peer, id, n + 2, BH_OP_READ), BH_OK);
        assert_int_equal(fx->data[0], n == 3 ? 'b' : 'a');
        assert_int_equal(fx_strict_write(fx, it.peer, id, n + 3, 0, 'y'),
                         BH_OK);
        assert_int_equal(fx_layers(fx), 1);
    }
    insert(fx, "");
    assert_int_equal(fx_layers(fx), 0);
    assert_int_equal(it.a->bytes[0], 'a');
    assert_int_equal(it.b->bytes[0], 'b');
}

/* More layers than there is room for a second time: some sessions end, and
 * the new medium's own volume is not forgotten for their sake. */
static void many_layers_move_at_once(void **state)
{
    enum { SESSIONS = BH_PENDING_MAX + BH_VOLUMES_SPARE + 50 };
    struct fx *fx = fx_new(SESSIONS, 64, 16);
    struct two it;
    void *own = fx;
    struct bh_path peer[SESSIONS];
    uint16_t id[SESSIONS];
    size_t moved = 0;

    (void)state;
    it = two_scratch(&own);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        peer[i] = fx_peer(i + 1, 10);
        id[i] = fx_strict_open(fx, &peer[i], STRICT, FX_SLOT);
    }
    insert(fx, "b");
    for (uint32_t i = 0; i < SESSIONS; i++)
        moved += ask(fx, &peer[i], id[i], 2, BH_OP_READ) == BH_ERR_CHANGED;
    assert_in_range(moved, BH_PENDING_MAX, SESSIONS - 1);
    assert_int_equal(fx_layers(fx), moved);
    assert_int_equal(it.b->written, 0);
    fx_free(fx);
}

/* A session that is proven while the medium is on its way out, by the last
 * WRITE of another or in the storage's hands, does nothing on it. */
static void a_layer_that_begins_during_a_change_waits(void **state)
{
    struct two it = two_scratch(state);
    struct fx *fx = it.fx;
    const struct bh_path *other = fx_host(fx, 2);
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);
    uint16_t next = fx_pend(fx, other, STRICT, FX_SLOT);

    it.a->holds[BH_JOB_WRITE] = true;
    assert_int_equal(fx_strict_write(fx, it.peer, id, 2, 0, 'x'), FX_NONE);
    order(fx, "b");
    assert_int_equal(ask(fx, other, next, 1, BH_OP_READ), FX_NONE);
    assert_int_equal(fx_layers(fx), 1);
    fx_release_all(fx);
    fx_pass(fx, 10);
    assert_int_equal(order_status(fx), BH_OK);
    assert_int_equal(fx_strict_answer(fx, other, next, 1), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, other, next, 2, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(ask(fx, other, next, 3, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'b');
}

static void a_layer_outlives_a_kill_and_not_another_medium(void **state)
{
    struct two it = two_scratch(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_strict_open(fx, it.peer, STRICT, FX_SLOT);

    assert_int_equal(fx_strict_write(fx, it.peer, id, 2, 0, 'x'), BH_OK);
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 3, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'x');
    fx->slotted = it.b;
    fx_kill(fx);
    assert_int_equal(ask(fx, it.peer, id, 4, BH_OP_READ), BH_ERR_CHANGED);
    assert_int_equal(ask(fx, it.peer, id, 5, BH_OP_IDENTIFY), BH_OK);
    assert_int_equal(ask(fx, it.peer, id, 6, BH_OP_READ), BH_OK);
    assert_int_equal(fx->data[0], 'b');
    assert_int_equal(fx_layers(fx), 1);
}

/* What is left of an ended session's layer is asked about at the start, too,
 * and its place may be taken before there is an answer. */
static void a_place_is_taken_before_its_slot_is_known(void **state)
{
    struct two it = two_scratch(state);
    struct fx *fx = it.fx;
    uint16_t id = fx_open(fx, it.peer, FX_PLAIN, FX_SLOT);

    fx_disk(fx, "s", FX_DISK_LEN)->facts.mode = BH_MODE_SCRATCH;
    assert_int_equal(fx_discon(fx, it.peer, id), BH_OK);
    fx->slot.holds[BH_JOB_SWAP] = true;
    fx_kill(fx);
    for (uint32_t host = 2; host < 6; host++)
        fx_open(fx, fx_host(fx, host), FX_PLAIN, "s");
    fx->slot.holds[BH_JOB_SWAP] = false;
    fx_release_all(fx);
    insert(fx, "b");
    fx_open(fx, it.peer, FX_PLAIN, FX_SLOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_strict_session_is_told_until_it_identifies),
        TEST(what_was_settled_is_final),
        TEST(an_11_that_nobody_waits_for_tells_nobody),
        TEST(default_sessions_end),
        TEST(in_a_silent_slot_they_go_on),
        TEST(without_a_medium_there_is_error_10),
        TEST(an_empty_slot_can_be_connected_to),
        TEST(all_sessions_stay_on_an_empty_slot),
        TEST(sessions_on_two_media_move_together),
        TEST(a_part_of_the_same_medium_can_be_inserted),
        TEST(a_discon_needs_no_medium),
        TEST(an_identify_from_before_ends_nothing),
        TEST(a_copy_that_has_waited_tells_nobody),
        TEST(what_has_begun_is_done_on_the_medium_of_before),
        TEST(a_connect_meanwhile_gets_the_new_medium),
        TEST(a_look_up_from_before_is_made_again),
        TEST(who_cannot_have_the_new_medium_ends),
        TEST(sectors_of_another_size_end_a_session),
        TEST(a_writer_may_become_a_reader_and_a_writer_again),
        TEST(the_change_counter_moves),
        TEST(a_medium_that_cannot_be_synced_stays),
        TEST(a_swap_that_fails_changes_nothing),
        TEST(an_order_can_be_cancelled_before_it_is_too_late),
        TEST(a_client_ejects),
        TEST(a_fixed_medium_is_not_ejected),
        TEST(who_only_looks_has_no_say),
        TEST(a_lock_keeps_others_from_ejecting),
        TEST(so_does_one_on_a_layer),
        TEST(one_after_the_other),
        TEST(a_discon_after_an_eject_is_answered),
        TEST(who_ends_with_a_medium_has_it_opened_no_more),
        TEST(an_eject_that_has_waited_meets_no_other_medium),
        TEST(an_order_of_before_an_eject_finds_the_slot),
        KEPT(a_killed_server_leaves_the_change_to_the_next),
        KEPT(killed_between_the_change_and_the_moving),
        KEPT(what_a_killed_server_has_acknowledged_is_stable_first),
        KEPT(nothing_has_changed_and_nobody_notices),
        KEPT(a_slot_that_is_gone_ends_its_sessions),
        KEPT(a_stopping_server_asks_for_all_slots_that_it_was_left),
        KEPT(a_stopping_server_leaves_an_eject_undone),
        TEST(a_layer_goes_with_its_medium),
        TEST(a_layer_that_begins_during_a_change_waits),
        TEST(many_layers_move_at_once),
        KEPT(a_layer_outlives_a_kill_and_not_another_medium),
        KEPT(a_place_is_taken_before_its_slot_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
