/* SPDX-License-Identifier: MIT */
/* drive against bytes written by hand, with a port that the test scripts.
 * Compiled in several forms: what holds for one holds for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tiny/drive.h"

#define SECTOR BH_DRIVE_SECTOR_LEN

/* A datagram that arrives: `len` bytes, those beyond `size` are `fill`. */
struct arrival {
    const char *bytes;
    size_t size;
    uint16_t len;
    uint8_t fill;
    unsigned send; /* after which datagram of ours: 1 is the first */
};

static struct arrival arrivals[16];
static unsigned arrival_count, arrival_at;
static uint8_t waits[16];
static unsigned send_count;
static uint8_t sent[16 + SECTOR];
static size_t sent_len;
static uint8_t sector[SECTOR + 4]; /* and what nothing may touch */

void bh_port_send(void)
{
    uint8_t bytes[sizeof(sent)];
    size_t len = bh_drive.packet_len;

    memcpy(bytes, bh_drive.packet, len);
    if (bh_drive.body_len != 0)
        memcpy(bytes + len, bh_drive.body, bh_drive.body_len);
    len += bh_drive.body_len;
    if (send_count != 0) {
        assert_int_equal(len, sent_len);
        assert_memory_equal(bytes, sent, len);
    }
    memcpy(sent, bytes, len);
    sent_len = len;
    assert_in_range(send_count, 0, 15);
    waits[send_count++] = bh_drive.wait;
}

uint16_t bh_port_receive(void)
{
    const struct arrival *arrival = &arrivals[arrival_at];
    uint16_t i;

    if (arrival_at == arrival_count || arrival->send != send_count)
        return 0;
    arrival_at++;
    for (i = 0; i < arrival->len; i++) {
        uint8_t byte =
            i < arrival->size ? (uint8_t)arrival->bytes[i] : arrival->fill;
        if (i < BH_DRIVE_HEAD_LEN)
            bh_drive.reply[i] = byte;
        else if (i < bh_drive.reply_len)
            bh_drive.place[i - BH_DRIVE_HEAD_LEN] = byte;
    }
    return arrival->len;
}

/* A client whose last seq was 0x10, in session 0xABCD. */
static int begin(void **state)
{
    static const struct bh_drive connected = {.packet = {0, 0x10, 0xAB, 0xCD}};

    (void)state;
    bh_drive = connected;
    arrival_count = arrival_at = send_count = 0;
    memset(sector, 0xEE, sizeof(sector));
    return 0;
}

/* What the next call hears after its datagram number `send`. */
static void arrives_after(unsigned send, const char *bytes, size_t size,
                          uint16_t len, uint8_t fill)
{
    struct arrival arrival = {bytes, size, len, fill, send};

    arrivals[arrival_count++] = arrival;
}
#define arrives(send, bytes, len)                                              \
    arrives_after(send, bytes, sizeof(bytes) - 1, len, 0x55)

/* The next call, whose predecessor had what it was to have. */
static void next(void)
{
    assert_int_equal(arrival_at, arrival_count);
    arrival_count = arrival_at = send_count = 0;
}

static void assert_sent(const char *bytes, size_t len)
{
    assert_int_equal(sent_len, len);
    assert_memory_equal(sent, bytes, len);
}

/* In a strict session a reply's head is two bytes longer. */
#if BH_DRIVE_STRICT
#define HEAD(status) "\2\x11" status "\0\xAB\xCD"
#define ONE "\x11\xAB\xCD"
#else
#define HEAD(status) "\2\x11" status "\0"
#define ONE "\x11\xAB\xCD"
#endif
#define HEAD_LEN BH_DRIVE_HEAD_LEN
#define READ_LEN (HEAD_LEN + SECTOR)

static void connect_sends_the_name_and_learns_the_session(void **state)
{
    static const char name[] = "a.img";

    (void)state;
    arrives(1, "\2\x11\0\x12\x34", 5);
    assert_int_equal(bh_drive_connect(0x08, name, sizeof(name)), BH_OK);
#if BH_DRIVE_STRICT
    assert_sent("\0\x11\x2A"
                "a.img\0",
                9);
#else
    assert_sent("\0\x11\x0A"
                "a.img\0",
                9);
#endif
    assert_memory_equal(bh_drive.packet + 2, "\x12\x34", 2);
}

static void connect_hands_a_refusal_to_its_caller(void **state)
{
    (void)state;
    arrives(1, "\2\x11\x09\0\0", 5);
    assert_int_equal(bh_drive_connect(0, "\0", 2), BH_ERR_IN_USE);
    assert_memory_equal(bh_drive.packet + 2, "\0\0", 2);
}

static void read_puts_the_sector_into_the_callers_buffer(void **state)
{
    (void)state;
    arrives_after(1, HEAD("\0"), HEAD_LEN, READ_LEN, 0x77);
    assert_int_equal(bh_drive_read(0x01020304, sector), BH_OK);
    assert_sent("\1" ONE "\0\1\2\3\4\0", 10);
    for (size_t i = 0; i < SECTOR; i++)
        assert_int_equal(sector[i], 0x77);
    assert_int_equal(sector[SECTOR], 0xEE);
}

