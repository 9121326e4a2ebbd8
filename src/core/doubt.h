/* SPDX-License-Identifier: MIT */
/*
 * WRITEs that a killed server may have carried out, and no record tells. Where
 * one client at a time writes there is no harm in that: it sends them again,
 * and what they write is what it wanted. On a shared volume another session may
 * write the same sector in the meantime, and the retransmission would undo it.
 *
 * So each WRITE of a strict session on a shared volume is noted before it
 * begins (core/keep.h). After a restart those without a recorded status are in
 * doubt:
 *  1. If the client sends one again before anyone else has written there, it is
 *     carried out: the same once more, or for the first time.
 *  2. If another session's WRITE has covered all of it, it is recorded as done
 *     without being carried out: it came before that one, whether it did or
 *     not.
 *  3. If another session's WRITE has covered some of it, which takes two sector
 *     sizes, nobody knows what the rest holds: it is recorded as failed (12).
 */
#ifndef BH_CORE_DOUBT_H
#define BH_CORE_DOUBT_H

struct bh_request;
struct bh_server;
struct bh_session;

/* The session has been restored: its volume may have doubts now. */
void bh_doubts_begin(struct bh_server *server, struct bh_session *session);

/* The WRITE `request` has succeeded, and what waits for it has not begun. */
void bh_doubts_settle(struct bh_server *server,
                      const struct bh_request *request);

#endif
