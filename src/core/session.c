/* SPDX-License-Identifier: MIT */
/* Proven sessions: see session.h. */
#include "core/session.h"

#include "core/internal.h"
#include "core/layer.h"
#include "wire/opcode.h"

#include <assert.h>
#include <string.h>

struct bh_session *bh_session_find(struct bh_server *server, uint16_t id,
                                   const struct bh_peer *peer)
{
    const struct bh_id *entry = &server->ids.of[id];
    struct bh_session *session;

    if (entry->state != BH_ID_PROVEN)
        return NULL;
    session = &server->sessions[entry->slot];
    if (bh_peer_same_host(&session->peer, peer) || session->volume->facts.roam)
        return session;
    return NULL;
}

void bh_session_heard(struct bh_server *server, struct bh_session *session,
                      const struct bh_peer *peer)
{
    session->heard_ms = server->now;
    if (bh_peer_same(&session->peer, peer))
        return;
    session->peer = *peer;
    bh_keep_session(server, session);
}

/* When others may take the session's place; UINT64_MAX: never. */
static uint64_t reclaimable_at(const struct bh_session *session)
{
    const struct bh_volume_facts *facts = &session->volume->facts;

    if (session->window != NULL && facts->takeover != BH_TAKEOVER_NEVER)
        return session->heard_ms + BH_LEASE_MS;
    if (facts->idle_ms == 0 || facts->takeover == BH_TAKEOVER_NEVER)
        return UINT64_MAX;
    return session->heard_ms + facts->idle_ms;
}

/* Whether `a` is to go rather than `b`, which may be NULL: it is of the host
 * that holds more, or idle longer. */
static bool goes_before(const struct bh_session *a, const struct bh_session *b)
{
    if (b == NULL || a->host->session_count != b->host->session_count)
        return b == NULL || a->host->session_count > b->host->session_count;
    return a->heard_ms < b->heard_ms;
}

/* Of the sessions past their idle time, the longest idle one of the host that
 * holds most. Also notes when it is worth looking again. */
static struct bh_session *reclaimable(struct bh_server *server)
{
    struct bh_session *best = NULL;
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < server->config.session_count; i++) {
        struct bh_session *session = &server->sessions[i];
        uint64_t at;

        if (session->state != BH_SESSION_PROVEN)
            continue;
        at = reclaimable_at(session);
        if (at < next)
            next = at;
        if (at > server->now || session->request_count > 0)
            continue;
        if (goes_before(session, best))
            best = session;
    }
    server->reclaim_after_ms = next;
    return best;
}

/* No host holds more than half of the table. */
static bool within_share(const struct bh_server *server,
                         const struct bh_host *host)
{
    return host->session_count < server->config.session_count / 2;
}

bool bh_session_available(struct bh_server *server, const struct bh_host *host)
{
    if (!within_share(server, host))
        return false;
    if (!bh_list_empty(&server->free_sessions))
        return true;
    return server->now >= server->reclaim_after_ms &&
           reclaimable(server) != NULL;
}

static struct bh_session *place(struct bh_server *server)
{
    if (bh_list_empty(&server->free_sessions)) {
        if (server->now < server->reclaim_after_ms)
            return NULL;
        struct bh_session *idle = reclaimable(server);

        if (idle == NULL)
            return NULL;
        bh_session_end(server, idle, BH_END_RECLAIMED);
    }
    return BH_OWNER(bh_list_take(&server->free_sessions), struct bh_session,
                    of_volume);
}

/* A default session is watched for whether it counts. A peer with two sessions,
 * of whatever kind, is not taken for one that does. */
static void begin_counting(struct bh_server *server, struct bh_session *session,
                           const struct bh_pending *pending)
{
    bh_count_init(&session->count, pending->seq);
    BH_LIST_EACH (link, &pending->host->sessions) {
        struct bh_session *other = BH_OWNER(link, struct bh_session, of_host);

        if (other->state != BH_SESSION_PROVEN ||
            !bh_peer_same(&other->peer, &pending->peer))
            continue;
        session->count.naive = true;
        other->count.naive = true;
        bh_keep_numbers(server, other);
    }
}

