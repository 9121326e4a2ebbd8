/* SPDX-License-Identifier: MIT */
#include "volume/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define WORD 64u

int bh_slots_init(struct bh_slots *slots, uint32_t count)
{
    *slots = (struct bh_slots){.count = count};
    slots->used = calloc(count / WORD + 1, sizeof *slots->used);
    return slots->used == NULL ? -ENOMEM : 0;
}

void bh_slots_done(struct bh_slots *slots)
{
    free(slots->used);
}

uint32_t bh_slots_take(struct bh_slots *slots)
{
    uint32_t words = slots->count / WORD + 1;

    for (uint32_t i = 0; i < words; i++) {
        uint32_t word = (slots->search / WORD + i) % words;
        uint64_t free = ~slots->used[word];
        uint32_t slot = free == 0
                            ? slots->count
                            : word * WORD + (uint32_t)__builtin_ctzll(free);

        if (bh_slots_claim(slots, slot)) {
            slots->search = slot;
            return slot;
        }
    }
    return slots->count;
}

bool bh_slots_claim(struct bh_slots *slots, uint32_t slot)
{
    uint64_t bit = UINT64_C(1) << slot % WORD;

    if (slot >= slots->count || (slots->used[slot / WORD] & bit) != 0)
        return false;
    slots->used[slot / WORD] |= bit;
    return true;
}

void bh_slots_give(struct bh_slots *slots, uint32_t slot)
{
    uint64_t bit = UINT64_C(1) << slot % WORD;

    assert(slot < slots->count && (slots->used[slot / WORD] & bit) != 0);
    slots->used[slot / WORD] &= ~bit;
}
