/* SPDX-License-Identifier: MIT */
/* What a name stands for. */
#include "volume/catalogue_internal.h"

#include "volume/locate.h"
#include "volume/name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bh_catalogue_image(struct bh_catalogue *catalogue, const char *name,
                       struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const struct bh_volume_spec *remote =
        bh_nbd_volume_find(&catalogue->contents, name);
    struct bh_place place;
    int error;

    if (remote != NULL) {
        error =
            bh_nbd_volume_facts(catalogue->remote.known, remote, facts, cause);
        facts->number = bh_images_number(&catalogue->images, name);
        return error;
    }
    error = bh_locate(&catalogue->contents, name, &place, cause);
    if (error != 0)
        return error;
    error = bh_place_facts(&place, name, facts, cause);
    bh_place_close(&place);
    if (error == 0)
        facts->number = bh_images_number(&catalogue->images, place.image);
    return error;
}

int bh_catalogue_exact(struct bh_catalogue *catalogue, const char *name,
                       struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const struct bh_drive *drive =
        bh_drives_find(&catalogue->contents.drives, name);

    if (drive == NULL)
        return bh_catalogue_image(catalogue, name, facts, cause);
    bh_catalogue_drive(catalogue, drive, facts, cause);
    return 0;
}

/* The same for a name with "#N" behind it, or nothing. */
static int exact_part(struct bh_catalogue *catalogue, const char *name,
                      const char *part, struct bh_volume_facts *facts,
                      char cause[BH_CAUSE_LEN])
{
    char whole[BH_VOLUME_NAME_LEN + 1];

    if (snprintf(whole, sizeof whole, "%s%s", name, part) >= (int)sizeof whole)
        return -ENOENT;
    return bh_catalogue_exact(catalogue, whole, facts, cause);
}

/* A name that differs from the client's only in case, if exactly one is
 * served; machines with upper case alone need it. */
static int alike(struct bh_catalogue *catalogue, const char *name,
                 const char *part, struct bh_volume_facts *facts,
                 char cause[BH_CAUSE_LEN])
{
    int matches = 0, result = -ENOENT;

    for (size_t i = 0; i < catalogue->images.count; i++) {
        const char *known = catalogue->images.of[i].name;
        struct bh_volume_facts found;
        int error;

        if (!bh_name_alike(known, name) || strcmp(known, name) == 0)
            continue;
        error = exact_part(catalogue, known, part, &found, cause);
        if (error == -ENOENT)
            continue;
        if (error == 0)
            *facts = found;
        result = error;
        matches++;
    }
    if (matches <= 1)
        return result;
    snprintf(cause, BH_CAUSE_LEN,
             "%d images differ from it only in upper and lower case", matches);
    return -ENOENT;
}

static int numbered(struct bh_catalogue *catalogue, const char *digits,
                    struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char *end;
    unsigned long number = strtoul(digits, &end, 10);

    if (*digits >= '0' && *digits <= '9' &&
        (*end == '\0' || *end == '#' || *end == '@'))
        for (size_t i = 0; i < catalogue->images.count; i++)
            if (catalogue->images.of[i].number == number)
                return exact_part(catalogue, catalogue->images.of[i].name, end,
                                  facts, cause);
    snprintf(cause, BH_CAUSE_LEN, "no image has this number");
    return -ENOENT;
}

/* As alike(), for a name with "#N", "@LABEL" or both behind it. */
static int alike_part(struct bh_catalogue *catalogue, const char *name,
                      struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char whole[BH_VOLUME_NAME_LEN + 1], image[BH_VOLUME_NAME_LEN + 1];
    const char *mark = strrchr(name, '@');
    unsigned partition;
    int error = -ENOENT;

    snprintf(whole, sizeof whole, "%s", name);
    if (mark != NULL) {
        whole[mark - name] = '\0';
        error = alike(catalogue, whole, mark, facts, cause);
    }
    if (error == -ENOENT &&
        bh_name_split(whole, image, sizeof image, &partition))
        error = alike(catalogue, image, name + strlen(image), facts, cause);
    return error;
}

/* What a clean name stands for, as far as scans have seen. */
static int look_up(struct bh_catalogue *catalogue, const char *name,
                   struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const char *problem;
    int error;

    if (name[0] == ':')
        return numbered(catalogue, name + 1, facts, cause);
    problem = bh_name_problem(name);
    if (problem != NULL) {
        snprintf(cause, BH_CAUSE_LEN, "%s", problem);
        return -ENOENT;
    }
    error = bh_catalogue_exact(catalogue, name, facts, cause);
    if (error == -ENOENT)
        error = alike(catalogue, name, "", facts, cause);
    return error != -ENOENT ? error : alike_part(catalogue, name, facts, cause);
}

static int locked_look_up(struct bh_catalogue *catalogue, const char *name,
                          struct bh_volume_facts *facts,
                          char cause[BH_CAUSE_LEN])
{
    int error;

    pthread_rwlock_rdlock(&catalogue->lock);
    error = look_up(catalogue, name, facts, cause);
    pthread_rwlock_unlock(&catalogue->lock);
    return error;
}

/* The name may have no number yet, or be that of a new image. */
static int scanned_look_up(struct bh_catalogue *catalogue, const char *name,
                           struct bh_volume_facts *facts,
                           char cause[BH_CAUSE_LEN])
{
    int error = locked_look_up(catalogue, name, facts, cause);

    if (error == 0 ? facts->number != BH_NO_NUMBER : error != -ENOENT)
        return error;
    bh_catalogue_scan(catalogue);
    return locked_look_up(catalogue, name, facts, cause);
}

static int remote_look_up(struct bh_catalogue *catalogue, const char *name,
                          struct bh_volume_facts *facts,
                          char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_way way;
    int error = bh_nbd_volumes_find(&catalogue->remote, facts->name, &way);

    if (error == 0)
        error = bh_nbd_volumes_ask(&catalogue->remote, &way, cause);
    return error != 0 ? error : locked_look_up(catalogue, name, facts, cause);
}

int bh_catalogue_lookup(struct bh_catalogue *catalogue, const char *name,
                        const char *default_name, struct bh_volume_facts *facts,
                        char cause[BH_CAUSE_LEN])
{
    char trimmed[BH_VOLUME_NAME_LEN + 1];
    int error;

    cause[0] = '\0';
    bh_name_trim(name, trimmed, sizeof trimmed);
    if (trimmed[0] == '\0' && default_name != NULL)
        bh_name_trim(default_name, trimmed, sizeof trimmed);
    if (trimmed[0] == '\0') {
        snprintf(cause, BH_CAUSE_LEN, "no default image is configured");
        return -ENOENT;
    }
    if (bh_virtual_lookup(&catalogue->virtuals, trimmed, facts))
        return 0;
    error = scanned_look_up(catalogue, trimmed, facts, cause);
    if (error == 0 && bh_nbd_volume_is(facts))
        return remote_look_up(catalogue, trimmed, facts, cause);
    return error;
}
