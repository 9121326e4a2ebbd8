/* SPDX-License-Identifier: MIT */
#include "volume/partition.h"

#include "volume/little.h"

#include <errno.h>
#include <stdio.h>

#define ENTRIES 446u
#define ENTRY_LEN 16u

enum { EMPTY = 0x00, GPT = 0xEE };

/* An entry in bytes; `first` counts from where its table says. */
struct entry {
    uint8_t status, type;
    uint64_t first, len;
};

static struct entry entry_of(const uint8_t *sector, unsigned index)
{
    const uint8_t *at = sector + ENTRIES + (size_t)index * ENTRY_LEN;

    return (struct entry){
        at[0], at[4], (uint64_t)bh_little32(at + 8) * BH_PARTITION_SECTOR_LEN,
        (uint64_t)bh_little32(at + 12) * BH_PARTITION_SECTOR_LEN};
}

static bool is_used(const struct entry *entry)
{
    return entry->type != EMPTY && entry->len != 0;
}

static bool is_extended(const struct entry *entry)
{
    return entry->type == 0x05 || entry->type == 0x0F || entry->type == 0x85;
}

/* The start of a FAT or NTFS file system has the same signature, and code
 * where a table has 00 or 80. */
static bool has_table(const uint8_t *sector)
{
    for (unsigned i = 0; i < 4; i++)
        if ((entry_of(sector, i).status & 0x7F) != 0)
            return false;
    return sector[510] == 0x55 && sector[511] == 0xAA;
}

static bool lies_within(uint64_t first, uint64_t len, uint64_t end)
{
    return first <= end && len <= end - first;
}

static int give(const struct bh_partition_walk *walk, uint64_t base,
                const struct entry *entry, uint64_t end, struct bh_extent *out,
                char cause[BH_CAUSE_LEN])
{
    uint64_t first = base + entry->first;

    if (entry->first == 0 || base >= end ||
        !lies_within(entry->first, entry->len, end - base)) {
        snprintf(cause, BH_CAUSE_LEN,
                 "partition %u is said to have %llu bytes from byte %llu on, "
                 "which %s",
                 walk->number, (unsigned long long)entry->len,
                 (unsigned long long)first,
                 entry->first == 0 ? "is where the table is"
                                   : "is more than there is");
        return -EBADMSG;
    }
    out->first = first;
    out->len = entry->len;
    return 0;
}

static int none(char cause[BH_CAUSE_LEN], const char *why)
{
    snprintf(cause, BH_CAUSE_LEN, "%s", why);
    return -ENOENT;
}

static int primary(const struct bh_partition_walk *walk, const uint8_t *sector,
                   struct bh_extent *out, char cause[BH_CAUSE_LEN])
{
    struct entry entry = entry_of(sector, walk->number - 1);

    if (!is_used(&entry))
        return none(cause, "this partition is empty");
    if (entry.type == GPT)
        return none(cause, "its partition table is a GPT, and only MBRs are "
                           "read");
    if (is_extended(&entry))
        return none(cause, "this is the extended partition; those within it "
                           "are #5 and up");
    return give(walk, 0, &entry, walk->size, out, cause);
}

/* Whether a table may come next: it lies in the chain, and was not met before.
 */
static bool leads_on(const struct bh_partition_walk *walk, uint64_t first)
{
    if (!lies_within(first, BH_PARTITION_SECTOR_LEN, walk->chain_len) ||
        walk->table_count == BH_PARTITION_TABLES_MAX)
        return false;
    for (unsigned i = 0; i < walk->table_count; i++)
        if (walk->tables[i] == first)
            return false;
    return true;
}

/* To the next table, which is `first` bytes into the chain. */
static int follow(struct bh_partition_walk *walk, uint64_t first,
                  char cause[BH_CAUSE_LEN])
{
    if (!leads_on(walk, first)) {
        snprintf(cause, BH_CAUSE_LEN,
                 "the chain of its logical partitions leads astray after #%u",
                 walk->seen);
        return -EBADMSG;
    }
    walk->tables[walk->table_count++] = first;
    walk->at = walk->chain + first;
    return 1;
}

static int enter_chain(struct bh_partition_walk *walk, const uint8_t *sector,
                       char cause[BH_CAUSE_LEN])
{
    struct bh_extent whole;

    for (unsigned i = 0; i < 4; i++) {
        struct entry entry = entry_of(sector, i);
        int error;

        if (!is_used(&entry) || !is_extended(&entry))
            continue;
        error = give(walk, 0, &entry, walk->size, &whole, cause);
        if (error != 0)
            return error;
        walk->chain = whole.first;
        walk->chain_len = whole.len;
        walk->seen = 4;
        return follow(walk, 0, cause);
    }
    return none(cause, "there is no extended partition, so #4 is the last one");
}

static int logical(struct bh_partition_walk *walk, const uint8_t *sector,
                   struct bh_extent *out, char cause[BH_CAUSE_LEN])
{
    struct entry entry = entry_of(sector, 0), next = entry_of(sector, 1);

    if (!has_table(sector)) {
        snprintf(cause, BH_CAUSE_LEN,
                 "the table of the logical partition after #%u is damaged",
                 walk->seen);
        return -EBADMSG;
    }
    if (is_used(&entry) && ++walk->seen == walk->number)
        return give(walk, walk->at, &entry, walk->chain + walk->chain_len, out,
                    cause);
    if (!is_used(&next) || !is_extended(&next))
        return none(cause, "there are fewer logical partitions");
    return follow(walk, next.first, cause);
}

void bh_partition_begin(struct bh_partition_walk *walk, unsigned number,
                        uint64_t size)
{
    *walk = (struct bh_partition_walk){.number = number, .size = size};
}

int bh_partition_step(struct bh_partition_walk *walk,
                      const uint8_t sector[BH_PARTITION_SECTOR_LEN],
                      struct bh_extent *out, char cause[BH_CAUSE_LEN])
{
    if (walk->chain_len != 0)
        return logical(walk, sector, out, cause);
    if (walk->number == 0 || !has_table(sector))
        return none(cause, "it has no partition table (MBR)");
    if (walk->number <= 4)
        return primary(walk, sector, out, cause);
    return enter_chain(walk, sector, cause);
}
