/* SPDX-License-Identifier: MIT */
/* COMMAND: order of checks, spans, IDENTIFY, repeated requests. */
#include "fixture.h"

#include "wire/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct bh_path *client(void)
{
    static struct bh_path peer;

    peer = fx_peer(1, 10);
    return &peer;
}

/*
 * Order of checks.
 */

/* Each row has everything wrong that a later check would find. */
static void the_first_failed_check_answers(void **state)
{
    enum { SHORT = 1, HOST = 2, BODY = 4, POISON = 8, READER = 16 };
    static const struct {
        unsigned wrong;
        uint8_t opcode;
        uint32_t lsn;
        int status;
    } rows[] = {
        {SHORT | HOST | POISON | READER, 200, 999, BH_ERR_FORMAT},
        {HOST | BODY | POISON | READER, 200, 999, BH_ERR_SESSION},
        {BODY | POISON | READER, 200, 999, BH_ERR_OPCODE},
        {BODY | POISON | READER, BH_OP_WRITE, 999, BH_ERR_FORMAT},
        {POISON | READER, BH_OP_WRITE, 999, BH_ERR_STORAGE},
        {READER, BH_OP_WRITE, 999, BH_ERR_READ_ONLY},
        {0, BH_OP_WRITE, 999, BH_ERR_LSN},
        {0, BH_OP_READ, 999, BH_ERR_LSN},
        {POISON, BH_OP_READ, 999, BH_ERR_STORAGE},
        {POISON, BH_OP_IDENTIFY, 0, BH_ERR_OPCODE},
        {0, BH_OP_WRITE, 0, BH_OK},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct bh_path stranger = fx_peer(2, 10);
        const struct bh_path *from =
            rows[i].wrong & HOST ? &stranger : client();
        uint8_t bytes[BH_COMMAND_HEADER_LEN + FX_SECTOR] = {BH_PACKET_COMMAND,
                                                            9};
        size_t len = rows[i].wrong & SHORT  ? 9
                     : rows[i].wrong & BODY ? sizeof bytes - 1
                                            : sizeof bytes;
        struct fx_disk *disk = fx_disk(fx, "d", 8 * FX_SECTOR);
        uint16_t id;
        int status;

        disk->facts.mode = BH_MODE_SHARED;
        id = fx_open(fx, client(),
                     rows[i].wrong & READER ? FX_READER : FX_PLAIN, "d");
        if (rows[i].wrong & POISON) {
            struct bh_path other = fx_peer(3, 10);
            uint16_t writer = fx_open(fx, &other, FX_PLAIN, "d");

            disk->fails[BH_JOB_SYNC] = BH_ERR_STORAGE;
            fx_write(fx, &other, writer, 0, 1);
            fx_pass(fx, 1000);
        }
        bh_put16(bytes + 2, id);
        bytes[4] = rows[i].opcode;
        bh_put32(bytes + 5, rows[i].lsn);
        fx_send(fx, from, bytes, len);
        status = fx_answer(fx, from);
        if (status != rows[i].status)
            fail_msg("row %zu: %d", i, status);
        fx_free(fx);
    }
}

