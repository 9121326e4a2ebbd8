/* SPDX-License-Identifier: MIT */
/*
 * An overlay: a medium that shows a base medium, with private writes kept in a
 * file of its own. One scratch session has one. Its file outlives a server that
 * is killed; a power failure may lose it, and sessions do not outlive a boot.
 *
 * The unit of change is the session's sector. A write is seen whole or not at
 * all, now and by the next server, wherever a kill falls: overlay.c says how.
 *
 * Writes and zeroing begin at a unit and end at one, or where the medium ends;
 * else -EINVAL. -ENOSPC: the limit is reached or the disk is full, and what
 * was there is whole. sync() has nothing to do, and lock() neither: whoever
 * owns the base locks it as for a reader.
 */
#ifndef BH_VOLUME_OVERLAY_H
#define BH_VOLUME_OVERLAY_H

#include "volume/medium.h"

#include <stdbool.h>

#define BH_OVERLAY_UNIT_MAX 16384u

struct bh_overlay_spec {
    int dir;          /* where overlays lie, and nothing else does */
    const char *name; /* of the file there: no '/', no '.' before it */
    uint32_t unit;    /* bytes: 128 to BH_OVERLAY_UNIT_MAX, a power of two */
    uint64_t limit;   /* bytes that may differ from the base */
    uint64_t base_id; /* any number: the base must be what it was */
};

/* A new overlay over `base`, which is borrowed until close; one of this name
 * that was there is gone. -EFBIG: more units than a file can name. */
int bh_overlay_create(const struct bh_overlay_spec *spec,
                      struct bh_medium *base, struct bh_medium **out);

/* The overlay that an earlier server made; its limit stays what it was then.
 * -ENOENT: there is none. -ESTALE: its unit, its base's length or base_id are
 * others. -EBADMSG: the file is damaged. */
int bh_overlay_open(const struct bh_overlay_spec *spec, struct bh_medium *base,
                    struct bh_medium **out);

/* The base is closed with the overlay. */
void bh_overlay_own_base(struct bh_medium *medium);

/* Makes `len` bytes zeros, which takes no space, and gives back the space that
 * they had. `trim` makes no difference: what was trimmed reads as zeros. */
int bh_overlay_zero(struct bh_medium *medium, uint64_t offset, uint64_t len,
                    bool trim);

/* When its session has ended; before or after close. */
int bh_overlay_remove(int dir, const char *name);

/* Removes each overlay in `dir` that `in_use` does not claim, and nothing that
 * is no overlay: what earlier boots have left. */
typedef bool bh_overlay_user(void *context, const char *name);
int bh_overlay_sweep(int dir, bh_overlay_user *in_use, void *context);

#endif
