/* SPDX-License-Identifier: MIT */
#include "volume/nbd_volume.h"

#include "volume/file.h"
#include "volume/nbd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool bh_nbd_volume_is(const struct bh_volume_facts *facts)
{
    return facts->device == BH_NBD_DEVICE;
}

const struct bh_volume_spec *
bh_nbd_volume_find(const struct bh_contents *contents, const char *name)
{
    for (size_t i = 0; i < contents->volume_count; i++)
        if (strcmp(contents->volumes[i].name, name) == 0)
            return bh_nbd_uri_is(contents->volumes[i].path)
                       ? &contents->volumes[i]
                       : NULL;
    return NULL;
}

int bh_nbd_volume_facts(struct bh_nbd_known *known,
                        const struct bh_volume_spec *spec,
                        struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_info info;

    *facts = (struct bh_volume_facts){.device = BH_NBD_DEVICE,
                                      .inode = bh_nbd_uri_inode(spec->path),
                                      .first = spec->first,
                                      .size_limit = spec->size_limit,
                                      .idle_ms = spec->idle_ms,
                                      .mode = spec->mode,
                                      .takeover = spec->takeover,
                                      .sync = spec->sync,
                                      .exponent = spec->exponent,
                                      .roam = spec->roam};
    snprintf(facts->name, sizeof facts->name, "%s", spec->name);
    if (!bh_nbd_known_get(known, spec->path, &info))
        return 0;
    if (info.read_only)
        facts->mode = BH_MODE_READ_ONLY;
    return bh_file_span(facts, info.size, &facts->byte_count, cause);
}

void bh_nbd_volume_way(const struct bh_volume_spec *spec,
                       struct bh_nbd_way *out)
{
    *out = (struct bh_nbd_way){.timeout_ms = spec->timeout_ms == 0
                                                 ? BH_NBD_TIMEOUT_MS
                                                 : spec->timeout_ms};
    snprintf(out->uri, sizeof out->uri, "%s", spec->path);
    snprintf(out->name, sizeof out->name, "%s", spec->name);
}

int bh_nbd_volume_open(struct bh_nbd_known *known, const struct bh_nbd_way *way,
                       const struct bh_volume_facts *facts,
                       struct bh_medium **out, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_info info;
    int error =
        bh_nbd_open(way->uri, facts, way->timeout_ms, out, &info, cause);

    if (error == 0)
        bh_nbd_known_learn(known, way->uri, &info);
    return error;
}

int bh_nbd_volumes_find(const struct bh_nbd_volumes *volumes, const char *name,
                        struct bh_nbd_way *out)
{
    const struct bh_volume_spec *spec;

    pthread_rwlock_rdlock(volumes->lock);
    spec = bh_nbd_volume_find(volumes->contents, name);
    if (spec != NULL)
        bh_nbd_volume_way(spec, out);
    pthread_rwlock_unlock(volumes->lock);
    return spec == NULL ? -ENOENT : 0;
}

/* The way to the first from place `*at` of the contents on, which moves behind
 * it. */
static bool next_way(const struct bh_nbd_volumes *volumes, size_t *at,
                     struct bh_nbd_way *out)
{
    const struct bh_contents *contents = volumes->contents;
    bool found = false;

    pthread_rwlock_rdlock(volumes->lock);
    while (!found && *at < contents->volume_count) {
        const struct bh_volume_spec *spec = &contents->volumes[(*at)++];

        found = bh_nbd_uri_is(spec->path);
        if (found)
            bh_nbd_volume_way(spec, out);
    }
    pthread_rwlock_unlock(volumes->lock);
    return found;
}

bool bh_nbd_volumes_any(const struct bh_nbd_volumes *volumes)
{
    struct bh_nbd_way way;
    size_t at = 0;

    return next_way(volumes, &at, &way);
}

int bh_nbd_volumes_ask(const struct bh_nbd_volumes *volumes,
                       const struct bh_nbd_way *way, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_info info;

    return bh_nbd_known_get(volumes->known, way->uri, &info)
               ? 0
               : bh_nbd_known_ask(volumes->known, way->uri, cause);
}

void bh_nbd_volumes_ask_all(const struct bh_nbd_volumes *volumes,
                            bh_catalogue_complaint *complain, void *context)
{
    struct bh_nbd_way way;
    char cause[BH_CAUSE_LEN] = "";

    for (size_t at = 0; next_way(volumes, &at, &way);)
        if (bh_nbd_volumes_ask(volumes, &way, cause) != 0 &&
            !bh_nbd_known_is_stopped(volumes->known))
            complain(context, way.name, cause);
}
