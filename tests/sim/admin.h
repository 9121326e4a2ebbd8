/* SPDX-License-Identifier: MIT */
/*
 * An administrator who comes at random times and holds a medium (core/hold.h):
 * so that nothing changes, or to have it for himself and maybe change its
 * bytes, as a rollback does.
 *
 *   AWAY -> WAITS, until it is still -> WORKS -> AWAY
 *             |                                  ^
 *             '----------------------------------' he has no more patience
 *
 * While he works no job is handed out that the hold forbids, and no byte
 * changes. Bytes that he changes are new to everybody: each register is as if
 * they had been written at that moment, and nothing that was sent to a session
 * of before is written after it. No answer is of the bytes of before and of
 * those after it.
 */
#ifndef BH_SIM_ADMIN_H
#define BH_SIM_ADMIN_H

#include "core/hold.h"

#include <stdbool.h>
#include <stdint.h>

#define ADMIN_SESSIONS 64u

struct world;
struct slot;
struct disk;

enum admin_phase { ADMIN_AWAY, ADMIN_WAITS, ADMIN_WORKS };

struct admin {
    uint8_t phase;
    enum bh_hold_kind kind;
    bool changes;    /* the bytes; sessions end for that */
    bool calm;       /* nothing of a storm is left that could be in his way */
    uint64_t values; /* writes when sessions were told: none is done later */
    uint32_t visit;
    uint32_t disk;
    uint64_t patience_ms;           /* until then he waits */
    uint64_t written;               /* the disk's serial when it was still */
    uint16_t ended[ADMIN_SESSIONS]; /* ids */
    uint32_t ended_count;
};

/* He comes, unless he is there. */
void admin_comes(struct world *world);

/* EVENT_ADMIN: he looks again, or has done his work. */
void admin_goes_on(struct world *world, uint32_t visit);

/* The server was killed: what he has begun to change the next one finds
 * changed, before it serves anybody. */
void admin_killed(struct world *world, bool power);

/* A job was handed out: not of what he holds. */
void admin_check(struct world *world, const struct slot *slot);

/* Whether a value is of before the last change of the disk's bytes (1) or not
 * (2); 0: that cannot be said. */
uint8_t admin_image(const struct disk *disk, uint64_t value);

#endif
