/* SPDX-License-Identifier: MIT */
/* The storage of requests over many sectors: see disk.h. */
#include "world.h"

#include "core/internal.h"
#include "wire/label.h"
#include "wire/protocol.h"

#include <stdio.h>
#include <string.h>

#define TICKET_STEP 0x9E3779B1u /* odd: no two tickets are the same */

/*
 * Looks and copies.
 */

static struct look *look_new(struct world *world, const struct slot *slot)
{
    struct disks *disks = &world->disks;
    struct look *look = &disks->looks[++disks->look_count % LOOKS];

    look->ticket = disks->look_count;
    look->disk = slot->disk;
    look->at = disk_granule(world, slot);
    look->count = slot->count;
    look->whole = slot->job->whole;
    return look;
}

static uint32_t inverse(uint32_t odd)
{
    uint32_t x = odd; /* right in three bits; each round doubles them */

    for (int i = 0; i < 4; i++)
        x *= 2 - odd * x;
    return x;
}

const struct look *look_find(const struct world *world, uint32_t ticket,
                             bool *never)
{
    const struct disks *disks = &world->disks;
    uint32_t number = ticket * inverse(TICKET_STEP);
    const struct look *look = &disks->looks[number % LOOKS];

    *never = number == 0 || number > disks->look_count;
    return !*never && look->ticket == number ? look : NULL;
}

void copy_new(struct world *world, uint64_t value)
{
    struct disks *disks = &world->disks;

    disks->copies[disks->copy_count++ % COPIES] = (struct copy){.value = value};
}

struct copy *copy_find(struct world *world, uint64_t value)
{
    for (uint32_t i = 0; i < COPIES; i++)
        if (world->disks.copies[i].value == value)
            return &world->disks.copies[i];
    return NULL;
}

uint8_t copy_label(uint64_t value, char *out)
{
    static const char *const tails[] = {"", " ", "\r\n", " \n "};
    uint64_t number = value >> 8;

    if (number % 5 == 0)
        return 0;
    return (uint8_t)snprintf(out, BH_LABEL_LEN, "c%llu%s",
                             (unsigned long long)number, tails[number % 4]);
}

/*
 * Granules, one after the other.
 */

static uint64_t value_at(struct world *world, const struct slot *slot,
                         uint32_t at)
{
    uint32_t index = slot->disk;
    uint64_t value, place;

    if (disk_parse(disk_bytes(world, slot, at), index, at, &value, &place) ==
        GRANULE_STRAY)
        world_fail(world,
                   "a disk holds another place's data: disk %u, granule %u, "
                   "found disk %u, granule %u",
                   index, at, (unsigned)(place >> 32 & 0xFFFF),
                   (unsigned)(place & 0xFFFF));
    return value;
}

static void step(struct world *world, struct slot *slot, uint32_t i)
{
    uint8_t bytes[GRANULE_LEN];
    uint32_t at;

    if (slot->kind == BH_JOB_CHECKPOINT) {
        if (slot->copy != NULL)
            slot->copy->values[i] = value_at(world, slot, i);
        return;
    }
    at = disk_granule(world, slot) + i;
    if (slot->kind == BH_JOB_CHECKSUM) {
        slot->look->values[i] = value_at(world, slot, at);
        return;
    }
    granule_fill(bytes, slot->disk, at, slot->value);
    disk_put(world, slot, at, bytes, GRANULE_LEN);
}

void heavy_go(struct world *world, struct slot *slot, uint32_t upto)
{
    while (slot->part < upto)
        step(world, slot, slot->part++);
}

/*
 * Jobs.
 */

static void check_label(struct world *world, const struct slot *slot)
{
    char bytes[BH_LABEL_LEN + 1], label[BH_LABEL_LEN + 1];

    bh_label_clean(bytes, copy_label(slot->value, bytes), label);
    if (strcmp(label, (const char *)slot->job->data) != 0)
        world_fail(world, "a CHECKPOINT has another label than was asked for");
}

static void check_zeros(struct world *world, const struct slot *slot)
{
    for (uint32_t i = 0; i < slot->job->len; i += GRANULE_LEN / 4)
        if (slot->job->data[i] != 0)
            world_fail(world, "the zeros of a ZERO are none");
}

/* One that is to fail changes nothing, or a part. */
static uint32_t granules_to_zero(struct world *world, const struct slot *slot)
{
    uint32_t all = slot->job->len / GRANULE_LEN;

    if (slot->status == BH_OK)
        return all;
    return rng_hits(&world->rng, PERCENT(40)) ? 0
                                              : rng_below(&world->rng, all + 1);
}

void heavy_begin(struct world *world, struct slot *slot)
{
    switch (slot->kind) {
    case BH_JOB_ZERO:
        check_zeros(world, slot);
        slot->count = granules_to_zero(world, slot);
        break;
    case BH_JOB_CHECKSUM:
        slot->count = slot->job->len / GRANULE_LEN;
        slot->look = look_new(world, slot);
        break;
    default:
        check_label(world, slot);
        slot->count = DISK_GRANULES;
        slot->copy = copy_find(world, slot->value);
        if (slot->copy != NULL) {
            slot->copy->made = false;
            slot->copy->disk = slot->disk;
        }
        break;
    }
}

void heavy_done(struct world *world, struct slot *slot)
{
    heavy_go(world, slot, slot->count);
    if (slot->kind == BH_JOB_CHECKSUM)
        slot->job->checksum =
            slot->status == BH_OK ? slot->look->ticket * TICKET_STEP : 0;
    if (slot->kind == BH_JOB_ZERO && slot->status == BH_OK &&
        disk_request(world, slot->job) == NULL)
        node_settled(world, slot->value);
    if (slot->kind == BH_JOB_CHECKPOINT && slot->copy != NULL) {
        slot->copy->made = slot->status == BH_OK;
        slot->copy->spoilt = world->disks.volumes[slot->volume].failed;
    }
}

/*
 * Doubts: core/doubt.h.
 */

static bool is_zero(uint64_t value)
{
    return value == VALUE_ZEROS ||
           ((value & VALUE_TORN) == 0 && (value & VALUE_ZEROED) != 0);
}

/* Zeros are zeros: if all is zero the ZERO is done for the core, whoever's they
 * are. From then on they are its. */
static void claim(struct world *world, const struct slot *slot, uint64_t value)
{
    uint32_t index = slot->disk;
    uint32_t at = disk_granule(world, slot);

    for (uint32_t i = 0; i < slot->job->len / GRANULE_LEN; i++)
        granule_fill(world->disks.of[index].of[at + i].now, index, at + i,
                     value);
}

void heavy_examined(struct world *world, const struct slot *slot)
{
    uint32_t at = disk_granule(world, slot);
    uint64_t wanted = node_in_doubt(world);
    bool zeroed = true, done = true;

    for (uint32_t i = 0; i < slot->job->len; i += GRANULE_LEN) {
        uint64_t value = value_at(world, slot, at + i / GRANULE_LEN);

        if (is_zero(value))
            memset(bh_job_at(slot->job, i), 0, GRANULE_LEN);
        zeroed &= is_zero(value);
        done &= value == wanted;
    }
    if (zeroed && (wanted & VALUE_ZEROED) != 0)
        claim(world, slot, wanted);
    if ((zeroed && (wanted & VALUE_ZEROED) != 0) || (done && wanted != 0))
        node_settled(world, wanted);
}
