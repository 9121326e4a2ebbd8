/* SPDX-License-Identifier: MIT */
/* A medium that is changed, and EJECT, LOCK and UNLOCK, of a disk against a
 * server that is this test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/disk.h"
#include "rig.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#define ALL 0x1FFFu
#define SESSION 0xABCD

static void open_slot(struct rig *rig)
{
    rig->identify.features = ALL;
    rig->identify.heavy_len = 65536;
    rig->identify.preferred_run = 8;
    rig->identify.flags = BH_VOLUME_REMOVABLE;
    open_with(rig, 0);
}

static void assert_changed(struct rig *rig)
{
    uint8_t data[512] = {0};

    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), -ESTALE);
    assert_int_equal(bh_disk_status(rig->disk), BH_ERR_CHANGED);
    assert_says(rig, "cannot read sector 1 of blockhead://");
    assert_says(rig, "medium changed; open the disk again");
    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), -ESTALE);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), -ESTALE);
    assert_int_equal(bh_disk_start_eject(rig->disk, NULL), -ESTALE);
    assert_silence(rig);
}

static void identify(struct rig *rig)
{
    rig->identify.sector_count = 720;
    rig->identify.change_counter = 5000;
    assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
    take_command(rig, BH_OP_IDENTIFY, SESSION);
    answer_identify(rig);
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_info(rig->disk)->sector_count, 720);
}

static void change_lasts_until_identify(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_int_equal(bh_disk_status(rig->disk), BH_ERR_CHANGED);
    assert_changed(rig);
    identify(rig);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_OK, data, sizeof(data));
    assert_int_equal(process(rig), 0);
}

/* The one that is the first to arrive tells of the change only. */
static void identify_itself_may_be_told(void **state)
{
    struct rig *rig = *state;

    open_slot(rig);
    assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
    take_command(rig, BH_OP_IDENTIFY, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_int_equal(bh_disk_info(rig->disk)->sector_count, 1440);
    assert_changed(rig);
    identify(rig);
}

/* Of three WRITEs one was done on the medium of before, one was refused, and
 * one had not been sent: it never is. */
static void no_write_is_sent_to_another_medium(void **state)
{
    struct rig *rig = *state;
    struct bh_done done;
    uint8_t data[512] = {0}, first[BH_COMMAND_HEADER_LEN];

    open_slot(rig);
    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, "1"), 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 2, data, "2"), 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 2, data, "3"), 0);
    take_command(rig, BH_OP_WRITE, SESSION);
    memcpy(first, rig->request, sizeof(first));
    take_command(rig, BH_OP_WRITE, SESSION);
    assert_silence(rig);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_int_equal(bh_disk_next(rig->disk, &done), 1);
    assert_string_equal(done.tag, "2");
    assert_int_equal(done.result, -ESTALE);
    assert_int_equal(bh_disk_next(rig->disk, &done), 1);
    assert_string_equal(done.tag, "3");
    assert_int_equal(done.result, -ESTALE);
    assert_says(rig, "medium changed");
    memcpy(rig->request, first, sizeof(first));
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(bh_disk_process(rig->disk), 0);
    assert_int_equal(bh_disk_next(rig->disk, &done), 1);
    assert_string_equal(done.tag, "1");
    assert_int_equal(done.result, 0);
    assert_changed(rig);
}

/* Without an answer it goes again, and the answer may come from before. */
static void what_is_under_way_is_asked_for_its_end(void **state)
{
    struct rig *rig = *state;
    struct bh_done done;
    uint8_t data[512] = {0};

    open_slot(rig);
    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, SESSION);
    assert_int_equal(bh_disk_start_read(rig->disk, 7, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(bh_disk_process(rig->disk), 1);
    assert_int_equal(bh_disk_next(rig->disk, &done), 1);
    assert_int_equal(done.result, -ESTALE);
    assert_goes_on(wait_out(rig));
    take_command(rig, BH_OP_WRITE, SESSION);
    assert_int_equal(number_of(rig), 2);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    assert_changed(rig);
}

static void refused_run_is_not_read_again(void **state)
{
    struct rig *rig = *state;
    static uint8_t data[100 * 512];

    open_slot(rig);
    assert_int_equal(bh_disk_start_read_run(rig->disk, 0, 100, data, NULL), 0);
    do {
        take_command(rig, BH_OP_READ_RUN, SESSION);
        answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    } while (readable(rig->fd, 0) == 1);
    assert_int_equal(process(rig), -ESTALE);
    assert_changed(rig);
}

static void identify_is_alone(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_slot(rig);
    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), 0);
    assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 5, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    assert_silence(rig);
    answer_command(rig, BH_OK, data, sizeof(data));
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, SESSION);
    assert_silence(rig);
    answer_identify(rig);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_OK, data, sizeof(data));
    assert_int_equal(process(rig), 0);
}

/* It had been started by who did not know yet. */
static void identify_of_before_is_not_sent(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), 0);
    assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_changed(rig);
}

