/* SPDX-License-Identifier: MIT */
#include "window.h"

#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLOTS 64
#define WAIT_MS 200 /* patient: others are to overtake it after a restart */
#define WAIT_MAX_MS 600
#define NO_LSN UINT32_MAX

struct request {
    bool open;
    uint64_t number;
    uint32_t lsn; /* NO_LSN: touches none */
    size_t data_len;
    uint64_t due_ms, wait_ms;
    size_t len;
    uint8_t bytes[BH_DATAGRAM_MAX_LEN];
};

static struct window {
    int fd;
    uint16_t session, size; /* W */
    uint64_t low, next;
    struct request requests[SLOTS];
    bool *busy; /* sectors with a request under way, by index */
    uint8_t reply[BH_DATAGRAM_MAX_LEN + 64];
} window = {.size = 1, .low = 1, .next = 1};

static bool *busy_of(struct load *load, uint32_t lsn)
{
    return &window.busy[load_sector_of(load, lsn) - load->sectors];
}

static void transmit(struct request *request)
{
    if (send(window.fd, request->bytes, request->len, 0) < 0)
        send(window.fd, request->bytes, request->len, 0);
    request->due_ms = load_now_ms() + request->wait_ms;
    request->wait_ms =
        request->wait_ms * 2 < WAIT_MAX_MS ? request->wait_ms * 2 : WAIT_MAX_MS;
}

/*
 * Beginning a request.
 */

static struct request *take(uint8_t type, size_t high_at, size_t len)
{
    struct request *request = &window.requests[window.next % SLOTS];

    memset(request->bytes, 0, 16);
    request->open = true;
    request->number = window.next++;
    request->lsn = NO_LSN;
    request->data_len = 0;
    request->wait_ms = WAIT_MS;
    request->len = len;
    request->bytes[0] = type;
    request->bytes[1] = (uint8_t)request->number;
    bh_put16(request->bytes + 2, window.session);
    request->bytes[high_at] = (uint8_t)(request->number >> 8);
    return request;
}

static struct request *take_command(uint8_t opcode, uint32_t lsn)
{
    struct request *request = take(BH_PACKET_COMMAND, 9, BH_COMMAND_HEADER_LEN);

    request->bytes[4] = opcode;
    bh_put32(request->bytes + 5, lsn);
    return request;
}

static void begin_sector(struct load *load, uint8_t opcode, uint32_t lsn)
{
    struct request *request = take_command(opcode, lsn);

    request->lsn = lsn;
    *busy_of(load, lsn) = true;
    if (opcode == BH_OP_READ) {
        request->data_len = load->sector_len;
        load_read(load, lsn);
    } else {
        request->len += load->sector_len;
        load_write(load, lsn, request->bytes + BH_COMMAND_HEADER_LEN);
    }
    transmit(request);
}

static void begin_other(uint32_t draw)
{
    struct request *request;

    if (draw == 0) {
        request = take_command(BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC);
        request->data_len = BH_IDENTIFY_LEN;
    } else if (draw == 1) {
        request = take_command(BH_OP_FLUSH, 0);
    } else {
        request = take(BH_PACKET_KEEP, 4, BH_STRICT_KEEP_LEN);
    }
    transmit(request);
}

static void begin_some(struct load *load)
{
    while (window.next < window.low + window.size) {
        uint32_t lsn = load_pick(load), draw = load_draw(load, 100);

        if (draw >= 98)
            begin_other(load_draw(load, 3));
        else if (*busy_of(load, lsn))
            return; /* another time */
        else
            begin_sector(load, draw < 45 ? BH_OP_READ : BH_OP_WRITE, lsn);
    }
}

/*
 * Answers.
 */

static void settle(struct load *load, struct request *request,
                   const uint8_t *data)
{
    request->open = false;
    load->requests++;
    if (request->lsn == NO_LSN) {
        load->told->others++;
    } else {
        *busy_of(load, request->lsn) = false;
        if (request->data_len != 0)
            load_got(load, request->lsn, data);
        else
            load_wrote(load, request->lsn);
    }
    while (window.low < window.next &&
           !window.requests[window.low % SLOTS].open)
        window.low++;
}

