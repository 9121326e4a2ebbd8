/* SPDX-License-Identifier: MIT */
/* CONNECT: from a name to a pending session. */
#include "core/hash.h"
#include "core/internal.h"
#include "core/lock.h"

#include <string.h>

#define UNSUPPORTED (BH_FLAG_KEYED | BH_FLAG_EXTENDED)

static void reply(struct bh_server *server, const struct bh_path *path,
                  uint8_t seq, uint8_t status, uint16_t id)
{
    uint8_t bytes[BH_CONNECT_REPLY_LEN];

    bh_reply(server, path, bytes,
             bh_connect_reply_encode(bytes, seq, status, id));
}

static void refuse(struct bh_server *server, const struct bh_path *path,
                   uint8_t seq, const char *name, uint8_t status)
{
    struct bh_event *event =
        bh_event_note(server, BH_EVENT_CONNECT_REFUSED, &path->peer, NULL);

    event->status = status;
    bh_text_copy(event->volume, sizeof event->volume, name);
    server->counters.refused++;
    reply(server, path, seq, status, 0);
}

static struct bh_lookup *running_lookup(struct bh_server *server,
                                        const struct bh_peer *peer,
                                        uint64_t hash)
{
    for (size_t i = 0; i < BH_LOOKUPS_MAX; i++) {
        struct bh_lookup *lookup = &server->lookups[i];

        if (lookup->host != NULL && lookup->hash == hash &&
            bh_peer_same(&lookup->path.peer, peer))
            return lookup;
    }
    return NULL;
}

static struct bh_lookup *new_lookup(struct bh_server *server,
                                    const struct bh_path *path)
{
    struct bh_host *host = bh_host_find(&server->hosts, &path->peer);
    struct bh_lookup *lookup;

    if (bh_list_empty(&server->free_lookups) ||
        host->lookup_count >= BH_LOOKUPS_PER_HOST) {
        server->counters.overloaded++;
        bh_event_note(server, BH_EVENT_OVERLOADED, &path->peer, NULL);
        return NULL;
    }
    lookup =
        BH_OWNER(bh_list_take(&server->free_lookups), struct bh_lookup, link);
    lookup->host = host;
    host->lookup_count++;
    bh_host_own(host);
    return lookup;
}

static void free_lookup(struct bh_server *server, struct bh_lookup *lookup)
{
    lookup->host->lookup_count--;
    bh_host_disown(&server->hosts, lookup->host);
    lookup->host = NULL;
    bh_list_append(&server->free_lookups, &lookup->link);
}

static void start_lookup(struct bh_server *server, const struct bh_path *path,
                         const struct bh_connect *connect, uint64_t hash)
{
    struct bh_lookup *lookup = new_lookup(server, path);

    if (lookup == NULL)
        return;
    lookup->path = *path;
    lookup->hash = hash;
    lookup->seq = connect->seq;
    lookup->flags = connect->flags;
    bh_text_copy(lookup->name, sizeof lookup->name, connect->name);
    lookup->job.kind = BH_JOB_LOOKUP;
    lookup->job.name = lookup->name;
    lookup->job.route = lookup->path.route;
    lookup->job.len = BH_COMMAND_HEADER_LEN +
                      BH_SECTOR_LEN(connect->flags & BH_FLAG_SECTOR_MASK);
    lookup->job.facts = &lookup->facts;
    bh_connect_look_up(server, lookup);
}

void bh_connect_look_up(struct bh_server *server, struct bh_lookup *lookup)
{
    lookup->swaps = server->swap.count;
    memset(&lookup->facts, 0, sizeof lookup->facts);
    bh_job_post(server, &lookup->job);
}

void bh_connect_received(struct bh_server *server, const struct bh_path *path,
                         const uint8_t *bytes, size_t len)
{
    struct bh_connect connect;
    struct bh_pending *same;
    uint64_t hash;

    if (len < BH_CONNECT_MIN_LEN) {
        bh_malformed(server, path, len);
        return;
    }
    if (bh_connect_decode(bytes, len, &connect) != BH_OK) {
        bh_malformed(server, path, len);
        reply(server, path, bytes[1], BH_ERR_FORMAT, 0);
        return;
    }
    if (connect.flags & UNSUPPORTED) {
        refuse(server, path, connect.seq, connect.name, BH_ERR_FLAGS);
        return;
    }
    hash = bh_hash(server->config.hash_key, bytes,
                   BH_CONNECT_HEADER_LEN + strlen(connect.name));
    same = bh_pending_same(server, &path->peer, hash);
    if (same != NULL)
        reply(server, path, connect.seq, BH_OK, same->id);
    else if (running_lookup(server, &path->peer, hash) != NULL)
        server->counters.repeated++;
    else
        start_lookup(server, path, &connect, hash);
}

/* Whether its datagrams can be had. */
static bool sector_fits(const struct bh_lookup *lookup)
{
    return (lookup->flags & BH_FLAG_SECTOR_MASK) <= BH_SECTOR_EXPONENT_MTU ||
           lookup->facts.datagram_len >= lookup->job.len;
}

/* Decides on a CONNECT whose volume is known; on BH_OK `*id` is pending. */
static uint8_t decide(struct bh_server *server, const struct bh_lookup *lookup,
                      uint16_t *id)
{
    const struct bh_peer *peer = &lookup->path.peer;
    struct bh_volume *volume;
    struct bh_pending *pending;
    uint8_t access;

    if (!bh_lock_access(lookup->flags, &lookup->facts, &access) ||
        !sector_fits(lookup))
        return BH_ERR_FLAGS;
    volume = bh_volume_find(server, &lookup->facts);
    if (volume == NULL)
        return BH_ERR_SESSIONS;
    if (bh_lock_decide(server, volume, access, peer) == BH_REFUSED)
        return BH_ERR_IN_USE;
    if (!bh_session_available(server, lookup->host) &&
        !bh_lock_displaces(server, volume, access, lookup->flags, peer))
        return BH_ERR_SESSIONS;
    pending = bh_pending_new(server, peer);
    if (pending == NULL)
        return BH_ERR_SESSIONS;
    pending->volume = volume;
    bh_volume_pending_began(volume);
    pending->connect_hash = lookup->hash;
    pending->access = access;
    pending->flags = lookup->flags;
    pending->seq = lookup->seq;
    server->ids.of[pending->id].strict = (lookup->flags & BH_FLAG_STRICT) != 0;
    bh_keep_pending(server, pending);
    *id = pending->id;
    return BH_OK;
}

void bh_connect_looked_up(struct bh_server *server, struct bh_lookup *lookup,
                          uint8_t status)
{
    uint16_t id = 0;

    if (status == BH_OK && !bh_slot_knows(server, lookup))
        return;
    if (!server->stopping) {
        if (status == BH_OK)
            status = decide(server, lookup, &id);
        if (status == BH_OK)
            reply(server, &lookup->path, lookup->seq, BH_OK, id);
        else
            refuse(server, &lookup->path, lookup->seq, lookup->name, status);
    }
    free_lookup(server, lookup);
}
