/* SPDX-License-Identifier: MIT */
#include "client/socket.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for the answers to a full window of the longest sectors while the
 * program is elsewhere; the system may allow less. */
#define RECEIVE_BUFFER_LEN (2 * 1024 * 1024)

/* None of these is worth failing for: the defaults work, if less well. */
static void set_options(int fd, int family)
{
    int len = RECEIVE_BUFFER_LEN;
    int with_df = IP_PMTUDISC_DO;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof(len));
    if (family == AF_INET) {
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &with_df, sizeof(with_df));
    } else {
        with_df = IPV6_PMTUDISC_DO;
        setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &with_df,
                   sizeof(with_df));
    }
}

int bh_socket_open(const struct bh_address *peer)
{
    int family = peer->u.any.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -errno;
    set_options(fd, family);
    if (connect(fd, &peer->u.any, peer->len) == 0)
        return fd;
    error = errno;
    close(fd);
    return -error;
}

int bh_socket_send(int fd, const void *head, size_t head_len, const void *body,
                   size_t body_len)
{
    struct iovec pieces[2] = {
        {.iov_base = (void *)(uintptr_t)head, .iov_len = head_len},
        {.iov_base = (void *)(uintptr_t)body, .iov_len = body_len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    int tries;

    /* The first call may only report what an earlier datagram met; then
     * nothing has left, and the second call sends. */
    for (tries = 0; tries < 2; tries++)
        if (sendmsg(fd, &message, MSG_NOSIGNAL) >= 0)
            return 0;
    return -errno;
}

long bh_socket_receive(int fd, void *head, size_t head_len, void *body,
                       size_t body_len)
{
    struct iovec pieces[2] = {{.iov_base = head, .iov_len = head_len},
                              {.iov_base = body, .iov_len = body_len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t len;

    do {
        len = recvmsg(fd, &message, MSG_TRUNC);
    } while (len < 0 && errno == EINTR);
    return len < 0 ? -errno : (long)len;
}