static void write_sends_the_sector(void **state)
{
    (void)state;
    arrives(1, HEAD("\0"), HEAD_LEN);
    assert_int_equal(bh_drive_write(0xFFFFFFFF, sector), BH_OK);
    assert_int_equal(sent_len, 10 + SECTOR);
    assert_memory_equal(sent, "\1" ONE "\1\xFF\xFF\xFF\xFF\0", 10);
    assert_memory_equal(sent + 10, sector, SECTOR);
}

static void an_error_is_an_answer_of_a_head_alone(void **state)
{
    (void)state;
#if !BH_DRIVE_PADDED
    arrives(1, HEAD("\5"), READ_LEN);
#endif
    arrives(1, HEAD("\5"), HEAD_LEN);
    assert_int_equal(bh_drive_read(9, sector), BH_ERR_LSN);
}

static void a_read_of_another_length_is_a_stray(void **state)
{
    (void)state;
    arrives(1, HEAD("\0"), HEAD_LEN);
    arrives(1, HEAD("\0"), READ_LEN - 1);
#if !BH_DRIVE_PADDED
    arrives(1, HEAD("\0"), READ_LEN + 1);
#endif
    arrives_after(1, HEAD("\0"), HEAD_LEN, READ_LEN, 1);
    assert_int_equal(bh_drive_read(9, sector), BH_OK);
    assert_int_equal(sector[SECTOR - 1], 1);
    assert_int_equal(sector[SECTOR], 0xEE);
    next();
}

static void padding_is_seen_only_where_it_can_be(void **state)
{
    (void)state;
    arrives(1, HEAD("\0"), 46);
#if !BH_DRIVE_PADDED
    arrives(1, HEAD("\0"), HEAD_LEN);
#endif
    assert_int_equal(bh_drive_write(9, sector), BH_OK);
    next();
}

static void what_is_not_the_answer_changes_nothing(void **state)
{
    static const char head[] = "\2\x10\0\0\xAB\xCD";

    (void)state;
    arrives_after(1, head, 6, HEAD_LEN, 0);     /* the last request's */
    arrives(1, "\1" ONE "\0\0\0\0\x09\0", 10);  /* our own, come back */
    arrives(1, "\0\x11\0\0\xAB\xCD", HEAD_LEN); /* no reply at all */
    arrives(1, "\4", 1);
    arrives(1, HEAD("\0"), HEAD_LEN - 1);
    arrives(1, HEAD("\6"), HEAD_LEN);
    assert_int_equal(bh_drive_write(9, sector), BH_ERR_SHORT);
    assert_int_equal(send_count, 1);
    next();
}

static void a_late_answer_of_another_call_is_passed_over(void **state)
{
    (void)state;
    arrives_after(1, HEAD("\0"), HEAD_LEN, READ_LEN, 1);
    assert_int_equal(bh_drive_read(9, sector), BH_OK);
    next();
    arrives_after(1, HEAD("\0"), HEAD_LEN, READ_LEN, 2);
    arrives_after(1, "\2\x12\0\0\xAB\xCD", HEAD_LEN, READ_LEN, 3);
    assert_int_equal(bh_drive_read(10, sector), BH_OK);
    assert_int_equal(sector[0], 3);
}

static void a_lost_datagram_is_sent_again_after_longer_waits(void **state)
{
    static const uint8_t expected[] = {10, 15, 22, 33};

    (void)state;
    arrives(4, HEAD("\0"), HEAD_LEN);
    assert_int_equal(bh_drive_write(9, sector), BH_OK);
    assert_int_equal(send_count, 4);
    assert_memory_equal(waits, expected, sizeof(expected));
}

static void silence_is_a_status_after_nine_tries(void **state)
{
    (void)state;
    assert_int_equal(bh_drive_read(9, sector), BH_DRIVE_SILENT);
    assert_int_equal(send_count, 9);
    assert_int_equal(waits[8], 244);
}

static void each_call_takes_the_next_number(void **state)
{
    (void)state;
    bh_drive.packet[1] = 0xFE;
    arrives(1, "\2\xFF\0\0\xAB\xCD", HEAD_LEN);
    assert_int_equal(bh_drive_write(1, sector), BH_OK);
    next();
#if BH_DRIVE_STRICT
    arrives(1, "\2\0\0\0\xAB\xCD", HEAD_LEN);
    arrives(1, "\2\0\0\1\xAB\xCD", HEAD_LEN);
    assert_int_equal(bh_drive_write(1, sector), BH_OK);
    assert_int_equal(sent[9], 1);
#else
    arrives(1, "\2\0\0\0", HEAD_LEN);
    assert_int_equal(bh_drive_write(1, sector), BH_OK);
    assert_int_equal(sent[9], 0);
#endif
    assert_int_equal(sent[1], 0);
    next();
}

