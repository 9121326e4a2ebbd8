/* SPDX-License-Identifier: MIT */
/*
 * A disk against a server that is this test: it reads each datagram off a
 * loopback socket, looks at its bytes, and answers what the claim needs. The
 * disk's clock is the test's, so nothing waits for time to pass. Only the last
 * group uses the blocking calls, with a server in a thread.
 *
 * Most claims hold twice: with a server that has strict sessions, and with an
 * older one, which answers 7 to them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/disk.h"
#include "rig.h"
#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

/*
 * Opening
 */

static void open_connects_and_proves(void **state)
{
    struct rig *rig = *state;
    const struct bh_info *info = bh_disk_info(rig->disk);

    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    take_connect(rig);
    assert_int_equal(rig->request_len, 9);
    /* 512 bytes, for writing */
    assert_int_equal(rig->request[2] & ~BH_FLAG_STRICT, 2);
    assert_string_equal((char *)rig->request + 3, "a.img");
    answer_connect(rig, BH_OK, 0xABCD);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 0xABCD);
    answer_identify(rig);
    assert_int_equal(process(rig), 0);
    assert_int_equal(info->strict, !rig->old);
    assert_int_equal(info->sector_len, 512);
    assert_int_equal(info->sector_count, 1440);
    assert_string_equal(info->name, "a.img");
}

static void open_flags_and_sector_length_reach_the_wire(void **state)
{
    static const struct {
        const char *query;
        unsigned flags;
        uint8_t wire;
    } rows[] = {{"?sector=128", BH_OPEN_READ_ONLY, 0x08},
                {"?sector=256", BH_OPEN_LOOK, 0x19},
                {"?sector=16384", BH_OPEN_LOOK | BH_OPEN_READ_ONLY, 0x1F}};
    struct rig *rig = *state;
    char url[100];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(url, sizeof(url), "%s%s", rig->url, rows[i].query);
        assert_int_equal(
            bh_disk_start_open(rig->disk, url, rows[i].flags, NULL), 0);
        take_connect(rig);
        assert_int_equal(rig->request[2] & ~BH_FLAG_STRICT, rows[i].wire);
        answer_connect(rig, BH_ERR_NO_IMAGE, 0);
        assert_int_equal(process(rig), -ENOENT);
    }
}

static void empty_name_is_sent_as_two_nuls(void **state)
{
    struct rig *rig = *state;

    *strstr(rig->url, "a.img") = 0;
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    take_connect(rig);
    assert_int_equal(rig->request_len, 5);
    assert_memory_equal(rig->request + 3, "\0", 2);
}

static void refused_open_says_why_and_what_to_do(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    take_connect(rig);
    answer_connect(rig, BH_ERR_IN_USE, 0);
    assert_int_equal(process(rig), -EBUSY);
    assert_int_equal(bh_disk_status(rig->disk), BH_ERR_IN_USE);
    assert_says(rig, "cannot open blockhead://127.0.0.1:");
    assert_says(rig, "/a.img: in use by another session; try again when it is "
                     "free, or only look at it");
    assert_int_equal(bh_disk_fd(rig->disk), -1);
}

static void holder_that_does_not_yield_refuses_the_proof(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 5);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 5);
    answer_command(rig, BH_ERR_IN_USE, NULL, 0);
    assert_int_equal(process(rig), -EBUSY);
}

static void pending_session_that_died_is_asked_for_again(void **state)
{
    struct rig *rig = *state;
    int i;

    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    for (i = 0; i < 3; i++) {
        take_connect(rig);
        answer_connect(rig, BH_OK, 5);
        assert_goes_on(process(rig));
        take_command(rig, BH_OP_IDENTIFY, 5);
        answer_command(rig, BH_ERR_SESSION, NULL, 0);
        assert_goes_on(process(rig));
    }
    take_connect(rig);
    answer_connect(rig, BH_OK, 6);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 6);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
}

static void long_sectors_that_are_refused_blame_the_path(void **state)
{
    struct rig *rig = *state;

    strcat(rig->url, "?sector=4096");
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    rig->old = true;
    take_connect(rig);
    answer_connect(rig, BH_ERR_FLAGS, 0);
    assert_int_equal(process(rig), -EINVAL);
    assert_says(rig, "sectors of 4096 bytes");
    assert_says(rig, "?sector=1024 or less");
}

static void server_without_identify_leaves_the_size_unknown(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], sector[512] = "old";

    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 5);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 5);
    answer_command(rig, BH_ERR_OPCODE, NULL, 0);
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_info(rig->disk)->sector_count, 0);
    assert_int_equal(bh_disk_info(rig->disk)->sector_len, 512);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, 5);
    answer_command(rig, BH_OK, sector, sizeof(sector));
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    take_command(rig, BH_OP_READ, 5);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_lost(rig, -ESTALE);
}

static void description_that_does_not_fit_is_refused(void **state)
{
    struct rig *rig = *state;

    rig->identify.sector_exponent = 1;
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 5);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 5);
    answer_identify(rig);
    assert_int_equal(process(rig), -EPROTO);
    assert_discon(rig, 5);
}

