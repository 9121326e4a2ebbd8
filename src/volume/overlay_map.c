/* SPDX-License-Identifier: MIT */
#include "volume/overlay_map.h"

#include "volume/io.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Slots beyond the limit, for writes that are under way. */
#define SPARE_SLOTS (4u * BH_OVERLAY_BATCH)

static void give_slots(struct bh_overlay_map *map, const uint32_t *entries,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (entries[i] >= BH_OVERLAY_SLOT)
            bh_slots_give(&map->slots, entries[i] - BH_OVERLAY_SLOT);
}

static uint32_t count_slots(const uint32_t *entries, uint32_t count)
{
    uint32_t slots = 0;

    for (uint32_t i = 0; i < count; i++)
        slots += entries[i] >= BH_OVERLAY_SLOT;
    return slots;
}

uint32_t bh_overlay_run(const uint32_t *entries, uint32_t count)
{
    uint32_t step = entries[0] >= BH_OVERLAY_SLOT ? 1 : 0, run = 1;

    while (run < count && entries[run] == entries[0] + run * step)
        run++;
    return run;
}

uint64_t bh_overlay_slot_at(const struct bh_overlay_map *map, uint32_t entry)
{
    return map->slots_at + (uint64_t)(entry - BH_OVERLAY_SLOT) * map->unit;
}

int bh_overlay_reserve(struct bh_overlay_map *map, uint32_t unit,
                       uint32_t count, uint32_t *entries, uint32_t *added)
{
    *added = count - count_slots(map->entries + unit, count);
    if ((uint64_t)map->changed + map->reserved + *added > map->limit)
        return -ENOSPC;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = bh_slots_take(&map->slots);

        if (slot == map->slots.count) {
            give_slots(map, entries, i);
            return -ENOSPC;
        }
        entries[i] = slot + BH_OVERLAY_SLOT;
    }
    map->reserved += *added;
    return 0;
}

void bh_overlay_settle(struct bh_overlay_map *map, const uint32_t *entries,
                       uint32_t count, uint32_t added, bool failed)
{
    if (failed)
        give_slots(map, entries, count);
    map->reserved -= added;
}

int bh_overlay_publish(struct bh_overlay_map *map, uint32_t unit,
                       uint32_t count, const uint32_t *entries)
{
    uint32_t old[BH_OVERLAY_BATCH];
    int error;

    memcpy(old, map->entries + unit, count * sizeof *old);
    error =
        bh_io_write(map->fd, BH_OVERLAY_MAP_AT + (uint64_t)unit * sizeof *old,
                    entries, count * sizeof *old);
    if (error != 0)
        return error;
    give_slots(map, old, count);
    map->changed += count_slots(entries, count);
    map->changed -= count_slots(old, count);
    return 0;
}

/* What the entries of a part name. No two units share a slot. */
static int claim_slots(struct bh_overlay_map *map, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++) {
        uint32_t entry = map->entries[i];

        if (entry < BH_OVERLAY_SLOT)
            continue;
        if (!bh_slots_claim(&map->slots, entry - BH_OVERLAY_SLOT))
            return -EBADMSG;
        map->changed++;
    }
    return 0;
}

/* The map of a large base is mostly a hole; only what was written is read. */
static int load(struct bh_overlay_map *map)
{
    off_t first = BH_OVERLAY_MAP_AT, end = first + (off_t)map->len, at = first;
    int error = 0;

    while (at < end && error == 0) {
        off_t data = lseek(map->fd, at, SEEK_DATA);

        if (data < 0)
            return errno == ENXIO ? 0 : -errno; /* ENXIO: the rest is a hole */
        at = lseek(map->fd, data, SEEK_HOLE);
        if (at < 0)
            return -errno;
        at = at < end ? at : end;
        if (data < at)
            error = claim_slots(map, (uint64_t)(data - first) / 4,
                                (uint64_t)(at - first) / 4);
    }
    return error;
}

int bh_overlay_map_open(struct bh_overlay_map *map, int fd,
                        const struct bh_overlay_header *header)
{
    void *entries;
    int error;

    *map = (struct bh_overlay_map){.fd = fd,
                                   .unit = header->unit,
                                   .limit = header->limit,
                                   .len = (size_t)bh_overlay_map_len(header)};
    map->slots_at = BH_OVERLAY_MAP_AT + map->len;
    error = bh_slots_init(&map->slots, header->limit + SPARE_SLOTS);
    if (error != 0 || map->len == 0) /* 0: of an empty base */
        return error;
    entries =
        mmap(NULL, map->len, PROT_READ, MAP_SHARED, fd, BH_OVERLAY_MAP_AT);
    if (entries == MAP_FAILED)
        return -errno;
    map->entries = entries;
    return load(map);
}

void bh_overlay_map_close(struct bh_overlay_map *map)
{
    if (map->entries != NULL)
        munmap((void *)(uintptr_t)map->entries, map->len);
    bh_slots_done(&map->slots);
}
