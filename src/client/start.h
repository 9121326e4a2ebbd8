/* SPDX-License-Identifier: MIT */
/*
 * How a request is taken on or refused: what open.c shares with start.c.
 */
#ifndef BH_CLIENT_START_H
#define BH_CLIENT_START_H

struct bh_disk;
struct bh_request;

/* -EBUSY: `wanted` has to be alone, and others are not handed back. */
int bh_start_refuse_busy(struct bh_disk *disk, const struct bh_request *wanted);

/* From now on it is the disk's: a copy of `wanted`, its patience counted from
 * here. */
void bh_start_take_on(struct bh_disk *disk, const struct bh_request *wanted);

#endif