static void
description_longer_than_bytes_can_be_counted_is_refused(void **state)
{
    static const uint64_t counts[] = {UINT64_C(1) << 62,
                                      (UINT64_C(1) << 55) + 1,
                                      UINT64_C(1) << 54, UINT64_MAX};
    struct rig *rig = *state;
    size_t i;

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        rig->identify.sector_count = counts[i];
        assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), 0);
        take_connect(rig);
        answer_connect(rig, BH_OK, 5);
        assert_goes_on(process(rig));
        take_command(rig, BH_OP_IDENTIFY, 5);
        answer_identify(rig);
        assert_int_equal(process(rig), -EPROTO);
        assert_discon(rig, 5);
    }
}

static void wrong_url_and_flags_are_refused(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(bh_disk_start_open(rig->disk, "nonsense", 0, NULL),
                     -EINVAL);
    assert_says(rig, "nonsense");
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 4, NULL), -EINVAL);
    assert_silence(rig);
}

static void disk_that_is_not_open_refuses_requests(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    assert_int_equal(bh_disk_start_read(rig->disk, 0, data, NULL), -ENOTCONN);
    assert_says(rig, "not open");
    assert_int_equal(bh_disk_fd(rig->disk), -1);
    assert_int_equal(bh_disk_close(rig->disk), 0);
}

/*
 * Requests
 */

static void read_fills_the_callers_buffer(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], sector[512];

    open_with(rig, 0);
    memset(sector, 0x5A, sizeof(sector));
    assert_int_equal(bh_disk_start_read(rig->disk, 0x01020304, data, NULL), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_int_equal(rig->request_len, 10);
    assert_int_equal(BH_GET32(rig->request + 5), 0x01020304);
    answer_command(rig, BH_OK, sector, sizeof(sector));
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, sector, sizeof(data));
}

static void write_carries_the_callers_data(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_with(rig, 0);
    memset(data, 0xA5, sizeof(data));
    assert_int_equal(bh_disk_start_write(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0xABCD);
    assert_int_equal(rig->request_len, 522);
    assert_memory_equal(rig->request + 10, data, sizeof(data));
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void flush_and_identify_are_commands_too(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take_command(rig, BH_OP_FLUSH, 0xABCD);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    rig->identify.sector_count = 2880;
    assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
    take_command(rig, BH_OP_IDENTIFY, 0xABCD);
    answer_identify(rig);
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_info(rig->disk)->sector_count, 2880);
}

/* Some statuses end a strict session: they have claims of their own. */
static void every_status_has_its_errno(void **state)
{
    static const struct {
        uint8_t status;
        int error;
    } rows[] = {{1, -EUSERS},  {2, -ENOENT},      {3, -EPROTO},
                {5, -ERANGE},  {6, -EIO},         {7, -EINVAL},
                {8, -EROFS},   {9, -EBUSY},       {10, -ENOMEDIUM},
                {11, -ESTALE}, {12, -EIO},        {13, -ENOSPC},
                {14, -EACCES}, {15, -EOPNOTSUPP}, {16, -EAGAIN},
                {17, -EPROTO}, {18, -EPROTO},     {200, -EPROTO}};
    struct rig *rig = *state;
    uint8_t data[512] = {0};
    size_t i;

    open_with(rig, 0);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rig->old &&
            (rows[i].status == BH_ERR_FORMAT || rows[i].status == BH_ERR_BUSY ||
             rows[i].status == BH_ERR_AHEAD))
            continue;
        assert_int_equal(bh_disk_start_write(rig->disk, 77, data, NULL), 0);
        take(rig);
        answer_command(rig, rows[i].status, NULL, 0);
        assert_int_equal(process(rig), rows[i].error);
        assert_int_equal(bh_disk_status(rig->disk), rows[i].status);
        assert_says(rig, "cannot write sector 77 of blockhead://127.0.0.1");
        if (rows[i].status != BH_ERR_CHANGED)
            continue;
        assert_int_equal(bh_disk_start_identify(rig->disk, NULL), 0);
        take(rig);
        answer_identify(rig);
        assert_int_equal(process(rig), 0);
    }
}

static void requests_count_their_seq_upwards(void **state)
{
    struct rig *rig = *state;
    uint8_t seq;
    int i;

    open_with(rig, 0);
    seq = rig->request[1];
    for (i = 0; i < 300; i++) {
        assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
        assert_int_equal(take(rig)[1], ++seq);
        assert_int_equal(high_of(rig), rig->old ? 0 : (i + 2) / 256);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
}

static void second_start_leaves_the_first_alone(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], sector[512] = {1};

    rig->identify.window = 1;
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 3, data, NULL), 0);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), -EBUSY);
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, 0, NULL), -EBUSY);
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), -EBUSY);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_silence(rig);
    answer_command(rig, BH_OK, sector, sizeof(sector));
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, sector, sizeof(data));
}

/*
 * Loss, duplication, strays
 */

static void lost_datagrams_are_sent_again_unchanged(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = "precious", first[522];
    struct bh_stats stats;
    int i;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0xABCD);
    memcpy(first, rig->request, sizeof(first));
    for (i = 0; i < 5; i++) {
        assert_goes_on(process(rig));
        assert_silence(rig);
        assert_goes_on(wait_out(rig));
        take(rig);
        assert_int_equal(rig->request_len, sizeof(first));
        assert_memory_equal(rig->request, first, sizeof(first));
    }
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.retransmissions, 5);
    assert_int_equal(stats.requests, rig->old ? 4 : 3);
}

