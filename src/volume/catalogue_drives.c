/* SPDX-License-Identifier: MIT */
/* What is in the slots. */
#include "volume/catalogue_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bh_catalogue_drive(struct bh_catalogue *catalogue,
                        const struct bh_drive *drive,
                        struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    uint32_t number = bh_images_number(&catalogue->images, drive->name);

    if (drive->inserted == NULL ||
        bh_catalogue_image(catalogue, drive->inserted, facts, cause) != 0 ||
        bh_nbd_volume_is(facts))
        *facts = (struct bh_volume_facts){.device = UINT64_MAX,
                                          .inode = number,
                                          .idle_ms = drive->idle_ms,
                                          .takeover = drive->takeover,
                                          .exponent = BH_ANY_EXPONENT,
                                          .empty = true};
    facts->number = number;
    facts->removable = true;
    facts->silent = drive->silent;
    snprintf(facts->name, sizeof facts->name, "%s", drive->name);
}

/* Under the lock. */
static int put_in(struct bh_catalogue *catalogue, struct bh_drive *drive,
                  const char *image)
{
    char *before = drive->inserted;
    int error = 0;

    drive->inserted = image[0] == '\0' ? NULL : strdup(image);
    if (image[0] != '\0' && drive->inserted == NULL)
        error = -ENOMEM;
    else if (catalogue->drives_dir >= 0)
        error =
            bh_drives_store(&catalogue->contents.drives, catalogue->drives_dir);
    if (error != 0) {
        free(drive->inserted);
        drive->inserted = before;
    } else {
        free(before);
    }
    return error;
}

int bh_catalogue_swap(struct bh_catalogue *catalogue, const char *image,
                      struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char name[BH_VOLUME_NAME_LEN + 1];
    struct bh_drive *drive;
    int error = 0;

    snprintf(name, sizeof name, "%s", facts->name);
    pthread_rwlock_wrlock(&catalogue->lock);
    drive = bh_drives_find(&catalogue->contents.drives, name);
    if (drive == NULL) {
        snprintf(cause, BH_CAUSE_LEN, "there is no such slot any more");
        error = -ENOENT;
    } else if (image != NULL) {
        error = put_in(catalogue, drive, image);
    }
    if (error == 0)
        bh_catalogue_drive(catalogue, drive, facts, cause);
    pthread_rwlock_unlock(&catalogue->lock);
    return error;
}

void bh_catalogue_each_drive(struct bh_catalogue *catalogue,
                             bh_catalogue_drive_visitor *visit, void *context)
{
    const struct bh_drives *drives = &catalogue->contents.drives;
    char cause[BH_CAUSE_LEN];
    struct bh_volume_facts facts;

    pthread_rwlock_rdlock(&catalogue->lock);
    for (size_t i = 0; i < drives->count; i++) {
        bh_catalogue_drive(catalogue, &drives->of[i], &facts, cause);
        visit(context, &drives->of[i], &facts);
    }
    pthread_rwlock_unlock(&catalogue->lock);
}

void bh_catalogue_check_drives(struct bh_catalogue *catalogue,
                               bh_catalogue_complaint *complain, void *context)
{
    const struct bh_drives *drives = &catalogue->contents.drives;

    for (size_t i = 0; i < drives->count; i++) {
        char cause[BH_CAUSE_LEN] = "volumes on NBD servers cannot be in a slot";
        const struct bh_drive *drive = &drives->of[i];
        struct bh_volume_facts facts;

        if (drive->inserted != NULL &&
            (bh_catalogue_image(catalogue, drive->inserted, &facts, cause) !=
                 0 ||
             bh_nbd_volume_is(&facts)))
            complain(context, drive->name, cause);
    }
}
