/* SPDX-License-Identifier: MIT */
/* Under which addresses other machines reach one that is listened on. */
#ifndef BH_DAEMON_REACH_H
#define BH_DAEMON_REACH_H

#include "net/address.h"

#include <stdbool.h>

typedef void bh_reach_visitor(void *context, const struct bh_address *address);

/* Whether it stands for all addresses of this machine. */
bool bh_reach_is_any(const struct bh_address *address);

/* Calls `visit` with the address, or, if it is all of them, with
 * each IPv4 address of this machine that is up and no loopback: old machines
 * know no others. How many there are. Any thread may call it. */
unsigned bh_reach_each(const struct bh_address *address,
                       bh_reach_visitor *visit, void *context);

#endif
