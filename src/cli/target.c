/* SPDX-License-Identifier: MIT */
#include "cli/target.h"

#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/options.h"

#define SCHEME "blockhead://"
#define TEXT_LEN_MAX 1024

/* A name or address with two colons and no bracket is a bare IPv6 address: no
 * host:port has two. */
static bool is_bare_ipv6(const char *host, size_t len)
{
    const char *first = memchr(host, ':', len);

    return host[0] != '[' && first != NULL &&
           memchr(first + 1, ':', len - (size_t)(first + 1 - host)) != NULL;
}

/* `text` with its scheme and brackets, as bh_url_parse() wants it. */
static void complete(const char *text, char *url, size_t url_len)
{
    const char *host = text;
    size_t host_len;

    if (strncasecmp(text, SCHEME, strlen(SCHEME)) == 0)
        host += strlen(SCHEME);
    host_len = strcspn(host, "/?");
    if (is_bare_ipv6(host, host_len))
        snprintf(url, url_len, SCHEME "[%.*s]%s", (int)host_len, host,
                 host + host_len);
    else
        snprintf(url, url_len, SCHEME "%s", host);
}

static bool parse(const char *text, struct target *out)
{
    char url[sizeof(SCHEME) + TEXT_LEN_MAX + 2];
    char why[256];

    out->text = text;
    if (strlen(text) > TEXT_LEN_MAX) {
        complain("\"%.40s...\" is too long for a URL", text);
        return false;
    }
    if (strstr(text, "://") != NULL &&
        strncasecmp(text, SCHEME, strlen(SCHEME)) != 0) {
        complain("\"%s\" has another scheme than " SCHEME, text);
        return false;
    }
    complete(text, url, sizeof(url));
    if (bh_url_parse(url, &out->url, why, sizeof(why)) == 0)
        return true;
    complain("%s", why);
    return false;
}

bool target_parse_server(const char *text, struct target *out)
{
    if (!parse(text, out))
        return false;
    if (out->url.image[0] == '\0')
        return true;
    complain("\"%s\" names an image, and this command asks a server; give it "
             "the part before the image's name",
             text);
    return false;
}

bool target_parse_volume(const char *text, const struct options *options,
                         struct target *out)
{
    if (!parse(text, out))
        return false;
    if (options->sector_len != 0)
        out->url.sector_len = options->sector_len;
    return true;
}

/* Appends `text`, percent-encoding all that a URL may not hold as it is. */
static size_t append_encoded(char *out, size_t at, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~!$&'()*+,;=:@/";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            out[at++] = *text;
        else
            at += (size_t)snprintf(out + at, 4, "%%%02X",
                                   (unsigned)(unsigned char)*text);
    }
    out[at] = '\0';
    return at;
}

void target_url(const struct bh_url *url, const char *image,
                uint32_t sector_len, char out[TARGET_URL_LEN])
{
    const bool ipv6 = strchr(url->host, ':') != NULL;
    size_t at = (size_t)snprintf(out, TARGET_URL_LEN, SCHEME "%s%s%s:%u/",
                                 ipv6 ? "[" : "", url->host, ipv6 ? "]" : "",
                                 (unsigned)url->port);

    at = append_encoded(out, at, image);
    if (sector_len != 0)
        snprintf(out + at, TARGET_URL_LEN - at, "?sector=%u",
                 (unsigned)sector_len);
}

void target_host(const char *host, uint16_t port, char *out, size_t out_len)
{
    const bool ipv6 = strchr(host, ':') != NULL;

    if (port == BH_DEFAULT_PORT)
        snprintf(out, out_len, "%s%s%s", ipv6 ? "[" : "", host,
                 ipv6 ? "]" : "");
    else
        snprintf(out, out_len, "%s%s%s:%u", ipv6 ? "[" : "", host,
                 ipv6 ? "]" : "", (unsigned)port);
}
