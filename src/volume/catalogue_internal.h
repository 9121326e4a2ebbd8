/* SPDX-License-Identifier: MIT */
/* What the catalogue's files share. */
#ifndef BH_VOLUME_CATALOGUE_INTERNAL_H
#define BH_VOLUME_CATALOGUE_INTERNAL_H

#include "volume/catalogue.h"
#include "volume/images.h"
#include "volume/nbd_volume.h"
#include "volume/virtual.h"

#include <pthread.h>

struct bh_catalogue {
    pthread_rwlock_t lock; /* contents, images */
    struct bh_contents contents;
    struct bh_images images;
    pthread_mutex_t scanning; /* scanned_ms; taken before `lock` */
    uint64_t scanned_ms;      /* when the directories were read; 0: never */
    struct bh_virtuals virtuals;
    int layers;     /* their directory; -1: there is none */
    int drives_dir; /* where what is in slots is kept; -1: nowhere */
    struct bh_nbd_volumes remote;
};

extern const char bh_catalogue_no_layers[];

/* Gives numbers to names that have appeared since the last look. Takes the
 * lock. */
void bh_catalogue_scan(struct bh_catalogue *catalogue);

/*
 * Under the lock.
 */

/* The facts of an image by its exact name. One that no scan has found, such as
 * a file that is new or reached by a link to a directory, has no number; a
 * partition has its image's. */
int bh_catalogue_image(struct bh_catalogue *catalogue, const char *name,
                       struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN]);

/* What is in a slot: nothing, if it cannot be served, which is a volume, too.
 */
void bh_catalogue_drive(struct bh_catalogue *catalogue,
                        const struct bh_drive *drive,
                        struct bh_volume_facts *facts,
                        char cause[BH_CAUSE_LEN]);

/* The facts of an image or a slot by its exact name. */
int bh_catalogue_exact(struct bh_catalogue *catalogue, const char *name,
                       struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN]);

/* Tells of what is in slots and cannot be served. */
void bh_catalogue_check_drives(struct bh_catalogue *catalogue,
                               bh_catalogue_complaint *complain, void *context);

#endif
