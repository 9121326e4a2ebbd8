/* SPDX-License-Identifier: MIT */
/*
 * The 65,536 session ids and what each stands for.
 *
 *   FREE --draw--> PENDING --prove--> PROVEN --close--> CLOSED --120 s--> FREE
 *                     '-----------------close-----------^
 *     '---------------rest (somebody uses it)----------'
 *
 * Invariants:
 *  1. Id 0 is never drawn.
 *  2. An id that was proven is not drawn within BH_QUARANTINE_MS of its end.
 *     One that was only pending owned nothing, and one that somebody used
 *     while it was free may be made up: those may be drawn before that, when
 *     nothing else is left.
 *  3. A closed id keeps the status that its DISCON was answered with, for the
 *     host that it was given to.
 */
#ifndef BH_CORE_IDS_H
#define BH_CORE_IDS_H

#include "core/random.h"

#include <stdbool.h>
#include <stdint.h>

#define BH_ID_COUNT 65536u

enum bh_id_state { BH_ID_FREE, BH_ID_PENDING, BH_ID_PROVEN, BH_ID_CLOSED };

struct bh_id {
    uint8_t state : 2; /* enum bh_id_state */
    bool unproven : 1; /* CLOSED: this server has not seen it proven */
    bool strict : 1;   /* it was given to a strict session */
    uint8_t status;    /* CLOSED: what a repeated DISCON gets */
    uint16_t owner;    /* hash of the host that it was given to */
    union {
        uint16_t slot;    /* PENDING, PROVEN: index in that table */
        uint32_t until_s; /* CLOSED: the last second of its quarantine */
    };
};

struct bh_ids {
    struct bh_id of[BH_ID_COUNT];
};

/* A random free id, now PENDING with `slot`; 0 if there is none, or no
 * randomness to choose it with. */
uint16_t bh_ids_draw(struct bh_ids *ids, struct bh_random *random, uint64_t now,
                     uint16_t slot);

/* What `id` stands for now; quarantine that is over counts as FREE. */
enum bh_id_state bh_ids_state(const struct bh_ids *ids, uint16_t id,
                              uint64_t now);

void bh_ids_prove(struct bh_ids *ids, uint16_t id, uint16_t slot);

/* A closed id whose time was noted by an earlier server: not in the past, and
 * not too far ahead. */
void bh_ids_adjust(struct bh_ids *ids, uint16_t id, uint64_t now);

void bh_ids_close(struct bh_ids *ids, uint16_t id, uint64_t now,
                  uint8_t status);

/* A datagram names `id`. If it is free, a server whose memory is lost gave it
 * away, and what is still under way of that session is not to meet another: it
 * is closed now. Returns whether it was free. */
bool bh_ids_rest(struct bh_ids *ids, uint16_t id, uint64_t now);

/* It is about to be closed. If the server is killed before that, the next one
 * finds it closed, and its rest begins then: see bh_ids_adjust(). */
void bh_ids_doom(struct bh_ids *ids, uint16_t id, uint8_t status);

/* What the next server is to know: when the quarantine of an id that is closed,
 * or about to be, ends. */
uint32_t bh_ids_until(const struct bh_ids *ids, uint16_t id, uint64_t now);

#endif
