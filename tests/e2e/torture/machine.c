/* SPDX-License-Identifier: MIT */
/*
 * bh_tiny over a socket, with endless patience.
 *
 * A naive client is right only if nothing of a request is on its way any more
 * when the next one leaves. So the naive kinds wait after each answer: a moment
 * that is longer than their path delays anything, and a whole time-out if they
 * had to send more than once, because the server may have been asleep
 * meanwhile.
 */
#include "machine.h"

#include "tiny/tiny.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CALM_MS 40
#define NAIVE_WAIT_MS 250
#define WAIT_MS 40
#define WAIT_MAX_MS 600
#define NAIVE_SEQ 0x2A

static struct machine {
    struct bh_tiny tiny;
    int fd;
    bool naive, random;
    uint64_t sends;
    uint8_t reply[LOAD_SECTOR_LEN_MAX + 64];
} machine;

static uint16_t clock_ms(void)
{
    return (uint16_t)load_now_ms();
}

static void send_it(struct load *load)
{
    struct bh_tiny *tiny = &machine.tiny;
    struct iovec pieces[2] = {{tiny->packet, tiny->packet_len},
                              {(void *)(uintptr_t)tiny->body, tiny->body_len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

    if (sendmsg(machine.fd, &message, 0) < 0) /* an older one's fate */
        sendmsg(machine.fd, &message, 0);
    if (machine.sends++ > 0)
        load->told->retransmissions++;
    tiny->tries = 255; /* never gives up */
    if (!machine.naive && tiny->wait > WAIT_MAX_MS)
        tiny->wait = WAIT_MAX_MS;
}

static void take_reply(struct load *load)
{
    ssize_t len =
        recv(machine.fd, machine.reply, sizeof machine.reply, MSG_TRUNC);

    if (len > 0 &&
        !bh_tiny_received(&machine.tiny, machine.reply, (uint16_t)len))
        load->told->strays++;
}

/* Throws away what comes within `ms`. */
static void calm(struct load *load, uint64_t ms)
{
    uint64_t end = load_now_ms() + ms, now;

    while ((now = load_now_ms()) < end) {
        struct pollfd ready = {machine.fd, POLLIN, 0};

        if (poll(&ready, 1, (int)(end - now)) <= 0)
            continue;
        if (recv(machine.fd, machine.reply, 0, 0) >= 0)
            load->told->strays++;
    }
}

/* The request that was just begun, to its end. */
static int ask(struct load *load)
{
    struct bh_tiny *tiny = &machine.tiny;

    if (machine.naive && tiny->packet[0] == BH_PACKET_COMMAND)
        tiny->packet[1] =
            machine.random ? (uint8_t)load_draw(load, 256) : NAIVE_SEQ;
    tiny->wait = machine.naive ? NAIVE_WAIT_MS : WAIT_MS;
    machine.sends = 0;
    do {
        struct pollfd ready = {machine.fd, POLLIN, 0};
        uint16_t waited;

        if (bh_tiny_due(tiny, clock_ms()))
            send_it(load);
        waited = (uint16_t)(clock_ms() - tiny->sent);
        if (poll(&ready, 1, waited < tiny->wait ? tiny->wait - waited : 0) > 0)
            take_reply(load);
    } while (BH_TINY_RUNS(tiny));
    return tiny->status;
}

/* What a naive client owes to the promise: see the top. The answer is kept. */
static int ask_calmly(struct load *load, uint8_t *data)
{
    int status = ask(load);

    if (status == 0 && data != NULL)
        memcpy(data, machine.reply + BH_TINY_HEADER_LEN(&machine.tiny),
               load->sector_len);
    if (machine.naive)
        calm(load, machine.sends > 1 ? machine.tiny.wait : CALM_MS);
    return status;
}

/* A session is nobody's until it is proven: of those that wait for that a host
 * has sixteen, and CONNECTs that a path doubles push out the oldest. */
#define CONNECTS_MAX 20

static int connect_and_prove(struct load *load, uint8_t flags)
{
    int status;

    for (unsigned i = 0; i < CONNECTS_MAX; i++) {
        bh_tiny_connect(&machine.tiny, flags, load->volume,
                        (uint16_t)(strlen(load->volume) + 1));
        status = ask_calmly(load, NULL);
        if (status != BH_OK)
            return status;
        bh_tiny_read(&machine.tiny, 0, (uint16_t)load->sector_len);
        status = ask_calmly(load, NULL);
        if (status != BH_ERR_SESSION)
            break;
    }
    return status;
}

static int open_machine(struct load *load)
{
    uint8_t flags = load->exponent;

    machine.naive =
        strcmp(load->kind, "naive") == 0 || strcmp(load->kind, "random") == 0;
    machine.random = strcmp(load->kind, "random") == 0;
    machine.fd = load_socket(load);
    machine.tiny.packet[1] = (uint8_t)load_draw(load, 256);
    if (BH_TINY_STRICT)
        flags |= BH_FLAG_STRICT;
    return connect_and_prove(load, flags);
}

static int read_sector(struct load *load, uint32_t lsn, uint8_t *data)
{
    bh_tiny_read(&machine.tiny, lsn, (uint16_t)load->sector_len);
    return ask_calmly(load, data);
}

static int write_sector(struct load *load, uint32_t lsn, const uint8_t *data)
{
    bh_tiny_write(&machine.tiny, lsn, data, (uint16_t)load->sector_len);
    return ask_calmly(load, NULL);
}

static int other(struct load *load)
{
    switch (load_draw(load, 2 + BH_TINY_STRICT)) {
    case 0:
        bh_tiny_identify(&machine.tiny);
        break;
    case 1:
        bh_tiny_flush(&machine.tiny);
        break;
    default:
#if BH_TINY_STRICT
        bh_tiny_renew(&machine.tiny);
#endif
        break;
    }
    return ask_calmly(load, NULL);
}

static int close_machine(struct load *load)
{
    bh_tiny_disconnect(&machine.tiny);
    return ask_calmly(load, NULL);
}

static void tell(struct load *load)
{
    (void)load; /* told as it happens */
}

#define KIND(kind_name, pace, reads)                                           \
    {                                                                          \
        .name = kind_name, .pace_ms = pace, .open = open_machine,              \
        .read = read_sector, .write = write_sector, .other = other,            \
        .close = close_machine, .tell = tell                                   \
    }

const struct serial_kind machine_kinds[] = {
#if BH_TINY_STRICT
    KIND("strict", 0, 0),
#else
    KIND("naive", 0, 0),
    KIND("random", 0, 0),
    /* Slow, so that its path delays nothing by 127 requests; and what it is
     * promised begins when it counts. */
    KIND("counting", 1, 100),
#endif
    {.name = NULL}};
