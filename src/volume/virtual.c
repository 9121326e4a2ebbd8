/* SPDX-License-Identifier: MIT */
#include "volume/virtual.h"

#include "volume/list.h"
#include "volume/name.h"
#include "volume/now.h"

#include <errno.h>
#include <string.h>

#define IDLE_MS 60000u

static int open_list(struct bh_virtuals *virtuals,
                     struct bh_catalogue *catalogue, struct bh_medium **out)
{
    return bh_list_open(catalogue, &virtuals->lists_open, out);
}

static int open_readme(struct bh_virtuals *virtuals,
                       struct bh_catalogue *catalogue, struct bh_medium **out)
{
    (void)catalogue;
    return bh_readme_open(virtuals->about, virtuals->context, out);
}

static int open_time(struct bh_virtuals *virtuals,
                     struct bh_catalogue *catalogue, struct bh_medium **out)
{
    (void)virtuals;
    (void)catalogue;
    return bh_now_open(out);
}

static const struct row {
    const char *name;
    int (*open)(struct bh_virtuals *virtuals, struct bh_catalogue *catalogue,
                struct bh_medium **out);
} rows[] = {
    {BH_LIST_NAME, open_list},
    {":readme", open_readme},
    {":time", open_time},
};

static const struct row *find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (bh_name_alike(rows[i].name, name))
            return &rows[i];
    return NULL;
}

bool bh_virtual_lookup(struct bh_virtuals *virtuals, const char *name,
                       struct bh_volume_facts *facts)
{
    const struct row *row = find(name);

    if (row == NULL)
        return false;
    *facts = (struct bh_volume_facts){
        .inode = atomic_fetch_add(&virtuals->made, 1) + 1,
        .mode = BH_MODE_READ_ONLY,
        .exponent = BH_ANY_EXPONENT,
        .takeover = BH_TAKEOVER_HOST,
        .idle_ms = IDLE_MS};
    strcpy(facts->name, row->name);
    return true;
}

bool bh_virtual_is(const struct bh_volume_facts *facts)
{
    return facts->number == 0;
}

int bh_virtual_open(struct bh_virtuals *virtuals,
                    struct bh_catalogue *catalogue,
                    const struct bh_volume_facts *facts, struct bh_medium **out)
{
    const struct row *row = find(facts->name);

    return row == NULL ? -ENOENT : row->open(virtuals, catalogue, out);
}
