/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define TIMEOUT_MAX_S 86400u

static int set_url(struct settings *settings, const char *value)
{
    uint32_t sector_len = settings->url.sector_len;
    struct bh_url url;
    char why[512];

    if (bh_url_parse(value, &url, why, sizeof(why)) != 0) {
        nbdkit_error("%s", why);
        return -1;
    }
    if (url.sector_len == 0)
        url.sector_len = sector_len; /* sector= came first */
    settings->url = url;
    settings->is_known = true;
    return 0;
}

static int set_server(struct settings *settings, const char *value)
{
    char text[600], why[512];
    struct bh_url url;

    if (snprintf(text, sizeof(text), "blockhead://%s", value) >=
            (int)sizeof(text) ||
        strchr(value, '/') != NULL ||
        bh_url_parse(text, &url, why, sizeof(why)) != 0) {
        nbdkit_error("\"%s\" is not HOST, HOST:PORT or [IPV6]:PORT", value);
        return -1;
    }
    memcpy(settings->url.host, url.host, sizeof(url.host));
    settings->url.port = url.port;
    settings->is_known = true;
    return 0;
}

static int set_image(struct settings *settings, const char *value)
{
    if (strlen(value) >= sizeof(settings->url.image)) {
        nbdkit_error("an image's name is 255 bytes long at most");
        return -1;
    }
    strcpy(settings->url.image, value);
    return 0;
}

static int set_sector(struct settings *settings, const char *value)
{
    uint32_t len;

    if (strcmp(value, "best") == 0) {
        settings->url.sector_len = 0;
        return 0;
    }
    if (nbdkit_parse_uint32_t("sector", value, &len) == -1)
        return -1;
    if (len < 128 || len > 16384 || (len & (len - 1)) != 0) {
        nbdkit_error("sector=%s: it is 128, 256, 512, ... or 16384, or "
                     "\"best\"",
                     value);
        return -1;
    }
    settings->url.sector_len = len;
    return 0;
}

static int set_seconds(const char *key, const char *value, unsigned least,
                       unsigned *out)
{
    if (nbdkit_parse_unsigned(key, value, out) == -1)
        return -1;
    if (*out >= least && *out <= TIMEOUT_MAX_S)
        return 0;
    nbdkit_error("%s=%s: it is a number of seconds from %u to %u", key, value,
                 least, TIMEOUT_MAX_S);
    return -1;
}

static int set_look(struct settings *settings, const char *value)
{
    int look = nbdkit_parse_bool(value);

    settings->look = look == 1;
    return look < 0 ? -1 : 0;
}

int settings_set(struct settings *settings, const char *key, const char *value)
{
    if (strcmp(key, "url") == 0)
        return set_url(settings, value);
    if (strcmp(key, "server") == 0)
        return set_server(settings, value);
    if (strcmp(key, "image") == 0)
        return set_image(settings, value);
    if (strcmp(key, "sector") == 0)
        return set_sector(settings, value);
    if (strcmp(key, "look") == 0)
        return set_look(settings, value);
    if (strcmp(key, "timeout") == 0)
        return set_seconds(key, value, 1, &settings->timeout_s);
    if (strcmp(key, "linger") == 0)
        return set_seconds(key, value, 0, &settings->linger_s);
    if (strcmp(key, "wait") == 0)
        return set_seconds(key, value, 0, &settings->wait_s);
    nbdkit_error("unknown parameter \"%s\"; nbdkit blockhead --help lists them",
                 key);
    return -1;
}

int settings_check(const struct settings *settings)
{
    if (settings->is_known)
        return 0;
    nbdkit_error("which server? Give blockhead://HOST/IMAGE or server=HOST");
    return -1;
}
