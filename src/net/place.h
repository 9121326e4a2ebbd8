/* SPDX-License-Identifier: MIT */
/* Where datagrams are exchanged: a transport and its address, as people write
 * it. */
#ifndef BH_NET_PLACE_H
#define BH_NET_PLACE_H

#include "net/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum bh_transport {
    BH_TRANSPORT_UDP,
    BH_TRANSPORT_UNIX,
    BH_TRANSPORT_ETHER,
    BH_TRANSPORT_SERIAL,
    BH_TRANSPORT_TCP
};

#define BH_PLACE_PATH_LEN 108u
#define BH_PLACE_TEXT_LEN 160u

struct bh_place {
    enum bh_transport transport;
    struct bh_address address;    /* UDP and TCP */
    char path[BH_PLACE_PATH_LEN]; /* Unix: the socket's; serial: the device's;
                                     Ethernet: the interface's name */
    mode_t mode;                  /* Unix: of the socket's file */
    uint32_t baud;                /* serial: bits a second */
    bool rtscts;                  /* serial: flow control by RTS and CTS */
};

/* Parses one of
 *     udp:ADDRESS:PORT     unix:PATH[:MODE]     tcp:ADDRESS:PORT
 *     serial:DEVICE:BAUD[:rtscts]     ether:INTERFACE
 * 0, or -EINVAL with what it ought to be in `*why` (static). */
int bh_place_parse(const char *text, uint16_t default_port,
                   struct bh_place *out, const char **why);

/* "udp:[::1]:4444", "unix:/run/blockhead", "ether:eth0",
 * "serial:/dev/ttyUSB0:115200". */
const char *bh_place_print(const struct bh_place *place,
                           char text[BH_PLACE_TEXT_LEN]);

/* The same without what may change while the host stays: "unix:PATH",
 * "ether:INTERFACE", "serial:DEVICE", the address alone. */
const char *bh_place_print_host(const struct bh_place *place,
                                char text[BH_PLACE_TEXT_LEN]);

/* Whether clients find it again when it has been closed and opened: not a port
 * that was any free one. */
bool bh_place_lasts(const struct bh_place *place);

/* "DEVICE:BAUD[:rtscts]", `len` bytes of it: into path, baud and rtscts. 0, or
 * -EINVAL with the reason in `*why`. */
int bh_place_parse_device(const char *text, size_t len, struct bh_place *out,
                          const char **why);

#endif