struct bh_window *bh_session_window(struct bh_server *server, uint32_t slot)
{
    struct bh_window *window = &server->windows[slot];

    bh_window_init(window, server->statuses[slot]);
    return window;
}

/* A strict session has a window, in which numbers may stand already. */
static void begin_window(struct bh_window *window,
                         const struct bh_pending *pending)
{
    for (uint64_t n = 1; n <= BH_WINDOW_MAX; n++)
        if (pending->unknown >> (n - 1) & 1)
            bh_window_record(window, n, 1, BH_ERR_OPCODE);
}

/* Makes room for one more session on a virtual volume. It holds nothing that
 * its client could not have again. */
static void limit_virtual(struct bh_server *server)
{
    struct bh_session *victim = NULL;

    if (server->virtual_count < BH_VIRTUAL_MAX)
        return;
    for (uint32_t i = 0; i < server->config.session_count; i++) {
        struct bh_session *session = &server->sessions[i];

        if (session->state == BH_SESSION_PROVEN &&
            bh_volume_is_virtual(session->volume) &&
            session->request_count == 0 && goes_before(session, victim))
            victim = session;
    }
    if (victim != NULL)
        bh_session_end(server, victim, BH_END_RECLAIMED);
}

void bh_session_init(struct bh_session *session, uint16_t id,
                     const struct bh_peer *peer, uint8_t access, uint8_t flags)
{
    *session = (struct bh_session){.id = id,
                                   .state = BH_SESSION_PROVEN,
                                   .end_status = BH_ERR_SESSION,
                                   .peer = *peer,
                                   .access = access,
                                   .flags = flags,
                                   .exponent = flags & BH_FLAG_SECTOR_MASK};
    bh_list_init(&session->requests);
}

static void join(struct bh_server *server, struct bh_session *session,
                 struct bh_volume *volume)
{
    session->volume = volume;
    bh_list_append(&volume->sessions, &session->of_volume);
    bh_list_remove(&volume->idle);
    volume->holders[session->access]++;
    server->virtual_count += bh_volume_is_virtual(volume);
    bh_volume_unsettle(server, volume);
}

/* `lost`: the volume may be well now. */
static void part(struct bh_server *server, struct bh_session *session)
{
    struct bh_volume *volume = session->volume;

    bh_list_remove(&session->of_volume);
    if (session->lost)
        bh_keep_volume(server, volume);
    session->lost = false;
    volume->holders[session->access]--;
    server->virtual_count -= bh_volume_is_virtual(volume);
    bh_volume_unsettle(server, volume);
}

void bh_session_seat(struct bh_server *server, struct bh_session *session,
                     struct bh_volume *volume, struct bh_host *host)
{
    session->host = host;
    session->heard_ms = server->now;
    bh_list_append(&host->sessions, &session->of_host);
    bh_host_own(host);
    host->session_count++;
    server->session_count++;
    join(server, session, volume);
    if (volume->facts.empty)
        session->refuse = BH_ERR_NO_MEDIUM;
    if (reclaimable_at(session) < server->reclaim_after_ms)
        server->reclaim_after_ms = reclaimable_at(session);
}

static void note_proof(struct bh_server *server,
                       const struct bh_session *session)
{
    struct bh_event *event = bh_event_note(server, BH_EVENT_SESSION_PROVEN,
                                           &session->peer, session->volume);

    event->id = session->id;
    event->access = session->access;
    server->counters.sessions_proven++;
}

struct bh_session *bh_session_new(struct bh_server *server,
                                  struct bh_pending *pending)
{
    struct bh_session *session =
        within_share(server, pending->host) ? place(server) : NULL;
    struct bh_volume *volume;

