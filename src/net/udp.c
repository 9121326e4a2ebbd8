/* SPDX-License-Identifier: MIT */
#include "net/udp.h"

#include "net/segments.h"

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
    if (error != 0) {
        close(out->fd);
        return error;
    }
    out->cuts = bh_segments_known(out->fd);
    (void)bh_segments_merge(out->fd);
    return 0;
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

/* Only the messages that the last batch has used need it again. */
static void prepare(const struct bh_udp *udp, struct bh_udp_batch *batch)
{
    if (batch->family != udp->family)
        batch->ready = 0;
    batch->family = udp->family;
    for (; batch->ready < BH_UDP_BATCH; batch->ready++) {
        unsigned i = batch->ready;
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

static struct bh_datagrams take(const struct bh_udp *udp,
                                struct mmsghdr *message, uint8_t *bytes)
{
    size_t piece = bh_segments_get(&message->msg_hdr);

    return (struct bh_datagrams){
        .route = read_route(udp, &message->msg_hdr),
        .bytes = bytes,
        .len = message->msg_len,
        .piece = piece > 0 ? piece : message->msg_len,
    };
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
        struct bh_datagrams *at = &batch->of[batch->count];

        *at = take(udp, &batch->messages[i], batch->buffers[i]);
        batch->count += honest(udp, &at->route);
    }
    batch->ready = 0;
    return taken;
}

/*
 * Sending.
 */

#define CONTROL_LEN (CMSG_SPACE(sizeof(struct in6_pktinfo)) + BH_SEGMENTS_SPACE)

/* Messages on their way to sendmmsg(). */
struct outbox {
    struct mmsghdr messages[BH_UDP_BATCH];
    struct iovec vectors[BH_UDP_BATCH];
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } names[BH_UDP_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BH_UDP_BATCH][CONTROL_LEN];
    unsigned count, vector_count;
};

static void put_local(struct msghdr *header, uint8_t *control, int level,
                      int type, const void *info, size_t len)
{
    struct cmsghdr *at;

    header->msg_controllen = CMSG_SPACE(len);
    memset(control, 0, CMSG_SPACE(len));
    at = CMSG_FIRSTHDR(header);
    at->cmsg_level = level;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(at), info, len);
}

/* From the address that the request was sent to. */
static void write_local(struct msghdr *header, uint8_t *control,
                        const struct bh_udp_route *route)
{
    header->msg_control = control;
    if (!route->has_local)
        return;
    if (IN6_IS_ADDR_V4MAPPED(&route->peer)) {
        struct in_pktinfo info = {.ipi_spec_dst = unmap_v4(&route->local)};

        put_local(header, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_addr = route->local};

        put_local(header, control, IPPROTO_IPV6, IPV6_PKTINFO, &info,
                  sizeof info);
    }
}

/* A message without bytes yet. */
static struct msghdr *open_message(const struct bh_udp *udp, struct outbox *box,
                                   const struct bh_udp_route *route)
{
    unsigned at = box->count++;
    struct msghdr *header = &box->messages[at].msg_hdr;

    *header = (struct msghdr){.msg_name = &box->names[at],
                              .msg_iov = &box->vectors[box->vector_count]};
    if (udp->family == AF_INET) {
        box->names[at].v4 =
            (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons(route->port),
                                 .sin_addr = unmap_v4(&route->peer)};
        header->msg_namelen = sizeof box->names[at].v4;
    } else {
        box->names[at].v6 =
            (struct sockaddr_in6){.sin6_family = AF_INET6,
                                  .sin6_port = htons(route->port),
                                  .sin6_addr = route->peer,
                                  .sin6_scope_id = route->scope};
        header->msg_namelen = sizeof box->names[at].v6;
    }
    write_local(header, box->control[at], route);
    return header;
}

static void add_bytes(struct outbox *box, struct msghdr *header, uint8_t *bytes,
                      size_t len)
{
    box->vectors[box->vector_count++] = (struct iovec){bytes, len};
    header->msg_iovlen++;
}

/* One that cannot be sent is lost; the client asks again. */
static bool send_each_message(const struct bh_udp *udp, struct outbox *box)
{
    unsigned at = 0;
    bool some = box->count == 0;

    while (at < box->count) {
        int done = sendmmsg(udp->fd, box->messages + at, box->count - at, 0);

        if (done < 0 && errno == EINTR)
            continue;
        some |= done > 0;
        at += done > 0 ? (unsigned)done : 1;
    }
    box->count = box->vector_count = 0;
    return some;
}

