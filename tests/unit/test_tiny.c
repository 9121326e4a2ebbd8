/* SPDX-License-Identifier: MIT */
/* tiny against bytes written by hand, with a clock that the test sets. Compiled
 * with and without strict sessions: what holds without holds with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tiny/tiny.h"

static uint8_t sector[512];

/* A client whose last seq was 0x10, in session 0xABCD. */
static struct bh_tiny connected(void)
{
    struct bh_tiny tiny = {.packet = {0, 0x10, 0xAB, 0xCD}};

    return tiny;
}

/* A datagram of `len` bytes, of which `size` are given. */
static uint8_t receive_some(struct bh_tiny *tiny, const char *bytes,
                            size_t size, uint16_t len)
{
    uint8_t reply[BH_TINY_REPLY_LEN];

    memset(reply, 0x55, sizeof(reply));
    if (size > sizeof(reply))
        size = sizeof(reply);
    memcpy(reply, bytes, len < size ? len : size);
    return bh_tiny_received(tiny, reply, len);
}

#define receive(tiny, bytes, len)                                              \
    receive_some(tiny, bytes, sizeof(bytes) - 1, len)

static void assert_sends(struct bh_tiny *tiny, uint16_t now, const char *bytes,
                         uint8_t len)
{
    assert_int_equal(bh_tiny_due(tiny, now), 1);
    assert_int_equal(tiny->packet_len, len);
    assert_memory_equal(tiny->packet, bytes, len);
}

static void connect_sends_the_name_and_learns_the_session(void **state)
{
    static const char name[] = "a.img";
    struct bh_tiny tiny = {.packet = {0, 0xFF}};

    (void)state;
    bh_tiny_connect(&tiny, 0x02, name, sizeof(name));
    assert_sends(&tiny, 0, "\0\0\2", 3);
    assert_ptr_equal(tiny.body, name);
    assert_int_equal(tiny.body_len, 6);
    assert_int_equal(receive(&tiny, "\2\0\0\xAB\xCD", 5), 1);
    assert_int_equal(tiny.status, BH_OK);
    bh_tiny_flush(&tiny);
    assert_sends(&tiny, 0, "\1\1\xAB\xCD\3\0\0\0\0\0", 10);
}

static void refused_connect_hands_over_the_status(void **state)
{
    struct bh_tiny tiny = {.status = 0};

    (void)state;
    bh_tiny_connect(&tiny, 0x02, "x", 2);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\1\x9\0\0", 5), 1);
    assert_int_equal(tiny.status, BH_ERR_IN_USE);
}

static void read_sends_ten_bytes_and_wants_a_sector(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_read(&tiny, 0x01020304, 512);
    assert_sends(&tiny, 0, "\1\x11\xAB\xCD\0\1\2\3\4\0", 10);
    assert_int_equal(tiny.body_len, 0);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 516), 1);
    assert_int_equal(tiny.status, BH_OK);
    assert_false(BH_TINY_RUNS(&tiny));
}

static void write_leaves_the_data_in_place(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_write(&tiny, 7, sector, 512);
    assert_sends(&tiny, 0, "\1\x11\xAB\xCD\1\0\0\0\7\0", 10);
    assert_ptr_equal(tiny.body, sector);
    assert_int_equal(tiny.body_len, 512);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 4), 1);
    assert_int_equal(tiny.status, BH_OK);
}

static void identify_carries_its_magic_number(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_identify(&tiny);
    assert_sends(&tiny, 0, "\1\x11\xAB\xCD\2BLKH\0", 10);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 4), 0);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 132), 1);
}

static void opcodes_with_a_count_borrow_it(void **state)
{
    static const uint8_t count[2] = {0, 128};
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_checksum(&tiny, 0x01020304, count);
    assert_sends(&tiny, 0, "\1\x11\xAB\xCD\x9\1\2\3\4\0", 10);
    assert_ptr_equal(tiny.body, count);
    assert_int_equal(tiny.body_len, 2);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 8), 1);
    assert_int_equal(tiny.status, BH_OK);
    bh_tiny_trim(&tiny, 5, count);
    assert_sends(&tiny, 0, "\1\x12\xAB\xCD\7\0\0\0\5\0", 10);
    assert_int_equal(tiny.body_len, 2);
    bh_tiny_zero(&tiny, 5, count);
    assert_sends(&tiny, 0, "\1\x13\xAB\xCD\x8\0\0\0\5\0", 10);
    assert_int_equal(tiny.body_len, 2);
}