static void connect_checks_in_order(void **state)
{
    static const struct {
        const char *name;
        uint8_t flags;
        int status;
    } rows[] = {
        {"none", 0x20 | FX_SHARED, BH_ERR_NO_IMAGE},
        {"none", 0x40 | FX_PLAIN, BH_ERR_FLAGS},
        {"none", 0x80 | FX_PLAIN, BH_ERR_FLAGS},
        {"none", FX_SHARED, BH_ERR_NO_IMAGE},
        {"none", 0x07, BH_ERR_NO_IMAGE},
        {"held", FX_SHARED, BH_ERR_FLAGS},
        {"held", 0x07, BH_ERR_FLAGS},  /* a sector that the path cuts */
        {"fixed", 0x01, BH_ERR_FLAGS}, /* a sector that it does not have */
        {"held", FX_PLAIN, BH_ERR_IN_USE},
        {"fixed", 0x02, BH_ERR_SESSIONS},
    };
    struct fx *fx = *state;
    uint16_t id;

    fx_disk(fx, "held", 2048);
    fx_disk(fx, "fixed", 2048)->facts.exponent = 2;
    fx_open(fx, client(), FX_PLAIN, "held");
    for (uint32_t i = 1; i < BH_SESSIONS_MIN; i++) {
        struct bh_path peer = fx_peer(100 + i, 1);

        fx_open(fx, &peer, FX_LOOK, "held");
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_path peer = fx_peer(2, (uint16_t)i);
        int status = fx_connect(fx, &peer, rows[i].flags, rows[i].name, &id);

        if (status != rows[i].status)
            fail_msg("row %zu: %d", i, status);
    }
}

static void a_path_must_carry_a_write_whole(void **state)
{
    static const struct {
        uint32_t path_len;
        uint8_t exponent;
        int status;
    } rows[] = {
        {0, 3, BH_OK}, /* up to 1024 it is not asked */
        {1472, 3, BH_OK}, {1472, 4, BH_ERR_FLAGS}, {2057, 4, BH_ERR_FLAGS},
        {2058, 4, BH_OK}, {8972, 5, BH_OK},        {8201, 6, BH_ERR_FLAGS},
        {8202, 6, BH_OK}, {65507, 7, BH_OK},       {0, 7, BH_ERR_FLAGS},
    };
    struct fx *fx = *state;
    uint16_t id;

    fx_disk(fx, "d", FX_DISK_LEN);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int status;

        fx->path_len = rows[i].path_len;
        status = fx_connect(fx, client(), rows[i].exponent, "d", &id);
        if (status != rows[i].status)
            fail_msg("%u bytes, exponent %u: %d", (unsigned)rows[i].path_len,
                     rows[i].exponent, status);
        if (status == BH_OK)
            assert_int_equal(fx_read(fx, client(), id, 0), BH_OK);
    }
}

/*
 * Spans.
 */

/* READ and WRITE of one LSN of a volume of `len` bytes: their statuses, and how
 * many bytes of the sector lie in it. */
