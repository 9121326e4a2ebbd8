/* SPDX-License-Identifier: MIT */
/* From a served name to a file, safely. */
#ifndef BH_VOLUME_LOCATE_H
#define BH_VOLUME_LOCATE_H

#include "volume/catalogue.h"

struct bh_place {
    int fd; /* O_PATH: names the file and touches nothing. Of a checkpoint: it,
               open */
    bool checkpoint;
    const struct bh_volume_spec *spec;
    unsigned partition; /* of what the file holds; 0: all of it */
    char image[BH_VOLUME_NAME_LEN + 1]; /* the name without the partition */
};

/* The file behind the exact name `name`, which is "image#N" for a partition
 * unless there is a file of that name; with "@LABEL" or "@NUMBER" behind it,
 * the checkpoint. -ENOENT if there is none, or if it is none that is served:
 * `cause` says why. */
int bh_locate(const struct bh_contents *contents, const char *name,
              struct bh_place *out, char cause[BH_CAUSE_LEN]);
void bh_place_close(struct bh_place *place);

/* All facts of the volume there but its number. -EBADMSG if its header or its
 * partition table is damaged, -EINVAL if they do not go with the configuration:
 * `cause` says how. */
int bh_place_facts(const struct bh_place *place, const char *name,
                   struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN]);

/* Opens the same file with O_RDONLY or O_RDWR in `flags`. A descriptor, or a
 * negative errno value. */
int bh_locate_open(const struct bh_contents *contents, const char *name,
                   int flags, char cause[BH_CAUSE_LEN]);

/* The directory that the image of a served name lies in, as a descriptor, and
 * its name there: where its checkpoints are. A link counts as the image. A
 * checkpoint has none: -ENOENT. */
int bh_locate_parent(const struct bh_contents *contents, const char *name,
                     char leaf[BH_VOLUME_NAME_LEN + 1],
                     char cause[BH_CAUSE_LEN]);

#endif
