/* SPDX-License-Identifier: MIT */
#include "net/udp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* As much as the system allows of this: bursts of a hundred clients. */
#define SOCKET_BUFFER_LEN (4 << 20)

static void map_v4(struct in6_addr *out, const struct in_addr *v4)
{
    memset(out, 0, sizeof *out);
    out->s6_addr[10] = out->s6_addr[11] = 0xFF;
    memcpy(&out->s6_addr[12], v4, sizeof *v4);
}

static struct in_addr unmap_v4(const struct in6_addr *mapped)
{
    struct in_addr v4;

    memcpy(&v4, &mapped->s6_addr[12], sizeof v4);
    return v4;
}

/*
 * Opening.
 */

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

/* PMTUDISC_PROBE sets DF, so that a sector that does not fit is an error and no
 * pile of fragments, and believes no ICMP message, which anyone can forge.
 * PKTINFO tells which of our addresses was meant. */
static int set_options(const struct bh_udp *udp)
{
    int error = 0;

    (void)set_option(udp->fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_LEN);
    (void)set_option(udp->fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_LEN);
    if (udp->family == AF_INET6) {
        error = set_option(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        (void)set_option(udp->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                         IPV6_PMTUDISC_PROBE);
    }
    if (error == 0)
        error = set_option(udp->fd, IPPROTO_IP, IP_PKTINFO, 1);
    (void)set_option(udp->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    return error;
}

static int bind_socket(struct bh_udp *udp, bool dual)
{
    socklen_t len = sizeof udp->local.u;
    int error = 0;

    if (udp->family == AF_INET6)
        error = set_option(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
    if (error == 0)
        error = set_options(udp);
    if (error == 0 && bind(udp->fd, &udp->local.u.any, udp->local.len) != 0)
        error = -errno;
    if (error == 0 && getsockname(udp->fd, &udp->local.u.any, &len) != 0)
        error = -errno;
    udp->local.len = len;
    return error;
}

static int open_family(const struct bh_address *local, bool dual,
                       struct bh_udp *out)
{
    int error;

    out->family = local->u.any.sa_family;
    out->local = *local;
    out->fd = socket(out->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0)
        return -errno;
    error = bind_socket(out, dual);
    if (error != 0)
        close(out->fd);
    return error;
}

int bh_udp_open(const struct bh_address *local, struct bh_udp *out)
{
    struct bh_address any = {.len = sizeof any.u.v4};
    bool dual = local->u.any.sa_family == AF_INET6 &&
                IN6_IS_ADDR_UNSPECIFIED(&local->u.v6.sin6_addr);
    int error = open_family(local, dual, out);

    if (!dual || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
        return error;
    any.u.v4.sin_family = AF_INET;
    any.u.v4.sin_port = local->u.v6.sin6_port;
    return open_family(&any, false, out);
}

void bh_udp_close(struct bh_udp *udp)
{
    close(udp->fd);
}

/*
 * Receiving.
 */

static void prepare(const struct bh_udp *udp, struct bh_udp_batch *batch)
{
    for (unsigned i = 0; i < BH_UDP_BATCH; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;

        batch->vectors[i] =
            (struct iovec){batch->buffers[i], BH_UDP_BUFFER_LEN};
        *header = (struct msghdr){
            .msg_name = &batch->names[i],
            .msg_namelen = udp->family == AF_INET6 ? sizeof batch->names[i].v6
                                                   : sizeof batch->names[i].v4,
            .msg_iov = &batch->vectors[i],
            .msg_iovlen = 1,
            .msg_control = batch->control[i],
            .msg_controllen = sizeof batch->control[i]};
    }
}

/* Our own address in the datagram. For IPv4, spec_dst is right even if the
 * datagram was broadcast. */
static void read_local(struct msghdr *header, struct bh_udp_route *route)
{
    struct cmsghdr *at;

    for (at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(at), sizeof info);
            map_v4(&route->local, &info.ipi_spec_dst);
            route->has_local = true;
            return;
        }
        if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(at), sizeof info);
            route->local = info.ipi6_addr;
            route->has_local = !IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
        }
    }
}

static struct bh_udp_route read_route(const struct bh_udp *udp,
                                      struct msghdr *header)
{
    struct bh_udp_route route = {0};

    if (udp->family == AF_INET) {
        const struct sockaddr_in *name = header->msg_name;

        map_v4(&route.peer, &name->sin_addr);
        route.port = ntohs(name->sin_port);
    } else {
        const struct sockaddr_in6 *name = header->msg_name;

        route.peer = name->sin6_addr;
        route.port = ntohs(name->sin6_port);
        route.scope = name->sin6_scope_id;
    }
    read_local(header, &route);
    return route;
}

/* Answers to such senders could go round for ever, or to many at once. */
static bool honest(const struct bh_udp *udp, const struct bh_udp_route *route)
{
    const struct in6_addr *peer = &route->peer;

    if (route->port == 0 || IN6_IS_ADDR_MULTICAST(peer) ||
        IN6_IS_ADDR_UNSPECIFIED(peer))
        return false;
    if (IN6_IS_ADDR_V4MAPPED(peer)) {
        in_addr_t v4 = ntohl(unmap_v4(peer).s_addr);

        if (v4 == INADDR_ANY || v4 == INADDR_BROADCAST || IN_MULTICAST(v4))
            return false;
    }
    return route->port != bh_address_port(&udp->local) || !route->has_local ||
           !IN6_ARE_ADDR_EQUAL(peer, &route->local);
}