static void spans_at_the_end_of_a_volume(void **state)
{
    static const struct {
        uint32_t len;
        uint8_t exponent;
        uint32_t lsn;
        int status;
        uint32_t inside;
    } rows[] = {
        {0, 1, 0, BH_ERR_LSN, 0},
        {1, 0, 0, BH_OK, 1},
        {1, 7, 0, BH_OK, 1},
        {256, 1, 0, BH_OK, 256},
        {256, 1, 1, BH_ERR_LSN, 0},
        {257, 1, 1, BH_OK, 1},
        {511, 1, 1, BH_OK, 255},
        {512, 1, 1, BH_OK, 256},
        {512, 1, 2, BH_ERR_LSN, 0},
        {1000, 0, 7, BH_OK, 104},
        {1000, 0, 8, BH_ERR_LSN, 0},
        {1000, 2, 1, BH_OK, 488},
        {65535, 7, 3, BH_OK, 16383},
        {65535, 7, 4, BH_ERR_LSN, 0},
        {65535, 7, 0x80000000u, BH_ERR_LSN, 0},
        {65535, 7, 0xFFFFFFFFu, BH_ERR_LSN, 0},
        {65535, 0, 0x02000000u, BH_ERR_LSN, 0}, /* 4 GiB: 0 in 32 bits */
        {65535, 1, 0x01000000u, BH_ERR_LSN, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *disk = fx_disk(fx, "d", rows[i].len);
        uint32_t sector_len = BH_SECTOR_LEN(rows[i].exponent);
        uint64_t at = (uint64_t)rows[i].lsn * sector_len;
        uint8_t sector[BH_SECTOR_LEN_MAX], expected[BH_SECTOR_LEN_MAX] = {0};
        uint8_t behind = disk->bytes[rows[i].len];
        uint16_t id;

        fx->path_len = 65507;
        id = fx_pend(fx, client(), rows[i].exponent, "d");
        if (rows[i].status == BH_OK)
            memcpy(expected, disk->bytes + at, rows[i].inside);
        if (fx_read(fx, client(), id, rows[i].lsn) != rows[i].status)
            fail_msg("row %zu: READ", i);
        if (rows[i].status == BH_OK) {
            assert_int_equal(fx->data_len, sector_len);
            assert_memory_equal(fx->data, expected, sector_len);
        }
        memset(sector, 0xC3, sizeof sector);
        if (fx_command(fx, client(), id, BH_OP_WRITE, rows[i].lsn, sector,
                       sector_len) != rows[i].status)
            fail_msg("row %zu: WRITE", i);
        assert_int_equal(disk->bytes[rows[i].len], behind);
        if (rows[i].status == BH_OK) {
            assert_int_equal(disk->bytes[rows[i].len - 1], 0xC3);
            memset(expected, 0xC3, rows[i].inside);
            assert_int_equal(fx_read(fx, client(), id, rows[i].lsn), BH_OK);
            assert_memory_equal(fx->data, expected, sector_len);
        }
        fx_free(fx);
    }
}

/* What follows the format is padding: it is not written. */
static void a_padded_write_writes_one_sector(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
    uint8_t body[FX_SECTOR + 300];
    uint8_t behind = disk->bytes[FX_SECTOR];

    memset(body, 0x99, sizeof body);
    assert_int_equal(
        fx_command(fx, client(), id, BH_OP_WRITE, 0, body, sizeof body), BH_OK);
    assert_int_equal(disk->bytes[FX_SECTOR - 1], 0x99);
    assert_int_equal(disk->bytes[FX_SECTOR], behind);
}

static void a_volume_that_may_grow_grows_to_the_sectors_end(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 100);
    struct bh_identify it;
    uint16_t id;

    disk->facts.grow_limit = 4 * FX_SECTOR + 10;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
    assert_int_equal(it.sector_count, 1);
    assert_int_equal(it.flags, BH_VOLUME_MAY_GROW);
    assert_int_equal(fx_read(fx, client(), id, 1), BH_ERR_LSN);
    assert_int_equal(fx_write(fx, client(), id, 5, 1), BH_ERR_LSN);
    assert_int_equal(fx_write(fx, client(), id, 2, 0x77), BH_OK);
    assert_int_equal(disk->facts.byte_count, 3 * FX_SECTOR);
    assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
    assert_int_equal(it.sector_count, 3);
    assert_int_equal(fx_read(fx, client(), id, 1), BH_OK);
    assert_int_equal(fx_read(fx, client(), id, 3), BH_ERR_LSN);
    assert_int_equal(fx_write(fx, client(), id, 4, 0x78), BH_OK); /* in part */
    assert_int_equal(disk->facts.byte_count, 4 * FX_SECTOR + 10);
    assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
    assert_int_equal(it.sector_count, 5);
    assert_int_equal(it.flags, 0); /* it is as long as it may be */
}

static void a_write_that_fails_does_not_grow(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_SECTOR);
    struct bh_identify it;
    uint16_t id;

    disk->facts.grow_limit = 8 * FX_SECTOR;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    disk->fails[BH_JOB_WRITE] = BH_ERR_NO_SPACE;
    assert_int_equal(fx_write(fx, client(), id, 3, 1), BH_ERR_NO_SPACE);
    fx_identify(fx, client(), id, &it);
    assert_int_equal(it.sector_count, 1);
}

static void errors_of_the_storage_have_4_bytes(void **state)
{
    static const uint8_t statuses[] = {BH_ERR_SHORT, BH_ERR_STORAGE};
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    for (size_t i = 0; i < COUNT(statuses); i++) {
        disk->fails[BH_JOB_READ] = statuses[i];
        assert_int_equal(fx_read(fx, client(), id, 0), statuses[i]);
        assert_int_equal(fx->data_len, 0);
    }
}

