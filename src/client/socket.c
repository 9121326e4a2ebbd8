/* SPDX-License-Identifier: MIT */
#include "client/socket.h"

#include <errno.h>
#include <unistd.h>

/* Room for a full window of the longest sectors, out and in; the system may
 * allow less. */
#define BUFFER_LEN (2 * 1024 * 1024)

/* None of these is worth failing for: the defaults work, if less well. */
static void set_options(int fd, int family)
{
    int len = BUFFER_LEN;
    int with_df = IP_PMTUDISC_DO;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof(len));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
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
