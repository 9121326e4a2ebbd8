/* SPDX-License-Identifier: MIT */
/* ports/line.c on a chip whose bytes the test has written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "line.h"

#include "tiny/drive.h"
#include "vectors.h"

#define SECTOR BH_DRIVE_SECTOR_LEN

static uint8_t sent[2 * SECTOR];
static size_t sent_len;
static const uint8_t *coming;
static size_t coming_len;
static unsigned timers;
static uint8_t sector[SECTOR + 1]; /* one that nothing may touch */

void bh_chip_put(uint8_t byte)
{
    assert_in_range(sent_len, 0, sizeof(sent) - 1);
    sent[sent_len++] = byte;
}

void bh_chip_start_timer(void)
{
    timers++;
}

uint16_t bh_chip_get(void)
{
    if (coming_len == 0)
        return BH_CHIP_LATE;
    coming_len--;
    return *coming++;
}

static int begin(void **state)
{
    static const struct bh_drive waiting = {
        .packet = {1, 0x11, 0xAB, 0xCD, 1, 0, 0, 0, 9, 0},
        .packet_len = 10,
        .place = sector,
        .reply_len = 4};

    (void)state;
    bh_drive = waiting;
    memset(sector, 0xEE, sizeof(sector));
    sent_len = coming_len = timers = 0;
    return 0;
}

static void comes(const char *bytes, size_t len)
{
    coming = (const uint8_t *)bytes;
    coming_len = len;
}
#define COMES(bytes) comes(bytes, sizeof(bytes) - 1)

static void sends_a_frame_and_starts_the_timer(void **state)
{
    static const uint8_t body[] = {0x7E, 0x7D, 1};
    static const char expected[] = "\x7E\x01\x11\xAB\xCD\x01\x00\x00\x00\x09"
                                   "\x00\x7D\x5E\x7D\x5D\x01\x33\xB3\x7E";

    (void)state;
    bh_drive.body = body;
    bh_drive.body_len = sizeof(body);
    bh_port_send();
    assert_int_equal(sent_len, sizeof(expected) - 1);
    assert_memory_equal(sent, expected, sent_len);
    assert_int_equal(timers, 1);
}

static void escapes_the_fcs_too(void **state)
{
    static const uint8_t packet[] = {2, 0x11, 0xD7, 0x25};
    static const char expected[] = "\x7E\x02\x11\xD7\x25\x7D\x5D\x7D\x5E\x7E";

    (void)state;
    memcpy(bh_drive.packet, packet, sizeof(packet));
    bh_drive.packet_len = sizeof(packet);
    bh_port_send();
    assert_int_equal(sent_len, sizeof(expected) - 1);
    assert_memory_equal(sent, expected, sent_len);
}

static void takes_a_frame(void **state)
{
    (void)state;
    COMES("\x7E\x02\x11\x00\x00\xE1\x1A\x7E");
    assert_int_equal(bh_port_receive(), 4);
    assert_memory_equal(bh_drive.reply, "\2\x11\0\0", 4);
    assert_int_equal(coming_len, 0);
}

static void one_flag_may_part_two_frames(void **state)
{
    (void)state;
    COMES("\x7E\x02\x11\x00\x00\xE1\x1A\x7E"
          "\x02\x11\x05\x00\x59\x64\x7E");
    assert_int_equal(bh_port_receive(), 4);
    assert_int_equal(bh_port_receive(), 4);
    assert_int_equal(bh_drive.reply[2], 5);
}

static void undoes_escapes_and_puts_the_rest_elsewhere(void **state)
{
    (void)state;
    bh_drive.reply_len = 6;
    COMES("\x7E\x02\x11\x00\x7D\x5E\x7D\x5D\x41\x2F\xC3\x7E");
    assert_int_equal(bh_port_receive(), 6);
    assert_memory_equal(sector, "\x7D\x41", 2);
}

