/* SPDX-License-Identifier: MIT */
#include "layer.h"

#include "world.h"

#include "core/internal.h"

#include <string.h>

static struct layer *find(struct world *world, uint64_t id)
{
    for (uint32_t i = 0; i < LAYERS; i++)
        if (world->disks.layers[i].id == id)
            return &world->disks.layers[i];
    return NULL;
}

struct layer *layer_lay(struct world *world, const struct bh_job *job,
                        uint32_t disk)
{
    struct layer *layer = find(world, job->facts->layer);

    if (!job->fresh && (layer == NULL || layer->disk != disk))
        world_fail(world, "a layer is gone, and its session is not");
    if (layer == NULL)
        layer = find(world, 0);
    if (layer == NULL)
        world_fail(world, "there are more layers than sessions");
    layer->id = job->facts->layer;
    layer->disk = disk;
    if (job->fresh) {
        memset(layer->written, 0, sizeof layer->written);
        world->stats.layers++;
    }
    return layer;
}

void layer_put(struct world *world, struct layer *layer, uint32_t at,
               const uint8_t *bytes, uint32_t len)
{
    if (!layer->written[at])
        memcpy(layer->of[at], world->disks.of[layer->disk].of[at].now,
               GRANULE_LEN);
    layer->written[at] = true;
    memcpy(layer->of[at], bytes, len);
}

void layer_discard(struct world *world, uint64_t id)
{
    struct layer *layer = find(world, id);

    if (id == 0)
        world_fail(world, "a layer is to go that is none");
    if (bh_server_has_layer(world->node.server, id))
        world_fail(world, "a layer is to go whose session is there");
    if (layer != NULL)
        layer->id = 0;
}

void layer_check_sync(struct world *world, const struct slot *slot)
{
    if (slot->job->facts->layer != 0)
        world_fail(world, "a layer is made stable: volume %u", slot->volume);
}

void layers_sweep(struct world *world)
{
    for (uint32_t i = 0; i < LAYERS; i++) {
        struct layer *layer = &world->disks.layers[i];

        if (layer->id != 0 &&
            !bh_server_has_layer(world->node.server, layer->id))
            layer->id = 0;
    }
}

void layers_lost(struct world *world)
{
    for (uint32_t i = 0; i < LAYERS; i++)
        world->disks.layers[i].id = 0;
}

/* Whether the core will discard it with a DETACH. */
static bool is_known(const struct bh_server *server, uint64_t id)
{
    for (uint32_t i = 0; i < server->volumes_used; i++) {
        const struct bh_volume *volume = &server->volumes[i];

        if (volume->facts.layer == id &&
            (!bh_list_empty(&volume->sessions) || volume->service_runs))
            return true;
    }
    return false;
}

void layers_check(struct world *world)
{
    if (world->node.stopping) /* it leaves them to the next one */
        return;
    for (uint32_t i = 0; i < LAYERS; i++) {
        uint64_t id = world->disks.layers[i].id;

        if (id != 0 && !is_known(world->node.server, id))
            world_fail(world, "a layer has outlived its session");
    }
}
