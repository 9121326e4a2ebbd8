/* SPDX-License-Identifier: MIT */
/*
 * The bare echoes: what a server could do at most, if answering were all. Each
 * answers a datagram of a strict session's form with one of the same number
 * and as long as the answer would be; only "plain" brings a sector's data.
 *
 *     echo one|batch|gso|plain [--sector N] [--file PATH] [--port PORT]
 *
 * one: recvfrom and sendto. batch: recvmmsg and sendmmsg. gso: these with
 * UDP_GRO and UDP_SEGMENT, and a READ_RUN is answered with one send. plain:
 * recvfrom, pread or pwrite, sendto.
 *
 * It prints its port, and ends with its input.
 */
#include "udp.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX (BH_DATAGRAM_MAX_LEN + 64u)

struct echo {
    int fd, file;
    size_t sector_len, reply_len; /* of a READ */
    bool gso;
    struct udp_in in;
    struct udp_send out[UDP_BATCH];
    unsigned out_count;
    uint8_t *replies; /* UDP_BATCH messages' worth */
    size_t room, used;
};

static size_t reply_len(const struct echo *echo, const uint8_t *request)
{
    return request[4] == BH_OP_WRITE ? BH_STRICT_REPLY_HEADER_LEN
                                     : echo->reply_len;
}

static void put_header(uint8_t *reply, const uint8_t *request, unsigned number)
{
    reply[0] = BH_PACKET_REPLY;
    reply[1] = (uint8_t)number;
    reply[2] = BH_OK;
    reply[3] = (uint8_t)(number >> 8);
    reply[4] = request[2];
    reply[5] = request[3];
}

static unsigned number_of(const uint8_t *request)
{
    return request[1] | (unsigned)request[9] << 8;
}

/*
 * One at a time.
 */

static void access_sector(const struct echo *echo, const uint8_t *request,
                          uint8_t *reply)
{
    uint32_t lsn;
    off_t at;
    ssize_t done;

    memcpy(&lsn, request + 5, sizeof lsn);
    at = (off_t)ntohl(lsn) * (off_t)echo->sector_len;
    done = request[4] == BH_OP_WRITE
               ? pwrite(echo->file, request + BH_COMMAND_HEADER_LEN,
                        echo->sector_len, at)
               : pread(echo->file, reply + BH_STRICT_REPLY_HEADER_LEN,
                       echo->sector_len, at);
    if (done != (ssize_t)echo->sector_len)
        reply[2] = BH_ERR_SHORT;
}

static void run_one(struct echo *echo)
{
    uint8_t request[REQUEST_MAX], *reply = echo->replies;
    struct sockaddr_in peer;

    for (;;) {
        socklen_t peer_len = sizeof peer;
        ssize_t len = recvfrom(echo->fd, request, sizeof request, 0,
                               (struct sockaddr *)&peer, &peer_len);

        if (len < (ssize_t)BH_COMMAND_HEADER_LEN)
            continue;
        put_header(reply, request, number_of(request));
        if (echo->file >= 0)
            access_sector(echo, request, reply);
        (void)!sendto(echo->fd, reply, reply_len(echo, request), 0,
                      (struct sockaddr *)&peer, peer_len);
    }
}

/*
 * In batches.
 */

static void flush(struct echo *echo)
{
    udp_send(echo->fd, echo->out, echo->out_count);
    echo->out_count = 0;
    echo->used = 0;
}

