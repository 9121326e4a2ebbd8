/* SPDX-License-Identifier: MIT */
/* Frames on serial lines: tests/vectors/frames, and what damage does to them.
 */
#include "damage.h"
#include "vectors.h"

#include "wire/exact.h"
#include "wire/frame.h"
#include "wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t room[BH_DATAGRAM_MAX_LEN];

/* What comes out of a line, as a vector's `frames` says it. */
static void receive(const uint8_t *line, size_t len, char *text, size_t max)
{
    struct bh_frame_in in;
    size_t at = 0;

    *text = 0;
    bh_frame_in_start(&in, NULL, 0, room, sizeof room);
    for (size_t i = 0; i < len; i++) {
        uint8_t what = bh_frame_take(&in, line[i]);

        if (what == BH_FRAME_NOTHING)
            continue;
        at += (size_t)snprintf(text + at, max - at, "%s%s", at > 0 ? " | " : "",
                               what == BH_FRAME_GOOD ? "good" : "damaged");
        for (uint16_t j = 0; what == BH_FRAME_GOOD && j < BH_FRAME_LEN(&in);
             j++)
            at += (size_t)snprintf(text + at, max - at, " %02X", room[j]);
    }
}

static size_t send_frame(const uint8_t *bytes, uint16_t len, uint8_t *line)
{
    struct bh_frame_out out;
    size_t count = 0;

    bh_frame_out_start(&out, bytes, len, NULL, 0);
    while (bh_frame_next(&out, &line[count]))
        count++;
    return count;
}

/*
 * The vectors.
 */

struct line {
    char name[80], frames[400];
    uint8_t bytes[50000], datagram[400];
    size_t len, datagram_len;
};

/* The notation of a vector's bytes to the digits that receive() prints. */
static void spell(struct line *line, char *value)
{
    size_t at = 0;

    for (char *part = strtok(value, "|"); part != NULL;
         part = strtok(NULL, "|")) {
        part += strspn(part, " ");
        at += (size_t)snprintf(line->frames + at, sizeof line->frames - at,
                               "%s%s", at > 0 ? " | " : "",
                               part[0] == 'g' ? "good" : "damaged");
        if (part[0] != 'g')
            continue;
        line->datagram_len = vector_parse_bytes(
            part + strlen("good"), line->datagram, sizeof line->datagram);
        for (size_t i = 0; i < line->datagram_len; i++)
            at += (size_t)snprintf(line->frames + at, sizeof line->frames - at,
                                   " %02X", line->datagram[i]);
    }
}

static void check_received(const struct line *line)
{
    char text[2000];

    receive(line->bytes, line->len, text, sizeof text);
    if (strcmp(text, line->frames) != 0)
        fail_msg("%s: '%s', not '%s'", line->name, text, line->frames);
}

static void check_sent(const struct line *line)
{
    uint8_t sent[1000];
    size_t len = send_frame(line->datagram, (uint16_t)line->datagram_len, sent);

    if (len != line->len || memcmp(sent, line->bytes, len) != 0)
        fail_msg("%s is not what is sent", line->name);
}

static void vectors_are_received_and_sent(void **state)
{
    static struct line line;
    char text[1000], *value;
    unsigned received = 0, sent = 0;
    FILE *file = fopen(BH_VECTORS_DIR "/frames/frames.txt", "r");

    (void)state;
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\n")] = 0;
        value = strchr(text, ':');
        if (text[0] == '#' || value == NULL)
            continue;
        *value++ = 0;
        if (strcmp(text, "name") == 0) {
            memset(&line, 0, sizeof line);
            snprintf(line.name, sizeof line.name, "%.70s", value);
        } else if (strcmp(text, "line") == 0) {
            line.len =
                vector_parse_bytes(value + 1, line.bytes, sizeof line.bytes);
        } else if (strcmp(text, "frames") == 0) {
            spell(&line, value);
            check_received(&line);
            received++;
        } else if (strcmp(text, "sent") == 0) {
            check_sent(&line);
            sent++;
        }
    }
    fclose(file);
    assert_true(received >= 15 && sent >= 4);
}

/*
 * Receiving.
 */

