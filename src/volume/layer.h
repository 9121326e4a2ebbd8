/* SPDX-License-Identifier: MIT */
/*
 * The layers of scratch volumes: an overlay for each, in one directory, named
 * by the layer's number in 16 hexadecimal digits.
 */
#ifndef BH_VOLUME_LAYER_H
#define BH_VOLUME_LAYER_H

#include "core/job.h"
#include "volume/medium.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_layer_spec {
    int dir;
    uint64_t layer;
    uint32_t unit;  /* bytes: the session's sector */
    uint64_t limit; /* bytes that may differ from the medium */
    bool fresh;     /* else it is there already, and must be over this medium */
};

/* Lays it over `*medium`, which is locked as for a reader, and is from then on
 * closed with it. -ESTALE: what the session wrote is gone, damaged, or of what
 * the medium is no longer; `cause` says so. */
int bh_layer_lay(const struct bh_layer_spec *spec, struct bh_medium **medium,
                 char cause[BH_CAUSE_LEN]);

/* There need not be any. */
int bh_layer_discard(int dir, uint64_t layer);

/* Discards each that `in_use` does not claim. */
typedef bool bh_layer_user(void *context, uint64_t layer);
int bh_layer_sweep(int dir, bh_layer_user *in_use, void *context);

#endif
