/* SPDX-License-Identifier: MIT */
/*
 * The names that were ever seen beneath the served directories, or configured,
 * and the number of each, which it keeps while the server runs and, if a file
 * does, after that.
 */
#ifndef BH_VOLUME_IMAGES_H
#define BH_VOLUME_IMAGES_H

#include "volume/scan.h"

#include <stddef.h>
#include <stdint.h>

#define BH_IMAGES_MAX 16384u    /* names that get a number */
#define BH_NO_NUMBER UINT32_MAX /* of one that no scan has found */

struct bh_image {
    char *name;
    uint32_t number;
};

struct bh_images {
    struct bh_image *of; /* sorted by name */
    size_t count, room;
    int file; /* that keeps them: volume/numbers.h; -1: none does */
};

/* Empty. */
void bh_images_init(struct bh_images *images);
void bh_images_free(struct bh_images *images);

/* Takes on the numbers in the file `numbers` of the directory `dir`, and keeps
 * new ones there; as bh_catalogue_remember() says. */
int bh_images_remember(struct bh_images *images, int dir);

/* Gives numbers to those that have none yet, as long as there are any. */
void bh_images_add(struct bh_images *images, const struct bh_names *names);

/* BH_NO_NUMBER: none. */
uint32_t bh_images_number(const struct bh_images *images, const char *name);

#endif