static void doubled_replies_answer_nothing_else(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], one[512], two[512];
    struct bh_stats stats;

    memset(one, 1, sizeof(one));
    memset(two, 2, sizeof(two));
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), 0);
    take(rig);
    answer_command(rig, BH_OK, one, sizeof(one));
    answer_command(rig, BH_OK, one, sizeof(one));
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 2, data, NULL), 0);
    assert_goes_on(process(rig));
    take(rig);
    answer_command(rig, BH_OK, two, sizeof(two));
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, two, sizeof(data));
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.strays, 1);
}

static void default_replies_that_do_not_fit_are_ignored(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], reply[600] = {BH_PACKET_REPLY}, good[512] = "good";
    struct bh_stats stats;
    uint8_t seq;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), 0);
    seq = take(rig)[1];
    reply[1] = (uint8_t)(seq - 1);
    answer(rig, reply, 516); /* another seq */
    reply[1] = seq;
    answer(rig, reply, 515); /* another length */
    answer(rig, reply, 517);
    answer(rig, reply, 4);
    answer(rig, reply, 1);
    answer(rig, reply, 0);
    reply[0] = BH_PACKET_COMMAND;
    answer(rig, reply, 516); /* another type */
    assert_goes_on(process(rig));
    answer_command(rig, BH_OK, good, sizeof(good));
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, good, sizeof(data));
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.strays, 7);
}

static void other_peers_are_not_heard(void **state)
{
    struct rig *rig = *state;
    uint8_t reply[6] = {BH_PACKET_REPLY, 0, BH_OK, 0, 0xAB, 0xCD};
    uint16_t port;
    int other = bind_loopback(&port);

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    reply[1] = take(rig)[1];
    sendto(other, reply, rig->old ? 4 : 6, 0, (struct sockaddr *)&rig->peer,
           sizeof(rig->peer));
    assert_goes_on(process(rig));
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    close(other);
}

/* The last request taken gets no answer for 5 seconds. */
static void time_out(struct rig *rig)
{
    uint8_t first[BH_COMMAND_HEADER_LEN];
    int rc, sent = 1;

    memcpy(first, rig->request, sizeof(first));
    while ((rc = wait_out(rig)) == -EINPROGRESS) {
        assert_memory_equal(take(rig), first, sizeof(first));
        sent++;
    }
    assert_int_equal(rc, -ETIMEDOUT);
    assert_says(rig, "no answer");
    assert_in_range(sent, 3, 8);
}

static void flush_in_vain(struct rig *rig)
{
    bh_disk_set_timeout(rig->disk, 5000);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take_command(rig, BH_OP_FLUSH, 0xABCD);
    time_out(rig);
}

static void time_out_ends_the_request_and_not_a_default_session(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    flush_in_vain(rig);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take_command(rig, BH_OP_FLUSH, 0xABCD);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

/* A server that is being restarted refuses for a while. */
static void refused_port_is_loss_until_the_time_is_over(void **state)
{
    struct rig *rig = *state;
    int rc = -EINPROGRESS, waits = 0;

    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 5000);
    close(rig->fd);
    rig->fd = -1;
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    while (rc == -EINPROGRESS) {
        rc = wait_out(rig);
        waits++;
    }
    assert_int_equal(rc, -ECONNREFUSED);
    assert_says(rig, "nobody listens");
    assert_true(waits >= 3);
}

static void round_trips_set_the_time_out(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};
    struct bh_stats stats;
    int i;

    open_with(rig, 0);
    for (i = 0; i < 60; i++) {
        assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), 0);
        take(rig);
        rig->now_us += 20000;
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
    bh_disk_stats(rig->disk, &stats);
    assert_in_range(stats.srtt_us, 19500, 20000);
    assert_in_range(stats.rto_us, 24500, 27000); /* 5 ms above */
}

/* Karn: whose answer was it? */
static void answer_to_a_repeated_request_is_not_measured(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};
    struct bh_stats before, after;

    open_with(rig, 0);
    bh_disk_stats(rig->disk, &before);
    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), 0);
    take(rig);
    assert_goes_on(wait_out(rig));
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    bh_disk_stats(rig->disk, &after);
    assert_int_equal(after.srtt_us, before.srtt_us);
    assert_true(after.rto_us >= 2 * before.rto_us);
}

/*
 * Reconnecting
 */

static void same_image_gets_the_request_again(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = "again";
    struct sockaddr_in before;
    struct bh_stats stats;

    open_with(rig, 0);
    before = rig->peer;
    assert_int_equal(bh_disk_start_write(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0xABCD);
    assert_goes_on(lose_session_to(rig, 71));
    take_command(rig, BH_OP_WRITE, 0x1234);
    assert_memory_equal(rig->request + 10, data, sizeof(data));
    assert_int_equal(rig->peer.sin_port, before.sin_port);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.reconnections, 1);
    /* And the next time the counter is measured from there. */
    assert_int_equal(bh_disk_start_write(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0x1234);
    assert_goes_on(lose_session_to(rig, 72));
    take_command(rig, BH_OP_WRITE, 0x1234);
}

static void image_that_others_wrote_to_is_lost_until_opened_again(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0xABCD);
    assert_int_equal(lose_session_to(rig, 72), -ESTALE);
    assert_says(rig, "others may have changed the image");
    assert_discon(rig, 0x1234);
    assert_lost(rig, -ESTALE);
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take_command(rig, BH_OP_FLUSH, 0xABCD);
}

