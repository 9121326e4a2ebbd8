/* SPDX-License-Identifier: MIT */
/*
 * MBR partitions: 1 to 4 in the first sector, logical ones from 5 on, counted
 * along the chain of extended boot records as Linux does. The table's layout:
 * UEFI Specification 2.10, section 5.2.1; the chain's: partitions of type 05,
 * 0F or 85 hold a table each, whose first entry counts from that table and
 * whose second from the first table of the chain.
 *
 * Bytes in, extents out: whoever walks reads the sectors.
 */
#ifndef BH_VOLUME_PARTITION_H
#define BH_VOLUME_PARTITION_H

#include "volume/extent.h"
#include "volume/medium.h"

#define BH_PARTITION_SECTOR_LEN 512u
#define BH_PARTITION_TABLES_MAX 100u /* in a chain */

struct bh_partition_walk {
    uint64_t at;   /* byte of the volume where the next sector is to be read */
    uint64_t size; /* of the volume */
    unsigned number, seen;     /* wanted; passed so far */
    uint64_t chain, chain_len; /* the extended partition, bytes */
    uint64_t tables[BH_PARTITION_TABLES_MAX]; /* that were met, from `chain` */
    unsigned table_count;
};

/* Begins the search for partition `number` of a volume of `size` bytes. */
void bh_partition_begin(struct bh_partition_walk *walk, unsigned number,
                        uint64_t size);

/* Takes the sector at `walk->at`. 0: `first` and `len` of `out` are set, in
 * bytes of the volume. 1: another sector, which lies within the volume, is
 * needed. -ENOENT: there is no such partition; -EBADMSG: the table lies. Both
 * are said in `cause`. */
int bh_partition_step(struct bh_partition_walk *walk,
                      const uint8_t sector[BH_PARTITION_SECTOR_LEN],
                      struct bh_extent *out, char cause[BH_CAUSE_LEN]);

#endif
