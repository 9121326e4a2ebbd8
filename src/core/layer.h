/* SPDX-License-Identifier: MIT */
/*
 * Scratch volumes. Each writer of one has a volume of its own, the layer: what
 * he writes over the medium, which nobody else sees. All others have the medium
 * itself.
 *
 *   proven -> ATTACH (fresh) -> ... -> last request over -> DETACH (discard)
 *
 * Invariants:
 *  1. A layer is of one session; with it, it ends. What the driver has of it is
 *     discarded then, at once or by the next server, which asks
 *     bh_server_has_layer() before it does anything else.
 *  2. A layer is never dirty: sessions do not outlive a power failure, so that
 *     nothing of it need be stable.
 *  3. Nothing that happens in a layer changes its medium: not its change
 *     counter, nor what is due to it.
 */
#ifndef BH_CORE_LAYER_H
#define BH_CORE_LAYER_H

#include "core/hint.h"
#include "core/volume.h"

#include <stdbool.h>

static inline bool bh_layer_is(const struct bh_volume *volume)
{
    return volume->facts.layer != 0;
}

/* What a session with this access to `volume` is to be on: that, or a new layer
 * over it. NULL if every slot is in use, or no randomness is left. */
BH_COLD struct bh_volume *bh_layer_for(struct bh_server *server,
                                       struct bh_volume *volume,
                                       uint8_t access);

/* Whether the driver has something of a layer that nobody will want. */
bool bh_layer_is_left(const struct bh_server *server,
                      const struct bh_volume *volume);

#endif
