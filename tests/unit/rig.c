/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
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
#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

static uint64_t rig_clock(void *context)
{
    return ((struct rig *)context)->now_us;
}

int bind_loopback(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    *port = ntohs(at.sin_port);
    return fd;
}

int set_up(void **state)
{
    static struct rig rig;
    uint16_t port;

    memset(&rig, 0, sizeof(rig));
    rig.fd = bind_loopback(&port);
    rig.now_us = 123456789;
    rig.disk = bh_disk_new();
    bh_disk_set_clock(rig.disk, rig_clock, &rig);
    snprintf(rig.url, sizeof(rig.url), "blockhead://127.0.0.1:%u/a.img", port);
    rig.identify = (struct bh_identify){.version = 1,
                                        .sector_exponent = 2,
                                        .sector_count = 1440,
                                        .change_counter = 70,
                                        .instance = 0x1122334455667788u,
                                        .window = 64,
                                        .lease_seconds = 30,
                                        .name = "a.img"};
    *state = &rig;
    return 0;
}

int set_up_old(void **state)
{
    struct rig *rig;

    set_up(state);
    rig = *state;
    rig->old = true;
    rig->identify.window = 1;
    rig->identify.lease_seconds = 0;
    return 0;
}

int tear_down(void **state)
{
    struct rig *rig = *state;

    bh_disk_free(rig->disk);
    if (rig->fd >= 0)
        close(rig->fd);
    return 0;
}

int readable(int fd, int wait_ms)
{
    struct pollfd event = {.fd = fd, .events = POLLIN};

    return poll(&event, 1, wait_ms);
}

/* The server's side. */

/* What was started leaves with the next step. */
static void send_started(struct rig *rig)
{
    if (rig->disk != NULL && readable(rig->fd, 0) == 0 &&
        bh_disk_wait_ms(rig->disk) == 0)
        bh_disk_process(rig->disk);
}

const uint8_t *take(struct rig *rig)
{
    socklen_t len = sizeof(rig->peer);

    send_started(rig);
    assert_int_equal(readable(rig->fd, PATIENCE_MS), 1);
    rig->request_len =
        (size_t)recvfrom(rig->fd, rig->request, sizeof(rig->request), 0,
                         (struct sockaddr *)&rig->peer, &len);
    return rig->request;
}

void assert_silence(struct rig *rig)
{
    send_started(rig);
    assert_int_equal(readable(rig->fd, 0), 0);
}

void answer(struct rig *rig, const void *bytes, size_t len)
{
    assert_int_equal(sendto(rig->fd, bytes, len, 0,
                            (struct sockaddr *)&rig->peer, sizeof(rig->peer)),
                     len);
    assert_int_equal(readable(bh_disk_fd(rig->disk), PATIENCE_MS), 1);
}

/* The high byte of the number of the last request taken. */
uint8_t high_of(const struct rig *rig)
{
    return rig->request[rig->request[0] == BH_PACKET_COMMAND ? 9 : 4];
}

uint16_t number_of(const struct rig *rig)
{
    return (uint16_t)(high_of(rig) << 8 | rig->request[1]);
}

/* Answers the last request taken: header, then `len` bytes of data. A server
 * that does not know the session does not know either that it was strict. */
void answer_command(struct rig *rig, uint8_t status, const void *data,
                    size_t len)
{
    uint8_t reply[BH_STRICT_REPLY_HEADER_LEN + BH_SECTOR_LEN_MAX] = {
        BH_PACKET_REPLY, rig->request[1], status, high_of(rig)};
    size_t at = BH_REPLY_HEADER_LEN;

    if (!rig->old && status != BH_ERR_SESSION) {
        memcpy(reply + at, rig->request + 2, 2);
        at = BH_STRICT_REPLY_HEADER_LEN;
    }
    if (len > 0)
        memcpy(reply + at, data, len);
    answer(rig, reply, at + len);
}

void answer_connect(struct rig *rig, uint8_t status, uint16_t session)
{
    uint8_t reply[BH_CONNECT_REPLY_LEN] = {BH_PACKET_REPLY, rig->request[1],
                                           status};

    bh_put16(reply + 3, session);
    answer(rig, reply, sizeof(reply));
}

void answer_identify(struct rig *rig)
{
    uint8_t bytes[BH_IDENTIFY_LEN];

    bh_identify_encode(bytes, &rig->identify);
    answer_command(rig, BH_OK, bytes, sizeof(bytes));
}