static void counter_that_did_not_rise_is_not_ours(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take(rig);
    assert_int_equal(lose_session_to(rig, 70), -ESTALE);
    assert_discon(rig, 0x1234);
    assert_lost(rig, -ESTALE);
}

static void restarted_server_is_not_trusted(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take(rig);
    assert_int_equal(lose_session(rig, 71, 1), -ESTALE);
    assert_says(rig, "restarted");
    assert_discon(rig, 0x1234);
    assert_lost(rig, -ESTALE);
}

static void reader_goes_on_while_the_counter_stands_still(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    rig->identify.flags = BH_VOLUME_READ_ONLY;
    open_with(rig, BH_OPEN_READ_ONLY);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_goes_on(lose_session_to(rig, 70));
    take_command(rig, BH_OP_READ, 0x1234);
    assert_int_equal(lose_session_to(rig, 71), -ESTALE);
    assert_discon(rig, 0x1234);
}

static void shared_volume_gets_reads_again_and_no_writes(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    rig->identify.flags = BH_VOLUME_SHARED;
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_goes_on(lose_session_to(rig, 71));
    take_command(rig, BH_OP_READ, 0x1234);
    answer_command(rig, BH_OK, data, sizeof(data));
    assert_int_equal(process(rig), 0);
    assert_int_equal(bh_disk_start_write(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0x1234);
    assert_int_equal(lose_session_to(rig, 72), -ESTALE);
    assert_says(rig, "whether the sector was written");
    assert_discon(rig, 0x1234);
    assert_lost(rig, -ESTALE);
}

/* What was written went with the session, and no other is asked for. */
static void scratch_volume_is_never_resumed(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    rig->identify.flags = BH_VOLUME_SCRATCH;
    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take(rig);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_says(rig, "scratch");
    assert_lost(rig, -ESTALE);
}

/* He reads the image itself. */
static void reader_of_a_scratch_volume_goes_on(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    rig->identify.flags = BH_VOLUME_SCRATCH;
    open_with(rig, BH_OPEN_READ_ONLY);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    assert_goes_on(lose_session_to(rig, 70));
    take_command(rig, BH_OP_READ, 0x1234);
}

static void image_taken_by_another_is_busy(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take(rig);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_goes_on(process(rig));
    take_connect(rig);
    answer_connect(rig, BH_ERR_IN_USE, 0);
    assert_int_equal(process(rig), -EBUSY);
    assert_int_equal(bh_disk_status(rig->disk), BH_ERR_IN_USE);
    assert_lost(rig, -EBUSY);
}

static void server_that_forgets_at_once_is_given_up(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512];
    int i;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take(rig);
    for (i = 0; i < 4; i++) {
        assert_goes_on(lose_session_to(rig, rig->identify.change_counter + 1));
        take_command(rig, BH_OP_READ, 0x1234);
    }
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_int_equal(process(rig), -ESTALE);
    assert_lost(rig, -ESTALE);
}

static void reconnection_that_times_out_begins_anew(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], sector[512] = {0};
    int rc;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take(rig);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_goes_on(process(rig));
    do {
        take_connect(rig);
        rc = wait_out(rig);
    } while (rc == -EINPROGRESS);
    assert_int_equal(rc, -ETIMEDOUT);
    assert_int_equal(bh_disk_start_read(rig->disk, 9, data, NULL), 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 0x1234);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 0x1234);
    rig->identify.change_counter++;
    answer_identify(rig);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_READ, 0x1234);
    answer_command(rig, BH_OK, sector, sizeof(sector));
    assert_int_equal(process(rig), 0);
}

/*
 * Strict sessions
 */

static void strict_replies_that_do_not_fit_are_ignored(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], reply[600], good[512] = "good";
    struct bh_stats stats;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), 0);
    take(rig);
    memset(reply, 0x77, sizeof(reply));
    memcpy(reply, (const uint8_t[]){2, 2, 0, 0, 0xAB, 0xCC}, 6);
    answer(rig, reply, 518); /* another session */
    reply[5] = 0xCD;
    answer(rig, reply, 516); /* a default session's length */
    answer(rig, reply, 519);
    answer(rig, reply, 4);
    reply[3] = 1;
    answer(rig, reply, 518); /* another number */
    answer(rig, (const uint8_t[]){2, 2, 4, 1}, 4);
    answer(rig, (const uint8_t[]){2, 1, 4, 0}, 4);
    assert_goes_on(process(rig));
    answer_command(rig, BH_OK, good, sizeof(good));
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, good, sizeof(data));
    bh_disk_stats(rig->disk, &stats);
    assert_int_equal(stats.strays, 7);
}

/* Every answer twice, once at once and once 256 requests later, where its seq
 * fits again; and so past 65,535, where the number wraps. */
