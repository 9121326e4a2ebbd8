/* SPDX-License-Identifier: MIT */
#include "volume/nbd_uri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PORT ":10809"

static const struct scheme {
    const char *start;
    bool unix_socket;
} schemes[] = {{"nbd://", false},
               {"nbds://", false},
               {"nbd+unix://", true},
               {"nbds+unix://", true}};

static const struct scheme *scheme_of(const char *uri)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(uri, schemes[i].start, strlen(schemes[i].start)) == 0)
            return &schemes[i];
    return NULL;
}

bool bh_nbd_uri_is(const char *path)
{
    return scheme_of(path) != NULL;
}

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0'
                                     : tolower((unsigned char)c) - 'a' + 10;
}

static bool is_escape(const char *at)
{
    return at[0] == '%' && isxdigit((unsigned char)at[1]) &&
           isxdigit((unsigned char)at[2]);
}

/* Decodes up to `end`. */
static void decode(const char *at, const char *end, char *out, size_t len)
{
    size_t used = 0;

    while (at < end && used + 1 < len) {
        if (is_escape(at)) {
            out[used++] = (char)(digit(at[1]) * 16 + digit(at[2]));
            at += 3;
        } else {
            out[used++] = *at++;
        }
    }
    out[used] = '\0';
}

/* From behind "://" to the first '/', '?' or '#'. */
static const char *authority_of(const char *uri, size_t *len)
{
    const char *at = uri + strlen(scheme_of(uri)->start);

    *len = strcspn(at, "/?#");
    return at;
}

void bh_nbd_uri_export(const char *uri, char *out, size_t len)
{
    size_t skip;
    const char *at = authority_of(uri, &skip);

    at += skip;
    if (*at == '/')
        at++;
    decode(at, at + strcspn(at, "?#"), out, len);
}

/* The parameter "socket" of the query; empty: there is none. */
static void socket_of(const char *uri, char *out, size_t len)
{
    const char *at = strchr(uri, '?');

    out[0] = '\0';
    while (at != NULL && *at != '\0' && *at != '#') {
        size_t size = strcspn(++at, "&#");

        if (strncmp(at, "socket=", 7) == 0) {
            decode(at + 7, at + size, out, len);
            return;
        }
        at += size;
    }
}

/* "host:port", without a user. */
static void host_of(const char *uri, char *out, size_t len)
{
    size_t size;
    const char *at = authority_of(uri, &size);
    const char *user = memchr(at, '@', size), *end = at + size, *colon;

    if (user != NULL)
        at = user + 1;
    colon = memrchr(at, ':', (size_t)(end - at));
    if (colon != NULL && memchr(colon, ']', (size_t)(end - colon)) != NULL)
        colon = NULL; /* within an IPv6 address */
    if (colon != NULL && colon + 1 == end)
        end = colon, colon = NULL;
    snprintf(out, len, "%.*s%s", (int)(end - at), at,
             colon == NULL ? DEFAULT_PORT : "");
    for (; *out != '\0'; out++)
        *out = (char)tolower((unsigned char)*out);
}

static bool has_bad_escape(const char *uri)
{
    for (; (uri = strchr(uri, '%')) != NULL; uri++)
        if (!is_escape(uri) || (uri[1] == '0' && uri[2] == '0'))
            return true;
    return false;
}

const char *bh_nbd_uri_problem(const char *uri)
{
    const struct scheme *scheme = scheme_of(uri);
    char socket_path[BH_NBD_URI_LEN], host[BH_NBD_URI_LEN];

    if (scheme == NULL)
        return "an NBD URI begins with nbd://, nbds://, nbd+unix:// or "
               "nbds+unix://";
    if (strlen(uri) >= BH_NBD_URI_LEN)
        return "it is too long";
    if (has_bad_escape(uri))
        return "a '%' in it is not followed by two hexadecimal digits";
    if (scheme->unix_socket) {
        socket_of(uri, socket_path, sizeof socket_path);
        return socket_path[0] == '/' ? NULL
                                     : "it needs ?socket=PATH with a path from "
                                       "the root";
    }
    host_of(uri, host, sizeof host);
    return host[0] == ':' ? "it names no host" : NULL;
}

/* FNV-1a: draft-eastlake-fnv. With the NUL, so that two texts in a row are not
 * another two. */
static uint64_t mix(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    } while (*text++ != '\0');
    return hash;
}

uint64_t bh_nbd_uri_inode(const char *uri)
{
    char text[BH_NBD_URI_LEN + sizeof DEFAULT_PORT];
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    if (scheme_of(uri)->unix_socket)
        socket_of(uri, text, sizeof text);
    else
        host_of(uri, text, sizeof text);
    hash = mix(hash, text);
    bh_nbd_uri_export(uri, text, sizeof text);
    return mix(hash, text);
}