static bool same_peer(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_port == b->sin_port &&
           a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Room for `count` replies of `len` bytes to a peer: behind the last ones if
 * these can leave in the same message. */
static uint8_t *place(struct echo *echo, const struct sockaddr_in *peer,
                      size_t len, unsigned count)
{
    struct udp_send *last;
    uint8_t *at;

    if (echo->used + count * len > echo->room || echo->out_count == UDP_BATCH)
        flush(echo);
    at = echo->replies + echo->used;
    echo->used += count * len;
    last = echo->out_count > 0 ? &echo->out[echo->out_count - 1] : NULL;
    if (echo->gso && last != NULL && same_peer(last->peer, peer) &&
        last->segment == len && last->len + count * len <= UDP_PAYLOAD_MAX &&
        last->len + count * len <= UDP_BATCH * len) {
        last->len += count * len;
        return at;
    }
    echo->out[echo->out_count++] =
        (struct udp_send){.peer = peer,
                          .bytes = at,
                          .len = count * len,
                          .segment = echo->gso ? (uint16_t)len : 0};
    return at;
}

static void answer(struct echo *echo, const struct sockaddr_in *peer,
                   const uint8_t *request, size_t request_len)
{
    bool run = echo->gso && request[4] == BH_OP_READ_RUN &&
               request_len > BH_COMMAND_HEADER_LEN;
    unsigned count = run ? request[BH_COMMAND_HEADER_LEN] : 1;
    size_t len = reply_len(echo, request);
    uint8_t *reply;

    if (request_len < BH_COMMAND_HEADER_LEN || count == 0 ||
        count * len > UDP_PAYLOAD_MAX)
        return;
    reply = place(echo, peer, len, count);
    for (unsigned i = 0; i < count; i++)
        put_header(reply + i * len, request, number_of(request) + i);
}

static void run_batches(struct echo *echo)
{
    for (;;) {
        unsigned count = udp_receive(echo->fd, &echo->in, UDP_BATCH);

        for (unsigned i = 0; i < count; i++) {
            const uint8_t *bytes = echo->in.vectors[i].iov_base;
            size_t left = echo->in.messages[i].msg_len;
            size_t segment = udp_segment_of(&echo->in, i);

            for (; left > 0; bytes += segment, left -= segment) {
                segment = segment < left ? segment : left;
                answer(echo, &echo->in.peers[i], bytes, segment);
            }
        }
        flush(echo);
    }
}

/*
 * Setting up.
 */

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: echo one|batch|gso|plain [--sector N] "
                    "[--file PATH] [--port PORT]\n");
    exit(64);
}

static void *end_with_input(void *unused)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    exit(0);
    return unused;
}

static void bind_it(const struct echo *echo, uint16_t port)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof local;
    pthread_t thread;

    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(echo->fd, (struct sockaddr *)&local, sizeof local) != 0 ||
        getsockname(echo->fd, (struct sockaddr *)&local, &len) != 0 ||
        pthread_create(&thread, NULL, end_with_input, NULL) != 0) {
        perror("echo");
        exit(1);
    }
    printf("%u\n", ntohs(local.sin_port));
    fflush(stdout);
}

static void init(struct echo *echo, const char *mode, const char *path)
{
    echo->gso = strcmp(mode, "gso") == 0;
    echo->fd = udp_socket(echo->gso, 0);
    echo->file = -1;
    echo->reply_len = BH_STRICT_REPLY_HEADER_LEN + echo->sector_len;
    echo->room = 2 * UDP_BATCH * echo->reply_len;
    if (echo->room < 4 * UDP_PAYLOAD_MAX)
        echo->room = 4 * UDP_PAYLOAD_MAX;
    echo->replies = calloc(1, echo->room);
    if (echo->replies == NULL)
        exit(1);
    if (strcmp(mode, "plain") == 0) {
        echo->file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
        if (echo->file < 0) {
            fprintf(stderr, "echo: plain needs a --file\n");
            exit(1);
        }
    }
    if (strcmp(mode, "batch") == 0 || echo->gso)
        udp_in_init(&echo->in, REQUEST_MAX, echo->gso, true);
}

int main(int argc, char **argv)
{
    static struct echo echo = {.sector_len = 512};
    const char *path = NULL;
    unsigned long port = 0;

    if (argc < 2 || argc % 2 != 0)
        usage();
    for (int i = 2; i < argc; i += 2) {
        if (strcmp(argv[i], "--sector") == 0)
            echo.sector_len = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--file") == 0)
            path = argv[i + 1];
        else if (strcmp(argv[i], "--port") == 0)
            port = strtoul(argv[i + 1], NULL, 10);
        else
            usage();
    }
    if (echo.sector_len == 0 || echo.sector_len > BH_SECTOR_LEN_MAX ||
        port > 65535)
        usage();
    init(&echo, argv[1], path);
    bind_it(&echo, (uint16_t)port);
    if (echo.in.buffers != NULL)
        run_batches(&echo);
    else
        run_one(&echo);
    return 0;
}