static void late_replies_answer_no_younger_request(void **state)
{
    struct rig *rig = *state;
    uint8_t late[256][BH_STRICT_REPLY_HEADER_LEN] = {{0}};
    uint8_t data[512] = {0};
    uint32_t number;

    open_with(rig, 0);
    for (number = 2; number < 65536 + 300; number++) {
        uint8_t *old = late[number % 256];

        assert_int_equal(bh_disk_start_write(rig->disk, 7, data, NULL), 0);
        take_command(rig, BH_OP_WRITE, 0xABCD);
        assert_int_equal(number_of(rig), number & 0xFFFF);
        if (number > 257) {
            answer(rig, old, BH_STRICT_REPLY_HEADER_LEN);
            assert_goes_on(process(rig));
        }
        memcpy(old, rig->request, 2);
        old[0] = BH_PACKET_REPLY;
        old[2] = BH_ERR_STORAGE;
        old[3] = high_of(rig);
        memcpy(old + 4, rig->request + 2, 2);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
}

static void after_a_time_out_the_next_request_begins_a_new_session(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};
    uint8_t late[] = {BH_PACKET_REPLY, 2, BH_OK, 0, 0xAB, 0xCD};

    open_with(rig, 0);
    flush_in_vain(rig);
    assert_int_equal(bh_disk_wait_ms(rig->disk), -1);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take_reconnection(rig);
    take_command(rig, BH_OP_WRITE, 0x1234);
    assert_int_equal(number_of(rig), 2);
    answer(rig, late, sizeof(late));
    assert_goes_on(process(rig));
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void after_a_time_out_a_shared_volume_gets_new_writes_alone(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    rig->identify.flags = BH_VOLUME_SHARED;
    open_with(rig, 0);
    flush_in_vain(rig);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take_reconnection(rig);
    take_command(rig, BH_OP_WRITE, 0x1234);
    assert_int_equal(lose_session_to(rig, 72), -ESTALE);
}

static void after_a_time_out_close_needs_no_new_session(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    flush_in_vain(rig);
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
    assert_discon(rig, 0xABCD);
    assert_int_equal(number_of(rig), 3);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    rig->identify.window = 1; /* then even that is one too many */
    open_with(rig, 0);
    flush_in_vain(rig);
    assert_int_equal(bh_disk_close(rig->disk), 0);
    assert_silence(rig);
}

/* 3 and 17: the server still waits for that number. */
static void number_that_was_not_taken_is_left_behind(void **state)
{
    static const uint8_t statuses[] = {BH_ERR_FORMAT, BH_ERR_AHEAD};
    struct rig *rig = *state;
    size_t i;

    for (i = 0; i < sizeof(statuses); i++) {
        open_with(rig, 0);
        assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
        take_command(rig, BH_OP_FLUSH, 0xABCD);
        answer_command(rig, statuses[i], NULL, 0);
        assert_int_equal(process(rig), -EPROTO);
        assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
        take_reconnection(rig);
        take_command(rig, BH_OP_FLUSH, 0x1234);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
        assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
        take(rig);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
}

/* A READ too, whose buffer gets the milliseconds meanwhile. */
static void busy_server_gets_the_same_datagram_when_it_wants_it(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512], sector[512] = "calm", first[10];
    int i;

    open_with(rig, 0);
    assert_int_equal(bh_disk_start_read(rig->disk, 5, data, NULL), 0);
    take_command(rig, BH_OP_READ, 0xABCD);
    memcpy(first, rig->request, sizeof(first));
    for (i = 0; i < 3; i++) {
        answer_busy(rig, 3000);
        assert_goes_on(process(rig));
        assert_in_range(bh_disk_wait_ms(rig->disk), 3000, 3002);
        rig->now_us += 2999000;
        assert_goes_on(process(rig));
        assert_silence(rig);
        assert_goes_on(wait_out(rig));
        assert_memory_equal(take(rig), first, sizeof(first));
        assert_int_equal(rig->request_len, sizeof(first));
    }
    assert_goes_on(wait_out(rig)); /* and again if that is lost */
    assert_memory_equal(take(rig), first, sizeof(first));
    answer_command(rig, BH_OK, sector, sizeof(sector));
    assert_int_equal(process(rig), 0);
    assert_memory_equal(data, sector, sizeof(data));
}

static void busy_while_reconnecting_is_no_loss(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 5000);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take(rig);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_goes_on(process(rig));
    take_connect(rig);
    answer_connect(rig, BH_OK, 0x1111);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 0x1111);
    answer_busy(rig, 60000);
    assert_goes_on(process(rig));
    assert_int_equal(wait_out(rig), -EAGAIN);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take_reconnection(rig);
    take_command(rig, BH_OP_WRITE, 0x1234);
}

static void busy_for_too_long_is_said_so(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};
    int rc = -EINPROGRESS;

    open_with(rig, 0);
    bh_disk_set_timeout(rig->disk, 5000);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    do {
        take_command(rig, BH_OP_WRITE, 0xABCD);
        answer_busy(rig, 2000);
        assert_goes_on(process(rig));
        rc = wait_out(rig);
    } while (rc == -EINPROGRESS);
    assert_int_equal(rc, -EAGAIN);
    assert_says(rig, "busy; try again later");
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take_reconnection(rig);
    take_command(rig, BH_OP_WRITE, 0x1234);
}

/*
 * The lease
 */

static void keep_goes_out_after_a_third_of_the_lease(void **state)
{
    struct rig *rig = *state;
    int i;

    open_with(rig, 0);
    for (i = 0; i < 3; i++) {
        assert_in_range(bh_disk_wait_ms(rig->disk), 9999, 10001);
        sleep_ms(rig, 9990);
        assert_int_equal(process(rig), 0);
        assert_silence(rig);
        assert_int_equal(wait_out(rig), 0);
        take_keep(rig, 0xABCD);
        assert_int_equal(number_of(rig), i + 2);
        answer_command(rig, BH_OK, NULL, 0);
        assert_int_equal(process(rig), 0);
    }
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take_command(rig, BH_OP_FLUSH, 0xABCD);
    assert_int_equal(number_of(rig), 5);
}

