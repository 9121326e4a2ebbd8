/* SPDX-License-Identifier: MIT */
#include "volume/layer.h"

#include "volume/overlay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN 16u

static void name_of(uint64_t layer, char name[NAME_LEN + 1])
{
    snprintf(name, NAME_LEN + 1, "%016" PRIx64, layer);
}

/* No more than all of the medium can differ from it. */
static uint64_t limit_of(const struct bh_layer_spec *spec,
                         const struct bh_medium *medium)
{
    uint64_t most = medium->byte_count + spec->unit - 1;

    return spec->limit < most ? spec->limit : most;
}

static int explain(int error, char cause[BH_CAUSE_LEN])
{
    const char *what = "what was written to its layer";

    switch (error) {
    case -ENOENT:
        snprintf(cause, BH_CAUSE_LEN, "%s is gone", what);
        return -ESTALE;
    case -EBADMSG:
        snprintf(cause, BH_CAUSE_LEN, "%s is damaged", what);
        return -ESTALE;
    case -ESTALE:
        snprintf(cause, BH_CAUSE_LEN,
                 "the image was changed since, without this server");
        return -ESTALE;
    default:
        snprintf(cause, BH_CAUSE_LEN, "its layer: %s", strerror(-error));
        return error;
    }
}

int bh_layer_lay(const struct bh_layer_spec *spec, struct bh_medium **medium,
                 char cause[BH_CAUSE_LEN])
{
    struct bh_medium *base = *medium;
    char name[NAME_LEN + 1];
    struct bh_overlay_spec overlay = {
        .dir = spec->dir,
        .name = name,
        .unit = spec->unit,
        .limit = limit_of(spec, base),
        .base_id = base->ops->version == NULL ? 0 : base->ops->version(base)};
    int error;

    name_of(spec->layer, name);
    error = spec->fresh ? bh_overlay_create(&overlay, base, medium)
                        : bh_overlay_open(&overlay, base, medium);
    if (error != 0)
        return explain(error, cause);
    bh_overlay_own_base(*medium);
    return 0;
}

int bh_layer_discard(int dir, uint64_t layer)
{
    char name[NAME_LEN + 1];
    int error;

    name_of(layer, name);
    error = bh_overlay_remove(dir, name);
    return error == -ENOENT ? 0 : error;
}

struct sweep {
    bh_layer_user *in_use;
    void *context;
};

/* What has another name is not ours. */
static bool is_claimed(void *context, const char *name)
{
    const struct sweep *sweep = context;

    if (strlen(name) != NAME_LEN ||
        strspn(name, "0123456789abcdef") != NAME_LEN)
        return true;
    return sweep->in_use(sweep->context, strtoull(name, NULL, 16));
}

int bh_layer_sweep(int dir, bh_layer_user *in_use, void *context)
{
    struct sweep sweep = {in_use, context};

    return bh_overlay_sweep(dir, is_claimed, &sweep);
}
