/* SPDX-License-Identifier: MIT */
#include "volume/shelf.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int bh_shelf_open(struct bh_catalogue *catalogue,
                  const struct bh_volume_facts *facts, bool make,
                  struct bh_shelf *out, char cause[BH_CAUSE_LEN])
{
    struct bh_home home;
    int error;

    cause[0] = '\0';
    if (facts->number == 0) {
        snprintf(cause, BH_CAUSE_LEN, "it is no file");
        return -ENOTSUP;
    }
    error = bh_catalogue_home(catalogue, facts, &home, cause);
    if (error != 0)
        return error;
    out->image = home.image;
    out->keep = home.keep;
    out->dir = bh_checkpoints_open(home.dir, home.leaf, make, cause);
    close(home.dir);
    if (out->dir < 0) {
        close(home.image);
        return out->dir;
    }
    return 0;
}

void bh_shelf_close(struct bh_shelf *shelf)
{
    close(shelf->dir);
    close(shelf->image);
}
