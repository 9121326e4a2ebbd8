/* SPDX-License-Identifier: MIT */
#include "fat.h"

#include "tiny/drive.h"

#define SECTOR 512
#define ENTRY 32
#define END_OF_CHAIN 0xFFF8u

static uint8_t sector[SECTOR];
static uint16_t fat_at, fat_len, root_at, root_entries, data_at;
static uint16_t last_cluster;

static uint16_t get16(uint16_t at)
{
    return (uint16_t)(sector[at] | (uint16_t)sector[at + 1] << 8);
}

static void put16(uint16_t at, uint16_t value)
{
    sector[at] = (uint8_t)value;
    sector[at + 1] = (uint8_t)(value >> 8);
}

uint8_t fat_open(void)
{
    uint8_t status = bh_drive_read(0, sector);
    uint16_t sectors;

    if (status != BH_OK)
        return status;
    if (get16(11) != SECTOR || sector[13] != 1 || sector[16] != 2)
        return FAT_STRANGE;
    fat_at = get16(14);
    root_entries = get16(17);
    sectors = get16(19);
    fat_len = get16(22);
    root_at = (uint16_t)(fat_at + 2 * fat_len);
    data_at = (uint16_t)(root_at + root_entries / (SECTOR / ENTRY));
    last_cluster = (uint16_t)(sectors - data_at + 1);
    return BH_OK;
}

static void get_file(uint16_t at, struct fat_file *file)
{
    uint8_t i;

    for (i = 0; i < 11; i++)
        file->name[i] = (char)sector[at + i];
    file->name[11] = 0;
    file->cluster = get16((uint16_t)(at + 26));
    file->size =
        get16((uint16_t)(at + 28)) | (uint32_t)get16((uint16_t)(at + 30)) << 16;
}

/* Whether there is a file here: no deleted one, long name, label. */
static uint8_t is_file(uint16_t at)
{
    return sector[at] != 0xE5 && !(sector[at + 11] & 8);
}

uint8_t fat_list(void (*show)(const struct fat_file *file))
{
    struct fat_file file;
    uint16_t i, at;
    uint8_t status;

    for (i = 0; i < root_entries; i++) {
        at = (uint16_t)(i % (SECTOR / ENTRY) * ENTRY);
        if (at == 0) {
            status = bh_drive_read(root_at + i / (SECTOR / ENTRY), sector);
            if (status != BH_OK)
                return status;
        }
        if (sector[at] == 0)
            break;
        if (is_file(at)) {
            get_file(at, &file);
            show(&file);
        }
    }
    return BH_OK;
}

static uint8_t has_name(uint16_t at, const char *name)
{
    uint8_t i;

    for (i = 0; i < 11; i++)
        if (sector[at + i] != (uint8_t)name[i])
            return 0;
    return 1;
}

/* The root directory's sector with the file, or with the first free entry when
 * there is none (FAT_NOT_FOUND); it is in the buffer. */
static uint8_t look_up(const char *name, uint16_t *lsn, uint16_t *at)
{
    uint16_t i;
    uint8_t status;

    for (i = 0; i < root_entries; i++) {
        *at = (uint16_t)(i % (SECTOR / ENTRY) * ENTRY);
        *lsn = (uint16_t)(root_at + i / (SECTOR / ENTRY));
        if (*at == 0) {
            status = bh_drive_read(*lsn, sector);
            if (status != BH_OK)
                return status;
        }
        if (sector[*at] == 0)
            return FAT_NOT_FOUND;
        if (is_file(*at) && has_name(*at, name))
            return BH_OK;
    }
    return FAT_FULL;
}

uint8_t fat_find(const char *name, struct fat_file *file)
{
    uint16_t lsn, at;
    uint8_t status = look_up(name, &lsn, &at);

    if (status == BH_OK)
        get_file(at, file);
    return status;
}

