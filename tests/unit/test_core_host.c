/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"

#define ROOM 8u

struct rig {
    struct bh_hosts hosts;
    struct bh_host of[ROOM];
    struct bh_host *buckets[ROOM];
};

static int set_up(void **state)
{
    static struct rig rig;
    static const uint8_t key[16] = {9};

    memset(&rig, 0, sizeof rig);
    assert_int_equal(bh_hosts_bucket_count(ROOM), ROOM);
    bh_hosts_init(&rig.hosts, rig.of, rig.buckets, ROOM, key);
    *state = &rig;
    return 0;
}

static struct bh_host *find(struct rig *rig, uint32_t number, uint8_t port)
{
    struct bh_peer peer = {{0}, {0, port}};

    memcpy(peer.host + 1, &number, sizeof number);
    return bh_host_find(&rig->hosts, &peer);
}

static void bucket_counts_are_powers_of_two(void **state)
{
    static const uint32_t rows[][2] = {{1, 1},        {2, 2},     {3, 4},
                                       {80, 128},     {128, 128}, {129, 256},
                                       {36000, 65536}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(bh_hosts_bucket_count(rows[i][0]), rows[i][1]);
}

static void a_host_is_the_same_from_every_port(void **state)
{
    struct rig *rig = *state;

    assert_ptr_equal(find(rig, 1, 1), find(rig, 1, 2));
    assert_ptr_not_equal(find(rig, 1, 1), find(rig, 2, 1));
}

static void the_one_not_heard_for_longest_is_forgotten(void **state)
{
    struct rig *rig = *state;

    for (uint32_t i = 0; i < ROOM; i++)
        find(rig, i, 1)->keep_due_ms = 100 + i;
    find(rig, 0, 1); /* heard again */
    find(rig, 50, 1);
    assert_int_equal(find(rig, 0, 1)->keep_due_ms, 100);
    for (uint32_t i = 2; i < ROOM; i++)
        assert_int_equal(find(rig, i, 1)->keep_due_ms, 100 + i);
    assert_int_equal(find(rig, 1, 1)->keep_due_ms, 0); /* begins anew */
}

static void an_owner_is_never_forgotten(void **state)
{
    struct rig *rig = *state;
    struct bh_host *owner = find(rig, 0, 1);

    owner->keep_due_ms = 77;
    bh_host_own(owner);
    bh_host_own(owner);
    for (uint32_t i = 1; i < 1000; i++)
        find(rig, i, 1);
    assert_ptr_equal(find(rig, 0, 1), owner);
    assert_int_equal(owner->keep_due_ms, 77);
    bh_host_disown(&rig->hosts, owner);
    for (uint32_t i = 1; i < 1000; i++)
        find(rig, i, 1);
    assert_int_equal(find(rig, 0, 1)->keep_due_ms, 77); /* owns one thing yet */
    bh_host_disown(&rig->hosts, owner);
    for (uint32_t i = 1; i < 1000; i++)
        find(rig, i, 1);
    assert_int_equal(find(rig, 0, 1)->keep_due_ms, 0);
}

static void all_but_one_may_own(void **state)
{
    struct rig *rig = *state;

    for (uint32_t i = 0; i < ROOM - 1; i++)
        bh_host_own(find(rig, i, 1));
    for (uint32_t i = 100; i < 200; i++)
        assert_ptr_equal(find(rig, i, 1), find(rig, i, 1));
}

/* Asks every `step_ms` for `asks` times after a first burst: how many are let
 * through. */
static void rates_are_a_burst_and_then_one_an_interval(void **state)
{
    static const struct {
        uint32_t burst, interval_ms, step_ms, asks, allowed;
    } rows[] = {
        {5, 1000, 0, 100, 5},    {5, 1000, 1000, 100, 100},
        {5, 1000, 500, 100, 54}, {5, 50, 10, 1000, 204},
        {1, 50, 0, 10, 1},       {1, 50, 50, 10, 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t due = 0, now = 123456;
        uint32_t allowed = 0;

        for (uint32_t ask = 0; ask < rows[i].asks; ask++) {
            allowed +=
                bh_host_may(&due, now, rows[i].burst, rows[i].interval_ms);
            now += rows[i].step_ms;
        }
        if (allowed != rows[i].allowed)
            fail_msg("row %zu: %u", i, (unsigned)allowed);
    }
}

static void a_long_silence_allows_one_burst_not_more(void **state)
{
    uint64_t due = 0;
    unsigned allowed = 0;

    (void)state;
    for (uint64_t day = 0; day < 3; day++) {
        allowed = 0;
        for (int ask = 0; ask < 100; ask++)
            allowed += bh_host_may(&due, day * 86400000, 5, 1000);
        assert_int_equal(allowed, 5);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(bucket_counts_are_powers_of_two),
        TEST(a_host_is_the_same_from_every_port),
        TEST(the_one_not_heard_for_longest_is_forgotten),
        TEST(an_owner_is_never_forgotten),
        TEST(all_but_one_may_own),
        TEST(rates_are_a_burst_and_then_one_an_interval),
        TEST(a_long_silence_allows_one_burst_not_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
