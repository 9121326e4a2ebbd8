/* SPDX-License-Identifier: MIT */
/* The edges that are awkward as vectors; most packets are in tests/vectors. */
#include "wire/packet.h"
#include "wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void fill_connect(uint8_t *bytes, size_t name_len)
{
    memset(bytes, 'A', BH_CONNECT_MAX_LEN);
    bytes[0] = BH_PACKET_CONNECT;
    bytes[1] = 1;
    bytes[2] = 1;
    bytes[BH_CONNECT_HEADER_LEN + name_len] = 0;
}

static void connect_needs_five_bytes(void **state)
{
    uint8_t bytes[BH_CONNECT_MAX_LEN] = {0, 1, 1};
    struct bh_connect connect;

    (void)state;
    for (size_t len = 0; len < BH_CONNECT_MIN_LEN; len++)
        assert_int_equal(bh_connect_decode(bytes, len, &connect),
                         BH_ERR_FORMAT);
    assert_int_equal(bh_connect_decode(bytes, BH_CONNECT_MIN_LEN, &connect),
                     BH_OK);
    assert_string_equal(connect.name, "");
}

static void connect_may_be_cut_only_behind_the_nul(void **state)
{
    uint8_t bytes[BH_CONNECT_MAX_LEN];
    struct bh_connect connect;

    (void)state;
    fill_connect(bytes, 8);
    for (size_t len = 0; len <= sizeof bytes; len++)
        assert_int_equal(bh_connect_decode(bytes, len, &connect),
                         len < 12 ? BH_ERR_FORMAT : BH_OK);
    assert_string_equal(connect.name, "AAAAAAAA");
}

static void connect_takes_255_characters_and_no_more(void **state)
{
    uint8_t bytes[BH_CONNECT_MAX_LEN + 1];
    struct bh_connect connect;

    (void)state;
    fill_connect(bytes, 255);
    assert_int_equal(bh_connect_decode(bytes, BH_CONNECT_MAX_LEN, &connect),
                     BH_OK);
    assert_int_equal(strlen(connect.name), 255);
    fill_connect(bytes, 256); /* a NUL, but behind the field */
    assert_int_equal(bh_connect_decode(bytes, sizeof bytes, &connect),
                     BH_ERR_FORMAT);
}

static void a_bad_connect_still_has_seq_and_flags(void **state)
{
    const uint8_t bytes[] = {0, 77, 0x81, 'A', 'A', 'A'};
    struct bh_connect connect;

    (void)state;
    assert_int_equal(bh_connect_decode(bytes, sizeof bytes, &connect),
                     BH_ERR_FORMAT);
    assert_int_equal(connect.seq, 77);
    assert_int_equal(connect.flags, 0x81);
}

static void connect_with_an_overlong_name_is_not_encoded(void **state)
{
    uint8_t bytes[BH_CONNECT_MAX_LEN];
    char name[257];
    struct bh_connect connect = {.seq = 1, .name = name};

    (void)state;
    memset(name, 'A', sizeof name);
    name[256] = 0;
    assert_int_equal(bh_connect_encode(bytes, &connect), 0);
    name[255] = 0;
    assert_int_equal(bh_connect_encode(bytes, &connect), BH_CONNECT_MAX_LEN);
}

static void command_needs_its_header(void **state)
{
    const uint8_t bytes[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct bh_command command;

    (void)state;
    for (size_t len = 0; len < 10; len++)
        assert_int_equal(bh_command_decode(bytes, len, &command),
                         BH_ERR_FORMAT);
    assert_int_equal(bh_command_decode(bytes, 10, &command), BH_OK);
    assert_int_equal(command.seq, 2);
    assert_int_equal(command.session, 0x0304);
    assert_int_equal(command.opcode, 5);
    assert_int_equal(command.lsn, 0x06070809);
    assert_int_equal(command.pad, 10);
}

static void discon_needs_four_bytes(void **state)
{
    const uint8_t bytes[4] = {3, 2, 0xFE, 0xDC};
    struct bh_discon discon;

    (void)state;
    for (size_t len = 0; len < 4; len++)
        assert_int_equal(bh_discon_decode(bytes, len, &discon), BH_ERR_FORMAT);
    assert_int_equal(bh_discon_decode(bytes, 4, &discon), BH_OK);
    assert_int_equal(discon.seq, 2);
    assert_int_equal(discon.session, 0xFEDC);
}

static void the_fifth_byte_of_a_discon_is_looked_at_if_it_is_there(void **state)
{
    const uint8_t bytes[6] = {3, 2, 0xFE, 0xDC, 0xAB, 0xFF};
    struct bh_discon discon;

    (void)state;
    assert_int_equal(bh_discon_decode(bytes, 4, &discon), BH_OK);
    assert_int_equal(discon.pad, 0);
    for (size_t len = 5; len <= sizeof bytes; len++) {
        assert_int_equal(bh_discon_decode(bytes, len, &discon), BH_OK);
        assert_int_equal(discon.pad, 0xAB);
        assert_int_equal(discon.seq, 2);
        assert_int_equal(discon.session, 0xFEDC);
    }
}

static void strict_forms_have_their_lengths(void **state)
{
    const struct bh_discon discon = {.seq = 9, .pad = 0x5A, .session = 0xABCD};
    uint8_t bytes[7];

    (void)state;
    memset(bytes, 0xEE, sizeof bytes);
    assert_int_equal(bh_strict_discon_encode(bytes, &discon), 5);
    assert_memory_equal(bytes, "\x03\x09\xAB\xCD\x5A\xEE", 6);
    assert_int_equal(bh_strict_keep_encode(bytes, &discon), 5);
    assert_memory_equal(bytes, "\x04\x09\xAB\xCD\x5A\xEE", 6);
    assert_int_equal(
        bh_strict_reply_encode(bytes, 9, BH_ERR_AHEAD, 0x5A, 0xABCD), 6);
    assert_memory_equal(bytes, "\x02\x09\x11\x5A\xAB\xCD\xEE", 7);
}

static void replies_have_their_lengths(void **state)
{
    uint8_t bytes[5];

    (void)state;
    assert_int_equal(bh_connect_reply_encode(bytes, 9, BH_OK, 0xABCD), 5);
    assert_memory_equal(bytes, "\x02\x09\x00\xAB\xCD", 5);
    assert_int_equal(bh_command_reply_encode(bytes, 9, BH_ERR_LSN, 0x5A), 4);
    assert_memory_equal(bytes, "\x02\x09\x05\x5A", 4);
    assert_int_equal(bh_discon_reply_encode(bytes, 9, BH_ERR_SESSION), 3);
    assert_memory_equal(bytes, "\x02\x09\x04", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_needs_five_bytes),
        cmocka_unit_test(connect_may_be_cut_only_behind_the_nul),
        cmocka_unit_test(connect_takes_255_characters_and_no_more),
        cmocka_unit_test(a_bad_connect_still_has_seq_and_flags),
        cmocka_unit_test(connect_with_an_overlong_name_is_not_encoded),
        cmocka_unit_test(command_needs_its_header),
        cmocka_unit_test(discon_needs_four_bytes),
        cmocka_unit_test(
            the_fifth_byte_of_a_discon_is_looked_at_if_it_is_there),
        cmocka_unit_test(replies_have_their_lengths),
        cmocka_unit_test(strict_forms_have_their_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