int bh_udp_receive(struct bh_udp *udp, struct bh_udp_batch *batch)
{
    int taken;

    prepare(udp, batch);
    batch->count = 0;
    taken = recvmmsg(udp->fd, batch->messages, BH_UDP_BATCH, 0, NULL);
    if (taken < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < taken; i++) {
        struct bh_datagram datagram = {
            read_route(udp, &batch->messages[i].msg_hdr), batch->buffers[i],
            batch->messages[i].msg_len};

        if (honest(udp, &datagram.route))
            batch->of[batch->count++] = datagram;
    }
    return taken;
}

/*
 * Sending.
 */

struct outgoing {
    struct iovec vector;
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    _Alignas(
        struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void put_local(struct msghdr *header, struct outgoing *out, int level,
                      int type, const void *info, size_t len)
{
    struct cmsghdr *at;

    header->msg_control = out->control;
    header->msg_controllen = CMSG_SPACE(len);
    at = CMSG_FIRSTHDR(header);
    at->cmsg_level = level;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(at), info, len);
}

/* From the address that the request was sent to. */
static void write_local(struct msghdr *header, struct outgoing *out,
                        const struct bh_udp_route *route)
{
    if (!route->has_local)
        return;
    if (IN6_IS_ADDR_V4MAPPED(&route->peer)) {
        struct in_pktinfo info = {.ipi_spec_dst = unmap_v4(&route->local)};

        put_local(header, out, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_addr = route->local};

        put_local(header, out, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

static void address_to(const struct bh_udp *udp, struct msghdr *header,
                       struct outgoing *out, const struct bh_udp_route *route)
{
    header->msg_name = &out->name;
    if (udp->family == AF_INET) {
        out->name.v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                            .sin_port = htons(route->port),
                                            .sin_addr = unmap_v4(&route->peer)};
        header->msg_namelen = sizeof out->name.v4;
    } else {
        out->name.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                             .sin6_port = htons(route->port),
                                             .sin6_addr = route->peer,
                                             .sin6_scope_id = route->scope};
        header->msg_namelen = sizeof out->name.v6;
    }
}

unsigned bh_udp_send(struct bh_udp *udp, const struct bh_datagram *datagrams,
                     unsigned count)
{
    struct outgoing out[BH_UDP_BATCH];
    struct mmsghdr messages[BH_UDP_BATCH] = {0};
    unsigned at = 0, sent = 0;

    for (unsigned i = 0; i < count; i++) {
        struct msghdr *header = &messages[i].msg_hdr;

        out[i].vector = (struct iovec){datagrams[i].bytes, datagrams[i].len};
        header->msg_iov = &out[i].vector;
        header->msg_iovlen = 1;
        address_to(udp, header, &out[i], &datagrams[i].route);
        write_local(header, &out[i], &datagrams[i].route);
    }
    while (at < count) {
        int done = sendmmsg(udp->fd, messages + at, count - at, 0);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            at++; /* this one is lost; the client asks again */
            continue;
        }
        at += (unsigned)done;
        sent += (unsigned)done;
    }
    return sent;
}

/*
 * The path.
 */

#define IPV4_UDP_HEADERS_LEN 28
#define IPV6_UDP_HEADERS_LEN 48

static int path_mtu(const struct sockaddr *peer, socklen_t peer_len, int level,
                    int name)
{
    int fd = socket(peer->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(int);
    int mtu = 0;

    if (fd < 0)
        return 0;
    if (connect(fd, peer, peer_len) != 0 ||
        getsockopt(fd, level, name, &mtu, &len) != 0)
        mtu = 0;
    close(fd);
    return mtu;
}

uint32_t bh_udp_path_len(const struct bh_udp_route *route)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons(route->port),
                             .sin_addr = unmap_v4(&route->peer)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons(route->port),
                              .sin6_addr = route->peer,
                              .sin6_scope_id = route->scope};
    int len;

    if (IN6_IS_ADDR_V4MAPPED(&route->peer))
        len = path_mtu((struct sockaddr *)&v4, sizeof v4, IPPROTO_IP, IP_MTU) -
              IPV4_UDP_HEADERS_LEN;
    else
        len = path_mtu((struct sockaddr *)&v6, sizeof v6, IPPROTO_IPV6,
                       IPV6_MTU) -
              IPV6_UDP_HEADERS_LEN;
    return len > 0 ? (uint32_t)len : 0;
}

void bh_udp_route_address(const struct bh_udp_route *route,
                          struct bh_address *out)
{
    *out = (struct bh_address){.len = sizeof out->u.v6};
    out->u.v6.sin6_family = AF_INET6;
    out->u.v6.sin6_addr = route->peer;
    out->u.v6.sin6_port = htons(route->port);
    out->u.v6.sin6_scope_id = route->scope;
}
