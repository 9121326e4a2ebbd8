/* SPDX-License-Identifier: MIT */
/* Sessions that were about to end when the server was killed, or when the
 * administrator reopened their volume. */
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

static void send_discon(struct fx *fx, uint32_t host, uint16_t id,
                        uint8_t number)
{
    uint8_t bytes[BH_STRICT_DISCON_LEN];
    struct bh_discon discon = {.seq = number, .session = id};

    fx_send(fx, fx_host(fx, host), bytes,
            bh_strict_discon_encode(bytes, &discon));
}

/* Its WRITE may still come again, so it is examined like any other's. */
static void the_doubts_of_a_session_that_disconnects_are_settled(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t first, second;

    disk->facts.mode = BH_MODE_SHARED;
    first = fx_strict_open(fx, fx_host(fx, 1), STRICT_SHARED, "d");
    second = fx_strict_open(fx, fx_host(fx, 2), STRICT_SHARED, "d");
    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), first, 2, 5, 0x11);
    disk->holds[BH_JOB_WRITE] = false;
    memset(disk->bytes + 5 * FX_SECTOR, 0x11, FX_SECTOR); /* carried out */
    disk->holds[BH_JOB_ATTACH] = true;
    fx_kill(fx);
    fx_strict_send_write(fx, fx_host(fx, 2), second, 2, 5, 0x22);
    fx_strict_send_write(fx, fx_host(fx, 1), first, 2, 5, 0x11);
    send_discon(fx, 1, first, 3);
    disk->holds[BH_JOB_ATTACH] = false;
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 2), second, 2), BH_OK);
    assert_int_equal(disk->bytes[5 * FX_SECTOR], 0x22);
}

/* A session of whose volume an acknowledged WRITE was lost, with another WRITE
 * under way. */
static uint16_t poisoned_with_a_write(struct fx *fx, struct fx_disk *disk)
{
    uint16_t id = fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");

    fx_strict_send_write(fx, fx_host(fx, 1), id, 2, 5, 0x11);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 2), BH_OK);
    disk->holds[BH_JOB_WRITE] = true;
    fx_strict_send_write(fx, fx_host(fx, 1), id, 3, 6, 0x22);
    return id;
}

static void lose(struct fx *fx, struct fx_disk *disk)
{
    disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
    fx_pass(fx, BH_SYNC_DELAY_MS);
    disk->fails[BH_JOB_SYNC] = BH_OK;
    assert_true(bh_server_poisoned(fx->server));
}

static void a_kill_while_a_volume_is_reopened_hides_no_loss(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id = poisoned_with_a_write(fx, disk);

    lose(fx, disk);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    disk->holds[BH_JOB_WRITE] = false;
    fx_kill(fx); /* the WRITE is still under way, and so is the session */
    fx_strict_send(fx, fx_host(fx, 1), id, 4, BH_OP_FLUSH, 0, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 4),
                     BH_ERR_STORAGE);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_pump(fx);
    fx_kill(fx);
    assert_false(bh_server_poisoned(fx->server));
    fx_strict_open(fx, fx_host(fx, 1), STRICT, "d");
}

static void a_flush_from_before_a_reopening_is_no_ok(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id = poisoned_with_a_write(fx, disk);

    fx_strict_send(fx, fx_host(fx, 1), id, 4, BH_OP_FLUSH, 0, NULL, 0);
    lose(fx, disk);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 4),
                     BH_ERR_STORAGE);
    disk->holds[BH_JOB_WRITE] = false;
    fx_kill(fx);
    assert_false(bh_server_poisoned(fx->server));
}

static void a_disconnect_from_before_a_reopening_is_no_ok(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    uint16_t id = poisoned_with_a_write(fx, disk);

    send_discon(fx, 1, id, 4);
    lose(fx, disk);
    bh_admin_reopen(fx->server, fx->now, NULL, NULL);
    fx_release_all(fx);
    assert_int_equal(fx_strict_answer(fx, fx_host(fx, 1), id, 4),
                     BH_ERR_STORAGE);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, fx_set_up_kept, fx_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_doubts_of_a_session_that_disconnects_are_settled),
        TEST(a_kill_while_a_volume_is_reopened_hides_no_loss),
        TEST(a_flush_from_before_a_reopening_is_no_ok),
        TEST(a_disconnect_from_before_a_reopening_is_no_ok),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
