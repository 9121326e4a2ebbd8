/* SPDX-License-Identifier: MIT */
#include "cli/target.h"

#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/options.h"

#define SCHEME "blockhead://"
#define OTHER_SCHEMES "blockhead+" /* unix, serial, tcp */
#define TEXT_LEN_MAX 1024

/* A name or address with two colons and no bracket is a bare IPv6 address: no
 * host:port has two. */
static bool is_bare_ipv6(const char *host, size_t len)
{
    const char *first = memchr(host, ':', len);

    return host[0] != '[' && first != NULL &&
           memchr(first + 1, ':', len - (size_t)(first + 1 - host)) != NULL;
}

static bool begins(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* `text` with its scheme and brackets, as bh_url_parse() wants it. */
static void complete(const char *text, char *url, size_t url_len)
{
    const char *host = text;
    size_t host_len;

    if (begins(text, OTHER_SCHEMES)) {
        snprintf(url, url_len, "%s", text);
        return;
    }
    if (begins(text, SCHEME))
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
    if (strstr(text, "://") != NULL && !begins(text, SCHEME) &&
        !begins(text, OTHER_SCHEMES)) {
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

void target_url(const struct bh_url *url, const char *image,
                uint32_t sector_len, char out[TARGET_URL_LEN])
{
    struct bh_url other = *url;

    snprintf(other.image, sizeof(other.image), "%s", image);
    other.sector_len = sector_len;
    bh_url_print(&other, out, TARGET_URL_LEN);
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