static void pad_and_seq_come_back(void **state)
{
    struct fx *fx = *state;
    uint8_t bytes[BH_COMMAND_HEADER_LEN] = {BH_PACKET_COMMAND, 0xA5};
    uint8_t reply[BH_DATAGRAM_MAX_LEN];
    uint16_t id;
    static const uint32_t lsns[] = {0, 999};

    fx_disk(fx, "d", 2048);
    id = fx_open(fx, client(), FX_PLAIN, "d");
    bh_put16(bytes + 2, id);
    bytes[9] = 0x5A;
    for (size_t i = 0; i < COUNT(lsns); i++) {
        bh_put32(bytes + 5, lsns[i]);
        fx_send(fx, client(), bytes, sizeof bytes);
        assert_int_equal(fx_take(fx, client(), reply), i == 0 ? 260 : 4);
        assert_int_equal(reply[0], BH_PACKET_REPLY);
        assert_int_equal(reply[1], 0xA5);
        assert_int_equal(reply[2], i == 0 ? BH_OK : BH_ERR_LSN);
        assert_int_equal(reply[3], 0x5A);
    }
}

/*
 * IDENTIFY.
 */

static void identify_tells_the_session_and_its_volume(void **state)
{
    static const struct {
        uint8_t mode, flags;
        uint64_t grow;
        uint16_t expected;
        uint64_t sectors;
    } rows[] = {
        {BH_MODE_EXCLUSIVE, 0x00, 0, 0, 8},
        {BH_MODE_EXCLUSIVE, 0x02, 0, 0, 2},
        {BH_MODE_EXCLUSIVE, 0x08, 0, 0, 8}, /* it is the session that is */
        {BH_MODE_EXCLUSIVE, 0x18, 0, 0, 8},
        {BH_MODE_READ_ONLY, 0x01, 0, BH_VOLUME_READ_ONLY, 4},
        {BH_MODE_SHARED, 0x11, 0, BH_VOLUME_SHARED, 4},
        {BH_MODE_SHARED, 0x08, 0, BH_VOLUME_SHARED, 8},
        {BH_MODE_EXCLUSIVE, 0x03, 9999, BH_VOLUME_MAY_GROW, 1},
        {BH_MODE_EXCLUSIVE, 0x03, 999, 0, 1}, /* as long as it is already */
    }; /* of a strict session: test_core_strict.c */

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *disk = fx_disk(fx, "path/disk.img", 1000);
        struct bh_identify it;
        uint16_t id;

        disk->facts.mode = rows[i].mode;
        disk->facts.grow_limit = rows[i].grow;
        bh_server_set_time(fx->server, 0x1122334455u, -90);
        id = fx_pend(fx, client(), rows[i].flags, "path/disk.img");
        assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
        assert_int_equal(it.version, 1);
        assert_int_equal(it.sector_exponent, rows[i].flags & 7);
        assert_int_equal(it.flags, rows[i].expected);
        assert_int_equal(it.sector_count, rows[i].sectors);
        assert_int_equal(it.utc_seconds, 0x1122334455u);
        assert_int_equal(it.zone_minutes, -90);
        assert_int_equal(it.window, 1);
        assert_int_equal(it.preferred_run, 1);
        assert_int_equal(it.lease_seconds, 0);
        assert_int_equal(it.features, 0x1FFF);
        assert_int_equal(it.heavy_len, 65536);
        assert_int_equal(it.instance, 0x0123456789ABCDEFu);
        assert_string_equal(it.name, "path/disk.img");
        fx_free(fx);
    }
}

