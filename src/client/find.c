/* SPDX-License-Identifier: MIT */
/*
 * Who is there: one KEEP to everybody within reach, twice, because a datagram
 * may be lost and a broadcast is never repeated by the network.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "client/blockhead.h"
#include "client/clock.h"
#include "net/address.h"
#include "net/ether_link.h"
#include "wire/protocol.h"

/* The numbers under which poll() watches the sockets; from ETHER on, one for
 * each interface. */
enum { V4, V6, ETHER, SOCKETS_MAX = ETHER + 16 };

struct search {
    struct pollfd sockets[SOCKETS_MAX]; /* fd -1: the system lacks the family */
    struct bh_ether_link links[SOCKETS_MAX]; /* from ETHER on */
    unsigned socket_count;
    uint16_t port;
    uint64_t asked_us;
    struct bh_found *out;
    size_t max, count;
};

static void open_sockets(struct search *search)
{
    int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int yes = 1;
    int *fd = &search->sockets[V4].fd;

    *fd = socket(AF_INET, type, 0);
    if (*fd >= 0)
        setsockopt(*fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes));
    fd = &search->sockets[V6].fd;
    *fd = socket(AF_INET6, type, 0);
    if (*fd >= 0)
        setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    search->sockets[V4].events = search->sockets[V6].events = POLLIN;
    search->socket_count = ETHER;
}

/* Who may not send frames looks for servers without them. */
static void open_ethers(struct search *search)
{
    struct if_nameindex *list = if_nameindex(), *at;

    for (at = list; at != NULL && at->if_index != 0; at++) {
        unsigned i = search->socket_count;

        if (i == SOCKETS_MAX ||
            bh_ether_socket(at->if_name, NULL, &search->links[i]) < 0)
            continue;
        search->sockets[i] =
            (struct pollfd){.fd = search->links[i].fd, .events = POLLIN};
        search->socket_count++;
    }
    if_freenameindex(list);
}

static void close_sockets(struct search *search)
{
    unsigned i;

    for (i = 0; i < search->socket_count; i++)
        if (search->sockets[i].fd >= 0)
            close(search->sockets[i].fd);
}

/* An address that cannot be reached is an address without servers. */
static void ask(const struct search *search, struct bh_address *to)
{
    static const uint8_t keep[BH_KEEP_LEN] = {BH_PACKET_KEEP};
    bool v4 = to->u.any.sa_family == AF_INET;

    bh_address_set_port(to, search->port);
    sendto(search->sockets[v4 ? V4 : V6].fd, keep, sizeof(keep), 0, &to->u.any,
           to->len);
}

static void ask_text(const struct search *search, const char *text)
{
    struct bh_address to;

    if (bh_address_parse(text, search->port, &to) == 0)
        ask(search, &to);
}

/* getifaddrs() has one entry per interface and address. */
static void ask_interface(const struct search *search,
                          const struct ifaddrs *entry)
{
    struct bh_address to = {.len = 0};

    if (entry->ifa_addr == NULL || (entry->ifa_flags & IFF_UP) == 0)
        return;
    if (entry->ifa_addr->sa_family == AF_INET &&
        (entry->ifa_flags & IFF_BROADCAST) != 0 &&
        entry->ifa_broadaddr != NULL) {
        to.len = sizeof(to.u.v4);
        memcpy(&to.u.v4, entry->ifa_broadaddr, to.len);
        ask(search, &to);
    } else if (entry->ifa_addr->sa_family == AF_INET6 &&
               (entry->ifa_flags & IFF_MULTICAST) != 0) {
        bh_address_parse("ff02::1", search->port, &to);
        to.u.v6.sin6_scope_id = if_nametoindex(entry->ifa_name);
        ask(search, &to);
    }
}

static void ask_link(const struct bh_ether_link *link)
{
    static const uint8_t keep[BH_KEEP_LEN] = {BH_PACKET_KEEP};
    const struct sockaddr_ll all = bh_ether_name(link, bh_mac_of_all);

    sendto(link->fd, keep, sizeof(keep), 0, (const struct sockaddr *)&all,
           sizeof(all));
}