    if (session == NULL)
        return NULL;
    volume = bh_layer_for(server, pending->volume, pending->access);
    if (volume == NULL) {
        bh_list_append(&server->free_sessions, &session->of_volume);
        return NULL;
    }
    if (bh_volume_is_virtual(volume))
        limit_virtual(server);
    bh_session_init(session, pending->id, &pending->peer, pending->access,
                    pending->flags);
    begin_counting(server, session, pending);
    if (pending->flags & BH_FLAG_STRICT) {
        session->window =
            bh_session_window(server, (uint32_t)(session - server->sessions));
        begin_window(session->window, pending);
        bh_keep_no_intents(server, session);
    }
    bh_ids_prove(&server->ids, session->id,
                 (uint16_t)(session - server->sessions));
    bh_session_seat(server, session, volume, pending->host);
    if (session->access == BH_ACCESS_WRITER)
        bh_volume_changes(server, volume);
    note_proof(server, session);
    return session;
}

static void note_end(struct bh_server *server, const struct bh_session *session)
{
    struct bh_event *event = bh_event_note(server, BH_EVENT_SESSION_ENDED,
                                           &session->peer, session->volume);

    event->id = session->id;
    event->access = session->access;
    event->detail = session->reason;
}

/* The last request is over: the lock, the id and the slot are free. */
BH_COLD static void remove_session(struct bh_server *server,
                                   struct bh_session *session)
{
    assert(bh_list_empty(&session->requests));
    note_end(server, session);
    session->state = BH_SESSION_FREE;
    bh_ids_close(&server->ids, session->id, server->now, session->end_status);
    if (session->reason != BH_END_STOPPED || !bh_left_to_next(server)) {
        bh_keep_closed(server, session->id);
        bh_keep_session(server, session);
    }
    bh_list_remove(&session->of_host);
    part(server, session);
    session->host->session_count--;
    bh_host_disown(&server->hosts, session->host);
    server->session_count--;
    server->counters.sessions_ended++;
    server->proving_due = true;
    server->due = true;
    bh_list_append(&server->free_sessions, &session->of_volume);
}

/* Its last requests still run, but whoever has displaced it may go on already:
 * a server after a kill must not bring it back. */
static void keep_over(struct bh_server *server, struct bh_session *session)
{
    session->over = true;
    bh_ids_doom(&server->ids, session->id, BH_ERR_SESSION);
    bh_keep_closed(server, session->id);
    bh_keep_session(server, session);
}

void bh_session_end(struct bh_server *server, struct bh_session *session,
                    enum bh_end_reason reason)
{
    if (session->state == BH_SESSION_PROVEN) {
        session->state = BH_SESSION_ENDING;
        session->refuse = BH_ERR_SESSION;
        session->reason = (uint8_t)reason;
        if (session->request_count == 0) {
            remove_session(server, session);
            return;
        }
    }
    if (reason != BH_END_STOPPED && !session->over)
        keep_over(server, session);
}

/* Nothing else is under way: a DISCON is answered when what the session wrote
 * is stable. */
BH_COLD static void close_session(struct bh_server *server,
                                  struct bh_session *session)
{
    if (session->access == BH_ACCESS_WRITER)
        bh_command_resume(server, session->closing);
    else
        bh_command_finish(server, session->closing, BH_OK);
}

void bh_session_other_bytes(struct bh_server *server,
                            struct bh_session *session)
{
    session->doubts = 0;
    session->locks = session->told = false;
    session->refuse = session->volume->facts.empty ? BH_ERR_NO_MEDIUM
                      : session->window != NULL    ? BH_ERR_CHANGED
                                                   : BH_OK;
    if (session->window != NULL) {
        session->base = UINT64_MAX;
        bh_keep_no_intents(server, session);
    }
    bh_keep_session(server, session);
}

void bh_session_move(struct bh_server *server, struct bh_session *session,
                     struct bh_volume *volume, uint8_t access)
{
    part(server, session);
    session->access = access;
    join(server, session, volume);
    if (reclaimable_at(session) < server->reclaim_after_ms)
        server->reclaim_after_ms = reclaimable_at(session);
    bh_session_other_bytes(server, session);
}

/* Nothing that was sent to the earlier medium is done on this one: of lower
 * numbers, what has not come is answered already. */
