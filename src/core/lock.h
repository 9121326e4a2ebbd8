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
struct bh_volume_facts;

enum bh_verdict {
    BH_GRANTED, /* nobody is in the way, or all who are yield */
    BH_WAIT,    /* a session in the way is about to end */
    BH_REFUSED  /* a holder does not yield */
};

/* The access that a CONNECT's flags mean on this volume; false: they do not go
 * together, or it has sectors of another size, which is error 7. */
bool bh_lock_access(uint8_t flags, const struct bh_volume_facts *facts,
                    uint8_t *access);

/* Whether there is nobody in the way, whoever would yield. */
bool bh_lock_is_free(const struct bh_server *server,
                     const struct bh_volume *volume, uint8_t access);

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