static void writes_nothing_beyond_the_place(void **state)
{
    (void)state;
    bh_drive.reply_len = 5;
    COMES("\x7E\x02\x11\x00\x7D\x5E\x7D\x5D\x41\x2F\xC3\x7E");
    assert_int_equal(bh_port_receive(), 6);
    assert_memory_equal(sector, "\x7D\xEE", 2);
    bh_drive.reply_len = 3;
    COMES("\x7E\x02\x11\x00\x7D\x5E\x7D\x5D\x41\x2F\xC3\x7E");
    assert_int_equal(bh_port_receive(), 6);
    assert_memory_equal(sector, "\x7D\xEE", 2);
}

static void waits_on_after_what_is_damaged(void **state)
{
    (void)state;
    COMES("\x7E\2\x10\0\0"
          "\xE1\x1A"
          "\x7E" /* a bit flipped */
          "\2\x11\0"
          "\xE1\x1A"
          "\x7E" /* a byte lost */
          "\2\x11\0\0\0"
          "\xE1\x1A"
          "\x7E"                         /* a byte too many */
          "\2\x11\x7D\x7E"               /* broken off */
          "\x7E\x7E\x04\x7E\x00\x00\x7E" /* nothing */
          "\x7E\x02\x11\x00\x00\xE1\x1A\x7E");
    assert_int_equal(bh_port_receive(), 4);
    assert_int_equal(coming_len, 0);
}

static void a_frame_without_end_is_dropped(void **state)
{
    static char noise[200000];

    (void)state;
    bh_drive.reply_len = SECTOR + 4;
    memset(noise, 0x55, sizeof(noise));
    noise[0] = 0x7E;
    comes(noise, sizeof(noise));
    assert_int_equal(bh_port_receive(), 0);
    assert_int_equal(sector[SECTOR], 0xEE);
}

static void every_flip_of_a_bit_is_found(void **state)
{
    static const char good[] = "\x7E\x02\x11\x00\x00\xE1\x1A\x7E";
    char bytes[sizeof(good) - 1];

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        memcpy(bytes, good, sizeof(bytes));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        comes(bytes, sizeof(bytes));
        assert_int_equal(bh_port_receive(), 0);
    }
}

/*
 * The vectors that src/wire/frame.c has, too. Of what is damaged nothing is
 * heard here.
 */

static uint8_t bytes[50000], datagram[400];

/* Each `good ...` of a vector is a datagram that comes. */
static void assert_frames(char *frames)
{
    for (char *part = strtok(frames, "|"); part != NULL;
         part = strtok(NULL, "|")) {
        char *good = strstr(part, "good");
        size_t len;

        if (good == NULL)
            continue;
        len = vector_parse_bytes(good + strlen("good"), datagram,
                                 sizeof datagram);
        assert_int_equal(bh_port_receive(), len);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(i < BH_DRIVE_HEAD_LEN
                                 ? bh_drive.reply[i]
                                 : sector[i - BH_DRIVE_HEAD_LEN],
                             datagram[i]);
    }
    assert_int_equal(bh_port_receive(), 0);
}

static void the_vectors_of_frames_are_received(void **state)
{
    char text[1000];
    unsigned count = 0;
    FILE *file = fopen(BH_VECTORS_DIR "/frames/frames.txt", "r");

    (void)state;
    assert_non_null(file);
    bh_drive.reply_len = BH_DRIVE_HEAD_LEN + SECTOR;
    while (fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\n")] = 0;
        if (strncmp(text, "line: ", 6) == 0) {
            coming = bytes;
            coming_len = vector_parse_bytes(text + 6, bytes, sizeof bytes);
            /* What comes before the first flag is taken for a frame here. */
            while (coming_len != 0 && *coming != 0x7E) {
                coming++;
                coming_len--;
            }
        } else if (strncmp(text, "frames:", 7) == 0) {
            assert_frames(text + 7);
            count++;
        }
    }
    fclose(file);
    assert_true(count >= 15);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(sends_a_frame_and_starts_the_timer),
        TEST(escapes_the_fcs_too),
        TEST(takes_a_frame),
        TEST(one_flag_may_part_two_frames),
        TEST(undoes_escapes_and_puts_the_rest_elsewhere),
        TEST(writes_nothing_beyond_the_place),
        TEST(waits_on_after_what_is_damaged),
        TEST(a_frame_without_end_is_dropped),
        TEST(every_flip_of_a_bit_is_found),
        TEST(the_vectors_of_frames_are_received),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
