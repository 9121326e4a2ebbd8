/* SPDX-License-Identifier: MIT */
/* Which of a file's numbered slots are taken. */
#ifndef BH_VOLUME_SLOTS_H
#define BH_VOLUME_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct bh_slots {
    uint64_t *used; /* a bit for each */
    uint32_t count;
    uint32_t search; /* below it none is free */
};

/* All are free. -ENOMEM. */
int bh_slots_init(struct bh_slots *slots, uint32_t count);
void bh_slots_done(struct bh_slots *slots);

/* The first free slot, which is taken now, so that a file stays short; `count`
 * if there is none. */
uint32_t bh_slots_take(struct bh_slots *slots);

/* Takes this one; false: it is taken already, or there is no such slot. */
bool bh_slots_claim(struct bh_slots *slots, uint32_t slot);

/* It was taken, and is free. */
void bh_slots_give(struct bh_slots *slots, uint32_t slot);

#endif
