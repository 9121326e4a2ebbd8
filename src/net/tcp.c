/* SPDX-License-Identifier: MIT */
#include "net/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 128

/* Somebody who is switched off says nothing: the connection ends when so much
 * time has passed without a sign of life. */
#define QUIET_S 60
#define PROBE_S 10
#define PROBES 3

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* A frame is to leave at once, not with the next one. */
static void set_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, QUIET_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
               (QUIET_S + PROBE_S * PROBES) * 1000);
}

static int new_socket(const struct bh_address *address)
{
    int fd = socket(address->u.any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

static int listen_at(struct bh_address *address)
{
    int fd = new_socket(address);
    socklen_t len = sizeof address->u;

    if (fd < 0)
        return fd;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->u.any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                   !IN6_IS_ADDR_UNSPECIFIED(&address->u.v6.sin6_addr));
    if (bind(fd, &address->u.any, address->len) != 0 ||
        listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &address->u.any, &len) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    address->len = len;
    return fd;
}

int bh_tcp_listen(struct bh_address *address)
{
    struct bh_address v4 = {.len = sizeof v4.u.v4};
    bool any = address->u.any.sa_family == AF_INET6 &&
               IN6_IS_ADDR_UNSPECIFIED(&address->u.v6.sin6_addr);
    int fd = listen_at(address);

    if (!any || (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL))
        return fd;
    v4.u.v4.sin_family = AF_INET;
    bh_address_set_port(&v4, bh_address_port(address));
    *address = v4;
    return listen_at(address);
}

int bh_tcp_accept(int fd, struct bh_address *from)
{
    int line;

    from->len = sizeof from->u;
    line = accept4(fd, &from->u.any, &from->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (line < 0)
        return -errno;
    set_options(line);
    return line;
}

int bh_tcp_connect(const struct bh_address *to)
{
    int fd = new_socket(to), error;

    if (fd < 0)
        return fd;
    set_options(fd);
    if (connect(fd, &to->u.any, to->len) == 0 || errno == EINPROGRESS)
        return fd;
    error = -errno;
    close(fd);
    return error;
}
