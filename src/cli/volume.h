/* SPDX-License-Identifier: MIT */
/*
 * A volume that a command works on: its disk, opened, and its true length.
 *
 * A sector is only how the bytes travel. IDENTIFY counts sectors, rounded up,
 * so an image of 1,000 bytes looks like 1,024 through a session of 512-byte
 * sectors. volume_measure() finds the length in two steps: a lockless look with
 * the shortest sectors leaves less than one of them in doubt, and the entry of
 * the same name and length in :list, where there is one, removes that.
 *
 * Every call here complains itself when it fails.
 */
#ifndef BH_CLI_VOLUME_H
#define BH_CLI_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/listing.h"
#include "cli/target.h"

struct bh_disk;
struct options;

#define VOLUME_SECTOR_LEN 512u /* what LSNs mean unless one says more */
#define VOLUME_SECTOR_LEN_WIDE                                                 \
    1024u /* the most that an MTU of 1500 carries                              \
           */

struct volume {
    struct target target;
    struct bh_disk *disk; /* owned */
    bool known; /* the server knows IDENTIFY; else the rest is not filled */
    uint32_t sector_len;
    uint64_t sector_count;
    uint64_t bytes; /* of volume_measure() */
    uint32_t slack; /* `bytes` may be too many by this; 0: it is exact */
    bool listed;    /* `entry` is filled, and `bytes` is exact */
    struct listing_entry entry;
    bool may_grow;
    bool read_only; /* this session cannot write */
    bool scratch;   /* what is written goes with its session */
    bool no_look;   /* set by a command without --look */
    bool may_lack;  /* set by one to which an empty slot is an answer: ... */
    bool empty;     /* ... it has failed for that, without a complaint */
};

/* A volume that is not open: volume_close() may follow at once. */
bool volume_begin(struct volume *volume, const char *text,
                  const struct options *options);

/* Opens with BH_OPEN_ flags and the user's sector length, else `sector_len`,
 * else any that the server has for this volume. `action` is the verb for a
 * complaint: "get". */
bool volume_open(struct volume *volume, const char *action, unsigned flags,
                 uint32_t sector_len);

/* Likewise in sectors as bh_disk_open_best() chooses them. */
bool volume_open_best(struct volume *volume, const char *action,
                      unsigned flags);

/* Sets `bytes`, `exact`, `entry` and `may_grow`; the disk is closed again.
 */
bool volume_measure(struct volume *volume, const char *action);

/* Whether what is written to it stays there. */
bool volume_keeps(const struct volume *volume, const char *action);

/* The image's name, or the host's for a default image. */
const char *volume_label(const struct volume *volume);

/* Lets go of the disk, politely but without waiting. */
void volume_end(struct volume *volume);

/* Before that, if all went well: waits until the server has let go of it. A
 * lost DISCON would keep others out for as long as a lease lasts. */
void volume_leave(struct volume *volume);

#endif
