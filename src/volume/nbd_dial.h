/* SPDX-License-Identifier: MIT */
/* A connection to an NBD server that is being made in a thread of its own, for
 * whoever must not wait. */
#ifndef BH_VOLUME_NBD_DIAL_H
#define BH_VOLUME_NBD_DIAL_H

#include "volume/nbd_link.h"

struct bh_nbd_dial;

/* Begins. `wake`, an eventfd, is written to when it has ended. NULL: there is
 * no memory, or no thread. */
struct bh_nbd_dial *bh_nbd_dial_new(const char *uri, unsigned limit_ms,
                                    int wake);

/* -EAGAIN: it goes on. Else it is over, as bh_nbd_link_open() ends, and freed.
 */
int bh_nbd_dial_end(struct bh_nbd_dial *dial, struct bh_nbd_link **out,
                    char cause[BH_CAUSE_LEN]);

/* Nobody wants it any more; it ends by itself. */
void bh_nbd_dial_drop(struct bh_nbd_dial *dial);

#endif