static void a_long_name_is_cut_to_64_bytes(void **state)
{
    struct fx *fx = *state;
    char name[200];
    struct bh_identify it;
    uint16_t id;

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    fx_disk(fx, name, 1000);
    id = fx_pend(fx, client(), FX_PLAIN, name);
    assert_int_equal(fx_identify(fx, client(), id, &it), BH_OK);
    name[64] = '\0';
    assert_string_equal(it.name, name);
}

static void session_0_identifies_the_server_and_amplifies_nothing(void **state)
{
    static const struct {
        size_t len;
        uint32_t lsn;
        uint8_t opcode;
        int status, reply_len;
    } rows[] = {
        {10, BH_IDENTIFY_MAGIC, BH_OP_IDENTIFY, BH_ERR_FORMAT, 4},
        {131, BH_IDENTIFY_MAGIC, BH_OP_IDENTIFY, BH_ERR_FORMAT, 4},
        {132, BH_IDENTIFY_MAGIC, BH_OP_IDENTIFY, BH_OK, 132},
        {500, BH_IDENTIFY_MAGIC, BH_OP_IDENTIFY, BH_OK, 132},
        {132, 0, BH_OP_IDENTIFY, BH_ERR_OPCODE, 4},
        {132, BH_IDENTIFY_MAGIC, BH_OP_READ, BH_ERR_SESSION, 4},
        {132, 0, 77, BH_ERR_SESSION, 4},
    };
    struct fx *fx = *state;

    bh_server_set_time(fx->server, 1234567, 60);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[500] = {BH_PACKET_COMMAND, 3}, reply[BH_DATAGRAM_MAX_LEN];
        struct bh_identify it;

        bytes[4] = rows[i].opcode;
        bh_put32(bytes + 5, rows[i].lsn);
        fx_send(fx, client(), bytes, rows[i].len);
        if (fx_take(fx, client(), reply) != rows[i].reply_len ||
            reply[2] != rows[i].status)
            fail_msg("row %zu: %d", i, reply[2]);
        if (rows[i].status != BH_OK)
            continue;
        assert_int_equal(bh_identify_decode(reply + 4, &it), BH_OK);
        assert_string_equal(it.name, "fixture");
        assert_int_equal(it.utc_seconds, 1234567);
        assert_int_equal(it.instance, 0x0123456789ABCDEFu);
        assert_int_equal(it.sector_exponent, 0);
        assert_int_equal(it.flags, 0);
        assert_int_equal(it.sector_count, 0);
        assert_int_equal(it.change_counter, 0);
    }
}

/*
 * Repeated requests, and too many of them.
 */

static void a_duplicate_of_a_running_request_is_dropped(void **state)
{
    static const uint8_t opcodes[] = {BH_OP_READ, BH_OP_WRITE, BH_OP_FLUSH};

    (void)state;
    for (size_t i = 0; i < COUNT(opcodes); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        struct fx_disk *disk = fx_disk(fx, "d", 2048);
        uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
        uint8_t sector[FX_SECTOR] = {1};
        size_t len = opcodes[i] == BH_OP_WRITE ? sizeof sector : 0;

        disk->holds[BH_JOB_READ] = disk->holds[BH_JOB_WRITE] =
            disk->holds[BH_JOB_SYNC] = true;
        for (int again = 0; again < 5; again++) {
            fx->seq = 50;
            assert_int_equal(
                fx_command(fx, client(), id, opcodes[i], 1, sector, len),
                FX_NONE);
        }
        assert_int_equal(fx->held_count, 1);
        assert_int_equal(bh_server_counters(fx->server)->repeated, 4);
        fx_release_all(fx);
        assert_int_equal(fx_answer(fx, client()), BH_OK);
        assert_int_equal(fx_answer(fx, client()), FX_NONE);
        /* When it is done, the same is a new request. */
        fx->seq = 50;
        assert_int_equal(
            fx_command(fx, client(), id, opcodes[i], 1, sector, len), BH_OK);
        fx_free(fx);
    }
}