static void close_goes_on(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_slot(rig);
    assert_int_equal(bh_disk_start_write(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
    assert_discon(rig, SESSION);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void open_forgets_it(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    assert_discon(rig, SESSION);
    take_connect(rig);
    answer_connect(rig, BH_OK, SESSION);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, SESSION);
    answer_identify(rig);
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
}

/* Not even where the counter has risen by one. */
static void session_lost_after_a_change_is_not_won_again(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    answer_command(rig, BH_ERR_CHANGED, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
    take_command(rig, BH_OP_IDENTIFY, SESSION);
    assert_int_equal(lose_session_to(rig, 71), -ESTALE);
    assert_says(rig, "the session was lost, and the medium was changed");
    assert_discon(rig, 0x1234);
    assert_lost(rig, -ESTALE);
}

static void empty_slot_is_no_medium_each_time(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
        take_command(rig, BH_OP_READ, SESSION);
        answer_command(rig, BH_ERR_NO_MEDIUM, NULL, 0);
        assert_int_equal(process(rig), -ENOMEDIUM);
        assert_says(rig, "no medium; put an image into it on the server");
    }
}

/*
 * EJECT, LOCK, UNLOCK.
 */

static int say(struct rig *rig, int rc, uint8_t opcode, uint8_t status)
{
    assert_int_equal(rc, 0);
    take_command(rig, opcode, SESSION);
    assert_int_equal(rig->request_len, BH_COMMAND_HEADER_LEN);
    assert_int_equal(BH_GET32(rig->request + 5), 0);
    answer_command(rig, status, NULL, 0);
    return process(rig);
}

static void eject_and_locks_are_asked_for(void **state)
{
    struct rig *rig = *state;
    struct bh_disk *disk = rig->disk;

    open_slot(rig);
    assert_int_equal(
        say(rig, bh_disk_start_lock(disk, NULL), BH_OP_LOCK, BH_OK), 0);
    assert_int_equal(
        say(rig, bh_disk_start_unlock(disk, NULL), BH_OP_UNLOCK, BH_OK), 0);
    assert_int_equal(
        say(rig, bh_disk_start_eject(disk, NULL), BH_OP_EJECT, BH_ERR_IN_USE),
        -EBUSY);
    assert_says(rig, "cannot eject blockhead://");
    assert_says(rig, ": another session has locked the medium in");
    assert_int_equal(
        say(rig, bh_disk_start_lock(disk, NULL), BH_OP_LOCK, BH_ERR_READ_ONLY),
        -EROFS);
    assert_says(rig, "only looks");
    assert_int_equal(
        say(rig, bh_disk_start_eject(disk, NULL), BH_OP_EJECT, BH_OK), 0);
}

static void eject_waits_for_writes(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_slot(rig);
    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), 0);
    assert_int_equal(bh_disk_start_lock(rig->disk, NULL), 0);
    assert_int_equal(bh_disk_start_eject(rig->disk, NULL), 0);
    take_command(rig, BH_OP_WRITE, SESSION);
    assert_silence(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_LOCK, SESSION);
    assert_silence(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_EJECT, SESSION);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void fixed_medium_is_not_asked(void **state)
{
    struct rig *rig = *state;

    rig->identify.features = ALL;
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_eject(rig->disk, NULL), -EOPNOTSUPP);
    assert_says(rig, "not removable");
    assert_int_equal(bh_disk_start_lock(rig->disk, NULL), -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_unlock(rig->disk, NULL), -EOPNOTSUPP);
    assert_silence(rig);
}

static void server_that_lacks_them_is_not_asked(void **state)
{
    struct rig *rig = *state;

    rig->identify.features = 0x1F8F;
    rig->identify.flags = BH_VOLUME_REMOVABLE;
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_eject(rig->disk, NULL), -EOPNOTSUPP);
    assert_says(rig, "the server does not offer EJECT");
    assert_silence(rig);
}

static void default_session_has_none(void **state)
{
    struct rig *rig = *state;

    open_slot(rig);
    assert_int_equal(bh_disk_start_eject(rig->disk, NULL), -EOPNOTSUPP);
    assert_int_equal(bh_disk_start_lock(rig->disk, NULL), -EOPNOTSUPP);
    assert_silence(rig);
}

static void lock_goes_with_its_session(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    assert_int_equal(
        say(rig, bh_disk_start_lock(rig->disk, NULL), BH_OP_LOCK, BH_OK), 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    assert_int_equal(lose_session_to(rig, 71), -ESTALE);
    assert_says(rig, "and with it the lock on the medium");
}

static void unlocked_session_is_won_again(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_slot(rig);
    assert_int_equal(
        say(rig, bh_disk_start_lock(rig->disk, NULL), BH_OP_LOCK, BH_OK), 0);
    assert_int_equal(
        say(rig, bh_disk_start_unlock(rig->disk, NULL), BH_OP_UNLOCK, BH_OK),
        0);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, SESSION);
    assert_goes_on(lose_session_to(rig, 71));
    take_command(rig, BH_OP_READ, 0x1234);
}

#define STRICT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define OLD(name) cmocka_unit_test_setup_teardown(name, set_up_old, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRICT(change_lasts_until_identify),
        STRICT(identify_itself_may_be_told),
        STRICT(no_write_is_sent_to_another_medium),
        STRICT(what_is_under_way_is_asked_for_its_end),
        STRICT(refused_run_is_not_read_again),
        STRICT(identify_is_alone),
        STRICT(identify_of_before_is_not_sent),
        STRICT(close_goes_on),
        STRICT(open_forgets_it),
        STRICT(session_lost_after_a_change_is_not_won_again),
        STRICT(empty_slot_is_no_medium_each_time),
        STRICT(eject_and_locks_are_asked_for),
        STRICT(eject_waits_for_writes),
        STRICT(fixed_medium_is_not_asked),
        STRICT(server_that_lacks_them_is_not_asked),
        OLD(default_session_has_none),
        STRICT(lock_goes_with_its_session),
        STRICT(unlocked_session_is_won_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
