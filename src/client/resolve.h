/* SPDX-License-Identifier: MIT */
/* A host's addresses, by the system's resolver. */
#ifndef BH_CLIENT_RESOLVE_H
#define BH_CLIENT_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/* Up to `max` addresses of `host`, a name or a number, in the order in which
 * they are best tried. Their count, or a negative errno with its reason in
 * `*why` (static). A name may take the resolver seconds: this call blocks. */
int bh_resolve(const char *host, uint16_t port, struct bh_address *out,
               size_t max, const char **why);

#endif
