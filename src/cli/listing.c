/* SPDX-License-Identifier: MIT */
#include "cli/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/number.h"
#include "cli/target.h"

#define LIST_IMAGE ":list"
#define LIST_SECTOR_LEN 512u
#define RECORDS_PER_SECTOR (LIST_SECTOR_LEN / LISTING_RECORD_LEN)
#define ENTRIES_MAX (1u << 20)

enum {
    NUMBER_AT = 0,
    NUMBER_LEN = 5,
    NAME_AT = 6,
    SIZE_AT = 47,
    SIZE_LEN = 12,
    WRITABLE_AT = 60,
    MODE_AT = 61,
    IN_USE_AT = 62,
    END_AT = 63
};

/* A right-aligned decimal number of `len` bytes. */
static bool field_parse(const char *field, size_t len, uint64_t *out)
{
    char digits[16];

    while (len > 1 && *field == ' ') {
        field++;
        len--;
    }
    memcpy(digits, field, len);
    digits[len] = '\0';
    return strspn(digits, "0123456789") == len &&
           number_parse(digits, 0, UINT64_MAX, out);
}

static void name_copy(char name[LISTING_NAME_LEN + 1], const char *field)
{
    size_t len = LISTING_NAME_LEN;

    while (len > 0 && field[len - 1] == ' ')
        len--;
    memcpy(name, field, len);
    name[len] = '\0';
}

bool listing_parse(const char record[LISTING_RECORD_LEN],
                   struct listing_entry *out)
{
    uint64_t number;

    if (record[END_AT] != '\n' ||
        !field_parse(record + NUMBER_AT, NUMBER_LEN, &number) ||
        !field_parse(record + SIZE_AT, SIZE_LEN, &out->bytes))
        return false;
    out->number = (uint32_t)number;
    name_copy(out->name, record + NAME_AT);
    out->writable = record[WRITABLE_AT] == 'W';
    out->mode = record[MODE_AT];
    out->in_use = record[IN_USE_AT] == 'U';
    return true;
}

/* Room for one sector's entries more. */
static int make_room(struct listing *listing)
{
    struct listing_entry *entries;

    if (listing->count > ENTRIES_MAX)
        return -EBADMSG;
    entries = realloc(listing->entries,
                      (listing->count + RECORDS_PER_SECTOR) * sizeof(*entries));
    if (entries == NULL)
        return -ENOMEM;
    listing->entries = entries;
    return 0;
}

/* More records than a server gives numbers: it cannot mean it. */
#define LISTING_SECTORS_MAX (65536u / RECORDS_PER_SECTOR)

/* Takes the records of one sector, up to the zeros behind the last one. */
static int add_sector(struct listing *listing, const char *data)
{
    int result = make_room(listing);

    for (size_t i = 0; result == 0 && i < RECORDS_PER_SECTOR; i++) {
        const char *record = data + i * LISTING_RECORD_LEN;

        if (record[0] == '\0')
            break;
        if (!listing_parse(record, &listing->entries[listing->count]))
            return -EBADMSG;
        listing->count++;
    }
    return result;
}

int listing_read(struct bh_disk *disk, const struct bh_url *url,
                 struct listing *out)
{
    char text[TARGET_URL_LEN], data[LIST_SECTOR_LEN];
    uint64_t sectors;
    int result;

    *out = (struct listing){0};
    target_url(url, LIST_IMAGE, LIST_SECTOR_LEN, text);
    result = bh_disk_open(disk, text, BH_OPEN_LOOK);
    if (result != 0)
        return result;
    sectors = bh_disk_info(disk)->sector_count;
    if (sectors > LISTING_SECTORS_MAX) {
        sectors = 0;
        result = -EBADMSG;
    }
    for (uint32_t lsn = 0; lsn < sectors && result == 0; lsn++) {
        result = bh_disk_read(disk, lsn, data);
        if (result == 0)
            result = add_sector(out, data);
    }
    if (result == 0)
        result = bh_disk_close(disk);
    if (result != 0)
        listing_free(out);
    return result;
}

/* The list has '?' for what is not printable ASCII. */
static bool same_name(const char *listed, const char *name)
{
    for (size_t i = 0; i < LISTING_NAME_LEN; i++) {
        const bool plain = name[i] >= ' ' && name[i] < 0x7F;

        if (listed[i] != (plain || name[i] == '\0' ? name[i] : '?'))
            return false;
        if (name[i] == '\0')
            break;
    }
    return true;
}

const struct listing_entry *listing_find(const struct listing *listing,
                                         const char *name)
{
    const struct listing_entry *found = NULL;

    for (size_t i = 0; i < listing->count; i++) {
        if (!same_name(listing->entries[i].name, name))
            continue;
        if (found != NULL)
            return NULL;
        found = &listing->entries[i];
    }
    return found;
}

void listing_free(struct listing *listing)
{
    free(listing->entries);
    *listing = (struct listing){0};
}
