/* SPDX-License-Identifier: MIT */
/*
 * Copies of whole regular files. What the file system can share is shared; else
 * holes stay holes. Nothing is stable before fsync. The caller sees to it that
 * nobody writes to either file meanwhile. Errors are negative errno values.
 */
#ifndef BH_VOLUME_COPY_H
#define BH_VOLUME_COPY_H

#include <stdbool.h>
#include <stdint.h>

/* Told every few MiB how much of a file is done. False: stop. */
struct bh_copy_watch {
    bool (*tell)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* Makes the empty file `to` equal to `from`. `watch` may be NULL; -ECANCELED:
 * it said so. -ENODATA: `from` was truncated meanwhile. */
int bh_copy_new(int from, int to, const struct bh_copy_watch *watch);

/* Whether `to`, an empty file, can share data with `from`; it does then. */
bool bh_copy_share(int from, int to);

/* Finds the space that bh_copy_over() will need. -ENOSPC: there is not enough,
 * and nothing has changed. A file system that cannot reserve any says 0. */
int bh_copy_reserve(int from, int to);

/* Makes `to` equal to `from`, whatever it holds, and writes only what differs.
 * What was begun and failed or was killed can be done again. */
int bh_copy_over(int from, int to);

#endif