static uint8_t get_next(uint16_t *cluster)
{
    uint8_t status = bh_drive_read(fat_at + *cluster / (SECTOR / 2), sector);

    *cluster = get16((uint16_t)(*cluster % (SECTOR / 2) * 2));
    return status;
}

/* Into both copies. */
static uint8_t set_next(uint16_t cluster, uint16_t next)
{
    uint16_t lsn = (uint16_t)(fat_at + cluster / (SECTOR / 2));
    uint8_t status = bh_drive_read(lsn, sector);

    if (status != BH_OK)
        return status;
    put16((uint16_t)(cluster % (SECTOR / 2) * 2), next);
    status = bh_drive_write(lsn, sector);
    if (status == BH_OK)
        status = bh_drive_write(lsn + fat_len, sector);
    return status;
}

/* The first free cluster from *cluster on. */
static uint8_t find_free(uint16_t *cluster)
{
    uint16_t next;
    uint8_t status;

    do {
        if (*cluster > last_cluster)
            return FAT_FULL;
        next = *cluster;
        status = get_next(&next);
        if (status != BH_OK)
            return status;
        if (next == 0)
            return BH_OK;
        ++*cluster;
        while (*cluster % (SECTOR / 2) != 0 && *cluster <= last_cluster &&
               get16((uint16_t)(*cluster % (SECTOR / 2) * 2)) != 0)
            ++*cluster;
    } while (1);
}

static uint8_t copy_cluster(uint16_t from, uint16_t to)
{
    uint8_t status = bh_drive_read(data_at + (uint32_t)from - 2, sector);

    if (status == BH_OK)
        status = bh_drive_write(data_at + (uint32_t)to - 2, sector);
    return status;
}

/* A new chain with the bytes of another; `*first` is its first cluster. */
static uint8_t copy_chain(uint16_t from, uint16_t *first)
{
    uint16_t last = 0;
    uint16_t to = 2;
    uint8_t status;

    *first = 0;
    while (from >= 2 && from < END_OF_CHAIN) {
        if ((status = find_free(&to)) != BH_OK ||
            (status = copy_cluster(from, to)) != BH_OK ||
            (status = set_next(to, 0xFFFF)) != BH_OK ||
            (last != 0 && (status = set_next(last, to)) != BH_OK) ||
            (status = get_next(&from)) != BH_OK)
            return status;
        if (*first == 0)
            *first = to;
        last = to;
    }
    return BH_OK;
}

uint8_t fat_copy(const struct fat_file *from, const char *name)
{
    uint16_t lsn = 0, at = 0;
    uint16_t first;
    uint8_t i;
    uint8_t status = copy_chain(from->cluster, &first);

    if (status == BH_OK)
        status = look_up(name, &lsn, &at);
    if (status != BH_OK && status != FAT_NOT_FOUND)
        return status;
    for (i = 0; i < ENTRY; i++)
        sector[at + i] = 0;
    for (i = 0; i < 11; i++)
        sector[at + i] = (uint8_t)name[i];
    put16((uint16_t)(at + 26), first);
    put16((uint16_t)(at + 28), (uint16_t)from->size);
    put16((uint16_t)(at + 30), (uint16_t)(from->size >> 16));
    return bh_drive_write(lsn, sector);
}

uint8_t fat_sum(const struct fat_file *file, uint16_t *sum)
{
    uint16_t cluster = file->cluster;
    uint16_t i;
    uint8_t status;

    *sum = 0;
    while (cluster >= 2 && cluster < END_OF_CHAIN) {
        status = bh_drive_read(data_at + (uint32_t)cluster - 2, sector);
        if (status != BH_OK)
            return status;
        for (i = 0; i < SECTOR; i++)
            *sum = (uint16_t)((uint16_t)(*sum << 1 | *sum >> 15) ^ sector[i]);
        status = get_next(&cluster);
        if (status != BH_OK)
            return status;
    }
    return BH_OK;
}
