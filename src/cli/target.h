/* SPDX-License-Identifier: MIT */
/*
 * What a person typed for a server or a volume. More is accepted than
 * bh_url_parse() takes: the scheme may be left out, and a bare IPv6 address
 * needs no brackets where only a server is wanted.
 */
#ifndef BH_CLI_TARGET_H
#define BH_CLI_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/blockhead.h"

struct options;

#define TARGET_URL_LEN BH_URL_LEN

struct target {
    struct bh_url url;
    const char *text; /* as it was typed, for messages; borrowed */
};

/* Each parses `text`, or complains and returns false. --sector wins over the
 * URL's; a server's has no image. */
bool target_parse_server(const char *text, struct target *out);
bool target_parse_volume(const char *text, const struct options *options,
                         struct target *out);

/* The URL of `url`'s server and `image`, for bh_disk_open(). A `sector_len` of
 * 0 is not said. */
void target_url(const struct bh_url *url, const char *image,
                uint32_t sector_len, char out[TARGET_URL_LEN]);

/* "host", "host:port" if it is not 4444, "[::1]": what a person may type
 * again. */
void target_host(const char *host, uint16_t port, char *out, size_t out_len);

#endif
