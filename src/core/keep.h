/* SPDX-License-Identifier: MIT */
/*
 * What a killed server leaves to the next one in core/table.h: proven and
 * pending sessions, the numbers of their requests, closed ids, volumes with
 * their change counters. Leases and idle times start afresh.
 *
 * Each function stores what its argument is now. When it must be called,
 * except for the last BH_UNKEPT_MAX READs of a session (core/window.h):
 *  1. before anything that follows from it leaves the server or begins;
 *  2. a volume before the session that has raised its counter;
 *  3. a session's numbers before the session, when it is proven;
 *  4. a closed id before its session's slot is free, and a proven session
 *     before its pending one is: of an id that stands in two places, the first
 *     of proven, pending, closed counts.
 *
 * Virtual volumes are made anew by each server, so neither they nor their
 * sessions are kept.
 */
#ifndef BH_CORE_KEEP_H
#define BH_CORE_KEEP_H

#include "core/hint.h"
#include "core/table.h"
#include "core/window.h"

#include <stdint.h>

struct bh_pending;
struct bh_request;
struct bh_server;
struct bh_server_config;
struct bh_session;
struct bh_volume;

/* The WRITEs of a strict session on a shared volume, by number mod W: noted
 * before each begins. See core/doubt.h. */
struct bh_intents {
    struct {
        uint32_t number; /* its low half; 0: none */
        uint32_t lsn;
        uint32_t len; /* bytes */
        uint32_t pad;
        uint64_t hash; /* of its data */
    } of[BH_WINDOW_MAX];
};

void bh_keep_shape(const struct bh_server_config *config,
                   struct bh_table_shape shapes[BH_TABLE_KINDS]);

void bh_keep_session(struct bh_server *server,
                     const struct bh_session *session);
void bh_keep_numbers(struct bh_server *server,
                     const struct bh_session *session);
/* Before the numbers that have them. What a status may take the place of, that
 * of a number 64 lower, its client has had. */
BH_COLD void bh_keep_statuses(struct bh_server *server,
                              const struct bh_session *session);
void bh_keep_pending(struct bh_server *server,
                     const struct bh_pending *pending);
void bh_keep_volume(struct bh_server *server, const struct bh_volume *volume);
void bh_keep_closed(struct bh_server *server, uint16_t id);

/* Where a thread says at once that a SYNC has failed; NULL: nowhere. A volume
 * that is new to its slot, or reopened, is well again. */
volatile uint8_t *bh_keep_failed(struct bh_server *server,
                                 const struct bh_volume *volume);
void bh_keep_well(struct bh_server *server, const struct bh_volume *volume);

/* A WRITE of a strict session is about to begin. */
void bh_keep_intent(struct bh_server *server, const struct bh_request *request);
/* A new session has none, whatever its slot held. */
void bh_keep_no_intents(struct bh_server *server,
                        const struct bh_session *session);
/* Those of a session; NULL: it never had any. */
const struct bh_intents *bh_kept_intents(const struct bh_server *server,
                                         const struct bh_session *session);

/* Builds what the table holds. The server is new, and has its clock. */
void bh_keep_restore(struct bh_server *server);

#endif
