/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: copies of an image file, which any tool opens. They lie beside
 * it, where no name that is served leads:
 *
 *     games/zork.img
 *     games/.checkpoints/zork.img/0001
 *     games/.checkpoints/zork.img/0002-before the troll
 *
 * What is listed is whole: a copy is made under another name (".new"), made
 * stable, and renamed. A kill leaves at most that other name, which the next
 * bh_checkpoint_create() or bh_recover() removes.
 *
 * They are of the whole file. Whoever serves a part of it holds back the writes
 * to all parts. A second name of the same file has its own checkpoints.
 *
 * `dir` is what bh_checkpoints_open() returned. Calls that change anything lock
 * it against other handles, in this and other programs: -EBUSY. Errors are
 * negative errno values, said in `cause` where there is one.
 */
#ifndef BH_VOLUME_CHECKPOINT_H
#define BH_VOLUME_CHECKPOINT_H

#include "volume/copy.h"
#include "volume/medium.h"
#include "wire/label.h"

#include <stddef.h>

#define BH_CHECKPOINTS_DIR ".checkpoints"
#define BH_CHECKPOINT_KEEP 10u
#define BH_CHECKPOINT_NUMBER_MAX 999999999u
#define BH_CHECKPOINT_FILE_LEN (BH_LABEL_LEN + 11u)

struct bh_checkpoint {
    uint32_t number;                 /* from 1 on, by age */
    char label[BH_LABEL_LEN + 1];    /* may be empty */
    uint64_t byte_count, disk_bytes; /* its length, and what it takes */
    int64_t time_s;                  /* UTC */
};

/* The checkpoints of the image `leaf` in the directory `parent`: a descriptor
 * to be closed. Follows no symbolic link. `make`: makes the directories if they
 * are missing, else -ENOENT. */
int bh_checkpoints_open(int parent, const char *leaf, bool make,
                        char cause[BH_CAUSE_LEN]);

/* Makes one of the open image, with a clean label. -ENOTSUP: not of a regular
 * file. -ENOSPC, -ECANCELED and all other errors leave nothing behind. */
int bh_checkpoint_create(int dir, int image, const char *label,
                         const struct bh_copy_watch *watch,
                         struct bh_checkpoint *out, char cause[BH_CAUSE_LEN]);

/* All of them, the oldest first, to be freed. */
int bh_checkpoints_list(int dir, struct bh_checkpoint **out, size_t *count);

/* The newest with this label, else the newest whose label differs only in case;
 * digits are a number. -ENOENT. */
int bh_checkpoint_find(int dir, const char *name, struct bh_checkpoint *out);

/* Opens one to read. With its device and inode in the facts, bh_file_open()
 * makes a medium of it. */
int bh_checkpoint_open(int dir, const struct bh_checkpoint *checkpoint);

/* The name of its file. */
void bh_checkpoint_file(const struct bh_checkpoint *checkpoint,
                        char out[BH_CHECKPOINT_FILE_LEN + 1]);

/* -EBUSY: also if a rollback to it is to be finished. A session that reads it
 * can go on. */
int bh_checkpoint_remove(int dir, uint32_t number);

/* Removes the oldest until `keep` are left; 0: none. */
int bh_checkpoints_prune(int dir, size_t keep);

/* At the start: removes a copy that was not finished, and makes stable what a
 * killed server has done here. Otherwise the mark of a rollback that was
 * finished could come back with a power failure, and undo what was written
 * since. -EBUSY: another server is at work. */
int bh_checkpoints_sweep(int dir);

/* For what changes anything here: -EBUSY, or to be unlocked. */
int bh_checkpoints_lock(int dir);
void bh_checkpoints_unlock(int dir);

#endif
