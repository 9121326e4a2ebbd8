/* SPDX-License-Identifier: MIT */
/*
 * Raw Ethernet: a datagram is what a frame of EtherType 0x115C carries, without
 * VLAN tags. Frames are padded to 46 bytes on the way, not always with zeros;
 * the wire's formats say where they end.
 *
 * One socket is for one interface. Its filter, in the kernel, passes what is
 * addressed to us or to all. Opening one wants CAP_NET_RAW.
 */
#ifndef BH_NET_ETHER_LINK_H
#define BH_NET_ETHER_LINK_H

#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define BH_MAC_LEN 6u
#define BH_MAC_TEXT_LEN 18u

/* A socket on an interface. */
struct bh_ether_link {
    int fd; /* -1: none */
    int interface;
    uint32_t mtu; /* bytes that a frame carried when it was opened */
    uint8_t mac[BH_MAC_LEN];
};

/* A socket for frames on the interface of this name, which is up. `from` may be
 * NULL: from anybody. A descriptor that does not block, or a negative errno
 * value: -ENODEV no such interface, -ENETDOWN it is down, -EMEDIUMTYPE it has
 * no Ethernet addresses, -EPERM or -EACCES the capability is missing. */
int bh_ether_socket(const char *interface, const uint8_t *from,
                    struct bh_ether_link *out);

/* The interface's MTU as it is now; while it is gone, as it was. */
uint32_t bh_ether_mtu(const struct bh_ether_link *link);

/* How the kernel calls this machine there. */
struct sockaddr_ll bh_ether_name(const struct bh_ether_link *link,
                                 const uint8_t to[BH_MAC_LEN]);

/* What an error of opening means to people; NULL: strerror() knows. */
const char *bh_ether_explain(int error);

/* "52:54:00:12:34:56"; and back: six hexadecimal numbers with ':' or '-'
 * between them, of which `*end` is behind. */
const char *bh_mac_print(const uint8_t mac[BH_MAC_LEN],
                         char text[BH_MAC_TEXT_LEN]);
bool bh_mac_parse(const char *text, uint8_t mac[BH_MAC_LEN], const char **end);

extern const uint8_t bh_mac_of_all[BH_MAC_LEN];

/* Whether it is one machine's: not zero, and not that of a group. */
bool bh_mac_is_single(const uint8_t mac[BH_MAC_LEN]);

#endif