static void time_and_checkpoint_are_commands(void **state)
{
    static const uint8_t label[] = {3, 'o', 'l', 'd'};
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_time(&tiny);
    assert_sends(&tiny, 0, "\1\x11\xAB\xCD\xA\0\0\0\0\0", 10);
    assert_int_equal(tiny.body_len, 0);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 22), 1);
    bh_tiny_checkpoint(&tiny, label);
    assert_sends(&tiny, 0, "\1\x12\xAB\xCD\xC\0\0\0\0\0", 10);
    assert_ptr_equal(tiny.body, label);
    assert_int_equal(tiny.body_len, 4);
    assert_int_equal(receive(&tiny, "\2\x12\0\0", 4), 1);
}

static void slots_are_asked_without_a_body(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_eject(&tiny);
    assert_sends(&tiny, 0, "\1\x11\xAB\xCD\4\0\0\0\0\0", 10);
    assert_int_equal(tiny.body_len, 0);
    assert_int_equal(receive(&tiny, "\2\x11\x9\0", 4), 1);
    assert_int_equal(tiny.status, BH_ERR_IN_USE);
    bh_tiny_lock(&tiny);
    assert_sends(&tiny, 0, "\1\x12\xAB\xCD\5\0\0\0\0\0", 10);
    bh_tiny_unlock(&tiny);
    assert_sends(&tiny, 0, "\1\x13\xAB\xCD\6\0\0\0\0\0", 10);
}

static void disconnect_and_keep_have_their_own_replies(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_keep(&tiny);
    assert_sends(&tiny, 0, "\4", 1);
    assert_int_equal(receive(&tiny, "\2\x10\0", 3), 0);
    assert_int_equal(receive(&tiny, "\4", 1), 1);
    bh_tiny_disconnect(&tiny);
    assert_sends(&tiny, 0, "\3\x11\xAB\xCD", 4);
    assert_int_equal(receive(&tiny, "\4\x11\0", 3), 0);
    assert_int_equal(receive(&tiny, "\2\x11\0", 3), 1);
}

static void reply_that_does_not_fit_is_ignored(void **state)
{
    static const struct {
        const char bytes[9];
        uint16_t len;
    } rows[] = {
        {"", 0},             /* nothing */
        {"\2\x11\0", 3},     /* DISCON's length */
        {"\2\x11\0\0", 4},   /* OK without data */
        {"\2\x11\0\0", 515}, /* a byte short */
        {"\2\x11\0\0", 517}, /* a byte long */
        {"\2\x11\0\0", 132}, /* IDENTIFY's length */
        {"\2\x10\0\0", 516}, /* the seq before */
        {"\2\x12\0\0", 516}, /* the seq after */
        {"\1\x11\0\0", 516}, /* a COMMAND */
        {"\4\x11\0\0", 516}, /* a KEEP */
        {"\2\x11\5\0", 516}, /* an error with data */
        {"\2\x11\5", 3},     /* a short error */
        {"\2\x11\5\0", 5},   /* a long error */
        {"\2\x11\xFD\0", 4}, /* no status of the protocol */
        {"\2\x11\xFE\0", 4},
        {"\2\x11\xFF\0", 4},
    };
    struct bh_tiny tiny = connected(), before;
    size_t i;

    (void)state;
    bh_tiny_read(&tiny, 5, 512);
    bh_tiny_due(&tiny, 0);
    before = tiny;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(receive(&tiny, rows[i].bytes, rows[i].len), 0);
        assert_memory_equal(&tiny, &before, sizeof(tiny));
    }
    assert_int_equal(receive(&tiny, "\2\x11\5\0", 4), 1);
    assert_int_equal(tiny.status, BH_ERR_LSN);
}

static void padded_transport_may_lengthen_but_not_shorten(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    tiny.padded = 1;
    bh_tiny_read(&tiny, 5, 128);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 46), 0);
    assert_int_equal(receive(&tiny, "\2\x11\4\0", 46), 1);
    assert_int_equal(tiny.status, BH_ERR_SESSION);
    bh_tiny_keep(&tiny);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\4\0\0\0\0", 46), 1);
}

static void second_reply_is_a_stray(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_write(&tiny, 5, sector, 512);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 4), 0); /* not sent yet */
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 4), 1);
    assert_int_equal(receive(&tiny, "\2\x11\xC\0", 4), 0);
    assert_int_equal(tiny.status, BH_OK);
}

