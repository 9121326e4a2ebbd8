/* SPDX-License-Identifier: MIT */
/*
 * The file of an overlay, in the byte order of the machine, which is the only
 * one to read it:
 *
 *     0      header: magic, base's length and id, unit, limit
 *     4096   map: 32 bits for each unit of the base
 *     ...    slots of one unit each, from a multiple of 4096 on
 *
 * Map and slots are sparse. A file without a header has never been written to:
 * the map has its full length before there is a header, and the header is there
 * before any slot.
 */
#ifndef BH_VOLUME_OVERLAY_FILE_H
#define BH_VOLUME_OVERLAY_FILE_H

#include "volume/overlay.h"

#include <stdint.h>

#define BH_OVERLAY_UNIT_MIN 128u
#define BH_OVERLAY_MAP_AT 4096u

struct bh_overlay_header {
    char magic[8];
    uint64_t byte_count; /* of the base */
    uint64_t base_id;
    uint32_t unit;
    uint32_t limit; /* units */
};

uint32_t bh_overlay_units(const struct bh_overlay_header *header);

/* The map's bytes, a multiple of 4096. */
uint64_t bh_overlay_map_len(const struct bh_overlay_header *header);

/* A new file, in place of an older one; or the one that is there. A descriptor,
 * or an error as in overlay.h. */
int bh_overlay_file_create(const struct bh_overlay_spec *spec,
                           uint64_t byte_count,
                           struct bh_overlay_header *header);
int bh_overlay_file_open(const struct bh_overlay_spec *spec,
                         uint64_t byte_count, struct bh_overlay_header *header);

#endif
