/* SPDX-License-Identifier: MIT */
/* Lines over a socket pair, whose kernel buffers stand for a slow device. */
#include "net/line.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT 100000u

struct rig {
    struct bh_line *line;
    int far;
};

static void plug(struct rig *rig)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);
    bh_line_open(rig->line, fds[0]);
    rig->far = fds[1];
}

static int set_up(void **state)
{
    static struct rig rig;

    rig.line = bh_line_new(LIMIT);
    assert_non_null(rig.line);
    plug(&rig);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    bh_line_free(rig->line);
    close(rig->far);
    return 0;
}

static void come(const struct rig *rig, const void *bytes, size_t len)
{
    assert_int_equal(write(rig->far, bytes, len), (ssize_t)len);
}

static const uint8_t keep[] = {0x7E, 0x04, 0x5C, 0xB6, 0x7E};

static void datagrams_come_in_any_pieces(void **state)
{
    struct rig *rig = *state;
    const uint8_t *bytes;

    come(rig, keep, 3);
    assert_int_equal(bh_line_next(rig->line, &bytes), -EAGAIN);
    come(rig, keep + 3, 2);
    come(rig, keep, sizeof keep);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bh_line_next(rig->line, &bytes), 1);
        assert_int_equal(bytes[0], 4);
        assert_int_equal(bh_line_holds(rig->line), i == 0);
    }
    assert_int_equal(bh_line_next(rig->line, &bytes), -EAGAIN);
    assert_int_equal(rig->line->good, 2);
    assert_int_equal(rig->line->received, 10);
}

/* Whoever sends it may send it faster than it is read: others wait meanwhile.
 */
static void noise_without_end_gives_way(void **state)
{
    static const uint8_t noise[150000];
    struct rig *rig = *state;
    const uint8_t *bytes;
    unsigned calls = 1;

    come(rig, noise, sizeof noise);
    come(rig, keep, sizeof keep);
    assert_int_equal(bh_line_next(rig->line, &bytes), -EAGAIN);
    assert_in_range(rig->line->received, 1, BH_LINE_NOISE_LEN);
    while (bh_line_next(rig->line, &bytes) != 1)
        assert_in_range(++calls, 1, 10);
    assert_int_equal(bytes[0], 4);
}

static void a_hang_up_comes_behind_what_was_sent(void **state)
{
    struct rig *rig = *state;
    const uint8_t *bytes;

    come(rig, keep, sizeof keep);
    close(rig->far);
    assert_int_equal(bh_line_next(rig->line, &bytes), 1);
    assert_int_equal(bh_line_next(rig->line, &bytes), -EPIPE);
    plug(rig);
}

static void nothing_of_a_former_life_comes_out(void **state)
{
    struct rig *rig = *state;
    const uint8_t *bytes;
    uint8_t got[16];

    come(rig, keep, 3);
    assert_int_equal(bh_line_next(rig->line, &bytes), -EAGAIN);
    assert_true(bh_line_put(rig->line, (const uint8_t *)"old", 3, NULL, 0));
    close(rig->far);
    plug(rig);
    come(rig, keep + 3, 2);
    assert_int_equal(bh_line_next(rig->line, &bytes), -EAGAIN);
    assert_true(bh_line_put(rig->line, keep + 1, 1, NULL, 0));
    assert_int_equal(bh_line_flush(rig->line), 0);
    assert_int_equal(read(rig->far, got, sizeof got), sizeof keep);
    assert_memory_equal(got, keep, sizeof keep);
}

/* Nobody reads: what waits, here and in the kernel, is bounded, and what leaves
 * later is whole. */
static void what_is_too_much_is_dropped_whole(void **state)
{
    static uint8_t sector[16384 + 6], got[65536], room[sizeof sector];
    struct rig *rig = *state;
    struct bh_frame_in in;
    unsigned put = 0, good = 0, tries = 0;
    ssize_t len;

    memset(sector, 0x7E, sizeof sector);
    for (; tries < 1000; tries++) {
        sector[0] = (uint8_t)put;
        put += bh_line_put(rig->line, sector, sizeof sector, NULL, 0);
        assert_int_equal(bh_line_flush(rig->line), 0);
        assert_true(rig->line->out_len <= LIMIT + 2 * sizeof sector + 6);
    }
    assert_true(put >= 2 && put < 100);
    assert_int_equal(rig->line->dropped, tries - put);
    bh_frame_in_start(&in, NULL, 0, room, sizeof room);
    while (bh_line_flush(rig->line) == 0 &&
           (len = read(rig->far, got, sizeof got)) > 0)
        for (ssize_t i = 0; i < len; i++) {
            uint8_t what = bh_frame_take(&in, got[i]);

            assert_int_not_equal(what, BH_FRAME_DAMAGED);
            if (what == BH_FRAME_GOOD)
                assert_int_equal(room[0], (uint8_t)good++);
        }
    assert_int_equal(good, put);
    assert_false(bh_line_waits(rig->line));
}

static void a_closed_line_takes_nothing(void **state)
{
    struct rig *rig = *state;

    bh_line_close(rig->line);
    assert_false(bh_line_put(rig->line, keep, 1, NULL, 0));
    assert_false(bh_line_waits(rig->line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(datagrams_come_in_any_pieces, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(noise_without_end_gives_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_hang_up_comes_behind_what_was_sent,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_of_a_former_life_comes_out,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_much_is_dropped_whole,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_line_takes_nothing, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