static void a_duplicate_that_waits_for_a_commit_is_dropped(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    uint16_t id;

    disk->facts.sync = BH_SYNC_WRITE;
    id = fx_open(fx, client(), FX_PLAIN, "d");
    disk->holds[BH_JOB_SYNC] = true;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), FX_NONE);
    fx->seq--;
    assert_int_equal(fx_write(fx, client(), id, 1, 1), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
    assert_int_equal(disk->written, 1);
}

/* A machine with a constant number gave the first one up. */
static void another_request_with_the_same_seq_mutes_the_older(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");

    disk->holds[BH_JOB_WRITE] = disk->holds[BH_JOB_READ] = true;
    fx->seq = 50;
    assert_int_equal(fx_write(fx, client(), id, 1, 0xAA), FX_NONE);
    fx->seq = 50;
    assert_int_equal(fx_write(fx, client(), id, 1, 0xBB), FX_NONE);
    fx->seq = 50;
    assert_int_equal(fx_read(fx, client(), id, 1), FX_NONE);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx->data_len, FX_SECTOR); /* the READ's, the last one's */
    assert_int_equal(fx->data[0], 0xBB);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
    assert_int_equal(disk->written, 2); /* none was suppressed */
}

/* READ 1, given up; READ 2, given up; READ 1 again: the answer that goes out
 * with this number has to be sector 1. */
static void the_answer_is_the_one_to_the_last_request_of_that_seq(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
    uint32_t lsns[] = {1, 2, 1};

    memset(disk->bytes, 0x01, 2 * FX_SECTOR);
    memset(disk->bytes + 2 * FX_SECTOR, 0x02, FX_SECTOR);
    disk->holds[BH_JOB_READ] = true;
    for (size_t i = 0; i < COUNT(lsns); i++) {
        fx->seq = 50;
        assert_int_equal(fx_read(fx, client(), id, lsns[i]), FX_NONE);
    }
    fx_release_all(fx);
    if (fx_answer(fx, client()) == BH_OK)
        assert_int_equal(fx->data[0], 0x01);
    assert_int_equal(fx_answer(fx, client()), FX_NONE);
}

/* WRITE x, given up; WRITE y, given up; WRITE x again, and acknowledged. */
static void the_last_write_of_a_seq_is_the_one_that_stays(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    uint16_t id = fx_open(fx, client(), FX_PLAIN, "d");
    static const uint8_t fills[] = {0xAA, 0xBB, 0xAA};

    disk->holds[BH_JOB_WRITE] = true;
    for (size_t i = 0; i < COUNT(fills); i++) {
        fx->seq = 50;
        assert_int_equal(fx_write(fx, client(), id, 1, fills[i]), FX_NONE);
    }
    fx_release_all(fx);
    if (fx_answer(fx, client()) == BH_OK)
        assert_int_equal(disk->bytes[FX_SECTOR], 0xAA);
}

static void seqs_of_two_sessions_are_apart(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", 2048);
    struct bh_path other = fx_peer(1, 11);
    uint16_t a, b;

    disk->facts.mode = BH_MODE_SHARED;
    a = fx_open(fx, client(), FX_PLAIN, "d");
    b = fx_open(fx, &other, FX_PLAIN, "d");
    disk->holds[BH_JOB_READ] = true;
    fx->seq = 50;
    fx_read(fx, client(), a, 1);
    fx->seq = 50;
    fx_read(fx, &other, b, 1);
    fx_release_all(fx);
    assert_int_equal(fx_answer(fx, client()), BH_OK);
    assert_int_equal(fx_answer(fx, &other), BH_OK);
}

