/* SPDX-License-Identifier: MIT */
/* A volume's shelf: where the checkpoints of its image are. */
#ifndef BH_VOLUME_SHELF_H
#define BH_VOLUME_SHELF_H

#include "volume/catalogue.h"
#include "volume/checkpoint.h"

struct bh_shelf {
    int dir;       /* as bh_checkpoints_open() returns it */
    int image;     /* open as its volume is served */
    uint32_t keep; /* checkpoints; 0: clients make none */
};

/* Opens both. `make`: makes the directory if it is missing, else -ENOENT.
 * -ENOTSUP: it is of no regular file. -ESTALE: the name stands for something
 * else now. */
int bh_shelf_open(struct bh_catalogue *catalogue,
                  const struct bh_volume_facts *facts, bool make,
                  struct bh_shelf *out, char cause[BH_CAUSE_LEN]);
void bh_shelf_close(struct bh_shelf *shelf);

#endif