static void every_new_request_takes_the_next_seq(void **state)
{
    struct bh_tiny tiny = connected();
    int i;

    (void)state;
    for (i = 0; i < 300; i++) {
        bh_tiny_read(&tiny, 0, 512);
        assert_int_equal(tiny.packet[1], (0x11 + i) & 0xFF);
    }
    bh_tiny_keep(&tiny);
    assert_int_equal(tiny.packet[1], (0x10 + 300) & 0xFF);
}

static void retransmission_is_identical_and_backs_off(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_write(&tiny, 7, sector, 512);
    assert_sends(&tiny, 1000, "\1\x11\xAB\xCD\1\0\0\0\7\0", 10);
    assert_int_equal(bh_tiny_due(&tiny, 1199), 0);
    assert_sends(&tiny, 1200, "\1\x11\xAB\xCD\1\0\0\0\7\0", 10);
    assert_ptr_equal(tiny.body, sector);
    assert_int_equal(tiny.body_len, 512);
    assert_int_equal(bh_tiny_due(&tiny, 1599), 0);
    assert_int_equal(bh_tiny_due(&tiny, 1600), 1);
    assert_int_equal(bh_tiny_due(&tiny, 2399), 0);
    assert_int_equal(bh_tiny_due(&tiny, 2400), 1);
}

static void clock_may_wrap(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_read(&tiny, 7, 512);
    assert_int_equal(bh_tiny_due(&tiny, 65500), 1);
    assert_int_equal(bh_tiny_due(&tiny, 65535), 0);
    assert_int_equal(bh_tiny_due(&tiny, 163), 0);
    assert_int_equal(bh_tiny_due(&tiny, 164), 1);
}

static void tries_run_out_and_wait_stays_bounded(void **state)
{
    struct bh_tiny tiny = connected();
    unsigned sent = 0, total_ms = 0;
    uint16_t now = 40000;

    (void)state;
    bh_tiny_read(&tiny, 7, 512);
    while (BH_TINY_RUNS(&tiny)) {
        sent += bh_tiny_due(&tiny, now);
        now++;
        total_ms++;
        assert_true(tiny.wait < 2 * BH_TINY_WAIT_MAX);
    }
    assert_int_equal(sent, BH_TINY_TRIES);
    assert_true(total_ms < 30000);
    assert_int_equal(tiny.status, BH_TINY_SILENT);
    assert_int_equal(bh_tiny_due(&tiny, now), 0);
    assert_int_equal(receive(&tiny, "\2\x11\0\0", 516), 0);
}

static void session_outlives_time_out_and_keep(void **state)
{
    struct bh_tiny tiny = connected();

    (void)state;
    bh_tiny_read(&tiny, 7, 512);
    tiny.tries = 1;
    bh_tiny_due(&tiny, 0);
    bh_tiny_due(&tiny, 5000);
    assert_int_equal(tiny.status, BH_TINY_SILENT);
    bh_tiny_keep(&tiny);
    bh_tiny_disconnect(&tiny);
    assert_sends(&tiny, 0, "\3\x12\xAB\xCD", 4);
}

#if BH_TINY_STRICT

/* In strict session 0xABCD, `number` requests into it. */
static struct bh_tiny connected_strictly(uint16_t number)
{
    struct bh_tiny tiny = {.packet = {0, 0x4F}};

    bh_tiny_connect(&tiny, 0x22, "x", 2);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x50\0\xAB\xCD", 5), 1);
    tiny.packet[1] = (uint8_t)number;
    tiny.high = (uint8_t)(number >> 8);
    return tiny;
}

static void first_number_of_a_strict_session_is_one(void **state)
{
    struct bh_tiny tiny = connected_strictly(0);

    (void)state;
    bh_tiny_identify(&tiny);
    assert_sends(&tiny, 0, "\1\1\xAB\xCD\2BLKH\0", 10);
    assert_int_equal(receive(&tiny, "\2\1\0\0\xAB\xCD..", 134), 1);
    assert_int_equal(tiny.status, BH_OK);
}

static void every_strict_request_has_both_bytes_of_its_number(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x12FE);

    (void)state;
    bh_tiny_read(&tiny, 5, 512);
    assert_sends(&tiny, 0, "\1\xFF\xAB\xCD\0\0\0\0\5\x12", 10);
    bh_tiny_write(&tiny, 5, sector, 512);
    assert_sends(&tiny, 0, "\1\0\xAB\xCD\1\0\0\0\5\x13", 10);
    bh_tiny_renew(&tiny);
    assert_sends(&tiny, 0, "\4\1\xAB\xCD\x13", 5);
    bh_tiny_disconnect(&tiny);
    assert_sends(&tiny, 0, "\3\2\xAB\xCD\x13", 5);
    bh_tiny_flush(&tiny);
    assert_sends(&tiny, 0, "\1\3\xAB\xCD\3\0\0\0\0\x13", 10);
}