static void settle_change(struct bh_server *server, struct bh_session *session,
                          uint64_t number)
{
    uint64_t n = number > BH_WINDOW_MAX ? number - BH_WINDOW_MAX : 1;
    uint8_t status;

    for (; n < number; n++)
        if (!bh_number_runs(session, n) &&
            bh_window_check(session->window, n, &status) == BH_NUMBER_NEW)
            bh_session_record(server, session, n, 1, BH_ERR_CHANGED, true);
    session->refuse = BH_OK;
    session->base = number;
    bh_keep_session(server, session);
}

uint8_t bh_session_refusal(struct bh_server *server,
                           const struct bh_request *request)
{
    struct bh_session *session = request->session;

    if (session->refuse != BH_ERR_CHANGED)
        return session->refuse;
    if (!session->told || request->again || request->before ||
        request->row->code != BH_OP_IDENTIFY) {
        session->told |= !request->again; /* else its client has gone on */
        return BH_ERR_CHANGED;
    }
    settle_change(server, session, request->number);
    return BH_OK;
}

void bh_session_request_began(struct bh_session *session,
                              struct bh_request *request)
{
    request->session = session;
    bh_list_append(&session->requests, &request->of_session);
    session->request_count++;
}

/* What is recorded is in doubt no longer. Of a run, a READ may have brought
 * some before. */
BH_COLD static void doubt_less(struct bh_session *session, uint64_t number,
                               uint32_t count)
{
    uint8_t old;

    for (uint64_t n = number; n < number + count; n++)
        if (n > session->window->highest ||
            bh_window_check(session->window, n, &old) == BH_NUMBER_NEW)
            session->doubts &= ~((uint64_t)1 << n % BH_WINDOW_MAX);
}

/* What one server after the other has not told of must not add up. */
static bool is_unsure(const struct bh_session *session)
{
    return session->window != NULL && bh_window_unsure(session->window);
}

BH_SLOW static void keep_now(struct bh_server *server,
                             struct bh_session *session)
{
    session->unkept = is_unsure(session) ? BH_UNKEPT_MAX : 0;
    bh_keep_numbers(server, session);
}

void bh_session_keep_numbers(struct bh_server *server,
                             struct bh_session *session, uint32_t count,
                             bool changes)
{
    session->unkept += count;
    if (changes || session->unkept > BH_UNKEPT_MAX)
        keep_now(server, session);
}

void bh_session_record(struct bh_server *server, struct bh_session *session,
                       uint64_t number, uint32_t count, uint8_t status,
                       bool changes)
{
    if (session->doubts != 0)
        doubt_less(session, number, count);
    bh_window_record(session->window, number, count, status);
    if (status != BH_OK)
        bh_keep_statuses(server, session);
    bh_session_keep_numbers(server, session, count, changes || status != BH_OK);
}

/* The session has one request less. */
static void leave(struct bh_server *server, struct bh_request *request)
{
    struct bh_session *session = request->session;

    bh_list_remove(&request->of_session);
    session->request_count--;
    if (session->state != BH_SESSION_ENDING)
        return;
    if (session->request_count == 0)
        remove_session(server, session);
    else if (session->request_count == 1 && session->closing != NULL)
        close_session(server, session);
}

void bh_session_request_over(struct bh_server *server,
                             struct bh_request *request, uint8_t status)
{
    /* A DISCON's status stays with the id: if its number were recorded, a kill
     * before the end would leave a session that nothing ends. */
    if (request->strict && !request->discon &&
        (!request->again || request->numbers > 1))
        bh_session_record(server, request->session, request->number,
                          request->numbers, status,
                          (request->row->flags & BH_OP_READS) != BH_OP_READS);
    leave(server, request);
}

void bh_session_request_dropped(struct bh_server *server,
                                struct bh_request *request)
{
    leave(server, request);
    bh_request_free(server, request);
}

void bh_session_close(struct bh_server *server, struct bh_session *session,
                      struct bh_request *request)
{
    session->state = BH_SESSION_ENDING;
    session->reason = BH_END_DISCON;
    session->closing = request;
    request->state = BH_REQUEST_PARKED;
    bh_session_request_began(session, request);
    if (session->request_count == 1)
        close_session(server, session);
}