/* 64 request slots: a host has 32 of them at most. */
static void a_host_gets_half_of_the_request_slots(void **state)
{
    struct fx *fx = *state;
    struct fx_disk *disk = fx_disk(fx, "d", FX_DISK_LEN);
    struct bh_path one = fx_peer(1, 10), two = fx_peer(2, 10),
                   three = fx_peer(3, 10);
    struct bh_event event;
    uint16_t a, b, c;

    disk->facts.mode = BH_MODE_SHARED;
    a = fx_open(fx, &one, FX_PLAIN, "d");
    b = fx_open(fx, &two, FX_PLAIN, "d");
    c = fx_open(fx, &three, FX_PLAIN, "d");
    disk->holds[BH_JOB_READ] = true;
    for (uint32_t i = 0; i < 40; i++)
        fx_read(fx, &one, a, i);
    assert_int_equal(bh_server_counters(fx->server)->overloaded, 8);
    assert_true(fx_event(fx, BH_EVENT_OVERLOADED, &event));
    assert_int_equal(fx_identify(fx, &two, b, &(struct bh_identify){0}), BH_OK);
    for (uint32_t i = 0; i < 40; i++)
        fx_read(fx, &two, b, i);
    assert_int_equal(bh_server_counters(fx->server)->overloaded, 16);
    /* None is left; what is dropped breaks nothing. */
    assert_int_equal(fx_read(fx, &three, c, 0), FX_NONE);
    assert_int_equal(fx_discon(fx, &three, c), FX_NONE);
    fx_send(fx, &three, (uint8_t[]){BH_PACKET_KEEP}, 1);
    assert_int_equal(fx_take(fx, &three, fx->data), FX_NONE);
    fx_release_all(fx);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(fx_answer(fx, &one), BH_OK);
        assert_int_equal(fx_answer(fx, &two), BH_OK);
    }
    assert_int_equal(fx_answer(fx, &one), FX_NONE);
    assert_int_equal(fx_read(fx, &three, c, 0), BH_OK);
}

static void look_ups_are_limited_per_host_and_in_all(void **state)
{
    struct fx *fx = *state;
    uint16_t id;

    fx_disk(fx, "d", 2048);
    fx->hold_lookups = true;
    for (uint32_t host = 1; host <= 10; host++) {
        struct bh_path peer = fx_peer(host, 10);

        for (uint32_t i = 0; i < 6; i++)
            assert_int_equal(fx_connect(fx, &peer, FX_LOOK, "d", &id), FX_NONE);
        assert_int_equal(fx_held(fx, BH_JOB_LOOKUP), host < 8 ? 4 * host : 32);
    }
    fx_release_all(fx);
    for (uint32_t host = 1; host <= 10; host++) {
        struct bh_path peer = fx_peer(host, 10);

        for (uint32_t i = 0; i < (host <= 8 ? 4 : 0); i++)
            assert_int_equal(fx_answer(fx, &peer), BH_OK);
        assert_int_equal(fx_answer(fx, &peer), FX_NONE);
    }
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fx_set_up, fx_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_failed_check_answers),
        TEST(connect_checks_in_order),
        TEST(a_path_must_carry_a_write_whole),
        TEST(spans_at_the_end_of_a_volume),
        TEST(a_padded_write_writes_one_sector),
        TEST(a_volume_that_may_grow_grows_to_the_sectors_end),
        TEST(a_write_that_fails_does_not_grow),
        TEST(errors_of_the_storage_have_4_bytes),
        TEST(pad_and_seq_come_back),
        TEST(identify_tells_the_session_and_its_volume),
        TEST(a_long_name_is_cut_to_64_bytes),
        TEST(session_0_identifies_the_server_and_amplifies_nothing),
        TEST(a_duplicate_of_a_running_request_is_dropped),
        TEST(a_duplicate_that_waits_for_a_commit_is_dropped),
        TEST(another_request_with_the_same_seq_mutes_the_older),
        TEST(the_answer_is_the_one_to_the_last_request_of_that_seq),
        TEST(the_last_write_of_a_seq_is_the_one_that_stays),
        TEST(seqs_of_two_sessions_are_apart),
        TEST(a_host_gets_half_of_the_request_slots),
        TEST(look_ups_are_limited_per_host_and_in_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
