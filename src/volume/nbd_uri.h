/* SPDX-License-Identifier: MIT */
/* Names of exports on NBD servers, as the NBD project's doc/uri.md has them:
 * nbd://HOST[:PORT]/EXPORT and nbd+unix:///EXPORT?socket=PATH, with nbds for
 * TLS. libnbd understands them; here is what has to be known before. */
#ifndef BH_VOLUME_NBD_URI_H
#define BH_VOLUME_NBD_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_NBD_URI_LEN 1024u /* with the NUL */

/* Of all media on NBD servers; no device of this machine has the number. */
#define BH_NBD_DEVICE (UINT64_MAX - 1)

/* Whether a path is meant to be such a URI. */
bool bh_nbd_uri_is(const char *path);

/* NULL if it may be used, else why it may not. */
const char *bh_nbd_uri_problem(const char *uri);

/* The export's name, decoded; empty for the server's default one. */
void bh_nbd_uri_export(const char *uri, char *out, size_t len);

/* A number for the export behind a good URI: the same for two URIs that differ
 * in the host's case, in escapes, in a port that goes without saying, or in how
 * one gets in (TLS, user, parameters). It is kept beyond a restart. */
uint64_t bh_nbd_uri_inode(const char *uri);

#endif