/* The request that the reply in window.reply of `len` bytes answers, or NULL.
 * Error 4 has the default form if the server does not know the id. */
static struct request *answered(struct load *load, size_t len)
{
    const uint8_t *reply = window.reply;
    uint16_t number = (uint16_t)(reply[1] | reply[3] << 8);
    struct request *request = &window.requests[number % SLOTS];

    if (len < 3 || reply[0] != BH_PACKET_REPLY)
        return NULL;
    if (len <= 4 && reply[2] == BH_ERR_SESSION)
        load_failed(load, "a request", 0, BH_ERR_SESSION);
    if (len < BH_STRICT_REPLY_HEADER_LEN ||
        BH_GET16(reply + 4) != window.session || !request->open ||
        (uint16_t)request->number != number)
        return NULL;
    if (reply[2] != BH_OK)
        load_failed(load, "a request", request->lsn, reply[2]);
    return len == BH_STRICT_REPLY_HEADER_LEN + request->data_len ? request
                                                                 : NULL;
}

static void take_replies(struct load *load)
{
    for (;;) {
        ssize_t len =
            recv(window.fd, window.reply, sizeof window.reply, MSG_TRUNC);
        struct request *request;

        if (len < 0)
            return;
        request = answered(load, (size_t)len);
        if (request == NULL)
            load->told->strays++;
        else
            settle(load, request, window.reply + BH_STRICT_REPLY_HEADER_LEN);
    }
}

static void send_again(struct load *load)
{
    uint64_t now = load_now_ms();

    for (uint64_t n = window.low; n < window.next; n++) {
        struct request *request = &window.requests[n % SLOTS];

        if (request->open && request->due_ms <= now) {
            load->told->retransmissions++;
            transmit(request);
        }
    }
}

static void turn(struct load *load)
{
    struct pollfd ready = {window.fd, POLLIN, 0};

    if (poll(&ready, 1, 10) > 0)
        take_replies(load);
    send_again(load);
}

static void drain(struct load *load)
{
    while (window.low < window.next)
        turn(load);
}

/*
 * The session.
 */

/* CONNECT, which has a number of its own, and the answer's id. */
static void connect_it(struct load *load)
{
    uint8_t *bytes = window.requests[0].bytes, *reply = window.reply;
    size_t name_len = strlen(load->volume) + 1;
    ssize_t len;

    bytes[0] = BH_PACKET_CONNECT;
    bytes[1] = 77;
    bytes[2] = load->exponent | BH_FLAG_STRICT;
    memcpy(bytes + BH_CONNECT_HEADER_LEN, load->volume, name_len);
    window.requests[0].len = BH_CONNECT_HEADER_LEN + name_len;
    window.requests[0].wait_ms = WAIT_MS;
    do {
        struct pollfd ready = {window.fd, POLLIN, 0};

        transmit(&window.requests[0]);
        poll(&ready, 1, WAIT_MS);
        len = recv(window.fd, reply, sizeof window.reply, 0);
    } while (len != BH_CONNECT_REPLY_LEN);
    if (reply[2] != BH_OK)
        load_failed(load, "CONNECT", 0, reply[2]);
    window.session = BH_GET16(reply + 3);
}

void window_run(struct load *load)
{
    window.fd = load_socket(load);
    window.busy = calloc(load->commons + load->count, sizeof *window.busy);
    if (window.busy == NULL)
        exit(1);
    connect_it(load);
    begin_other(0);
    drain(load);
    window.size = SLOTS; /* as IDENTIFY says: run.py's server gives 64 */
    load->told->opened = 1;
    while (!load_stopping()) {
        begin_some(load);
        turn(load);
    }
    drain(load);
    load_verify_file(load);
    transmit(take(BH_PACKET_DISCON, 4, BH_STRICT_DISCON_LEN));
    drain(load);
    load_verify_file(load);
}
