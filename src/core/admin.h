/* SPDX-License-Identifier: MIT */
/*
 * What an administrator may see of a running server, and do to it. Nothing
 * here is needed to answer a datagram.
 */
#ifndef BH_CORE_ADMIN_H
#define BH_CORE_ADMIN_H

#include "core/job.h"
#include "core/peer.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_server;

struct bh_admin_session {
    uint16_t id;
    uint8_t access;   /* enum bh_access */
    uint8_t exponent; /* of its sectors: 128 << exponent bytes */
    bool strict;
    bool scratch;         /* what it writes is its own, and ends with it */
    bool ending;          /* it waits for its last requests */
    uint32_t requests;    /* under way */
    uint64_t carried_out; /* strict: the highest number; else 0 */
    uint64_t idle_ms;     /* since it was heard from */
    uint32_t number;      /* of its volume; 0: of none */
    struct bh_peer peer;
    char volume[BH_VOLUME_NAME_LEN + 1];
};

/* The first session at or behind `*place`, in no order that means anything;
 * `*place` is then behind it. A walk begins with 0. False: there is none. */
bool bh_admin_next_session(const struct bh_server *server, uint64_t now,
                           uint32_t *place, struct bh_admin_session *out);

enum bh_admin_end {
    BH_ADMIN_UNKNOWN, /* no such session */
    BH_ADMIN_ENDING,  /* it is over with its last request */
    BH_ADMIN_ENDED
};

/* The session ends, and its client gets error 4 from then on. */
enum bh_admin_end bh_admin_disconnect(struct bh_server *server, uint64_t now,
                                      uint16_t id);

struct bh_admin_volume {
    uint32_t looks, readers, writers; /* sessions */
    bool poisoned;                    /* error 12 until it is reopened */
};

/* What goes on on the volume with these facts, which a look-up has found. */
void bh_admin_volume(const struct bh_server *server,
                     const struct bh_volume_facts *facts,
                     struct bh_admin_volume *out);

/* Ends the sessions of poisoned volumes, so that they open anew: of the medium
 * that has a volume of this name, and, unless that is NULL, of the one that
 * these facts are of. A name that is NULL is for all. How many volumes that
 * were. */
uint32_t bh_admin_reopen(struct bh_server *server, uint64_t now,
                         const char *name, const struct bh_volume_facts *facts);

/* Names this server and its table of sessions, as IDENTIFY does. */
uint64_t bh_admin_instance(const struct bh_server *server);

/* How many sessions there may be. */
uint32_t bh_admin_session_max(const struct bh_server *server);

#endif
