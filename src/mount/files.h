/* SPDX-License-Identifier: MIT */
/*
 * The files of a mount: `image` is the volume, `p1` and so on are partitions of
 * it, counted as volume/partition.h counts them. Pure: no file is opened here.
 *
 * Invariants
 *   1. Every file lies within the volume, and `image` is all of it.
 *   2. A partition that is open keeps its place, whatever the table says since.
 *   3. The kernel keeps a cache for each file, and the files share bytes: a
 *      file of which bytes were changed through another is `stale`, and its
 *      cache is dropped when it is opened next.
 */
#ifndef BH_MOUNT_FILES_H
#define BH_MOUNT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define FILES_PARTITIONS_MAX 63u
#define FILES_NAME_LEN 8u

struct file {
    uint64_t first, len; /* bytes of the volume */
    struct timespec used, changed;
    unsigned openers;
    bool there; /* else it has no name */
    bool stale; /* invariant 3 */
};

struct files {
    struct file all[1 + FILES_PARTITIONS_MAX]; /* image, p1, ... */
    bool doubtful; /* the table may have changed since it was read */
};

void files_begin(struct files *files, uint64_t volume_len,
                 const struct timespec *now);

/* The number of a file: 0 for `image`. */
unsigned files_number(const struct files *files, const struct file *file);

/* NULL: there is none of this name. */
struct file *files_find(struct files *files, const char *name);

/* A file's name, in `out`. */
void files_name(unsigned number, char out[FILES_NAME_LEN]);

/* Partition `number` is there, with these bytes; a `len` of 0: is not. Of one
 * that is open nothing changes, and the table stays doubtful. */
void files_place(struct files *files, unsigned number, uint64_t first,
                 uint64_t len);

/* How many of `len` bytes from `offset` on lie in the file. */
size_t file_clip(const struct file *file, uint64_t offset, size_t len);

/* These bytes of the file are being changed. */
void files_change(struct files *files, struct file *file, uint64_t offset,
                  uint64_t len, const struct timespec *now);

/* Returns whether the kernel's cache of the file is still good. */
bool files_open(struct file *file);
void files_close(struct file *file);

#endif