static void ask_everybody(struct search *search)
{
    struct ifaddrs *list, *entry;
    unsigned i;

    search->asked_us = bh_clock_us();
    ask_text(search, "127.0.0.1");
    ask_text(search, "::1");
    for (i = ETHER; i < search->socket_count; i++)
        ask_link(&search->links[i]);
    if (getifaddrs(&list) != 0)
        return;
    for (entry = list; entry != NULL; entry = entry->ifa_next)
        ask_interface(search, entry);
    freeifaddrs(list);
}

static bool known(const struct search *search, const struct bh_found *found)
{
    size_t i;

    for (i = 0; i < search->count; i++)
        if (search->out[i].port == found->port &&
            search->out[i].kind == found->kind &&
            strcmp(search->out[i].host, found->host) == 0)
            return true;
    return false;
}

static void add(struct search *search, enum bh_url_kind kind, uint16_t port,
                const char *host)
{
    struct bh_found found = {.kind = kind,
                             .port = port,
                             .rtt_us =
                                 (uint32_t)(bh_clock_us() - search->asked_us)};

    strncpy(found.host, host, sizeof(found.host) - 1);
    if (search->count < search->max && !known(search, &found))
        search->out[search->count++] = found;
}

static void note(struct search *search, const struct bh_address *from)
{
    char text[BH_ADDRESS_TEXT_LEN];

    add(search, BH_URL_UDP, bh_address_port(from),
        bh_address_print_host(from, text));
}

static void note_machine(struct search *search, const struct sockaddr_ll *from)
{
    char text[IFNAMSIZ + BH_MAC_TEXT_LEN] = "", mac[BH_MAC_TEXT_LEN];

    if (if_indextoname((unsigned)from->sll_ifindex, text) == NULL)
        return;
    strcat(text, "/");
    strcat(text, bh_mac_print(from->sll_addr, mac));
    add(search, BH_URL_ETHER, 0, text);
}

static void collect(struct search *search, int fd)
{
    struct bh_address from = {.len = sizeof(from.u)};
    uint8_t bytes[2] = {0};
    ssize_t len;

    while ((len = recvfrom(fd, bytes, sizeof(bytes), 0, &from.u.any,
                           &from.len)) >= 0) {
        if (len == BH_KEEP_LEN && bytes[0] == BH_PACKET_KEEP)
            note(search, &from);
        from.len = sizeof(from.u);
    }
}

/* Frames are padded. An answer is for us alone: what is for all is the question
 * of somebody who looks for servers, too. */
static void collect_frames(struct search *search, int fd)
{
    struct sockaddr_ll from = {.sll_ifindex = 0};
    socklen_t from_len = sizeof(from);
    uint8_t type;

    while (recvfrom(fd, &type, sizeof(type), 0, (struct sockaddr *)&from,
                    &from_len) > 0) {
        if (type == BH_PACKET_KEEP && from.sll_pkttype == PACKET_HOST)
            note_machine(search, &from);
        from_len = sizeof(from);
    }
}

static void collect_until(struct search *search, uint64_t end_us)
{
    uint64_t now_us;
    unsigned i;

    while ((now_us = bh_clock_us()) < end_us) {
        poll(search->sockets, search->socket_count,
             (int)((end_us - now_us) / 1000u + 1));
        for (i = 0; i < search->socket_count; i++) {
            if (search->sockets[i].revents == 0)
                continue;
            if (i < ETHER)
                collect(search, search->sockets[i].fd);
            else
                collect_frames(search, search->sockets[i].fd);
        }
    }
}

int bh_find(uint16_t port, uint32_t wait_ms, struct bh_found *out, size_t max)
{
    struct search search = {.port = port, .out = out, .max = max};
    uint64_t begin_us = bh_clock_us();
    uint64_t wait_us = 1000u * (uint64_t)wait_ms;

    open_sockets(&search);
    if (search.sockets[V4].fd < 0 && search.sockets[V6].fd < 0)
        return -errno;
    open_ethers(&search);
    ask_everybody(&search);
    collect_until(&search, begin_us + wait_us / 2);
    ask_everybody(&search);
    collect_until(&search, begin_us + wait_us);
    close_sockets(&search);
    return (int)search.count;
}