static void number_wraps_after_65535(void **state)
{
    struct bh_tiny tiny = connected_strictly(0xFFFE);

    (void)state;
    bh_tiny_flush(&tiny);
    assert_sends(&tiny, 0, "\1\xFF\xAB\xCD\3\0\0\0\0\xFF", 10);
    assert_int_equal(receive(&tiny, "\2\xFF\0\xFF\xAB\xCD", 6), 1);
    bh_tiny_renew(&tiny);
    assert_sends(&tiny, 0, "\4\0\xAB\xCD\0", 5);
    assert_int_equal(receive(&tiny, "\2\xFF\0\xFF\xAB\xCD", 6), 0);
    assert_int_equal(receive(&tiny, "\2\0\0\0\xAB\xCD", 6), 1);
    bh_tiny_flush(&tiny);
    assert_sends(&tiny, 0, "\1\1\xAB\xCD\3\0\0\0\0\0", 10);
}

/* Bit by bit, and what default sessions would answer. */
static void strict_reply_fits_in_every_bit_or_is_ignored(void **state)
{
    static const uint8_t good[] = {2, 0x34, 0, 0x12, 0xAB, 0xCD};
    struct bh_tiny tiny = connected_strictly(0x1233), before;
    uint8_t reply[BH_TINY_REPLY_LEN] = {0};
    size_t bit;

    (void)state;
    bh_tiny_read(&tiny, 5, 512);
    bh_tiny_due(&tiny, 0);
    before = tiny;
    for (bit = 0; bit < 8 * sizeof(good); bit++) {
        memcpy(reply, good, sizeof(good));
        reply[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(bh_tiny_received(&tiny, reply, 518), 0);
        assert_memory_equal(&tiny, &before, sizeof(tiny));
    }
    assert_int_equal(receive(&tiny, "\2\x34\0\x12", 4), 0);
    assert_int_equal(receive(&tiny, "\2\x34\0\x12..", 516), 0);
    assert_int_equal(receive(&tiny, "\2\x34\0\x12\xAB\xCD..", 517), 0);
    assert_int_equal(receive(&tiny, "\2\x34\0\x12\xAB\xCD..", 519), 0);
    assert_int_equal(receive(&tiny, "\2\x34\0\x12\xAB\xCD", 6), 0);
    assert_int_equal(receive(&tiny, "\2\x34\5\x12\xAB\xCD..", 518), 0);
    assert_int_equal(receive(&tiny, "\2\x34\5\x12", 4), 0);
    assert_int_equal(receive(&tiny, "\4", 1), 0);
    assert_memory_equal(&tiny, &before, sizeof(tiny));
    assert_int_equal(receive(&tiny, "\2\x34\0\x12\xAB\xCD..", 518), 1);
    assert_int_equal(tiny.status, BH_OK);
}

static void reply_to_an_older_strict_request_never_fits(void **state)
{
    struct bh_tiny tiny = connected_strictly(0);
    uint8_t reply[BH_TINY_REPLY_LEN] = {2, 0, 0, 0, 0xAB, 0xCD};
    uint32_t n, older;

    (void)state;
    for (n = 1; n < 1500; n++) {
        bh_tiny_write(&tiny, 5, sector, 512);
        bh_tiny_due(&tiny, 0);
        for (older = 1; older < n; older++) {
            reply[1] = (uint8_t)older;
            reply[3] = (uint8_t)(older >> 8);
            if (bh_tiny_received(&tiny, reply, 6) != 0)
                fail_msg("%u answered %u", (unsigned)older, (unsigned)n);
        }
        reply[1] = (uint8_t)n;
        reply[3] = (uint8_t)(n >> 8);
        assert_int_equal(bh_tiny_received(&tiny, reply, 6), 1);
        assert_int_equal(bh_tiny_received(&tiny, reply, 6), 0);
    }
}

static void unknown_session_comes_in_both_forms(void **state)
{
    static const struct {
        const char bytes[9];
        uint16_t len;
        uint8_t taken;
    } rows[] = {
        {"\2\x34\4\x12", 4, 1},
        {"\2\x34\4\x12\xAB\xCD", 6, 1},
        {"\2\x34\4\x11", 4, 0}, /* an older number */
        {"\2\x33\4\x12", 4, 0},
        {"\2\x34\4\x12\xAB\xCC", 6, 0}, /* an older session */
        {"\2\x34\4\x12\xAB", 5, 0},
        {"\2\x34\4", 3, 0}, /* a DISCON's */
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bh_tiny tiny = connected_strictly(0x1233);

        bh_tiny_read(&tiny, 5, 512);
        bh_tiny_due(&tiny, 0);
        assert_int_equal(receive(&tiny, rows[i].bytes, rows[i].len),
                         rows[i].taken);
        assert_int_equal(tiny.status,
                         rows[i].taken ? BH_ERR_SESSION : BH_TINY_WAITING);
    }
}

static void unknown_session_has_no_pad_for_discon(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x1233);

    (void)state;
    bh_tiny_disconnect(&tiny);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x34\0", 3), 0);
    assert_int_equal(receive(&tiny, "\2\x33\4", 3), 0);
    assert_int_equal(receive(&tiny, "\2\x34\4", 3), 1);
    assert_int_equal(tiny.status, BH_ERR_SESSION);
}

