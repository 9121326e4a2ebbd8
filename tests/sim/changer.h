/* SPDX-License-Identifier: MIT */
/*
 * An administrator who changes what is in the drives: he wants it, looks now
 * and then whether it is done, and goes when it is or when he has no more
 * patience. Now and then he insists.
 */
#ifndef BH_SIM_CHANGER_H
#define BH_SIM_CHANGER_H

#include <stdbool.h>
#include <stdint.h>

struct world;

struct changer {
    bool waits, force, calm;
    uint32_t visit, volume, disk;
    uint64_t began; /* stamp */
    uint64_t patience_ms;
};

/* He comes, unless he is there. */
void changer_comes(struct world *world);

/* EVENT_CHANGER: he looks. */
void changer_looks(struct world *world, uint32_t visit);

void changer_killed(struct world *world);

#endif
