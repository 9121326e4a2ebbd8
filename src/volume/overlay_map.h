/* SPDX-License-Identifier: MIT */
/*
 * Where an overlay's units are. An entry says: in the base (0), nowhere because
 * it is zero (1), or in slot entry - 2 of the file.
 *
 * A batch is what one write to the file changes of the map: at most
 * BH_OVERLAY_BATCH units that lie between two multiples of it. Their entries
 * are in one page, so that the write is done as a whole or not at all.
 *
 * The map is read through a mapping and changed by pwrite: a store into a page
 * for which the disk has no room would be a signal.
 *
 * Calls on one map exclude each other, except that several may read.
 */
#ifndef BH_VOLUME_OVERLAY_MAP_H
#define BH_VOLUME_OVERLAY_MAP_H

#include "volume/overlay_file.h"
#include "volume/slots.h"

#include <stddef.h>
#include <stdint.h>

#define BH_OVERLAY_BATCH (BH_OVERLAY_UNIT_MAX / BH_OVERLAY_UNIT_MIN)

enum { BH_OVERLAY_BASE, BH_OVERLAY_ZERO, BH_OVERLAY_SLOT };

struct bh_overlay_map {
    int fd;
    uint32_t unit;              /* bytes */
    uint32_t limit;             /* units */
    uint32_t changed, reserved; /* units: with a slot, about to have one */
    uint64_t slots_at;
    size_t len;
    const uint32_t *entries;
    struct bh_slots slots;
};

/* Reads the map of an open file. -EBADMSG: it cannot be. To be closed in any
 * case. */
int bh_overlay_map_open(struct bh_overlay_map *map, int fd,
                        const struct bh_overlay_header *header);
void bh_overlay_map_close(struct bh_overlay_map *map);

/* How many of `count` entries follow each other, so that their units do. */
uint32_t bh_overlay_run(const uint32_t *entries, uint32_t count);

/* Where in the file an entry's slot is. */
uint64_t bh_overlay_slot_at(const struct bh_overlay_map *map, uint32_t entry);

/* Entries for a batch, each with a free slot. `added`: how many units they make
 * more. -ENOSPC: the limit. */
int bh_overlay_reserve(struct bh_overlay_map *map, uint32_t unit,
                       uint32_t count, uint32_t *entries, uint32_t *added);

/* The same, taken back, with its slots if `failed`. */
void bh_overlay_settle(struct bh_overlay_map *map, const uint32_t *entries,
                       uint32_t count, uint32_t added, bool failed);

/* Changes a batch of the map. Slots that are not named any more are free. */
int bh_overlay_publish(struct bh_overlay_map *map, uint32_t unit,
                       uint32_t count, const uint32_t *entries);

#endif
