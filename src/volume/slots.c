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
    for (uint32_t word = slots->search / WORD; word <= slots->count / WORD;
         word++) {
        uint64_t free = ~slots->used[word];
        uint32_t slot = word * WORD;

        if (free == 0)
            continue;
        slot += (uint32_t)__builtin_ctzll(free);
        if (!bh_slots_claim(slots, slot)) /* behind the last */
            break;
        slots->search = slot;
        return slot;
    }
    slots->search = slots->count;
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
    if (slot < slots->search)
        slots->search = slot;
}
