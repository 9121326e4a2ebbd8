/* SPDX-License-Identifier: MIT */
/*
 * Which partitions there are: a walk through the volume's partition tables.
 * Whoever scans reads the sectors.
 */
#ifndef BH_MOUNT_SCAN_H
#define BH_MOUNT_SCAN_H

#include "mount/files.h"
#include "volume/partition.h"

struct scan {
    struct bh_partition_walk walk;
    struct files *files; /* borrowed */
};

void scan_begin(struct scan *scan, struct files *files);

/* Whether a sector is wanted, of BH_PARTITION_SECTOR_LEN bytes of the volume,
 * and from which byte on. */
bool scan_wants(const struct scan *scan, uint64_t *at);

/* Takes it. NULL: it cannot be read, and that ends the scan. */
void scan_take(struct scan *scan, const uint8_t *sector);

#endif
