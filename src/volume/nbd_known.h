/* SPDX-License-Identifier: MIT */
/* What is known of exports on NBD servers, so that a look-up need not ask. Any
 * thread may call it. */
#ifndef BH_VOLUME_NBD_KNOWN_H
#define BH_VOLUME_NBD_KNOWN_H

#include "volume/nbd_link.h"

/* Threads that may wait for servers at a time. */
#define BH_NBD_ASKING_MAX 6u

struct bh_nbd_known;

struct bh_nbd_known *bh_nbd_known_new(void);
void bh_nbd_known_free(struct bh_nbd_known *known);

/* What its server said last; false: nothing yet. */
bool bh_nbd_known_get(struct bh_nbd_known *known, const char *uri,
                      struct bh_nbd_info *info);

/* Its server has said this. */
void bh_nbd_known_learn(struct bh_nbd_known *known, const char *uri,
                        const struct bh_nbd_info *info);

/* Asks its server, which takes some seconds at worst. Of those who ask at a
 * time one does, and the others wait for it. Servers that are away must not
 * keep all threads: only so many wait at a time, and within a second of a
 * failure nobody does. Whoever may not fails at once. */
int bh_nbd_known_ask(struct bh_nbd_known *known, const char *uri,
                     char cause[BH_CAUSE_LEN]);

/* Nobody asks any more, and who does fails soon. */
void bh_nbd_known_stop(struct bh_nbd_known *known);
bool bh_nbd_known_is_stopped(const struct bh_nbd_known *known);

#endif
