/* SPDX-License-Identifier: MIT */
/* A socket as the port of drive.h, for systems with POSIX; a tick is 20 ms. */
#include "posix/udp.h"

#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tiny/drive.h"

#define TICK_MS 20

static int server = -1;
static long due_ms;

int bh_udp_open(const char *host, const char *port)
{
    struct addrinfo wish, *found, *at;

    memset(&wish, 0, sizeof(wish));
    wish.ai_socktype = SOCK_DGRAM;
    if (getaddrinfo(host, port, &wish, &found) != 0)
        return -1;
    for (at = found; at != NULL; at = at->ai_next) {
        server = socket(at->ai_family, SOCK_DGRAM, 0);
        if (server >= 0 && connect(server, at->ai_addr, at->ai_addrlen) == 0)
            break;
        if (server >= 0)
            close(server);
        server = -1;
    }
    freeaddrinfo(found);
    return server >= 0 ? 0 : -1;
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void bh_port_send(void)
{
    struct iovec parts[2];

    parts[0].iov_base = bh_drive.packet;
    parts[0].iov_len = bh_drive.packet_len;
    parts[1].iov_base = (void *)(uintptr_t)bh_drive.body;
    parts[1].iov_len = bh_drive.body_len;
    /* A datagram that does not leave is a lost one. */
    if (writev(server, parts, 2) < 0)
        due_ms = 0;
    due_ms = now_ms() + bh_drive.wait * TICK_MS;
}

/* The length of the next datagram; 0 if there is none. */
static uint16_t take(void)
{
    struct iovec parts[2];
    struct msghdr message;
    ssize_t len;

    memset(&message, 0, sizeof(message));
    parts[0].iov_base = bh_drive.reply;
    parts[0].iov_len = BH_DRIVE_HEAD_LEN;
    parts[1].iov_base = bh_drive.place;
    parts[1].iov_len = 0;
    if (bh_drive.reply_len > BH_DRIVE_HEAD_LEN)
        parts[1].iov_len = bh_drive.reply_len - BH_DRIVE_HEAD_LEN;
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    len = recvmsg(server, &message, MSG_TRUNC);
    return len > 0 ? (uint16_t)len : 0;
}

uint16_t bh_port_receive(void)
{
    struct pollfd in;
    long left_ms;
    uint16_t len;

    in.fd = server;
    in.events = POLLIN;
    while ((left_ms = due_ms - now_ms()) > 0) {
        if (poll(&in, 1, (int)left_ms) > 0 && (len = take()) != 0)
            return len;
    }
    return 0;
}
