/* SPDX-License-Identifier: MIT */
/*
 * The virtual volume `:list`: what is served, as text that a BASIC program can
 * read. One record of 64 ASCII bytes for each volume, sorted by name:
 *
 *   0-4   number in the catalogue, decimal, right-aligned
 *   6-45  name, cut to 40, blanks behind
 *   47-58 bytes, decimal, right-aligned
 *   60    'W' writable, 'R' read-only
 *   61    mode: 'E' exclusive, 'S' shared, 'R' read-only
 *   62    'U' in use, '-' free
 *   63    LF; all others are blanks
 */
#ifndef BH_VOLUME_LIST_H
#define BH_VOLUME_LIST_H

#include "volume/catalogue.h"

#include <stdatomic.h>

#define BH_LIST_NAME ":list"
#define BH_LIST_RECORD_LEN 64u
#define BH_LISTS_MAX                                                           \
    32u /* listings at a time: a MiB each at most. The core                    \
           has fewer; some are about to be closed */

bool bh_list_is(const struct bh_volume_facts *facts);

/* A snapshot of the catalogue. All volumes are marked as free. `*open`, which
 * outlives the listing, counts those that are open; -EUSERS if there are
 * BH_LISTS_MAX already. */
int bh_list_open(struct bh_catalogue *catalogue, atomic_uint *open,
                 struct bh_medium **out);

/* Marks in an open listing which volumes are in use, as `in_use` says. */
typedef bool bh_list_in_use(void *context, uint64_t device, uint64_t inode);
void bh_list_mark(struct bh_medium *medium, bh_list_in_use *in_use,
                  void *context);

#endif
