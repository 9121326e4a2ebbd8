/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/ids.h"
#include "core/limits.h"
#include "wire/protocol.h"

struct rig {
    struct bh_ids ids;
    struct bh_random random;
    uint32_t state;
};

static int set_up(void **state)
{
    static struct rig rig;

    memset(&rig, 0, sizeof rig);
    rig.state = 1;
    *state = &rig;
    return 0;
}

/* Draws with as much randomness as it takes. */
static uint16_t draw(struct rig *rig, uint64_t now, uint16_t slot)
{
    while (bh_random_wanted(&rig->random) > 0) {
        uint8_t byte;

        rig->state = rig->state * 1664525 + 1013904223;
        byte = (uint8_t)(rig->state >> 24);
        bh_random_add(&rig->random, &byte, 1);
    }
    return bh_ids_draw(&rig->ids, &rig->random, now, slot);
}

static void an_id_goes_from_free_to_pending_to_proven_to_closed(void **state)
{
    struct rig *rig = *state;
    uint16_t id = draw(rig, 0, 77);

    assert_int_not_equal(id, 0);
    assert_int_equal(bh_ids_state(&rig->ids, id, 0), BH_ID_PENDING);
    assert_int_equal(rig->ids.of[id].slot, 77);
    bh_ids_prove(&rig->ids, id, 88);
    assert_int_equal(bh_ids_state(&rig->ids, id, 0), BH_ID_PROVEN);
    assert_int_equal(rig->ids.of[id].slot, 88);
    bh_ids_close(&rig->ids, id, 1000, BH_ERR_STORAGE);
    assert_int_equal(bh_ids_state(&rig->ids, id, 1000), BH_ID_CLOSED);
    assert_int_equal(rig->ids.of[id].status, BH_ERR_STORAGE);
    assert_int_equal(bh_ids_state(&rig->ids, id, 1000 + BH_QUARANTINE_MS),
                     BH_ID_CLOSED);
    assert_int_equal(
        bh_ids_state(&rig->ids, id, 1000 + BH_QUARANTINE_MS + 1000),
        BH_ID_FREE);
}

/* Whatever the millisecond in which it closed. */
static void quarantine_is_120_s_at_least_and_121_at_most(void **state)
{
    struct rig *rig = *state;

    for (uint64_t closed = 5000; closed < 7000; closed += 7) {
        uint16_t id = draw(rig, closed, 1);

        bh_ids_close(&rig->ids, id, closed, BH_OK);
        assert_int_equal(bh_ids_state(&rig->ids, id, closed + 119999),
                         BH_ID_CLOSED);
        assert_int_equal(bh_ids_state(&rig->ids, id, closed + 121000),
                         BH_ID_FREE);
    }
}

static void a_month_of_uptime_does_not_confuse_it(void **state)
{
    struct rig *rig = *state;
    static const uint64_t starts[] = {0, 86400000ull * 50, 86400000ull * 5000,
                                      0xFFFFFFFFull * 1000 - 60000};

    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        uint16_t id = draw(rig, starts[i], 1);

        bh_ids_close(&rig->ids, id, starts[i], BH_OK);
        assert_int_equal(bh_ids_state(&rig->ids, id, starts[i] + 119000),
                         BH_ID_CLOSED);
        assert_int_equal(bh_ids_state(&rig->ids, id, starts[i] + 200000),
                         BH_ID_FREE);
    }
}

/* All of them, and no one twice. */
static void every_id_but_0_can_be_drawn_once(void **state)
{
    struct rig *rig = *state;
    static bool seen[BH_ID_COUNT];

    memset(seen, 0, sizeof seen);
    for (uint32_t i = 1; i < BH_ID_COUNT; i++) {
        uint16_t id = draw(rig, 0, 1);

        assert_int_not_equal(id, 0);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(draw(rig, 0, 1), 0);
}

static void a_proven_id_rests_a_pending_one_may_come_back_in_need(void **state)
{
    struct rig *rig = *state;
    uint16_t proven = draw(rig, 0, 1), id;

    bh_ids_prove(&rig->ids, proven, 1);
    bh_ids_close(&rig->ids, proven, 0, BH_OK);
    for (uint32_t i = 2; i < BH_ID_COUNT; i++) {
        id = draw(rig, 0, 1);
        assert_int_not_equal(id, 0);
        bh_ids_close(&rig->ids, id, 0, BH_OK);
    }
    for (int i = 0; i < 1000; i++) {
        id = draw(rig, 1000, 1); /* in their quarantine, all of them */
        assert_int_not_equal(id, 0);
        assert_int_not_equal(id, proven);
    }
}

static void
an_id_that_somebody_uses_rests_and_may_come_back_in_need(void **state)
{
    struct rig *rig = *state;
    uint16_t proven = draw(rig, 0, 1);

    bh_ids_prove(&rig->ids, proven, 1);
    assert_false(bh_ids_rest(&rig->ids, proven, 0));
    assert_false(bh_ids_rest(&rig->ids, 0, 0));
    for (uint32_t id = 1; id < 4096; id++)
        if (id != proven)
            assert_true(bh_ids_rest(&rig->ids, (uint16_t)id, 0));
    assert_int_equal(bh_ids_state(&rig->ids, 2, 1000), BH_ID_CLOSED);
    assert_int_equal(bh_ids_state(&rig->ids, 2, 121000), BH_ID_FREE);
    for (int i = 0; i < 1000; i++)
        assert_true(draw(rig, 1000, 1) >= 4096);
    for (uint32_t id = 1; id < BH_ID_COUNT; id++)
        bh_ids_rest(&rig->ids, (uint16_t)id, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(draw(rig, 2000, 1), 0);
    assert_int_equal(bh_ids_state(&rig->ids, proven, 2000), BH_ID_PROVEN);
}

static void without_randomness_none_is_drawn(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(bh_ids_draw(&rig->ids, &rig->random, 0, 1), 0);
    for (uint32_t id = 0; id < BH_ID_COUNT; id++)
        assert_int_equal(rig->ids.of[id].state, BH_ID_FREE);
}

static void a_draw_of_0_is_drawn_again(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[] = {0x12, 0x34, 0, 0, 0, 0}; /* taken from the end */

    bh_random_add(&rig->random, bytes, sizeof bytes);
    assert_int_not_equal(bh_ids_draw(&rig->ids, &rig->random, 0, 1), 0);
    bh_random_add(&rig->random, bytes + 2, 4);
    assert_int_equal(bh_ids_draw(&rig->ids, &rig->random, 0, 1), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(an_id_goes_from_free_to_pending_to_proven_to_closed),
        TEST(quarantine_is_120_s_at_least_and_121_at_most),
        TEST(a_month_of_uptime_does_not_confuse_it),
        TEST(every_id_but_0_can_be_drawn_once),
        TEST(a_proven_id_rests_a_pending_one_may_come_back_in_need),
        TEST(an_id_that_somebody_uses_rests_and_may_come_back_in_need),
        TEST(without_randomness_none_is_drawn),
        TEST(a_draw_of_0_is_drawn_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