static void disconnect_sends_the_session(void **state)
{
    (void)state;
#if BH_DRIVE_STRICT
    bh_drive.high = 7;
    bh_drive.packet[4] = BH_OP_WRITE;
    arrives(1, "\2\x11\0\7\xAB\xCD", HEAD_LEN);
    assert_int_equal(bh_drive_disconnect(), BH_OK);
    assert_sent("\3" ONE "\7", 5);
#else
#if !BH_DRIVE_PADDED
    arrives(1, "\2\x11\0\0", 4);
#endif
    arrives(1, "\2\x11\0", 3);
    assert_int_equal(bh_drive_disconnect(), BH_OK);
    assert_sent("\3" ONE, 4);
#endif
    next();
}

static void what_a_write_has_sent_is_not_sent_behind_others(void **state)
{
    static const uint8_t lens[] = {BH_COMMAND_HEADER_LEN, BH_COMMAND_HEADER_LEN,
                                   BH_DRIVE_STRICT ? 5 : 4};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        bh_drive.body_len = SECTOR;
        switch (i) {
        case 0:
            bh_drive_read(1, sector);
            break;
        case 1:
            bh_drive_flush();
            break;
        default:
            bh_drive_disconnect();
        }
        assert_int_equal(sent_len, lens[i]);
        next();
    }
}

static void a_lost_session_is_told_to_the_caller(void **state)
{
    (void)state;
    arrives(1, "\2\x11\4\0", 4);
    assert_int_equal(bh_drive_read(9, sector), BH_ERR_SESSION);
    assert_int_equal(send_count, 1);
    next();
    arrives(1, "\2\x12\4", 3);
    assert_int_equal(bh_drive_disconnect(), BH_ERR_SESSION);
    next();
}

static void identify_brings_its_record(void **state)
{
    (void)state;
    arrives_after(1, HEAD("\0"), HEAD_LEN, HEAD_LEN + BH_IDENTIFY_LEN, 0x42);
    assert_int_equal(bh_drive_identify(sector), BH_OK);
    assert_sent("\1" ONE "\2BLKH\0", 10);
    assert_int_equal(sector[BH_IDENTIFY_LEN - 1], 0x42);
    assert_int_equal(sector[BH_IDENTIFY_LEN], 0xEE);
    next();
    arrives(1, "\2\x12\0\0\xAB\xCD", HEAD_LEN);
    assert_int_equal(bh_drive_flush(), BH_OK);
    assert_sent("\1\x12\xAB\xCD\3\0\0\0\0\0", 10);
}

#if BH_DRIVE_STRICT

static void strict_passes_over_other_numbers_and_sessions(void **state)
{
    (void)state;
    arrives(1, "\2\x11\0\1\xAB\xCD", 6);
    arrives(1, "\2\x11\0\0\xAA\xCD", 6);
    arrives(1, "\2\x11\0\0\xAB\xCC", 6);
    arrives(1, "\2\x11\4\1", 4); /* unknown session: another number's */
    arrives(1, HEAD("\0"), 6);
    assert_int_equal(bh_drive_write(1, sector), BH_OK);
    assert_int_equal(send_count, 1);
    next();
}

static void strict_numbers_begin_with_one(void **state)
{
    (void)state;
    bh_drive.high = 7;
    arrives(1, "\2\x11\0\x12\x34", 5);
    assert_int_equal(bh_drive_connect(0, "\0", 2), BH_OK);
    next();
    arrives_after(1, "\2\1\0\0\x12\x34", 6, READ_LEN, 1);
    assert_int_equal(bh_drive_read(0, sector), BH_OK);
    assert_sent("\1\1\x12\x34\0\0\0\0\0\0", 10);
    next();
}

static void strict_comes_back_when_the_server_was_busy(void **state)
{
    (void)state;
    arrives(1, HEAD("\x10") "\0\x64", 8);
    arrives(2, HEAD("\0"), 6);
    assert_int_equal(bh_drive_write(1, sector), BH_OK);
    assert_int_equal(send_count, 2);
    next();
}

#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(connect_sends_the_name_and_learns_the_session),
        TEST(connect_hands_a_refusal_to_its_caller),
        TEST(read_puts_the_sector_into_the_callers_buffer),
        TEST(write_sends_the_sector),
        TEST(an_error_is_an_answer_of_a_head_alone),
        TEST(a_read_of_another_length_is_a_stray),
        TEST(padding_is_seen_only_where_it_can_be),
        TEST(what_is_not_the_answer_changes_nothing),
        TEST(a_late_answer_of_another_call_is_passed_over),
        TEST(a_lost_datagram_is_sent_again_after_longer_waits),
        TEST(silence_is_a_status_after_nine_tries),
        TEST(each_call_takes_the_next_number),
        TEST(disconnect_sends_the_session),
        TEST(what_a_write_has_sent_is_not_sent_behind_others),
        TEST(a_lost_session_is_told_to_the_caller),
        TEST(identify_brings_its_record),
#if BH_DRIVE_STRICT
        TEST(strict_passes_over_other_numbers_and_sessions),
        TEST(strict_numbers_begin_with_one),
        TEST(strict_comes_back_when_the_server_was_busy),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
