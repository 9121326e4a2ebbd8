/* SPDX-License-Identifier: MIT */
/* Who may have what, and who yields to whom: the table of docs/protocol.md. */
#ifndef BH_CORE_LOCK_H
#define BH_CORE_LOCK_H

#include "core/peer.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_server;
struct bh_session;
struct bh_volume;

enum bh_verdict {
    BH_GRANTED, /* nobody is in the way, or all who are yield */
    BH_WAIT,    /* a session in the way is about to end */
    BH_REFUSED  /* a holder does not yield */
};

/* A newcomer at `peer` asks for `access` to `volume`. */
enum bh_verdict bh_lock_decide(const struct bh_server *server,
                               const struct bh_volume *volume, uint8_t access,
                               const struct bh_peer *peer);

/* Whether bh_lock_displace() would end any session: that makes room. */
bool bh_lock_displaces(const struct bh_server *server,
                       const struct bh_volume *volume, uint8_t access,
                       uint8_t flags, const struct bh_peer *peer);

/* Ends the sessions that a newcomer with `access` displaces, and its own
 * earlier ones with the same access flags. */
void bh_lock_displace(struct bh_server *server, const struct bh_volume *volume,
                      uint8_t access, uint8_t flags,
                      const struct bh_peer *peer);

#endif