/* One message for each datagram. Whether any has left. */
static bool send_singly(const struct bh_udp *udp, struct outbox *box,
                        const struct bh_datagrams *datagrams)
{
    uint8_t *at = datagrams->bytes, *end = at + datagrams->len;
    bool some = false;

    while (at < end) {
        size_t left = (size_t)(end - at);
        size_t len = left < datagrams->piece ? left : datagrams->piece;

        if (box->count == BH_UDP_BATCH)
            some |= send_each_message(udp, box);
        add_bytes(box, open_message(udp, box, &datagrams->route), at, len);
        at += len;
    }
    return some;
}

static bool send_all_singly(const struct bh_udp *udp, struct outbox *box,
                            const struct bh_datagrams *datagrams,
                            unsigned count, uint64_t which)
{
    bool some = false;

    for (unsigned i = 0; i < count; i++)
        if (which >> i & 1)
            some |= send_singly(udp, box, &datagrams[i]);
    return send_each_message(udp, box) || some;
}

static bool same_route(const struct bh_udp_route *a,
                       const struct bh_udp_route *b)
{
    return a->port == b->port && memcmp(a, b, sizeof *a) == 0;
}

/* Those of datagrams[first...] that go to the first one's peer and are of its
 * length, as many as one call takes. */
static uint64_t group_of(const struct bh_datagrams *datagrams, unsigned count,
                         unsigned first, uint64_t sent)
{
    const struct bh_datagrams *head = &datagrams[first];
    uint64_t group = (uint64_t)1 << first;
    size_t len = head->len, most = BH_SEGMENTS_MAX * head->piece;

    if (most > BH_SEGMENTS_LEN_MAX)
        most = BH_SEGMENTS_LEN_MAX;
    for (unsigned i = first + 1; i < count; i++) {
        const struct bh_datagrams *at = &datagrams[i];

        if (sent >> i & 1 || at->piece != head->piece || len + at->len > most ||
            !same_route(&at->route, &head->route))
            continue;
        group |= (uint64_t)1 << i;
        len += at->len;
    }
    return group;
}

static void put_group(const struct bh_udp *udp, struct outbox *box,
                      const struct bh_datagrams *datagrams, uint64_t group)
{
    const struct bh_datagrams *head = &datagrams[__builtin_ctzll(group)];
    struct msghdr *header = open_message(udp, box, &head->route);

    for (uint64_t left = group; left != 0; left &= left - 1) {
        const struct bh_datagrams *at = &datagrams[__builtin_ctzll(left)];

        add_bytes(box, header, at->bytes, at->len);
    }
    if ((group & (group - 1)) != 0 || head->len > head->piece)
        bh_segments_put(header, (uint16_t)head->piece);
}

/* The groups that the kernel would not cut. */
static uint64_t send_groups(const struct bh_udp *udp, struct outbox *box,
                            const uint64_t groups[BH_UDP_BATCH])
{
    uint64_t refused = 0;
    unsigned at = 0;

    while (at < box->count) {
        int done = sendmmsg(udp->fd, box->messages + at, box->count - at, 0);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0 && bh_segments_refused(errno))
            refused |= groups[at];
        at += done > 0 ? (unsigned)done : 1;
    }
    box->count = box->vector_count = 0;
    return refused;
}

bool bh_udp_send(struct bh_udp *udp, const struct bh_datagrams *datagrams,
                 unsigned count)
{
    struct outbox box;
    uint64_t groups[BH_UDP_BATCH] = {0}, sent = 0, refused;

    box.count = box.vector_count = 0;
    if (!udp->cuts) {
        send_all_singly(udp, &box, datagrams, count, UINT64_MAX);
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        if (sent >> i & 1)
            continue;
        groups[box.count] = group_of(datagrams, count, i, sent);
        sent |= groups[box.count];
        put_group(udp, &box, datagrams, groups[box.count]);
    }
    refused = send_groups(udp, &box, groups);
    if (refused != 0 && send_all_singly(udp, &box, datagrams, count, refused))
        udp->cuts = false;
    return udp->cuts;
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
