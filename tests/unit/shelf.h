/* SPDX-License-Identifier: MIT */
/* An image with checkpoints in a directory of its own, on a disk that can be
 * full: for the tests of copies, checkpoints and rollbacks. */
#ifndef BH_UNIT_SHELF_H
#define BH_UNIT_SHELF_H

#include "volume/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

#define SHELF_SIZE 700000u

struct shelf {
    char path[64];
    int parent;
    int image;
    int dir; /* the checkpoints of "a.img" */
    char cause[BH_CAUSE_LEN];
};

int shelf_set_up(void **state);
int shelf_tear_down(void **state);

/* Writes to files fail after so many; -1: never. A copy by the kernel counts
 * as one. */
extern long shelf_writes_left;
/* The kernel copies nothing, as between two file systems. */
extern bool shelf_by_hand;
/* No space can be reserved: fallocate says so. */
extern bool shelf_no_reserve;

/* From now on a line is noted before each fsync: "directory" or "file", and
 * what `tell` adds. */
#define SHELF_LINE_LEN 40u
extern char shelf_syncs[8][SHELF_LINE_LEN];
extern unsigned shelf_sync_count;
void shelf_watch(struct shelf *shelf, void (*tell)(struct shelf *shelf, int fd,
                                                   bool is_file, char *line));

/* Makes a file hold pattern `seed`: data, zeros and holes that lie elsewhere in
 * each, and another length. */
void shelf_draw(int fd, unsigned seed);

/* The pattern that a file holds, of those below `seeds`; -1: none. */
int shelf_drawn(int fd, unsigned seeds);

/* The image, opened anew; -1: it holds none. */
int shelf_image_drawn(struct shelf *shelf, unsigned seeds);

/* Makes a checkpoint that must succeed. */
struct bh_checkpoint shelf_keep(struct shelf *shelf, const char *label);

/* How many entries the directory of checkpoints has, hidden ones too. */
unsigned shelf_entries(const struct shelf *shelf);

#endif
