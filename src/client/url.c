/* SPDX-License-Identifier: MIT */
/*
 * blockhead://host[:port]/image[?sector=N], after RFC 3986's generic syntax,
 * and its relatives for other transports.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/blockhead.h"
#include "net/ether_link.h"
#include "net/place.h"
#include "wire/protocol.h"

struct scheme {
    const char *name;
    enum bh_url_kind kind;
    const char *look;
};

static const struct scheme schemes[] = {
    {"blockhead://", BH_URL_UDP, "blockhead://host[:port]/image[?sector=512]"},
    {"blockhead+tcp://", BH_URL_TCP,
     "blockhead+tcp://host[:port]/image[?sector=512]"},
    {"blockhead+unix://", BH_URL_UNIX,
     "blockhead+unix:///image?socket=/path[&sector=512]"},
    {"blockhead+serial://", BH_URL_SERIAL,
     "blockhead+serial:///dev/ttyUSB0:115200/image[?sector=512]"},
    {"blockhead+ether://", BH_URL_ETHER,
     "blockhead+ether://eth0/52:54:00:12:34:56/image[?sector=512]"}};

/* Says what is wrong with which part of the URL. */
static int refuse(char *error, size_t error_len, const char *text,
                  const struct scheme *scheme, const char *why)
{
    if (error != NULL && error_len > 0)
        snprintf(error, error_len,
                 "\"%s\" is not a disk's URL: %s; it looks like %s", text, why,
                 scheme->look);
    return -EINVAL;
}

static const struct scheme *find_scheme(const char *text)
{
    size_t i;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncasecmp(text, schemes[i].name, strlen(schemes[i].name)) == 0)
            return &schemes[i];
    return NULL;
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

/* A place in the file system has no host, so the authority is empty. */
static const char *parse_device(const char *text, size_t *len,
                                struct bh_url *out)
{
    const char *colon = strchr(text, ':'), *why = NULL;
    struct bh_place place;

    *len = colon == NULL ? 0 : (size_t)(colon - text) + strcspn(colon, "/?");
    if (colon == NULL || text[0] != '/')
        return "the device's path and its speed are missing";
    if (bh_place_parse_device(text, *len, &place, &why) < 0)
        return "the speed is missing behind the device's path";
    strcpy(out->host, place.path);
    out->baud = place.baud;
    out->rtscts = place.rtscts;
    return NULL;
}

/* "INTERFACE/ADDRESS": the part that a slash does not end. */
static const char *parse_ether(const char *text, size_t *len,
                               struct bh_url *out)
{
    size_t name_len = strcspn(text, "/?");
    const char *end = text + name_len;
    uint8_t mac[BH_MAC_LEN];

    *len = name_len;
    if (name_len == 0 || name_len >= IFNAMSIZ)
        return "the interface's name is missing, or none";
    if (*end != '/' || !bh_mac_parse(end + 1, mac, &end) ||
        (*end != 0 && strchr("/?", *end) == NULL) || !bh_mac_is_single(mac))
        return "the server's Ethernet address is missing, or none";
    *len = (size_t)(end - text);
    memcpy(out->host, text, name_len + 1);
    bh_mac_print(mac, out->host + name_len + 1);
    return NULL;
}

/* What stands between the scheme and the image; its length. */
static const char *parse_place(const char *text, size_t *len,
                               struct bh_url *out)
{
    *len = strcspn(text, "/?");
    if (out->kind == BH_URL_SERIAL)
        return parse_device(text, len, out);
    if (out->kind == BH_URL_ETHER)
        return parse_ether(text, len, out);
    if (out->kind == BH_URL_UNIX)
        return *len == 0 ? NULL : "it has a host, and a socket has none";
    return parse_authority(text, *len, out);
}

static const char *parse_sector(const char *text, size_t text_len,
                                struct bh_url *out)
{
    long len = parse_number(text, text_len, BH_SECTOR_LEN_MAX);

    if (len < 128 || (len & (len - 1)) != 0)
        return "the sector length is not 128, 256, 512, ... or 16384";
    out->sector_len = (uint32_t)len;
    return NULL;
}

static const char *parse_socket(const char *text, size_t len,
                                struct bh_url *out)
{
    const char *why = decode(text, len, out->host, BH_PLACE_PATH_LEN);

    return why == NULL && out->host[0] == 0 ? "the socket has no path" : why;
}

static const char *parse_query(const char *text, struct bh_url *out)
{
    const char *why = NULL;
    size_t len;

    for (;;) {
        len = strcspn(text, "&");
        if (strncmp(text, "sector=", 7) == 0)
            why = parse_sector(text + 7, len - 7, out);
        else if (out->kind == BH_URL_UNIX && strncmp(text, "socket=", 7) == 0)
            why = parse_socket(text + 7, len - 7, out);
        else if (out->kind == BH_URL_UNIX)
            why = "the only options after ? are socket= and sector=";
        else
            why = "the only option after ? is sector=";
        if (why != NULL || text[len] == 0)
            return why;
        text += len + 1;
    }
}

/* A '#' is an ordinary character of an image's name: `disk.img#1` is its first
 * partition, and a disk has no fragments. */
static const char *parse(const char *text, struct bh_url *out)
{
    size_t len;
    const char *why = parse_place(text, &len, out);

    text += len;
    if (why == NULL && *text == '/') {
        text++;
        len = strcspn(text, "?");
        why = decode(text, len, out->image, sizeof(out->image));
        text += len;
    }
    if (why == NULL && *text == '?')
        why = parse_query(text + 1, out);
    if (why == NULL && out->host[0] == 0)
        why = "the socket is missing";
    return why;
}

int bh_url_parse(const char *text, struct bh_url *out, char *error,
                 size_t error_len)
{
    const struct scheme *scheme = find_scheme(text);
    const char *why;

    memset(out, 0, sizeof(*out));
    out->port = BH_DEFAULT_PORT;
    if (scheme == NULL)
        return refuse(error, error_len, text, &schemes[0],
                      "it does not begin blockhead://");
    out->kind = scheme->kind;
    why = parse(text + strlen(scheme->name), out);
    return why == NULL ? 0 : refuse(error, error_len, text, scheme, why);
}
