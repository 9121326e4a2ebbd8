/* SPDX-License-Identifier: MIT */
#include "net/ether_link.h"

#include "wire/protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SOCKET_BUFFER_LEN (4 << 20)

/*
 * Addresses.
 */

const uint8_t bh_mac_of_all[BH_MAC_LEN] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

const char *bh_mac_print(const uint8_t mac[BH_MAC_LEN],
                         char text[BH_MAC_TEXT_LEN])
{
    snprintf(text, BH_MAC_TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
             mac[1], mac[2], mac[3], mac[4], mac[5]);
    return text;
}

bool bh_mac_parse(const char *text, uint8_t mac[BH_MAC_LEN], const char **end)
{
    for (unsigned i = 0; i < BH_MAC_LEN; i++) {
        size_t digits = strspn(text, "0123456789abcdefABCDEF");

        if (digits < 1 || digits > 2)
            return false;
        mac[i] = (uint8_t)strtoul(text, NULL, 16);
        text += digits;
        if (i + 1 < BH_MAC_LEN && *text != ':' && *text != '-')
            return false;
        text += i + 1 < BH_MAC_LEN;
    }
    *end = text;
    return true;
}

bool bh_mac_is_single(const uint8_t mac[BH_MAC_LEN])
{
    static const uint8_t none[BH_MAC_LEN];

    return (mac[0] & 1) == 0 && memcmp(mac, none, BH_MAC_LEN) != 0;
}

/*
 * Opening.
 */

static int find(int fd, const char *interface, struct bh_ether_link *out)
{
    struct ifreq request = {0};

    if (strlen(interface) >= sizeof request.ifr_name)
        return -ENODEV;
    strcpy(request.ifr_name, interface);
    if (ioctl(fd, SIOCGIFINDEX, &request) != 0)
        return -errno;
    out->interface = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFMTU, &request) != 0)
        return -errno;
    out->mtu = (uint32_t)request.ifr_mtu;
    if (ioctl(fd, SIOCGIFHWADDR, &request) != 0)
        return -errno;
    if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return -EMEDIUMTYPE;
    memcpy(out->mac, request.ifr_hwaddr.sa_data, BH_MAC_LEN);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return -errno;
    return request.ifr_flags & IFF_UP ? 0 : -ENETDOWN;
}

/* To us or to all: neither what we send nor what others are sent. A sender, if
 * there is one to be, is compared as two numbers. */
static int set_filter(int fd, const uint8_t *from)
{
    const uint8_t *mac = from != NULL ? from : (const uint8_t[BH_MAC_LEN]){0};
    const uint32_t high = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 |
                          (uint32_t)mac[2] << 8 | mac[3];
    const uint32_t low = (uint32_t)mac[4] << 8 | mac[5];
    const uint32_t source = (uint32_t)SKF_LL_OFF + 6;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 (uint32_t)SKF_AD_OFF + SKF_AD_PKTTYPE),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PACKET_BROADCAST, 5, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, source),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, source + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};

    if (from == NULL) /* it is enough that it is for us */
        code[2] = code[6];
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                      sizeof program) == 0
               ? 0
               : -errno;
}

static void set_options(int fd)
{
    int len = SOCKET_BUFFER_LEN, on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof len);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof len);
    (void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
}

/* Nothing arrives before the filter is there: it is bound last. */
static int begin(const char *interface, const uint8_t *from,
                 struct bh_ether_link *out)
{
    struct sockaddr_ll name = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(BH_PORT)};
    int error = find(out->fd, interface, out);

    if (error == 0)
        error = set_filter(out->fd, from);
    if (error != 0)
        return error;
    set_options(out->fd);
    name.sll_ifindex = out->interface;
    if (bind(out->fd, (const struct sockaddr *)&name, sizeof name) != 0)
        return -errno;
    return 0;
}

int bh_ether_socket(const char *interface, const uint8_t *from,
                    struct bh_ether_link *out)
{
    int error;

    out->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0)
        return -errno;
    error = begin(interface, from, out);
    if (error == 0)
        return out->fd;
    close(out->fd);
    out->fd = -1;
    return error;
}

uint32_t bh_ether_mtu(const struct bh_ether_link *link)
{
    struct ifreq request = {.ifr_ifindex = link->interface};

    if (link->fd < 0 || ioctl(link->fd, SIOCGIFNAME, &request) != 0 ||
        ioctl(link->fd, SIOCGIFMTU, &request) != 0)
        return link->mtu;
    return (uint32_t)request.ifr_mtu;
}

struct sockaddr_ll bh_ether_name(const struct bh_ether_link *link,
                                 const uint8_t to[BH_MAC_LEN])
{
    struct sockaddr_ll name = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(BH_PORT),
                               .sll_ifindex = link->interface,
                               .sll_halen = BH_MAC_LEN};

    memcpy(name.sll_addr, to, BH_MAC_LEN);
    return name;
}

const char *bh_ether_explain(int error)
{
    switch (error) {
    case -ENODEV:
        return "there is no such interface";
    case -ENETDOWN:
        return "the interface is down";
    case -EMEDIUMTYPE:
        return "the interface is no Ethernet";
    case -EPERM:
    case -EACCES:
        return "raw frames want CAP_NET_RAW, not root: setcap cap_net_raw+ep "
               "on the program, or AmbientCapabilities=CAP_NET_RAW in its unit";
    default:
        return NULL;
    }
}
