/* SPDX-License-Identifier: MIT */
/*
 * The machines that have been heard of: what each owns, and how often it may
 * still be answered without owning anything. All machines of one network, in
 * the sense of core/peer.h, share an entry: whoever has 2^64 addresses gets no
 * more than whoever has one.
 *
 * Invariants:
 *  1. A host that owns a session, a pending session, a request or a look-up
 *     is never forgotten; of the others, the one not heard for longest goes.
 *  2. The table has room for as many owners as there can be, so that
 *     bh_host_find() always has an answer.
 */
#ifndef BH_CORE_HOST_H
#define BH_CORE_HOST_H

#include "core/list.h"
#include "core/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_host {
    struct bh_host *chain;   /* next in the hash bucket */
    struct bh_link unowned;  /* in bh_hosts.unowned while it owns nothing */
    struct bh_link sessions; /* ring of bh_session.of_host */
    struct bh_link pendings; /* ring of bh_pending.of_host, oldest first */
    uint64_t keep_due_ms;    /* rates: see bh_host_may() */
    uint64_t wrong_id_due_ms;
    uint64_t session_due_ms;
    uint16_t owned; /* all that invariant 1 names */
    uint16_t session_count;
    uint16_t pending_count;
    uint16_t request_count;
    uint16_t lookup_count;
    uint8_t key[BH_NETWORK_LEN]; /* the first bytes of bh_peer.host */
};

struct bh_hosts {
    struct bh_host *of;
    struct bh_host **buckets; /* a power of two of them */
    uint32_t count, bucket_count, used;
    struct bh_link unowned; /* oldest first */
    uint8_t hash_key[16];
};

uint32_t bh_hosts_bucket_count(uint32_t count);

/* `of` and `buckets` are zero, and borrowed for the table's life. */
void bh_hosts_init(struct bh_hosts *hosts, struct bh_host *of,
                   struct bh_host **buckets, uint32_t count,
                   const uint8_t hash_key[16]);

/* The entry of the peer's host, made if it is new. */
struct bh_host *bh_host_find(struct bh_hosts *hosts,
                             const struct bh_peer *peer);

/* The host owns one thing more, or one less. */
void bh_host_own(struct bh_host *host);
void bh_host_disown(struct bh_hosts *hosts, struct bh_host *host);

/* Whether one more answer fits a rate of `burst` at once and then one every
 * `interval_ms`; if so it is counted. `*due_ms` is when the last of them
 * would have been sent at that even rate (GCRA). */
bool bh_host_may(uint64_t *due_ms, uint64_t now, uint32_t burst,
                 uint32_t interval_ms);

#endif
