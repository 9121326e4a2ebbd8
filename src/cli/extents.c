/* SPDX-License-Identifier: MIT */
#include "cli/extents.h"

#include <errno.h>
#include <stdlib.h>

static int grow(struct extents *extents)
{
    const size_t room = extents->room == 0 ? 256 : 2 * extents->room;
    struct extent *of = reallocarray(extents->of, room, sizeof(*of));

    if (of == NULL)
        return -ENOMEM;
    extents->of = of;
    extents->room = room;
    return 0;
}

int extents_add(struct extents *extents, uint64_t lsn, uint64_t count)
{
    struct extent *last =
        extents->count > 0 ? &extents->of[extents->count - 1] : NULL;

    if (last != NULL && last->lsn + last->count == lsn) {
        last->count += count;
        return 0;
    }
    if (extents->count == extents->room && grow(extents) != 0)
        return -ENOMEM;
    extents->of[extents->count++] = (struct extent){lsn, count};
    return 0;
}

static int by_lsn(const void *a, const void *b)
{
    const struct extent *left = a, *right = b;

    return (left->lsn > right->lsn) - (left->lsn < right->lsn);
}

void extents_sort(struct extents *extents)
{
    const size_t count = extents->count;

    if (count == 0)
        return;
    qsort(extents->of, count, sizeof(extents->of[0]), by_lsn);
    extents->count = 0;
    for (size_t i = 0; i < count; i++) /* never more than there are: no room is
                                          needed */
        extents_add(extents, extents->of[i].lsn, extents->of[i].count);
}

uint64_t extents_total(const struct extents *extents)
{
    uint64_t total = 0;

    for (size_t i = 0; i < extents->count; i++)
        total += extents->of[i].count;
    return total;
}

void extents_free(struct extents *extents)
{
    free(extents->of);
    *extents = (struct extents){0};
}