static void room_is_not_overrun_and_the_fcs_needs_none(void **state)
{
    static const uint8_t datagram[5] = {1, 2, 3, 4, 5};
    uint8_t line[BH_FRAME_MAX_LEN(5)], small[6];
    size_t len = send_frame(datagram, 5, line);
    struct bh_frame_in in;

    (void)state;
    for (uint16_t body_len = 0; body_len <= 3; body_len++) {
        unsigned good = 0;

        memset(small, 0xEE, sizeof small);
        bh_frame_in_start(&in, small, 2, small + 2, body_len);
        for (size_t i = 0; i < len; i++)
            good += bh_frame_take(&in, line[i]) == BH_FRAME_GOOD;
        assert_int_equal(good, body_len == 3);
        for (size_t i = 2u + body_len; i < sizeof small; i++)
            assert_int_equal(small[i], 0xEE);
    }
    assert_int_equal(BH_FRAME_LEN(&in), 5);
    assert_memory_equal(small, datagram, 5);
}

static void head_and_body_are_sent_as_one(void **state)
{
    static const uint8_t datagram[7] = {1, 2, 0x7E, 4, 0x7D, 6, 7};
    uint8_t line[BH_FRAME_MAX_LEN(7)], whole[BH_FRAME_MAX_LEN(7)];
    size_t whole_len = send_frame(datagram, 7, whole);

    (void)state;
    for (uint16_t head = 1; head <= 7; head++) {
        struct bh_frame_out out;
        size_t len = 0;

        bh_frame_out_start(&out, datagram, head, datagram + head,
                           (uint16_t)(7 - head));
        while (bh_frame_next(&out, &line[len]))
            len++;
        assert_int_equal(len, whole_len);
        assert_memory_equal(line, whole, len);
    }
}

static void the_longest_frame_is_as_long_as_promised(void **state)
{
    static uint8_t datagram[BH_DATAGRAM_MAX_LEN],
        line[BH_FRAME_MAX_LEN(BH_DATAGRAM_MAX_LEN)];
    struct bh_frame_in in;
    uint8_t what = 0;
    size_t len;

    (void)state;
    memset(datagram, BH_FRAME_FLAG, sizeof datagram);
    len = send_frame(datagram, sizeof datagram, line);
    assert_true(len <= sizeof line && len >= sizeof line - 2 * BH_FCS_LEN);
    bh_frame_in_start(&in, NULL, 0, room, sizeof room);
    for (size_t i = 0; i < len; i++)
        what = bh_frame_take(&in, line[i]);
    assert_int_equal(what, BH_FRAME_GOOD);
    assert_int_equal(BH_FRAME_LEN(&in), sizeof datagram);
    assert_memory_equal(room, datagram, sizeof datagram);
}

/* Bit by bit, as the standard has it. */
static void the_fcs_is_that_of_the_shift_register(void **state)
{
    (void)state;
    for (unsigned fcs = 0; fcs < 0x10000; fcs += 7)
        for (unsigned byte = 0; byte < 256; byte += 5) {
            unsigned slow = fcs ^ byte;

            for (int bit = 0; bit < 8; bit++)
                slow = slow & 1 ? slow >> 1 ^ 0x8408 : slow >> 1;
            assert_int_equal(bh_fcs_add((uint16_t)fcs, (uint8_t)byte), slow);
        }
}

/*
 * Damage: the short form of tests/bench/damage.c.
 */

static void one_byte_that_is_damaged_passes_for_nothing(void **state)
{
    struct damage_count count = {0};

    (void)state;
    for (unsigned kind = 0; kind < DAMAGE_SINGLE; kind++)
        damage_run(1, 20000, (enum damage)kind, &count);
    assert_int_equal(count.wrong, 0);
    assert_true(count.damaged >= 4 * 20000);
    assert_int_equal(count.later_lost, 0);
}

static void every_place_of_a_damaged_byte_is_found(void **state)
{
    struct damage_count count = {0};

    (void)state;
    damage_every_byte(&count);
    assert_int_equal(count.wrong, 0);
    assert_int_equal(count.later_lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_received_and_sent),
        cmocka_unit_test(room_is_not_overrun_and_the_fcs_needs_none),
        cmocka_unit_test(head_and_body_are_sent_as_one),
        cmocka_unit_test(the_longest_frame_is_as_long_as_promised),
        cmocka_unit_test(the_fcs_is_that_of_the_shift_register),
        cmocka_unit_test(one_byte_that_is_damaged_passes_for_nothing),
        cmocka_unit_test(every_place_of_a_damaged_byte_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
