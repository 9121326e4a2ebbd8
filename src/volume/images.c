/* SPDX-License-Identifier: MIT */
#include "volume/images.h"

#include "volume/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void bh_images_init(struct bh_images *images)
{
    *images = (struct bh_images){.file = -1};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct bh_image *)a)->name,
                  ((const struct bh_image *)b)->name);
}

static int to_name(const void *name, const void *image)
{
    return strcmp(name, ((const struct bh_image *)image)->name);
}

/* Among the first `count`, which are sorted. */
static const struct bh_image *find(const struct bh_images *images, size_t count,
                                   const char *name)
{
    if (count == 0)
        return NULL;
    return bsearch(name, images->of, count, sizeof *images->of, to_name);
}

static void sort(struct bh_images *images)
{
    if (images->count > 0)
        qsort(images->of, images->count, sizeof *images->of, by_name);
}

uint32_t bh_images_number(const struct bh_images *images, const char *name)
{
    const struct bh_image *image = find(images, images->count, name);

    return image != NULL ? image->number : BH_NO_NUMBER;
}

static int make_room(struct bh_images *images)
{
    size_t room = images->room == 0 ? 64 : images->room * 2;
    struct bh_image *grown;

    if (images->count < images->room)
        return 0;
    grown = realloc(images->of, room * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    images->of = grown;
    images->room = room;
    return 0;
}

/* Gives `name` the next number, at the end of the table and unsorted. */
static int append(struct bh_images *images, const char *name)
{
    struct bh_image *image;

    if (images->count == BH_IMAGES_MAX)
        return -ENFILE;
    if (make_room(images) != 0)
        return -ENOMEM;
    image = &images->of[images->count];
    image->name = strdup(name);
    image->number = (uint32_t)images->count + 1;
    if (image->name == NULL)
        return -ENOMEM;
    images->count++;
    return 0;
}

static void forget_file(struct bh_images *images)
{
    if (images->file >= 0)
        close(images->file);
    images->file = -1;
}

/* A disk that is full ends the file: a number that is left out would make all
 * later ones wrong. */
static void keep_last(struct bh_images *images)
{
    const struct bh_image *last = &images->of[images->count - 1];

    if (images->file >= 0 &&
        bh_numbers_append(images->file, last->number, last->name) != 0)
        forget_file(images);
}

void bh_images_add(struct bh_images *images, const struct bh_names *names)
{
    size_t known = images->count;

    for (size_t i = 0; i < names->count; i++)
        if (find(images, known, names->of[i]) == NULL &&
            append(images, names->of[i]) == 0)
            keep_last(images);
    if (images->count > known && images->file >= 0)
        bh_numbers_sync(images->file);
    sort(images);
}

static void forget(struct bh_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free(images->of[i].name);
    images->count = 0;
}

static int remember(void *context, const char *name)
{
    return append(context, name);
}

int bh_images_remember(struct bh_images *images, int dir)
{
    int fd = bh_numbers_open(dir, "numbers", remember, images);

    if (fd < 0)
        return fd;
    if (images->count == BH_IMAGES_MAX) {
        close(fd);
        forget(images);
        return -ENFILE;
    }
    images->file = fd;
    sort(images);
    return 0;
}

void bh_images_free(struct bh_images *images)
{
    forget(images);
    free(images->of);
    forget_file(images);
}
