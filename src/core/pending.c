/* SPDX-License-Identifier: MIT */
/* Sessions before their proof: see session.h. */
#include "core/internal.h"
#include "core/lock.h"

#include <string.h>

static struct bh_pending *oldest(struct bh_link *ring, size_t member)
{
    return (struct bh_pending *)(void *)((char *)ring->next - member);
}

/* A free slot: of the same host if it has its share, else any; else the oldest
 * pending session of all goes. */
static struct bh_pending *place(struct bh_server *server, struct bh_host *host)
{
    struct bh_pending *pending = NULL;

    if (host->pending_count >= BH_PENDING_PER_HOST)
        pending = oldest(&host->pendings, offsetof(struct bh_pending, of_host));
    else if (server->pending_used == BH_PENDING_MAX)
        pending =
            oldest(&server->pending_ages, offsetof(struct bh_pending, age));
    if (pending != NULL)
        bh_pending_end(server, pending, BH_ERR_SESSION);
    return BH_OWNER(bh_list_take(&server->free_pendings), struct bh_pending,
                    age);
}

struct bh_pending *bh_pending_new(struct bh_server *server,
                                  const struct bh_peer *peer)
{
    struct bh_host *host = bh_host_find(&server->hosts, peer);
    struct bh_pending *pending = place(server, host);
    uint16_t slot = (uint16_t)(pending - server->pendings);
    uint16_t id = bh_ids_draw(&server->ids, &server->random, server->now, slot);

    if (id == 0) {
        bh_list_append(&server->free_pendings, &pending->age);
        return NULL;
    }
    server->ids.of[id].owner = bh_owner_of(server, peer);
    bh_pending_seat(server, pending, id, peer);
    return pending;
}

void bh_pending_seat(struct bh_server *server, struct bh_pending *pending,
                     uint16_t id, const struct bh_peer *peer)
{
    struct bh_host *host = bh_host_find(&server->hosts, peer);

    memset(pending, 0, sizeof *pending);
    pending->id = id;
    pending->host = host;
    pending->peer = *peer;
    bh_list_init(&pending->proving);
    bh_list_append(&server->pending_ages, &pending->age);
    bh_list_append(&host->pendings, &pending->of_host);
    bh_host_own(host);
    host->pending_count++;
    server->pending_used++;
}

struct bh_pending *bh_pending_same(struct bh_server *server,
                                   const struct bh_peer *peer, uint64_t hash)
{
    struct bh_host *host = bh_host_find(&server->hosts, peer);

    BH_LIST_EACH (link, &host->pendings) {
        struct bh_pending *pending = BH_OWNER(link, struct bh_pending, of_host);

        if (pending->connect_hash == hash && bh_peer_same(&pending->peer, peer))
            return pending;
    }
    return NULL;
}

struct bh_pending *bh_pending_find(struct bh_server *server, uint16_t id,
                                   const struct bh_peer *peer)
{
    const struct bh_id *entry = &server->ids.of[id];
    struct bh_pending *pending;

    if (entry->state != BH_ID_PENDING)
        return NULL;
    pending = &server->pendings[entry->slot];
    return bh_peer_same_host(&pending->peer, peer) ? pending : NULL;
}

/* The slot is free again; what becomes of the id is the caller's business. */
static void release(struct bh_server *server, struct bh_pending *pending)
{
    struct bh_host *host = pending->host;

    bh_list_remove(&pending->of_host);
    bh_list_remove(&pending->age);
    bh_list_remove(&pending->proving);
    host->pending_count--;
    bh_host_disown(&server->hosts, host);
    server->pending_used--;
    bh_volume_pending_over(server, pending->volume);
    pending->id = 0;
    if (!bh_left_to_next(server))
        bh_keep_pending(server, pending);
    bh_list_append(&server->free_pendings, &pending->age);
}

void bh_pending_end(struct bh_server *server, struct bh_pending *pending,
                    uint8_t status)
{
    uint16_t id = pending->id;

    if (pending->request != NULL && bh_left_to_next(server))
        bh_request_free(server, pending->request);
    else if (pending->request != NULL) /* it was not carried out: never OK */
        bh_command_finish(server, pending->request,
                          status == BH_OK ? BH_ERR_SESSION : status);
    bh_ids_close(&server->ids, id, server->now,
                 status == BH_OK ? BH_OK : BH_ERR_SESSION);
    if (!bh_left_to_next(server))
        bh_keep_closed(server, id);
    release(server, pending);
}

void bh_pending_guessed(struct bh_server *server, struct bh_host *host)
{
    BH_LIST_EACH (link, &host->pendings) {
        struct bh_pending *pending = BH_OWNER(link, struct bh_pending, of_host);

        if (++pending->wrong_ids >= BH_PENDING_WRONG_IDS)
            bh_pending_end(server, pending, BH_ERR_SESSION);
    }
}

/* The pending session becomes a proven one, and its request runs. */
static void become_proven(struct bh_server *server, struct bh_pending *pending)
{
    struct bh_request *request = pending->request;
    struct bh_session *session = NULL;

    if (bh_host_may(&pending->host->session_due_ms, server->now,
                    BH_SESSION_BURST, BH_SESSION_INTERVAL_MS))
        session = bh_session_new(server, pending);

    if (session == NULL) {
        bh_pending_end(server, pending, BH_ERR_SESSIONS);
        return;
    }
    bh_session_request_began(session, request);
    bh_count_check(&session->count, request->command.seq, false, false,
                   server->now);
    if (session->window != NULL && session->window->failed != 0)
        bh_keep_statuses(server, session);
    bh_keep_numbers(server, session);
    bh_session_heard(server, session, &request->path.peer);
    bh_keep_session(server, session);
    release(server, pending);
    bh_command_admit(server, request);
}

void bh_pending_prove(struct bh_server *server, struct bh_pending *pending,
                      struct bh_request *request)
{
    const struct bh_peer *peer = &request->path.peer;
    struct bh_volume *volume = pending->volume;

    pending->request = request;
    request->state = BH_REQUEST_PARKED;

    if (bh_lock_decide(server, volume, pending->access, peer) == BH_REFUSED) {
        bh_pending_end(server, pending, BH_ERR_IN_USE);
        return;
    }
    bh_lock_displace(server, volume, pending->access, pending->flags, peer);
    if (bh_lock_decide(server, volume, pending->access, peer) == BH_WAIT)
        bh_list_append(&server->proving, &pending->proving);
    else
        become_proven(server, pending);
}

void bh_proving_advance(struct bh_server *server)
{
    struct bh_link waiting;

    server->proving_due = false;
    bh_list_init(&waiting);
    bh_list_move_all(&waiting, &server->proving);
    while (!bh_list_empty(&waiting)) {
        struct bh_pending *pending =
            BH_OWNER(bh_list_take(&waiting), struct bh_pending, proving);

        bh_pending_prove(server, pending, pending->request);
    }
}
