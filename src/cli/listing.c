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
/* More records than a server gives numbers: it cannot mean it. */
#define SECTORS_MAX (65536u / RECORDS_PER_SECTOR)

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

/* Takes the records of `sectors`, at least one, up to the zeros behind the last
 * record. */
static int take_records(struct listing *listing, const char *data,
                        size_t sectors)
{
    const size_t most = sectors * RECORDS_PER_SECTOR;
    const char *record = data;

    listing->entries = calloc(most, sizeof(*listing->entries));
    if (listing->entries == NULL)
        return -ENOMEM;
    for (; listing->count < most && *record != '\0'; listing->count++) {
        if (!listing_parse(record, &listing->entries[listing->count]))
            return -EBADMSG;
        record += LISTING_RECORD_LEN;
    }
    return 0;
}

/* All of an open list, many sectors at a time. */
static int read_records(struct bh_disk *disk, struct listing *listing)
{
    const uint64_t sectors = bh_disk_info(disk)->sector_count;
    char *data;
    int result;

    if (sectors == 0)
        return 0;
    if (sectors > SECTORS_MAX)
        return -EBADMSG;
    data = malloc((size_t)sectors * LIST_SECTOR_LEN);
    if (data == NULL)
        return -ENOMEM;
    result = bh_disk_read_run(disk, 0, (uint32_t)sectors, data);
    if (result == 0)
        result = take_records(listing, data, (size_t)sectors);
    free(data);
    return result;
}

int listing_read(struct bh_disk *disk, const struct bh_url *url,
                 struct listing *out)
{
    char text[TARGET_URL_LEN];
    int result;

    *out = (struct listing){0};
    target_url(url, LIST_IMAGE, LIST_SECTOR_LEN, text);
    result = bh_disk_open(disk, text, BH_OPEN_LOOK);
    if (result != 0)
        return result;
    result = read_records(disk, out);
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
