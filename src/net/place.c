/* SPDX-License-Identifier: MIT */
#include "net/place.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define MODE_DEFAULT 0660
#define BAUD_MIN 50u
#define BAUD_MAX 20000000u

static const struct {
    const char *scheme;
    enum bh_transport transport;
} schemes[] = {{"udp:", BH_TRANSPORT_UDP},
               {"unix:", BH_TRANSPORT_UNIX},
               {"serial:", BH_TRANSPORT_SERIAL},
               {"tcp:", BH_TRANSPORT_TCP},
               {"ether:", BH_TRANSPORT_ETHER}};

static int copy_path(const char *text, size_t len, struct bh_place *out,
                     const char **why)
{
    if (len == 0 || len >= sizeof out->path) {
        *why = len == 0 ? "a path is missing"
                        : "the path is too long: at most 107 bytes";
        return -EINVAL;
    }
    memcpy(out->path, text, len);
    out->path[len] = 0;
    return 0;
}

/* What follows the last ':' of `text[0..len-1]`; NULL: there is none. */
static const char *last_part(const char *text, size_t len)
{
    const char *colon = len > 0 ? memrchr(text, ':', len) : NULL;

    return colon == NULL ? NULL : colon + 1;
}

static bool parse_baud(const char *text, size_t len, uint32_t *out)
{
    uint32_t value = 0;

    for (size_t i = 0; i < len && value <= BAUD_MAX; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = 10 * value + (uint32_t)(text[i] - '0');
    }
    *out = value;
    return len > 0 && value >= BAUD_MIN && value <= BAUD_MAX;
}

int bh_place_parse_device(const char *text, size_t len, struct bh_place *out,
                          const char **why)
{
    const char *part = last_part(text, len);

    out->transport = BH_TRANSPORT_SERIAL;
    out->rtscts = part != NULL && len - (size_t)(part - text) == 6 &&
                  memcmp(part, "rtscts", 6) == 0;
    if (out->rtscts) {
        len = (size_t)(part - text) - 1;
        part = last_part(text, len);
    }
    if (part == NULL ||
        !parse_baud(part, len - (size_t)(part - text), &out->baud)) {
        *why = "the speed is missing: write serial:DEVICE:BAUD or "
               "serial:DEVICE:BAUD:rtscts, for example "
               "serial:/dev/ttyUSB0:115200";
        return -EINVAL;
    }
    return copy_path(text, (size_t)(part - text) - 1, out, why);
}

/* Three or four octal digits at the end are the mode. */
static int parse_unix(const char *text, struct bh_place *out, const char **why)
{
    size_t len = strlen(text);
    const char *part = last_part(text, len);
    size_t digits = part == NULL ? 0 : strspn(part, "01234567");

    out->mode = MODE_DEFAULT;
    if ((digits == 3 || digits == 4) && part[digits] == 0) {
        out->mode = 0;
        for (size_t i = 0; i < digits; i++)
            out->mode = out->mode * 8 + (mode_t)(part[i] - '0');
        len = (size_t)(part - text) - 1;
    }
    return copy_path(text, len, out, why);
}

static int parse_interface(const char *text, struct bh_place *out,
                           const char **why)
{
    size_t len = strlen(text);

    if (len == 0 || len >= IFNAMSIZ || strpbrk(text, "/: ") != NULL) {
        *why = "the interface's name is missing or none: write ether:NAME, as "
               "in ether:eth0";
        return -EINVAL;
    }
    return copy_path(text, len, out, why);
}

static int parse_address(const char *text, uint16_t default_port,
                         struct bh_place *out, const char **why)
{
    *why = "the address is none: write numbers, as in udp:192.168.1.10:4444, "
           "udp:[::1]:4444 or udp:*:4444";
    return bh_address_parse(text, default_port, &out->address);
}

int bh_place_parse(const char *text, uint16_t default_port,
                   struct bh_place *out, const char **why)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i].scheme);

        if (strncmp(text, schemes[i].scheme, len) != 0)
            continue;
        out->transport = schemes[i].transport;
        text += len;
        if (out->transport == BH_TRANSPORT_UNIX)
            return parse_unix(text, out, why);
        if (out->transport == BH_TRANSPORT_ETHER)
            return parse_interface(text, out, why);
        if (out->transport == BH_TRANSPORT_SERIAL)
            return bh_place_parse_device(text, strlen(text), out, why);
        return parse_address(text, default_port, out, why);
    }
    *why = "write udp:ADDRESS:PORT, unix:PATH, serial:DEVICE:BAUD, "
           "tcp:ADDRESS:PORT or ether:INTERFACE, for example "
           "udp:192.168.1.10:4444, udp:*:4444 or serial:/dev/ttyUSB0:115200";
    return -EINVAL;
}

const char *bh_place_print(const struct bh_place *place,
                           char text[BH_PLACE_TEXT_LEN])
{
    char address[BH_ADDRESS_TEXT_LEN];

    switch (place->transport) {
    case BH_TRANSPORT_UNIX:
        snprintf(text, BH_PLACE_TEXT_LEN, "unix:%s", place->path);
        break;
    case BH_TRANSPORT_ETHER:
        snprintf(text, BH_PLACE_TEXT_LEN, "ether:%s", place->path);
        break;
    case BH_TRANSPORT_SERIAL:
        snprintf(text, BH_PLACE_TEXT_LEN, "serial:%s:%u%s", place->path,
                 (unsigned)place->baud, place->rtscts ? ":rtscts" : "");
        break;
    default:
        snprintf(text, BH_PLACE_TEXT_LEN, "%s:%s",
                 place->transport == BH_TRANSPORT_TCP ? "tcp" : "udp",
                 bh_address_print(&place->address, address));
    }
    return text;
}

const char *bh_place_print_host(const struct bh_place *place,
                                char text[BH_PLACE_TEXT_LEN])
{
    if (place->transport == BH_TRANSPORT_UNIX ||
        place->transport == BH_TRANSPORT_ETHER)
        bh_place_print(place, text);
    else if (place->transport == BH_TRANSPORT_SERIAL)
        snprintf(text, BH_PLACE_TEXT_LEN, "serial:%s", place->path);
    else
        bh_address_print_host(&place->address, text);
    return text;
}

bool bh_place_lasts(const struct bh_place *place)
{
    switch (place->transport) {
    case BH_TRANSPORT_UDP:
    case BH_TRANSPORT_TCP:
        return bh_address_port(&place->address) != 0;
    default:
        return true;
    }
}
