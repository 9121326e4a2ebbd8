/* SPDX-License-Identifier: MIT */
/* IP addresses with a port: parsing, printing, comparing. */
#ifndef BH_NET_ADDRESS_H
#define BH_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct bh_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
    socklen_t len; /* of the member in use; 0: no address */
};

/* "[fe80::1%eth0]:4444" with its NUL fits. */
#define BH_ADDRESS_TEXT_LEN 80u

/* Parses "ADDRESS:PORT", "[ADDRESS6]:PORT" or either without its port, then
 * `default_port`. Numeric addresses only, "*" is every address of both
 * families. 0, or -EINVAL. */
int bh_address_parse(const char *text, uint16_t default_port,
                     struct bh_address *out);

/* Prints "1.2.3.4:4444" or "[::1]:4444" and returns `text`. An IPv4 address
 * mapped into IPv6 is printed as IPv4. */
const char *bh_address_print(const struct bh_address *address,
                             char text[BH_ADDRESS_TEXT_LEN]);

/* The same without the port and without brackets. */
const char *bh_address_print_host(const struct bh_address *address,
                                  char text[BH_ADDRESS_TEXT_LEN]);

uint16_t bh_address_port(const struct bh_address *address);
void bh_address_set_port(struct bh_address *address, uint16_t port);

#endif
