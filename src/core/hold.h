/* SPDX-License-Identifier: MIT */
/*
 * A medium that an administrator needs for himself for a moment: for a copy of
 * it, or to change it under all of its names. There is one hold at a time.
 *
 *     begin -> is_still? no: ask again later -> [the work] -> over
 *
 * What clients ask meanwhile waits until it is over. It may be over at any
 * time, also before the medium was still.
 */
#ifndef BH_CORE_HOLD_H
#define BH_CORE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct bh_server;
struct bh_volume_facts;

enum bh_hold_kind {
    BH_HOLD_NONE,
    BH_HOLD_CHANGES, /* nobody changes a byte; READs go on */
    BH_HOLD_ALL      /* it is synced and detached */
};

struct bh_hold {
    uint64_t device, inode;
    uint8_t kind;
};

/* Holds the medium of these facts. */
void bh_hold_begin(struct bh_server *server, uint64_t now,
                   const struct bh_volume_facts *facts, enum bh_hold_kind kind);

/* The held medium is to have other bytes: strict sessions learn it by error 11,
 * the others end, as by an administrator, and its change counters move, so that
 * no client takes what it will see for what it has left. Nothing that they have
 * asked for is begun when the hold is over. */
void bh_hold_change_medium(struct bh_server *server, uint64_t now);

/* Whether what was under way is done. */
bool bh_hold_is_still(struct bh_server *server, uint64_t now);

void bh_hold_over(struct bh_server *server, uint64_t now);

/* Whether a volume of these facts is attached, with a lock. */
bool bh_hold_is_locked(const struct bh_server *server,
                       const struct bh_volume_facts *facts);

/* For the core: whether a medium is held in this way. */
bool bh_hold_covers(const struct bh_server *server,
                    const struct bh_volume_facts *facts,
                    enum bh_hold_kind kind);

#endif
