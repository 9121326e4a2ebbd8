/* SPDX-License-Identifier: MIT */
/* blockhead://host[:port]/image[?sector=N], after RFC 3986's generic syntax. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/blockhead.h"
#include "wire/protocol.h"

#define SCHEME "blockhead://"

/* Says what is wrong with which part of the URL. */
static int refuse(char *error, size_t error_len, const char *text,
                  const char *why)
{
    if (error != NULL && error_len > 0)
        snprintf(error, error_len,
                 "\"%s\" is not a disk's URL: %s; it looks like "
                 "blockhead://host[:port]/image[?sector=512]",
                 text, why);
    return -EINVAL;
}

/* A decimal number of `len` digits up to `max`; -1 for anything else. */
static long parse_number(const char *text, size_t len, long max)
{
    long value = 0;
    size_t i;

    if (len == 0)
        return -1;
    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
        if (value > max)
            return -1;
    }
    return value;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* Undoes percent-encoding into `out` of `out_len` bytes, NUL included. What
 * is wrong, or NULL. */
static const char *decode(const char *text, size_t len, char *out,
                          size_t out_len)
{
    size_t i, used = 0;
    int high, low;
    char c;

    for (i = 0; i < len; i++) {
        c = text[i];
        if (c == '%') {
            high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return "a % without two hexadecimal digits";
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == 0)
            return "a zero byte in the name";
        if (used + 1 >= out_len)
            return "a name that is too long (at most 255 bytes)";
        out[used++] = c;
    }
    out[used] = 0;
    return NULL;
}

/*
 * The host of an authority, brackets gone; *rest is what follows it. A scope
 * may be written "%eth0" as people do or "%25eth0" as RFC 6874 has it.
 */
static const char *parse_host(const char *text, size_t len, char out[256],
                              const char **rest)
{
    bool bracketed = len > 0 && text[0] == '[';
    const char *end;
    char *scope;

    if (bracketed) {
        text++;
        end = memchr(text, ']', len - 1);
        if (end == NULL)
            return "a [ without its ]";
        *rest = end + 1;
    } else {
        end = memchr(text, ':', len);
        if (end == NULL)
            end = text + len;
        *rest = end;
    }
    if (end == text && end[0] == ':' && end[1] == ':')
        return "an IPv6 address needs brackets, as in [::1]";
    if (end == text)
        return "the host is missing";
    if (end - text > 255)
        return "a host name that is too long";
    memcpy(out, text, (size_t)(end - text));
    out[end - text] = 0;
    scope = strstr(out, "%25");
    if (bracketed && scope != NULL)
        memmove(scope + 1, scope + 3, strlen(scope + 3) + 1);
    return NULL;
}

static const char *parse_authority(const char *text, size_t len,
                                   struct bh_url *out)
{
    const char *end = text + len, *rest = end, *why;
    long port;

    why = parse_host(text, len, out->host, &rest);
    if (why != NULL)
        return why;
    if (rest == end)
        return NULL;
    if (*rest != ':')
        return "something between ] and the port";
    if (memchr(rest + 1, ':', (size_t)(end - rest - 1)) != NULL)
        return "an IPv6 address needs brackets, as in [::1]";
    port = parse_number(rest + 1, (size_t)(end - rest - 1), UINT16_MAX);
    if (port < 1)
        return "the port is not a number from 1 to 65535";
    out->port = (uint16_t)port;
    return NULL;
}

static const char *parse_query(const char *text, struct bh_url *out)
{
    long len;

    if (strncmp(text, "sector=", 7) != 0)
        return "the only option after ? is sector=";
    len = parse_number(text + 7, strlen(text + 7), BH_SECTOR_LEN_MAX);
    if (len < 128 || (len & (len - 1)) != 0)
        return "the sector length is not 128, 256, 512, ... or 16384";
    out->sector_len = (uint32_t)len;
    return NULL;
}

/* A '#' is an ordinary character of an image's name: `disk.img#1` is its first
 * partition, and a disk has no fragments. */
int bh_url_parse(const char *text, struct bh_url *out, char *error,
                 size_t error_len)
{
    const char *authority, *why;
    size_t len;

    memset(out, 0, sizeof(*out));
    out->port = BH_DEFAULT_PORT;
    if (strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
        return refuse(error, error_len, text, "it does not begin " SCHEME);
    authority = text + strlen(SCHEME);
    len = strcspn(authority, "/?");
    why = parse_authority(authority, len, out);
    text = authority + len;
    if (why == NULL && *text == '/') {
        text++;
        len = strcspn(text, "?");
        why = decode(text, len, out->image, sizeof(out->image));
        text += len;
    }
    if (why == NULL && *text == '?')
        why = parse_query(text + 1, out);
    if (why != NULL)
        return refuse(error, error_len, authority - strlen(SCHEME), why);
    return 0;
}
