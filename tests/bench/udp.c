/* SPDX-License-Identifier: MIT */
#include "udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET_BUFFER_LEN (4 << 20)
#define MERGED_LEN 65536u

int udp_socket(bool gro, unsigned timeout_ms)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int len = SOCKET_BUFFER_LEN, on = 1;
    struct timeval wait = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000};

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof len) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof len) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        (gro && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) != 0)) {
        perror("no socket");
        exit(1);
    }
    return fd;
}

/*
 * In.
 */

void udp_in_init(struct udp_in *in, size_t datagram_len, bool gro, bool named)
{
    memset(in, 0, sizeof *in);
    in->gro = gro;
    in->buffer_len = gro ? MERGED_LEN : datagram_len;
    in->buffers = calloc(UDP_BATCH, in->buffer_len);
    if (in->buffers == NULL)
        exit(1);
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        in->vectors[i].iov_base = in->buffers + i * in->buffer_len;
        in->vectors[i].iov_len = in->buffer_len;
        in->messages[i].msg_hdr = (struct msghdr){
            .msg_name = named ? &in->peers[i] : NULL,
            .msg_namelen = named ? sizeof in->peers[i] : 0,
            .msg_iov = &in->vectors[i],
            .msg_iovlen = 1,
            .msg_control = gro ? &in->control[i] : NULL,
            .msg_controllen = gro ? sizeof in->control[i] : 0,
        };
    }
}

static int nothing(const char *call)
{
    if (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED)
        return 0;
    perror(call);
    exit(1);
}

/* The kernel leaves in msg_controllen what it has used of it. */
unsigned udp_receive(int fd, struct udp_in *in, unsigned max)
{
    int count;

    for (unsigned i = 0; in->gro && i < in->used; i++)
        in->messages[i].msg_hdr.msg_controllen = sizeof in->control[i];
    max = max < UDP_BATCH ? max : UDP_BATCH;
    count = recvmmsg(fd, in->messages, max, MSG_WAITFORONE, NULL);
    if (count < 0)
        count = nothing("recvmmsg");
    in->used = (unsigned)count;
    return in->used;
}

size_t udp_segment_of(const struct udp_in *in, unsigned message)
{
    const struct cmsghdr *header = &in->control[message].header;
    size_t len = in->messages[message].msg_len;
    int segment;

    if (!in->gro || in->messages[message].msg_hdr.msg_controllen == 0 ||
        header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO)
        return len;
    memcpy(&segment, CMSG_DATA(header), sizeof segment);
    return segment > 0 ? (size_t)segment : len;
}

/*
 * Out.
 */

struct message {
    struct iovec vector;
    union udp_control control;
};

static void set_segment(struct msghdr *header, union udp_control *control,
                        uint16_t segment)
{
    memset(control, 0, sizeof *control);
    control->header.cmsg_level = SOL_UDP;
    control->header.cmsg_type = UDP_SEGMENT;
    control->header.cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(&control->header), &segment, sizeof segment);
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(sizeof segment);
}

static void set_message(struct mmsghdr *message, struct message *room,
                        const struct udp_send *one)
{
    room->vector.iov_base = (void *)(uintptr_t)one->bytes;
    room->vector.iov_len = one->len;
    message->msg_hdr = (struct msghdr){
        .msg_name = (void *)(uintptr_t)one->peer,
        .msg_namelen = one->peer != NULL ? sizeof *one->peer : 0,
        .msg_iov = &room->vector,
        .msg_iovlen = 1,
    };
    if (one->segment != 0 && one->segment < one->len)
        set_segment(&message->msg_hdr, &room->control, one->segment);
}

void udp_send(int fd, const struct udp_send *sends, unsigned count)
{
    struct mmsghdr messages[2 * UDP_BATCH];
    struct message rooms[2 * UDP_BATCH];
    unsigned done = 0;

    for (unsigned i = 0; i < count; i++)
        set_message(&messages[i], &rooms[i], &sends[i]);
    while (done < count) {
        int sent = sendmmsg(fd, messages + done, count - done, 0);

        if (sent < 0)
            nothing("sendmmsg");
        done += sent > 0 ? (unsigned)sent : errno != EINTR;
    }
}
