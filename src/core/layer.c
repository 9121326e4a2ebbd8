/* SPDX-License-Identifier: MIT */
#include "core/layer.h"

#include "core/internal.h"

/* One that no layer of this server or of an earlier one has. When a medium
 * changes they are wanted by the hundred: more than there is randomness. */
static bool new_name(struct bh_server *server, uint64_t *name)
{
    if (server->last_layer == 0 &&
        !bh_random_take(&server->random, &server->last_layer,
                        sizeof server->last_layer))
        return false;
    *name = ++server->last_layer;
    return true;
}

/* Who is proven while the medium is on its way out waits with the others. */
struct bh_volume *bh_layer_for(struct bh_server *server,
                               struct bh_volume *volume, uint8_t access)
{
    struct bh_volume_facts facts = volume->facts;
    struct bh_volume *layer;

    if (facts.mode != BH_MODE_SCRATCH || access != BH_ACCESS_WRITER)
        return volume;
    if (!new_name(server, &facts.layer))
        return NULL;
    layer = bh_volume_find(server, &facts);
    if (layer == NULL)
        return NULL;
    layer->held = volume->held;
    if (layer->held & BH_HELD_BY_SLOT)
        bh_slot_hold(server, layer);
    return layer;
}

bool bh_layer_is_left(const struct bh_server *server,
                      const struct bh_volume *volume)
{
    return volume->laid && bh_list_empty(&volume->sessions) &&
           !bh_left_to_next(server);
}

bool bh_server_has_layer(const struct bh_server *server, uint64_t layer)
{
    for (uint32_t i = 0; i < server->volumes_used; i++) {
        const struct bh_volume *volume = &server->volumes[i];

        if (bh_layer_is(volume) && volume->facts.layer == layer &&
            !bh_list_empty(&volume->sessions))
            return true;
    }
    return false;
}
