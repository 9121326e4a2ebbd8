/* SPDX-License-Identifier: MIT */
/* Runs of sectors, collected in any order. */
#ifndef BH_CLI_EXTENTS_H
#define BH_CLI_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

struct extent {
    uint64_t lsn, count;
};

/* All zeros: empty. */
struct extents {
    struct extent *of;
    size_t count, room;
};

/* One that goes on where the last one ends makes that longer. 0 or -ENOMEM. */
int extents_add(struct extents *extents, uint64_t lsn, uint64_t count);

/* By rising LSNs, neighbours as one. What was added had no sector twice. */
void extents_sort(struct extents *extents);

/* Sectors in all. */
uint64_t extents_total(const struct extents *extents);

void extents_free(struct extents *extents);

#endif
