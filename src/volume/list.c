/* SPDX-License-Identifier: MIT */
#include "volume/list.h"

#include "volume/memory.h"
#include "volume/still.h"
#include "volume/virtual.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_NAME 6
#define NAME_LEN 40
#define AT_IN_USE 62
#define SIZE_END 1000000000000ull /* what 12 digits cannot hold */

/* The medium behind one record, for bh_list_mark(). */
struct place {
    uint64_t device, inode;
};

/* A listing while it is written. */
struct draft {
    char *text;
    struct place *places;
    size_t count, room;
    bool failed;
};

/* A listing that is read. */
struct list {
    struct bh_medium medium; /* first: the medium is the list */
    struct bh_medium *text;  /* in memory */
    atomic_uint *open;       /* listings, this one among them */
    struct place *places;
    size_t count;
};

bool bh_list_is(const struct bh_volume_facts *facts)
{
    return bh_virtual_is(facts) && strcmp(facts->name, BH_LIST_NAME) == 0;
}

static bool make_room(struct draft *draft)
{
    size_t room = draft->room == 0 ? 64 : draft->room * 2;
    char *text;
    struct place *places;

    if (draft->count < draft->room)
        return true;
    text = realloc(draft->text, room * BH_LIST_RECORD_LEN);
    if (text != NULL)
        draft->text = text;
    places = realloc(draft->places, room * sizeof *places);
    if (places != NULL)
        draft->places = places;
    draft->failed = text == NULL || places == NULL;
    if (!draft->failed)
        draft->room = room;
    return !draft->failed;
}

/* A name that no terminal stumbles over. */
static void put_name(char *field, const char *name)
{
    for (size_t i = 0; i < NAME_LEN && name[i] != '\0'; i++)
        field[i] = name[i] >= ' ' && name[i] < '\x7f' ? name[i] : '?';
}

static bool add_record(void *context, const struct bh_volume_facts *facts)
{
    static const char modes[] = {[BH_MODE_EXCLUSIVE] = 'E',
                                 [BH_MODE_SHARED] = 'S',
                                 [BH_MODE_READ_ONLY] = 'R',
                                 [BH_MODE_SCRATCH] = 'P'};
    struct draft *draft = context;
    char record[BH_LIST_RECORD_LEN + 32];

    if (!make_room(draft))
        return false;
    snprintf(record, sizeof record, "%5u %-40s %12llu %c%c-\n",
             (unsigned)facts->number, "",
             facts->byte_count < SIZE_END
                 ? (unsigned long long)facts->byte_count
                 : SIZE_END - 1,
             facts->mode == BH_MODE_READ_ONLY ? 'R' : 'W', modes[facts->mode]);
    put_name(record + AT_NAME, facts->name);
    memcpy(draft->text + draft->count * BH_LIST_RECORD_LEN, record,
           BH_LIST_RECORD_LEN);
    draft->places[draft->count++] = (struct place){facts->device, facts->inode};
    return true;
}

static struct list *list_of(struct bh_medium *medium)
{
    return (struct list *)(void *)medium;
}

static int list_read(struct bh_medium *medium, uint64_t offset,
                     const struct iovec *pieces, unsigned count)
{
    struct bh_medium *text = list_of(medium)->text;

    return text->ops->read(text, offset, pieces, count);
}

static void list_close(struct bh_medium *medium)
{
    struct list *list = list_of(medium);

    list->text->ops->close(list->text);
    atomic_fetch_sub(list->open, 1);
    free(list->places);
    free(list);
}

static const struct bh_medium_ops list_ops = {
    .read = list_read,
    .read_now = list_read,
    .write = bh_still_write,
    .sync = bh_still_sync,
    .lock = bh_still_lock,
    .close = list_close,
};

static int make(struct bh_catalogue *catalogue, struct bh_medium **out)
{
    struct draft draft = {0};
    struct list *list = calloc(1, sizeof *list);

    bh_catalogue_each(catalogue, add_record, &draft);
    if (list == NULL || draft.failed ||
        bh_memory_open(draft.text, draft.count * BH_LIST_RECORD_LEN,
                       &list->text) != 0) {
        free(list);
        free(draft.text);
        free(draft.places);
        return -ENOMEM;
    }
    free(draft.text);
    list->medium = (struct bh_medium){&list_ops, list->text->byte_count};
    list->places = draft.places;
    list->count = draft.count;
    *out = &list->medium;
    return 0;
}

int bh_list_open(struct bh_catalogue *catalogue, atomic_uint *open,
                 struct bh_medium **out)
{
    int error = -EUSERS;

    if (atomic_fetch_add(open, 1) < BH_LISTS_MAX)
        error = make(catalogue, out);
    if (error != 0)
        atomic_fetch_sub(open, 1);
    else
        list_of(*out)->open = open;
    return error;
}

void bh_list_mark(struct bh_medium *medium, bh_list_in_use *in_use,
                  void *context)
{
    struct list *list = list_of(medium);

    for (size_t i = 0; i < list->count; i++)
        if (in_use(context, list->places[i].device, list->places[i].inode))
            list->text->ops->write(list->text,
                                   i * BH_LIST_RECORD_LEN + AT_IN_USE,
                                   (const uint8_t *)"U", 1);
}