static void lease_may_be_as_long_as_its_field_says(void **state)
{
    struct rig *rig = *state;

    rig->identify.lease_seconds = 65535;
    open_with(rig, 0);
    assert_in_range(bh_disk_wait_ms(rig->disk), 21844999, 21845001);
}

static void requests_renew_the_lease_too(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    sleep_ms(rig, 9000);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    sleep_ms(rig, 9000);
    assert_int_equal(process(rig), 0);
    assert_silence(rig);
    assert_in_range(bh_disk_wait_ms(rig->disk), 990, 1001);
}

/* A program that calls bh_disk_process() now and then, and never waits. */
static void answer_to_keep_may_be_fetched_late(void **state)
{
    struct rig *rig = *state;
    struct bh_stats before, after;
    int i;

    open_with(rig, 0);
    bh_disk_stats(rig->disk, &before);
    for (i = 0; i < 5; i++) {
        sleep_ms(rig, 12000);
        assert_int_equal(process(rig), 0);
        take_keep(rig, 0xABCD);
        assert_silence(rig);
        answer_command(rig, BH_OK, NULL, 0);
    }
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take_command(rig, BH_OP_FLUSH, 0xABCD);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    bh_disk_stats(rig->disk, &after);
    assert_int_equal(after.srtt_us, before.srtt_us);
    assert_int_equal(after.retransmissions, before.retransmissions);
}

static void request_waits_for_the_answer_to_keep(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    rig->identify.window = 1;
    open_with(rig, 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0xABCD);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    assert_silence(rig);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), -EBUSY);
    assert_goes_on(wait_out(rig));
    take_keep(rig, 0xABCD);
    answer_command(rig, BH_OK, NULL, 0);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_WRITE, 0xABCD);
    assert_int_equal(number_of(rig), 3);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

/* A request that only waited was never sent, so the session is as it was. */
static void keep_outlives_requests_that_time_out(void **state)
{
    struct rig *rig = *state;
    uint8_t data[512] = {0};
    int rc;

    rig->identify.window = 1;
    open_with(rig, 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0xABCD);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    bh_disk_process(rig->disk);
    while ((rc = wait_out(rig)) == -EINPROGRESS)
        take_keep(rig, 0xABCD);
    assert_int_equal(rc, -ETIMEDOUT);
    assert_says(rig, "cannot write sector 5");
    assert_int_equal(number_of(rig), 2);
    assert_int_equal(wait_out(rig), -ETIMEDOUT); /* the last one's result */
    take_keep(rig, 0xABCD);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), -ETIMEDOUT);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take_command(rig, BH_OP_WRITE, 0xABCD);
}

/* Both ways to say so: to the request that waits, or to the next. */
static void keep_may_find_the_session_gone(void **state)
{
    static const uint8_t plain[BH_KEEP_LEN] = {BH_PACKET_KEEP};
    struct rig *rig = *state;
    uint8_t data[512] = {0};

    rig->identify.window = 1;
    open_with(rig, 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0xABCD);
    answer(rig, plain, sizeof(plain));
    assert_int_equal(process(rig), 0);
    assert_silence(rig);
    assert_int_equal(bh_disk_wait_ms(rig->disk), -1);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    take_reconnection(rig);
    take_command(rig, BH_OP_WRITE, 0x1234);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0x1234);
    assert_int_equal(bh_disk_start_write(rig->disk, 5, data, NULL), 0);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_goes_on(process(rig));
    take_reconnection(rig);
    take_command(rig, BH_OP_WRITE, 0x1234);
}

static void close_while_keep_is_unanswered_still_closes(void **state)
{
    struct rig *rig = *state;
    int rc;

    rig->identify.window = 1;
    open_with(rig, 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0xABCD);
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
    bh_disk_process(rig->disk);
    while ((rc = wait_out(rig)) == -EINPROGRESS)
        take_keep(rig, 0xABCD);
    assert_int_equal(rc, -ETIMEDOUT);
    assert_int_equal(bh_disk_fd(rig->disk), -1);
    assert_silence(rig); /* a DISCON would be beyond the window */
}

static void close_of_a_session_that_keep_found_gone_asks_nobody(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    assert_int_equal(wait_out(rig), 0);
    take_keep(rig, 0xABCD);
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_int_equal(bh_disk_close(rig->disk), 0);
    assert_int_equal(bh_disk_fd(rig->disk), -1);
    assert_silence(rig);
}

static void session_without_a_lease_needs_no_keep(void **state)
{
    struct rig *rig = *state;

    rig->identify.lease_seconds = 0;
    open_with(rig, 0);
    assert_int_equal(bh_disk_wait_ms(rig->disk), -1);
    sleep_ms(rig, 1000000);
    assert_int_equal(process(rig), 0);
    assert_silence(rig);
}

/*
 * Closing
 */

static void start_closing(struct rig *rig)
{
    assert_int_equal(bh_disk_start_close(rig->disk, NULL), 0);
    assert_discon(rig, 0xABCD);
    assert_int_equal(rig->request_len,
                     rig->old ? BH_DISCON_LEN : BH_STRICT_DISCON_LEN);
}

