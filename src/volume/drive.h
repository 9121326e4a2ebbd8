/* SPDX-License-Identifier: MIT */
/*
 * Drives: what the configuration calls slots, and what is in each now. They
 * stand beside volumes, and name an image that is served.
 *
 * What was put into one outlives the server in a file of the state directory:
 *
 *     blockhead-slots 1
 *     drive0 <tab> the configured image <tab> what is in it
 *
 * It counts as long as the configured image is the same.
 */
#ifndef BH_VOLUME_DRIVE_H
#define BH_VOLUME_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_drive {
    char *name;
    char *image;      /* as configured; NULL: none */
    char *inserted;   /* what is in it; NULL: nothing */
    bool silent;      /* default sessions are not told of a change */
    uint8_t takeover; /* enum bh_takeover, and idle_ms: while it is empty */
    uint64_t idle_ms;
};

struct bh_drives {
    struct bh_drive *of;
    size_t count;
};

struct bh_drive *bh_drives_find(const struct bh_drives *drives,
                                const char *name);
void bh_drives_free(struct bh_drives *drives);

/* Puts into each what is in the one of this name in `old`, or what the file in
 * `dir` says (-1: there is no file), or what is configured. */
int bh_drives_load(struct bh_drives *drives, const struct bh_drives *old,
                   int dir);

/* Writes the file; what it says is stable when it returns. */
int bh_drives_store(const struct bh_drives *drives, int dir);

#endif
