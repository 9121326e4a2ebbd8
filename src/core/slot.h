/* SPDX-License-Identifier: MIT */
/*
 * Slots: volumes whose medium changes while clients use them. It is changed by
 * a swap:
 *
 *   begun -> HOLDING -> [what has begun is done, synced, detached]
 *         -> ASKING -> [SWAP: the storage has changed what is in the slot]
 *         -> its sessions have moved -> over
 *
 * What clients ask of the slot meanwhile waits, and so do CONNECTs to slots.
 * There is one swap at a time; it is wanted by
 *
 *   - a new server of each slot that it was left: the one before may have been
 *     killed between SWAP and the moving;
 *   - an administrator;
 *   - a client, with EJECT.
 *
 * A strict session moves with its slot and learns it by error 11; so does a
 * default one, and learns nothing, if the slot is silent. All others end, and
 * so do those that cannot have the new medium.
 *
 * A slot without a medium is a volume, too: an empty one, that nobody attaches.
 */
#ifndef BH_CORE_SLOT_H
#define BH_CORE_SLOT_H

#include "core/job.h"
#include "core/list.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_lookup;
struct bh_request;
struct bh_server;
struct bh_session;
struct bh_volume;

enum bh_swap_state { BH_SWAP_NONE, BH_SWAP_HOLDING, BH_SWAP_ASKING };

/* What an administrator wants. */
struct bh_swap_order {
    bool wanted, force;
    uint8_t status; /* of the last one, when it is over */
    struct bh_volume_facts slot;
    char image[BH_VOLUME_NAME_LEN + 1];
};

struct bh_swap {
    struct bh_job job;
    struct bh_volume_facts from, to;
    struct bh_link volumes;   /* the slot's, which are held meanwhile ... */
    struct bh_link left;      /* ... of which these have sessions no more */
    struct bh_request *eject; /* who wants it, if it is a client */
    struct bh_link ejects;    /* EJECTs that wait for their turn */
    struct bh_link lookups;   /* until it is over: they look again */
    struct bh_swap_order order;
    uint64_t count;    /* swaps that are over */
    uint32_t unsure;   /* volumes that a new server has to ask about */
    uint64_t again_ms; /* HOLDING: when it is looked at again; or for ever */
    uint8_t state;     /* enum bh_swap_state */
    bool ordered;      /* this one is the administrator's */
};

/*
 * The administrator.
 */

/* Whether any session has locked the medium of these facts. */
bool bh_slot_is_locked(const struct bh_server *server,
                       const struct bh_volume_facts *slot);

/* Begins to put `image` into the slot of these facts; an empty name: nothing.
 * `force`: though the present medium cannot be synced. False: another order is
 * under way. */
bool bh_slot_order(struct bh_server *server, uint64_t now,
                   const struct bh_volume_facts *slot, const char *image,
                   bool force);

/* Whether it is over, and how. */
bool bh_slot_order_over(const struct bh_server *server, uint8_t *status);

/* Gives it up; false: it is too late, or over. */
bool bh_slot_order_cancel(struct bh_server *server, uint64_t now);

/*
 * For the core.
 */

void bh_swaps_init(struct bh_server *server);

/* A volume of an earlier server: if it is a slot's, what is in the slot now has
 * to be asked. */
void bh_slot_restored(struct bh_server *server, struct bh_volume *volume);

/* Whether what a LOOKUP has found is so still; false: it looks again. */
bool bh_slot_knows(struct bh_server *server, struct bh_lookup *lookup);

/* One volume more of the slot whose medium is on its way out. */
void bh_slot_hold(struct bh_server *server, struct bh_volume *volume);

/* Whether a session other than this one has locked its medium. */
bool bh_slot_is_locked_to(const struct bh_server *server,
                          const struct bh_session *session);

/* An EJECT that may be carried out. */
void bh_slot_eject(struct bh_server *server, struct bh_request *request);

/* Begins what waits, or goes on with what is under way, if it can be. */
void bh_swaps_advance(struct bh_server *server);
void bh_slot_asked(struct bh_server *server, uint8_t status);

/* The timer, which bh_swap.again_ms is for. */
void bh_swaps_expire(struct bh_server *server);

#endif
