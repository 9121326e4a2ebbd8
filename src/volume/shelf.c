/* SPDX-License-Identifier: MIT */
#include "volume/shelf.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int bh_shelf_open(struct bh_catalogue *catalogue,
                  const struct bh_volume_facts *facts, struct bh_shelf *out,
                  char cause[BH_CAUSE_LEN])
{
    char leaf[BH_VOLUME_NAME_LEN + 1];
    int parent;

    cause[0] = '\0';
    if (facts->number == 0) {
        snprintf(cause, BH_CAUSE_LEN, "it is no file");
        return -ENOTSUP;
    }
    parent = bh_catalogue_parent(catalogue, facts, &out->image, leaf, cause);
    if (parent < 0)
        return parent;
    out->dir = bh_checkpoints_open(parent, leaf, true, cause);
    close(parent);
    if (out->dir < 0) {
        close(out->image);
        return out->dir;
    }
    return 0;
}

void bh_shelf_close(struct bh_shelf *shelf)
{
    close(shelf->dir);
    close(shelf->image);
}
