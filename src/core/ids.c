/* SPDX-License-Identifier: MIT */
#include "core/ids.h"

#include "core/limits.h"
#include "wire/protocol.h"

/* With half of all ids in use, as many draws fail once in 2^64; a few suffice
 * before one that was never proven is taken out of quarantine. */
#define DRAWS 64
#define DRAWS_FROM_FREE 8

/* Longer than any server runs, and short enough to compare. */
#define FAR_AHEAD_S 0x40000000u

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000);
}

enum bh_id_state bh_ids_state(const struct bh_ids *ids, uint16_t id,
                              uint64_t now)
{
    const struct bh_id *entry = &ids->of[id];

    if (entry->state == BH_ID_CLOSED &&
        (int32_t)(seconds(now) - entry->until_s) > 0)
        return BH_ID_FREE;
    return (enum bh_id_state)entry->state;
}

static uint16_t take(struct bh_ids *ids, uint16_t id, uint16_t slot)
{
    ids->of[id] = (struct bh_id){.state = BH_ID_PENDING, .slot = slot};
    return id;
}

/* Whether a closed id may be drawn early. */
static bool may_reuse(const struct bh_ids *ids, uint16_t id)
{
    return ids->of[id].state == BH_ID_CLOSED && ids->of[id].unproven;
}

/* The rare way, when drawing has failed: from `start` on, the first free id,
 * else the first closed one that was never proven. */
static uint16_t search(const struct bh_ids *ids, uint64_t now, uint16_t start)
{
    uint16_t unproven = 0;

    for (uint32_t i = 0; i < BH_ID_COUNT; i++) {
        uint16_t id = (uint16_t)(start + i);

        if (id == 0)
            continue;
        if (bh_ids_state(ids, id, now) == BH_ID_FREE)
            return id;
        if (may_reuse(ids, id))
            unproven = id;
    }
    return unproven;
}

uint16_t bh_ids_draw(struct bh_ids *ids, struct bh_random *random, uint64_t now,
                     uint16_t slot)
{
    uint16_t id = 0;

    for (int i = 0; i < DRAWS; i++) {
        if (!bh_random_take(random, &id, sizeof id))
            return 0;
        if (id == 0)
            continue;
        if (bh_ids_state(ids, id, now) == BH_ID_FREE ||
            (i >= DRAWS_FROM_FREE && may_reuse(ids, id)))
            return take(ids, id, slot);
    }
    id = search(ids, now, id);
    return id == 0 ? 0 : take(ids, id, slot);
}

void bh_ids_prove(struct bh_ids *ids, uint16_t id, uint16_t slot)
{
    ids->of[id].state = BH_ID_PROVEN;
    ids->of[id].slot = slot;
}

void bh_ids_close(struct bh_ids *ids, uint16_t id, uint64_t now, uint8_t status)
{
    bh_ids_doom(ids, id, status);
    ids->of[id].state = BH_ID_CLOSED;
    ids->of[id].until_s = seconds(now + BH_QUARANTINE_MS);
}

void bh_ids_doom(struct bh_ids *ids, uint16_t id, uint8_t status)
{
    struct bh_id *entry = &ids->of[id];

    entry->unproven = entry->state == BH_ID_PENDING;
    entry->status = status;
}

uint32_t bh_ids_until(const struct bh_ids *ids, uint16_t id, uint64_t now)
{
    const struct bh_id *entry = &ids->of[id];

    return entry->state == BH_ID_CLOSED ? entry->until_s
                                        : seconds(now) + FAR_AHEAD_S;
}

bool bh_ids_rest(struct bh_ids *ids, uint16_t id, uint64_t now)
{
    if (id == 0 || bh_ids_state(ids, id, now) != BH_ID_FREE)
        return false;
    ids->of[id] = (struct bh_id){.state = BH_ID_PENDING};
    bh_ids_close(ids, id, now, BH_ERR_SESSION);
    return true;
}

void bh_ids_adjust(struct bh_ids *ids, uint16_t id, uint64_t now)
{
    struct bh_id *entry = &ids->of[id];
    uint32_t most = seconds(now + BH_QUARANTINE_MS);

    if ((int32_t)(seconds(now) - entry->until_s) > 0)
        entry->state = BH_ID_FREE;
    else if ((int32_t)(entry->until_s - most) > 0)
        entry->until_s = most; /* the clock has jumped */
}