static int end_closing(struct rig *rig, uint8_t status)
{
    const uint8_t reply[BH_DISCON_REPLY_LEN] = {BH_PACKET_REPLY,
                                                rig->request[1], status};
    int rc;

    if (rig->old || status == BH_ERR_SESSION)
        answer(rig, reply, sizeof(reply));
    else
        answer_command(rig, status, NULL, 0);
    rc = process(rig);
    assert_int_equal(bh_disk_fd(rig->disk), -1);
    return rc;
}

static void write_one(struct rig *rig)
{
    uint8_t data[512] = {0};

    assert_int_equal(bh_disk_start_write(rig->disk, 1, data, NULL), 0);
    take(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
}

static void close_disconnects_and_allows_another_open(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    write_one(rig);
    start_closing(rig);
    assert_int_equal(end_closing(rig, BH_OK), 0);
    open_with(rig, 0);
}

static void session_gone_at_close_matters_only_to_unflushed_writes(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    start_closing(rig);
    assert_int_equal(end_closing(rig, BH_ERR_SESSION), 0);
    open_with(rig, 0);
    write_one(rig);
    start_closing(rig);
    assert_int_equal(end_closing(rig, BH_ERR_SESSION), -ESTALE);
    assert_says(rig, "stable storage");
    open_with(rig, 0);
    write_one(rig);
    assert_int_equal(bh_disk_start_flush(rig->disk, NULL), 0);
    take(rig);
    answer_command(rig, BH_OK, NULL, 0);
    assert_int_equal(process(rig), 0);
    start_closing(rig);
    assert_int_equal(end_closing(rig, BH_ERR_SESSION), 0);
}

static void close_that_is_not_answered_still_closes(void **state)
{
    struct rig *rig = *state;
    int rc;

    open_with(rig, 0);
    start_closing(rig);
    while ((rc = wait_out(rig)) == -EINPROGRESS)
        assert_discon(rig, 0xABCD);
    assert_int_equal(rc, -ETIMEDOUT);
    assert_int_equal(bh_disk_fd(rig->disk), -1);
    open_with(rig, 0);
}

static void freed_disk_says_good_bye(void **state)
{
    struct rig *rig = *state;

    open_with(rig, 0);
    bh_disk_free(rig->disk);
    rig->disk = NULL;
    assert_discon(rig, 0xABCD);
}

/*
 * Blocking calls, with a server in a thread that answers `expected` requests.
 */

struct small_server {
    int fd;
    int expected;
    uint8_t sector[512];
};

static size_t serve_one(struct small_server *server, const uint8_t *request,
                        ssize_t len, uint8_t *reply)
{
    static const struct bh_identify identify = {
        .version = 1, .sector_exponent = 2, .sector_count = 1, .name = "small"};

    memcpy(reply, (const uint8_t[5]){BH_PACKET_REPLY, request[1], 0, 0, 9}, 5);
    switch (request[0]) {
    case BH_PACKET_KEEP:
        reply[0] = BH_PACKET_KEEP;
        return BH_KEEP_LEN;
    case BH_PACKET_CONNECT:
        if (request[2] & BH_FLAG_STRICT)
            reply[2] = BH_ERR_FLAGS;
        return BH_CONNECT_REPLY_LEN;
    case BH_PACKET_DISCON:
        return BH_DISCON_REPLY_LEN;
    }
    if (request[4] == BH_OP_IDENTIFY) {
        bh_identify_encode(reply + 4, &identify);
        return BH_REPLY_HEADER_LEN + BH_IDENTIFY_LEN;
    }
    if (request[4] == BH_OP_WRITE && len == 522)
        memcpy(server->sector, request + 10, 512);
    if (request[4] != BH_OP_READ)
        return BH_REPLY_HEADER_LEN;
    memcpy(reply + 4, server->sector, 512);
    return BH_REPLY_HEADER_LEN + 512;
}

static void *serve(void *context)
{
    struct small_server *server = context;
    uint8_t request[600], last[600] = {0xFF}, reply[600];
    struct sockaddr_in peer;
    socklen_t peer_len;
    ssize_t len;

    while (server->expected > 0 && readable(server->fd, PATIENCE_MS) == 1) {
        peer_len = sizeof(peer);
        len = recvfrom(server->fd, request, sizeof(request), 0,
                       (struct sockaddr *)&peer, &peer_len);
        /* On a slow machine one may come twice. */
        server->expected -= memcmp(request, last, (size_t)len) != 0;
        memcpy(last, request, (size_t)len);
        sendto(server->fd, reply, serve_one(server, request, len, reply), 0,
               (struct sockaddr *)&peer, peer_len);
    }
    return NULL;
}

static void blocking_calls_wait_for_their_answers(void **state)
{
    struct rig *rig = *state;
    struct small_server server = {.fd = rig->fd, .expected = 7};
    struct bh_disk *disk = bh_disk_new();
    uint8_t out[512] = "over and out", in[512];
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    assert_int_equal(bh_disk_open(disk, rig->url, 0), 0);
    assert_int_equal(bh_disk_write(disk, 0, out), 0);
    assert_int_equal(bh_disk_read(disk, 0, in), 0);
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(bh_disk_flush(disk), 0);
    assert_int_equal(bh_disk_close(disk), 0);
    pthread_join(thread, NULL);
    bh_disk_free(disk);
}

static void server_answers_without_a_session(void **state)
{
    struct rig *rig = *state;
    struct small_server server = {.fd = rig->fd, .expected = 2};
    struct bh_url url;
    struct bh_info info;
    uint32_t rtt_us = 0;
    char error[200];
    pthread_t thread;

    assert_int_equal(bh_url_parse(rig->url, &url, NULL, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    assert_int_equal(
        bh_server_ping(&url, PATIENCE_MS, &rtt_us, error, sizeof(error)), 0);
    assert_int_not_equal(rtt_us, 0);
    assert_int_equal(
        bh_server_info(&url, PATIENCE_MS, &info, error, sizeof(error)), 0);
    assert_string_equal(info.name, "small");
    pthread_join(thread, NULL);
}

/* localhost is ::1 first, and nobody listens there. */
static void refusal_goes_on_to_the_next_address(void **state)
{
    struct rig *rig = *state;
    struct small_server server = {.fd = rig->fd, .expected = 1};
    struct bh_url url;
    uint32_t rtt_us;
    char error[200];
    pthread_t thread;

    assert_int_equal(bh_url_parse(rig->url, &url, NULL, 0), 0);
    strcpy(url.host, "localhost");
    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    assert_int_equal(
        bh_server_ping(&url, PATIENCE_MS, &rtt_us, error, sizeof(error)), 0);
    pthread_join(thread, NULL);
}

#define STRICT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define OLD(name)                                                              \
    {                                                                          \
#name " (old server)", name, set_up_old, tear_down, NULL               \
    }
#define CLAIM(name) STRICT(name), OLD(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(open_connects_and_proves),
        CLAIM(open_flags_and_sector_length_reach_the_wire),
        CLAIM(empty_name_is_sent_as_two_nuls),
        CLAIM(refused_open_says_why_and_what_to_do),
        CLAIM(holder_that_does_not_yield_refuses_the_proof),
        CLAIM(pending_session_that_died_is_asked_for_again),
        CLAIM(long_sectors_that_are_refused_blame_the_path),
        CLAIM(server_without_identify_leaves_the_size_unknown),
        CLAIM(description_that_does_not_fit_is_refused),
        CLAIM(description_longer_than_bytes_can_be_counted_is_refused),
        CLAIM(wrong_url_and_flags_are_refused),
        CLAIM(disk_that_is_not_open_refuses_requests),
        CLAIM(read_fills_the_callers_buffer),
        CLAIM(write_carries_the_callers_data),
        CLAIM(flush_and_identify_are_commands_too),
        CLAIM(every_status_has_its_errno),
        CLAIM(requests_count_their_seq_upwards),
        CLAIM(second_start_leaves_the_first_alone),
        CLAIM(lost_datagrams_are_sent_again_unchanged),
        CLAIM(doubled_replies_answer_nothing_else),
        OLD(default_replies_that_do_not_fit_are_ignored),
        STRICT(strict_replies_that_do_not_fit_are_ignored),
        STRICT(late_replies_answer_no_younger_request),
        CLAIM(other_peers_are_not_heard),
        OLD(time_out_ends_the_request_and_not_a_default_session),
        STRICT(after_a_time_out_the_next_request_begins_a_new_session),
        STRICT(after_a_time_out_a_shared_volume_gets_new_writes_alone),
        STRICT(after_a_time_out_close_needs_no_new_session),
        STRICT(number_that_was_not_taken_is_left_behind),
        STRICT(busy_server_gets_the_same_datagram_when_it_wants_it),
        STRICT(busy_for_too_long_is_said_so),
        STRICT(busy_while_reconnecting_is_no_loss),
        CLAIM(refused_port_is_loss_until_the_time_is_over),
        CLAIM(round_trips_set_the_time_out),
        CLAIM(answer_to_a_repeated_request_is_not_measured),
        CLAIM(same_image_gets_the_request_again),
        CLAIM(image_that_others_wrote_to_is_lost_until_opened_again),
        CLAIM(counter_that_did_not_rise_is_not_ours),
        CLAIM(restarted_server_is_not_trusted),
        CLAIM(reader_goes_on_while_the_counter_stands_still),
        CLAIM(shared_volume_gets_reads_again_and_no_writes),
        CLAIM(scratch_volume_is_never_resumed),
        CLAIM(reader_of_a_scratch_volume_goes_on),
        CLAIM(image_taken_by_another_is_busy),
        CLAIM(server_that_forgets_at_once_is_given_up),
        CLAIM(reconnection_that_times_out_begins_anew),
        STRICT(keep_goes_out_after_a_third_of_the_lease),
        STRICT(lease_may_be_as_long_as_its_field_says),
        STRICT(requests_renew_the_lease_too),
        STRICT(answer_to_keep_may_be_fetched_late),
        STRICT(request_waits_for_the_answer_to_keep),
        STRICT(keep_outlives_requests_that_time_out),
        STRICT(keep_may_find_the_session_gone),
        STRICT(close_while_keep_is_unanswered_still_closes),
        STRICT(close_of_a_session_that_keep_found_gone_asks_nobody),
        CLAIM(session_without_a_lease_needs_no_keep),
        CLAIM(close_disconnects_and_allows_another_open),
        CLAIM(session_gone_at_close_matters_only_to_unflushed_writes),
        CLAIM(close_that_is_not_answered_still_closes),
        CLAIM(freed_disk_says_good_bye),
        STRICT(blocking_calls_wait_for_their_answers),
        STRICT(server_answers_without_a_session),
        STRICT(refusal_goes_on_to_the_next_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
