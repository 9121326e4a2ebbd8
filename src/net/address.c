/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* A decimal number up to `max` and nothing else; -1 for anything else. */
static long parse_number(const char *text, long max)
{
    long value = 0;

    if (*text == 0)
        return -1;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (*text - '0');
        if (value > max)
            return -1;
    }
    return value;
}

static int parse_v4(const char *host, struct bh_address *out)
{
    out->len = sizeof(out->u.v4);
    out->u.v4.sin_family = AF_INET;
    return inet_pton(AF_INET, host, &out->u.v4.sin_addr) == 1 ? 0 : -EINVAL;
}

/* "eth0" or "2"; 0 if there is no such interface. */
static uint32_t parse_scope(const char *scope)
{
    uint32_t index = if_nametoindex(scope);
    long number;

    if (index != 0)
        return index;
    number = parse_number(scope, INT32_MAX);
    return number > 0 ? (uint32_t)number : 0;
}

/* `host` may end in a scope: "fe80::1%eth0". It is cut there. */
static int parse_v6(char *host, struct bh_address *out)
{
    char *scope = strchr(host, '%');

    out->len = sizeof(out->u.v6);
    out->u.v6.sin6_family = AF_INET6;
    if (scope != NULL) {
        *scope++ = 0;
        out->u.v6.sin6_scope_id = parse_scope(scope);
        if (out->u.v6.sin6_scope_id == 0)
            return -EINVAL;
    }
    return inet_pton(AF_INET6, host, &out->u.v6.sin6_addr) == 1 ? 0 : -EINVAL;
}

/*
 * Cuts `text` into its host (returned, brackets gone) and its port (*port,
 * NULL if there is none). An IPv6 address without brackets has no port: which
 * of its colons would it be?
 */
static char *split(char *text, char **port)
{
    char *end;

    *port = NULL;
    if (*text == '[') {
        end = strchr(text, ']');
        if (end == NULL || (end[1] != 0 && end[1] != ':'))
            return NULL;
        if (end[1] == ':')
            *port = end + 2;
        *end = 0;
        return text + 1;
    }
    end = strchr(text, ':');
    if (end != NULL && strchr(end + 1, ':') == NULL) {
        *end = 0;
        *port = end + 1;
    }
    return text;
}

int bh_address_parse(const char *text, uint16_t default_port,
                     struct bh_address *out)
{
    char copy[BH_ADDRESS_TEXT_LEN];
    size_t len = strlen(text);
    char *host, *port;
    long number = default_port;
    int rc;

    memset(out, 0, sizeof(*out));
    if (len >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, len + 1);
    host = split(copy, &port);
    if (host == NULL)
        return -EINVAL;
    if (port != NULL)
        number = parse_number(port, UINT16_MAX);
    if (number < 0)
        return -EINVAL;
    if (strcmp(host, "*") == 0 && text[0] != '[')
        strcpy(host, "::");
    if (strchr(host, ':') != NULL)
        rc = parse_v6(host, out);
    else
        rc = text[0] == '[' ? -EINVAL : parse_v4(host, out);
    if (rc == 0)
        bh_address_set_port(out, (uint16_t)number);
    else
        out->len = 0;
    return rc;
}

static void print_v6(const struct sockaddr_in6 *v6,
                     char text[BH_ADDRESS_TEXT_LEN])
{
    char scope[IF_NAMESIZE];
    size_t len;

    inet_ntop(AF_INET6, &v6->sin6_addr, text, BH_ADDRESS_TEXT_LEN);
    if (v6->sin6_scope_id == 0)
        return;
    len = strlen(text);
    if (if_indextoname(v6->sin6_scope_id, scope) == NULL)
        snprintf(scope, sizeof(scope), "%u", v6->sin6_scope_id);
    snprintf(text + len, BH_ADDRESS_TEXT_LEN - len, "%%%s", scope);
}

const char *bh_address_print_host(const struct bh_address *address,
                                  char text[BH_ADDRESS_TEXT_LEN])
{
    const struct sockaddr_in6 *v6 = &address->u.v6;

    if (address->len == 0)
        strcpy(text, "nowhere");
    else if (address->u.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->u.v4.sin_addr, text, BH_ADDRESS_TEXT_LEN);
    else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text,
                  BH_ADDRESS_TEXT_LEN);
    else
        print_v6(v6, text);
    return text;
}

const char *bh_address_print(const struct bh_address *address,
                             char text[BH_ADDRESS_TEXT_LEN])
{
    char host[BH_ADDRESS_TEXT_LEN];

    bh_address_print_host(address, host);
    if (address->len == 0)
        strcpy(text, host);
    else /* "%.71s": an address with its scope is shorter than that */
        snprintf(text, BH_ADDRESS_TEXT_LEN,
                 strchr(host, ':') != NULL ? "[%.71s]:%u" : "%.71s:%u", host,
                 (unsigned)bh_address_port(address));
    return text;
}

uint16_t bh_address_port(const struct bh_address *address)
{
    if (address->len == 0)
        return 0;
    return ntohs(address->u.any.sa_family == AF_INET ? address->u.v4.sin_port
                                                     : address->u.v6.sin6_port);
}

void bh_address_set_port(struct bh_address *address, uint16_t port)
{
    if (address->u.any.sa_family == AF_INET)
        address->u.v4.sin_port = htons(port);
    else if (address->u.any.sa_family == AF_INET6)
        address->u.v6.sin6_port = htons(port);
}
