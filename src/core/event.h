/* SPDX-License-Identifier: MIT */
/*
 * What happened, for whoever keeps the log. Events wait in a bounded ring;
 * what does not fit is counted, never waited for.
 */
#ifndef BH_CORE_EVENT_H
#define BH_CORE_EVENT_H

#include "core/peer.h"

#include <stdint.h>

enum bh_event_kind {
    BH_EVENT_DATAGRAM_MALFORMED, /* detail: its length */
    BH_EVENT_ID_UNKNOWN,         /* id */
    BH_EVENT_CONNECT_REFUSED,    /* status, volume */
    BH_EVENT_SESSION_PROVEN,     /* id, volume, access */
    BH_EVENT_SESSION_ENDED, /* id, volume, access, detail: enum bh_end_reason */
    BH_EVENT_REQUEST_REFUSED, /* id, volume, status, detail: its LSN, or
                                 BH_EVENT_NO_LSN */
    BH_EVENT_ATTACH_FAILED,   /* volume, status */
    BH_EVENT_SYNC_FAILED,     /* volume: poisoned from now on */
    BH_EVENT_MEDIUM_CHANGED,  /* volume: a slot. detail: 1, it is empty */
    BH_EVENT_OVERLOADED,      /* no request slot for a datagram */
    BH_EVENT_COUNT
};

enum bh_end_reason {
    BH_END_DISCON,    /* the client said so */
    BH_END_TAKEOVER,  /* another session took the volume */
    BH_END_RESET,     /* the same peer connected again */
    BH_END_RECLAIMED, /* idle, and its place was needed */
    BH_END_STORAGE,   /* the volume could not be attached */
    BH_END_LOST,      /* a client that counts has lost count */
    BH_END_STOPPED,   /* the server stops, or its volume was reopened */
    BH_END_ADMIN,     /* the administrator ended this one */
    BH_END_MEDIUM     /* its medium was changed */
};

#define BH_EVENT_NAME_LEN 64u
#define BH_EVENT_NO_LSN UINT64_MAX

struct bh_event {
    uint8_t kind;
    uint8_t status;
    uint8_t access; /* of sessions: enum bh_access */
    uint16_t id;
    uint64_t detail;
    struct bh_peer peer;
    char volume[BH_EVENT_NAME_LEN]; /* NUL-terminated, maybe cut */
};

#endif
