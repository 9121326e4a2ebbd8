/* SPDX-License-Identifier: MIT */
/*
 * WRITEs that a killed server may have carried out, and no record tells. Where
 * one client at a time writes there is no harm in that: it sends them again,
 * and what they write is what it wanted. On a shared volume another session may
 * write the same sector in the meantime, and the retransmission would undo it.
 *
 * So each WRITE of a strict session on a shared volume is noted before it
 * begins, with a hash of its data (core/keep.h). After a restart, before
 * anything else is done to the volume, those without a recorded status are
 * examined: their sectors are read, and a WRITE whose data is there is recorded
 * as done. One whose data is not has not been carried out, or not all of it.
 * ZERO and TRIM are WRITEs of zeros, but over many sectors, of which some may
 * be zero, and have been read so, when the server is killed. So one whose
 * zeros are not all there is carried out before anything else is.
 *
 * Invariants:
 *  1. At most one WRITE in doubt touches a byte: nothing that overlaps a WRITE
 *     begins before the WRITE is recorded (invariant 3 of core/volume.h).
 *  2. While a volume is doubtful its requests are parked.
 *  3. With `sync = write` the volume is synced before anything is recorded as
 *     done.
 */
#ifndef BH_CORE_DOUBT_H
#define BH_CORE_DOUBT_H

#include "core/job.h"
#include "core/limits.h"
#include "wire/protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_server;
struct bh_session;
struct bh_volume;

/* The WRITE that is examined; one at a time is enough. */
struct bh_doubt {
    struct bh_job job;
    struct bh_volume *volume; /* NULL: none is */
    uint16_t session;         /* id */
    unsigned at;              /* its number mod W */
    uint8_t bytes[BH_HEAVY_LEN];
};

/* What a noted WRITE's data is known by. */
uint64_t bh_doubt_hash(const struct bh_server *server,
                       const struct bh_job *job);

/* The session has been restored: its volume may be doubtful now. */
void bh_doubt_begin(struct bh_server *server, struct bh_session *session);

/* The volume is doubtful, attached and idle: examines its next WRITE in doubt.
 * False: there is none, and the volume is doubtful no longer. */
bool bh_doubt_examine(struct bh_server *server, struct bh_volume *volume);

/* server->doubt.job is done: a READ, or a ZERO. */
void bh_doubt_examined(struct bh_server *server, uint8_t status);

#endif