static void plain_keep_says_that_the_session_is_unknown(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x1233);

    (void)state;
    bh_tiny_renew(&tiny);
    assert_int_equal(receive(&tiny, "\4", 1), 0); /* not sent yet */
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\4\x34", 2), 0);
    assert_int_equal(receive(&tiny, "\4", 1), 1);
    assert_int_equal(tiny.status, BH_ERR_SESSION);
    bh_tiny_renew(&tiny);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x35\0\x12\xAB\xCD", 6), 1);
    assert_int_equal(tiny.status, BH_OK);
}

static void plain_keep_works_in_a_strict_session_too(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x12FF);

    (void)state;
    bh_tiny_keep(&tiny);
    assert_sends(&tiny, 0, "\4", 1);
    assert_int_equal(receive(&tiny, "\4", 1), 1);
    assert_int_equal(tiny.status, BH_OK);
    bh_tiny_flush(&tiny);
    assert_sends(&tiny, 0, "\1\0\xAB\xCD\3\0\0\0\0\x13", 10);
}

static void busy_is_sent_again_unchanged(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x1233);
    static const char bytes[] = "\1\x34\xAB\xCD\1\0\0\0\5\x12";

    (void)state;
    bh_tiny_write(&tiny, 5, sector, 512);
    assert_sends(&tiny, 0, bytes, 10);
    assert_int_equal(receive(&tiny, "\2\x34\x10\x12\xAB\xCD", 6), 0);
    assert_int_equal(receive(&tiny, "\2\x34\x10\x12\xAB\xCD\x01\x02", 8), 1);
    assert_int_equal(tiny.status, BH_ERR_BUSY);
    assert_int_equal(tiny.busy_ms, 0x102);
    assert_int_equal(bh_tiny_due(&tiny, 5000), 0);
    bh_tiny_again(&tiny);
    assert_sends(&tiny, 5000, bytes, 10);
    assert_ptr_equal(tiny.body, sector);
    assert_int_equal(tiny.body_len, 512);
    assert_int_equal(receive(&tiny, "\2\x34\0\x12\xAB\xCD", 6), 1);
    assert_int_equal(tiny.status, BH_OK);
}

/* No data, whatever was wanted; the next number is an IDENTIFY's. */
static void changed_medium_is_the_callers_to_ask_about(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x1233);

    (void)state;
    bh_tiny_read(&tiny, 5, 512);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x34\xB\x12\xAB\xCD", 6), 1);
    assert_int_equal(tiny.status, BH_ERR_CHANGED);
    assert_false(BH_TINY_RUNS(&tiny));
    bh_tiny_identify(&tiny);
    assert_sends(&tiny, 0, "\1\x35\xAB\xCD\2BLKH\x12", 10);
    assert_int_equal(receive(&tiny, "\2\x35\0\x12\xAB\xCD..", 134), 1);
    assert_int_equal(tiny.status, BH_OK);
}

static void padded_strict_replies_may_be_longer(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x1233);

    (void)state;
    tiny.padded = 1;
    bh_tiny_read(&tiny, 5, 128);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x34\0\x12\xAB\xCD..", 46), 0);
    assert_int_equal(receive(&tiny, "\2\x34\4\x11\0\0..", 46), 0);
    assert_int_equal(receive(&tiny, "\2\x34\4\x12\0\0..", 46), 1);
    assert_int_equal(tiny.status, BH_ERR_SESSION);
    bh_tiny_renew(&tiny);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x35\0\x12\xAB\xCE..", 46), 0);
    assert_int_equal(receive(&tiny, "\2\x35\0\x12\xAB\xCD..", 46), 1);
}

