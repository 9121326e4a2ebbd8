/* SPDX-License-Identifier: MIT */
/* Volumes whose configured path is the URI of an export on an NBD server. */
#ifndef BH_VOLUME_NBD_VOLUME_H
#define BH_VOLUME_NBD_VOLUME_H

#include "volume/catalogue.h"
#include "volume/nbd_known.h"
#include "volume/nbd_uri.h"

#include <pthread.h>

#define BH_NBD_TIMEOUT_MS 10000u /* of volumes that do not say */

bool bh_nbd_volume_is(const struct bh_volume_facts *facts);

/* The configured volume of this name if it is such; else NULL. */
const struct bh_volume_spec *
bh_nbd_volume_find(const struct bh_contents *contents, const char *name);

/* All facts but its number, as far as they are known: without an answer of its
 * server its length is 0. */
int bh_nbd_volume_facts(struct bh_nbd_known *known,
                        const struct bh_volume_spec *spec,
                        struct bh_volume_facts *facts,
                        char cause[BH_CAUSE_LEN]);

/* Those of a catalogue, of which all is borrowed. */
struct bh_nbd_volumes {
    pthread_rwlock_t *lock; /* of the contents */
    const struct bh_contents *contents;
    struct bh_nbd_known *known;
};

/* What is needed to open it when the configuration may change meanwhile. */
struct bh_nbd_way {
    char uri[BH_NBD_URI_LEN];
    char name[BH_VOLUME_NAME_LEN + 1];
    uint64_t timeout_ms;
};

void bh_nbd_volume_way(const struct bh_volume_spec *spec,
                       struct bh_nbd_way *out);

/* Connects and makes a medium of what `facts` describe, and learns. */
int bh_nbd_volume_open(struct bh_nbd_known *known, const struct bh_nbd_way *way,
                       const struct bh_volume_facts *facts,
                       struct bh_medium **out, char cause[BH_CAUSE_LEN]);

/* The way to the volume of this name; -ENOENT: it is gone. Takes the lock, as
 * the next ones do; it is not held while servers are asked. */
int bh_nbd_volumes_find(const struct bh_nbd_volumes *volumes, const char *name,
                        struct bh_nbd_way *out);
bool bh_nbd_volumes_any(const struct bh_nbd_volumes *volumes);

/* Asks its server, unless that has ever answered. */
int bh_nbd_volumes_ask(const struct bh_nbd_volumes *volumes,
                       const struct bh_nbd_way *way, char cause[BH_CAUSE_LEN]);

/* Asks all of them; tells of those that do not answer. */
void bh_nbd_volumes_ask_all(const struct bh_nbd_volumes *volumes,
                            bh_catalogue_complaint *complain, void *context);

#endif
