/* SPDX-License-Identifier: MIT */
/*
 * The layers that the storage has: what sessions have written over scratch
 * disks. They outlive a kill, and no power loss: the next server keeps those
 * that it knows.
 */
#ifndef BH_SIM_LAYER_H
#define BH_SIM_LAYER_H

#include "disk.h"

struct world;

/* ATTACH: an empty one, or that which is there. */
struct layer *layer_lay(struct world *world, const struct bh_job *job,
                        uint32_t disk);
void layer_put(struct world *world, struct layer *layer, uint32_t at,
               const uint8_t *bytes, uint32_t len);
void layer_discard(struct world *world, uint64_t id);

/* There is nothing to make stable. */
void layer_check_sync(struct world *world, const struct slot *slot);

/* A server has started. */
void layers_sweep(struct world *world);
void layers_lost(struct world *world);

/* Each is of a session, or about to go. */
void layers_check(struct world *world);

#endif