/* A late answer to one of the last 255 CONNECTs does not pass for this one's,
 * whatever number the session between them has come to. */
static void connects_count_by_themselves(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x124F);

    (void)state;
    bh_tiny_connect(&tiny, 0x22, "x", 2);
    assert_sends(&tiny, 0, "\0\x51\x22", 3);
    assert_int_equal(receive(&tiny, "\2\x50\0\xAB\xCD", 5), 0);
    assert_int_equal(receive(&tiny, "\2\x51\0\x12\x34", 5), 1);
    bh_tiny_flush(&tiny);
    assert_sends(&tiny, 0, "\1\1\x12\x34\3\0\0\0\0\0", 10);
}

static void refused_strict_connect_leaves_a_default_client(void **state)
{
    struct bh_tiny tiny = connected_strictly(0x124F);

    (void)state;
    bh_tiny_connect(&tiny, 0x22, "x", 2);
    bh_tiny_due(&tiny, 0);
    assert_int_equal(receive(&tiny, "\2\x51\7\0\0", 5), 1);
    assert_int_equal(tiny.status, BH_ERR_FLAGS);
    bh_tiny_connect(&tiny, 0x02, "x", 2);
    assert_sends(&tiny, 0, "\0\x52\2", 3);
    assert_int_equal(receive(&tiny, "\2\x52\0\x12\x34", 5), 1);
    bh_tiny_read(&tiny, 0, 512);
    assert_sends(&tiny, 0, "\1\x53\x12\x34\0\0\0\0\0\0", 10);
    assert_int_equal(receive(&tiny, "\2\x53\0\0\x12\x34..", 518), 0);
    assert_int_equal(receive(&tiny, "\2\x53\0\0....", 516), 1);
}

#define CLAIMS_OF_STRICT_SESSIONS                                              \
    cmocka_unit_test(first_number_of_a_strict_session_is_one),                 \
        cmocka_unit_test(every_strict_request_has_both_bytes_of_its_number),   \
        cmocka_unit_test(number_wraps_after_65535),                            \
        cmocka_unit_test(strict_reply_fits_in_every_bit_or_is_ignored),        \
        cmocka_unit_test(reply_to_an_older_strict_request_never_fits),         \
        cmocka_unit_test(unknown_session_comes_in_both_forms),                 \
        cmocka_unit_test(unknown_session_has_no_pad_for_discon),               \
        cmocka_unit_test(plain_keep_says_that_the_session_is_unknown),         \
        cmocka_unit_test(plain_keep_works_in_a_strict_session_too),            \
        cmocka_unit_test(busy_is_sent_again_unchanged),                        \
        cmocka_unit_test(changed_medium_is_the_callers_to_ask_about),          \
        cmocka_unit_test(padded_strict_replies_may_be_longer),                 \
        cmocka_unit_test(connects_count_by_themselves),                        \
        cmocka_unit_test(refused_strict_connect_leaves_a_default_client),
#else
#define CLAIMS_OF_STRICT_SESSIONS
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_sends_the_name_and_learns_the_session),
        cmocka_unit_test(refused_connect_hands_over_the_status),
        cmocka_unit_test(read_sends_ten_bytes_and_wants_a_sector),
        cmocka_unit_test(write_leaves_the_data_in_place),
        cmocka_unit_test(identify_carries_its_magic_number),
        cmocka_unit_test(opcodes_with_a_count_borrow_it),
        cmocka_unit_test(time_and_checkpoint_are_commands),
        cmocka_unit_test(slots_are_asked_without_a_body),
        cmocka_unit_test(disconnect_and_keep_have_their_own_replies),
        cmocka_unit_test(reply_that_does_not_fit_is_ignored),
        cmocka_unit_test(padded_transport_may_lengthen_but_not_shorten),
        cmocka_unit_test(second_reply_is_a_stray),
        cmocka_unit_test(every_new_request_takes_the_next_seq),
        cmocka_unit_test(retransmission_is_identical_and_backs_off),
        cmocka_unit_test(clock_may_wrap),
        cmocka_unit_test(tries_run_out_and_wait_stays_bounded),
        cmocka_unit_test(session_outlives_time_out_and_keep),
        CLAIMS_OF_STRICT_SESSIONS};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
