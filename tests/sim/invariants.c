/* SPDX-License-Identifier: MIT */
/* What must be true of the core's structures after every call. */
#include "world.h"

#include "core/internal.h"
#include "core/layer.h"

static const char *check_ids(const struct bh_server *server)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < server->config.session_count; i++) {
        const struct bh_session *s = &server->sessions[i];

        if (s->state == BH_SESSION_FREE)
            continue;
        used++;
        if (server->ids.of[s->id].state != BH_ID_PROVEN ||
            server->ids.of[s->id].slot != i)
            return "a session's id does not lead to it";
        if (s->state == BH_SESSION_ENDING && s->request_count == 0)
            return "a session without requests does not end";
    }
    return used == server->session_count ? NULL
                                         : "sessions are counted wrongly";
}

/* To the others the writer of a layer is a reader. */
static bool writes(const struct bh_session *session)
{
    return session->access == BH_ACCESS_WRITER && !bh_layer_is(session->volume);
}

static bool exclude(const struct bh_session *a, const struct bh_session *b)
{
    if (a->volume->facts.empty || a->access == BH_ACCESS_LOOK ||
        b->access == BH_ACCESS_LOOK || (!writes(a) && !writes(b)) ||
        !bh_volume_overlaps(a->volume, b->volume))
        return false;
    return a->volume != b->volume || a->volume->facts.mode != BH_MODE_SHARED;
}

static const char *check_locks(const struct bh_server *server)
{
    for (uint32_t i = 0; i < server->config.session_count; i++) {
        const struct bh_session *a = &server->sessions[i];

        for (uint32_t k = 0; a->state != BH_SESSION_FREE && k < i; k++) {
            const struct bh_session *b = &server->sessions[k];

            if (b->state != BH_SESSION_FREE && exclude(a, b))
                return "two sessions that exclude each other hold a medium";
        }
    }
    return NULL;
}

static const char *check_pendings(const struct bh_server *server)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < BH_PENDING_MAX; i++) {
        const struct bh_pending *p = &server->pendings[i];

        if (p->id == 0)
            continue;
        used++;
        if (server->ids.of[p->id].state != BH_ID_PENDING ||
            p->host->pending_count > BH_PENDING_PER_HOST)
            return "a pending session is out of place";
    }
    return used == server->pending_used
               ? NULL
               : "pending sessions are counted wrongly";
}

/* Whether a CHECKPOINT may have to wait for another part of its medium, or what
 * changes for a CHECKPOINT there. */
static bool rival_runs(const struct bh_server *server,
                       const struct bh_volume *volume)
{
    if (bh_hold_covers(server, &volume->facts, BH_HOLD_CHANGES))
        return true;
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (at != volume && (at->running > 0 || at->service_runs))
            return true;
    return false;
}

static const char *check_volume(const struct bh_server *server,
                                const struct bh_volume *v)
{
    uint32_t holders = 0;

    BH_LIST_EACH (link, &v->sessions)
        holders++;
    for (int access = 0; access <= BH_ACCESS_WRITER; access++)
        holders -= v->holders[access];
    if (holders != 0)
        return "a volume's holders are counted wrongly";
    if (v->running > server->config.volume_jobs)
        return "a volume has more jobs than it may";
    if (!v->service_runs &&
        (!bh_list_empty(&v->commit_now) || !bh_list_empty(&v->commit_next)))
        return "a request waits for a sync that nobody starts";
    if (v->running == 0 && !v->service_runs && v->waiting != 0 &&
        !rival_runs(server, v))
        return "a request waits for nothing";
    return NULL;
}

/* Whoever waits because of a CHECKPOINT elsewhere on the medium. */
static const char *check_checkpoints(const struct bh_server *server)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < server->volumes_used; i++)
        BH_LIST_EACH (link, &server->volumes[i].queue)
            count += BH_OWNER(link, struct bh_request, link)->job.kind ==
                     BH_JOB_CHECKPOINT;
    count += server->hold.kind == BH_HOLD_CHANGES;
    return count == server->checkpoint_count
               ? NULL
               : "CHECKPOINTs are counted wrongly";
}

static const char *check_parked(const struct bh_volume *v)
{
    BH_LIST_EACH (link, &v->parked)
        if (bh_volume_open_for(
                v, BH_OWNER(link, struct bh_request, link)->session->access))
            return "a request is parked and its volume is open";
    return NULL;
}

static const char *check_requests(const struct bh_server *server)
{
    uint32_t count = 0;

    BH_LIST_EACH (link, &server->free_requests)
        count++;
    for (uint32_t i = 0; i < server->hosts.used; i++) {
        const struct bh_host *host = &server->hosts.of[i];

        count += host->request_count;
        if (host->owned != 0u + host->request_count + host->lookup_count +
                               host->session_count + host->pending_count)
            return "what a host owns is counted wrongly";
    }
    return count == server->config.request_count ? NULL
                                                 : "a request slot is lost";
}

const char *invariants_check(const struct bh_server *server)
{
    const char *wrong = check_ids(server);

    if (wrong == NULL)
        wrong = check_locks(server);
    if (wrong == NULL)
        wrong = check_pendings(server);
    for (uint32_t i = 0; wrong == NULL && i < server->volumes_used; i++)
        wrong = check_volume(server, &server->volumes[i]);
    for (uint32_t i = 0; wrong == NULL && i < server->volumes_used; i++)
        wrong = check_parked(&server->volumes[i]);
    if (wrong == NULL)
        wrong = check_checkpoints(server);
    return wrong != NULL ? wrong : check_requests(server);
}
