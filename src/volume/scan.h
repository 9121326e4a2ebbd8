/* SPDX-License-Identifier: MIT */
/* Which files lie beneath a directory. */
#ifndef BH_VOLUME_SCAN_H
#define BH_VOLUME_SCAN_H

#include <stddef.h>

struct bh_names {
    char **of;
    size_t count, room;
};

/* Adds a copy of `name`; out of memory, it is left out. */
void bh_names_add(struct bh_names *names, const char *name);

/* Sorts by bytes and drops doubles. */
void bh_names_sort(struct bh_names *names);
void bh_names_free(struct bh_names *names);

/* Adds the path, relative to `path`, of every file beneath it whose name may be
 * served. Directories below BH_SCAN_DEPTH are not looked into. */
#define BH_SCAN_DEPTH 8
void bh_scan_directory(const char *path, struct bh_names *names);

#endif
