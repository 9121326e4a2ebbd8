/* SPDX-License-Identifier: MIT */
/*
 * What a server has: its virtual volume :list, of 64-byte ASCII records.
 *
 *   0-4   catalogue number, right-aligned     59  blank
 *   5     blank                               60  R read-only, W writable
 *   6-45  name, cut to 40 bytes               61  mode: E exclusive, S shared,
 *   46    blank                                   R read-only
 *   47-58 size in bytes, right-aligned        62  U in use, - free
 *                                             63  line feed
 */
#ifndef BH_CLI_LISTING_H
#define BH_CLI_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/blockhead.h"

#define LISTING_RECORD_LEN 64u
#define LISTING_NAME_LEN 40u

struct listing_entry {
    uint32_t number;
    char name[LISTING_NAME_LEN + 1]; /* as it came: not cleaned */
    uint64_t bytes;
    char mode; /* 'E', 'S' or 'R' */
    bool writable;
    bool in_use;
};

struct listing {
    struct listing_entry *entries; /* owned */
    size_t count;
};

/* False for what is no record: the zeros behind the last one, or nonsense. */
bool listing_parse(const char record[LISTING_RECORD_LEN],
                   struct listing_entry *out);

/* Reads the list of `url`'s server, on `disk`, which must not be open. 0 or
 * the disk's negative errno; -EBADMSG for a list that makes no sense. */
int listing_read(struct bh_disk *disk, const struct bh_url *url,
                 struct listing *out);

/* The one entry called `name`; NULL if there is none, or if several names are
 * alike when cut. */
const struct listing_entry *listing_find(const struct listing *listing,
                                         const char *name);

void listing_free(struct listing *listing);

#endif