/* Takes a datagram that has to be a command of `opcode` in `session`. */
void take_command(struct rig *rig, uint8_t opcode, uint16_t session)
{
    const uint8_t *bytes = take(rig);

    assert_true(rig->request_len >= BH_COMMAND_HEADER_LEN);
    assert_int_equal(bytes[0], BH_PACKET_COMMAND);
    assert_int_equal(bytes[4], opcode);
    assert_int_equal(BH_GET16(bytes + 2), session);
}

/* The disk's side. */

/* For claims about one request at a time: its result, or the last one's. */
int process(struct rig *rig)
{
    struct bh_done done;

    if (bh_disk_process(rig->disk) > 0)
        return -EINPROGRESS;
    while (bh_disk_next(rig->disk, &done))
        rig->last = done.result;
    return rig->last;
}

/* Lets the time pass until the disk has something to do. */
int wait_out(struct rig *rig)
{
    int wait_ms = bh_disk_wait_ms(rig->disk);

    assert_true(wait_ms >= 0);
    rig->now_us += 1000u * (uint64_t)wait_ms;
    return process(rig);
}

void assert_goes_on(int rc)
{
    assert_int_equal(rc, -EINPROGRESS);
}

/* Takes a CONNECT; an old server has refused its strict form before. */
void take_connect(struct rig *rig)
{
    assert_int_equal(take(rig)[0], BH_PACKET_CONNECT);
    if (!rig->old) {
        assert_true(rig->request[2] & BH_FLAG_STRICT);
        return;
    }
    if ((rig->request[2] & BH_FLAG_STRICT) == 0)
        return;
    answer_connect(rig, BH_ERR_FLAGS, 0);
    assert_goes_on(process(rig));
    assert_int_equal(take(rig)[0], BH_PACKET_CONNECT);
    assert_false(rig->request[2] & BH_FLAG_STRICT);
}

void assert_says(struct rig *rig, const char *words)
{
    if (strstr(bh_disk_error(rig->disk), words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", bh_disk_error(rig->disk), words);
}

void open_with(struct rig *rig, unsigned flags)
{
    assert_int_equal(bh_disk_start_open(rig->disk, rig->url, flags, NULL), 0);
    take_connect(rig);
    answer_connect(rig, BH_OK, 0xABCD);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 0xABCD);
    answer_identify(rig);
    assert_int_equal(process(rig), 0);
}

/* Error 4, a new session, and what the server says of it. */
int lose_session(struct rig *rig, uint64_t counter, uint64_t instance)
{
    answer_command(rig, BH_ERR_SESSION, NULL, 0);
    assert_goes_on(process(rig));
    take_connect(rig);
    answer_connect(rig, BH_OK, 0x1234);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 0x1234);
    rig->identify.change_counter = counter;
    rig->identify.instance = instance;
    answer_identify(rig);
    return process(rig);
}

int lose_session_to(struct rig *rig, uint64_t counter)
{
    return lose_session(rig, counter, rig->identify.instance);
}

/* The server has been told, and the disk says no without asking it. */
void assert_lost(struct rig *rig, int error)
{
    uint8_t data[512];

    assert_int_equal(bh_disk_start_read(rig->disk, 1, data, NULL), error);
    assert_says(rig, "session was lost");
    assert_int_equal(bh_disk_flush(rig->disk), error);
    assert_silence(rig);
}

void assert_discon(struct rig *rig, uint16_t session)
{
    assert_int_equal(take(rig)[0], BH_PACKET_DISCON);
    assert_int_equal(BH_GET16(rig->request + 2), session);
}

/* A new session of ours, with nobody's in between. */
void take_reconnection(struct rig *rig)
{
    take_connect(rig);
    answer_connect(rig, BH_OK, 0x1234);
    assert_goes_on(process(rig));
    take_command(rig, BH_OP_IDENTIFY, 0x1234);
    assert_int_equal(number_of(rig), 1);
    rig->identify.change_counter++;
    answer_identify(rig);
    assert_goes_on(process(rig));
}

void take_keep(struct rig *rig, uint16_t session)
{
    const uint8_t *bytes = take(rig);

    assert_int_equal(rig->request_len, BH_STRICT_KEEP_LEN);
    assert_int_equal(bytes[0], BH_PACKET_KEEP);
    assert_int_equal(BH_GET16(bytes + 2), session);
}

void sleep_ms(struct rig *rig, uint32_t ms)
{
    rig->now_us += 1000u * (uint64_t)ms;
}

void answer_busy(struct rig *rig, uint16_t ms)
{
    uint8_t bytes[2];

    bh_put16(bytes, ms);
    answer_command(rig, BH_ERR_BUSY, bytes, sizeof(bytes));
}
