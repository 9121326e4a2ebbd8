/* SPDX-License-Identifier: MIT */
#include "core/volume.h"

#include "core/hash.h"
#include "core/internal.h"
#include "core/layer.h"

#include <assert.h>
#include <string.h>

uint32_t bh_volumes_count(const struct bh_server_config *config)
{
    return config->session_count + BH_PENDING_MAX + BH_VOLUMES_SPARE;
}

bool bh_volume_is_virtual(const struct bh_volume *volume)
{
    return volume->facts.number == 0;
}

static struct bh_volume **bucket_of(const struct bh_server *server,
                                    const struct bh_volume_facts *facts)
{
    uint64_t medium[2] = {facts->device, facts->inode};
    uint64_t hash = bh_hash(server->config.hash_key, medium, sizeof medium);

    return &server->volume_buckets[hash & (server->volume_bucket_count - 1)];
}

/* The first one in a chain, which several media may share. */
static struct bh_volume *on_medium(struct bh_volume *at,
                                   const struct bh_volume_facts *facts)
{
    while (at != NULL && !bh_facts_same_medium(&at->facts, facts))
        at = at->chain;
    return at;
}

struct bh_volume *bh_volume_first_on(const struct bh_server *server,
                                     const struct bh_volume_facts *facts)
{
    return on_medium(*bucket_of(server, facts), facts);
}

struct bh_volume *bh_volume_next_on(const struct bh_volume *volume)
{
    return on_medium(volume->chain, &volume->facts);
}

bool bh_volume_same_medium(const struct bh_volume *a, const struct bh_volume *b)
{
    return bh_facts_same_medium(&a->facts, &b->facts);
}

bool bh_volume_overlaps(const struct bh_volume *a, const struct bh_volume *b)
{
    const struct bh_volume_facts *x = &a->facts, *y = &b->facts;
    uint64_t x_len =
        x->byte_count > x->grow_limit ? x->byte_count : x->grow_limit;
    uint64_t y_len =
        y->byte_count > y->grow_limit ? y->byte_count : y->grow_limit;

    if (!bh_facts_same_medium(x, y))
        return false;
    if (x->first == y->first) /* also if one of them is empty as yet */
        return true;
    return x->first < y->first ? y->first - x->first < x_len
                               : x->first - y->first < y_len;
}

uint64_t bh_volume_sectors(const struct bh_volume *volume, uint8_t exponent)
{
    uint64_t len = BH_SECTOR_LEN(exponent);
    uint64_t bytes = volume->facts.byte_count;

    return bytes / len + (bytes % len != 0);
}

/* A name may get a number, or another one after a restart; what has none yet
 * has many names. */
static bool same_volume(const struct bh_volume_facts *a,
                        const struct bh_volume_facts *b)
{
    return bh_facts_same(a, b) && a->layer == b->layer &&
           (a->number == b->number || strcmp(a->name, b->name) == 0);
}

static void unchain(struct bh_server *server, const struct bh_volume *volume)
{
    struct bh_volume **at = bucket_of(server, &volume->facts);

    while (*at != volume)
        at = &(*at)->chain;
    *at = volume->chain;
}

static struct bh_volume *first_idle(const struct bh_server *server)
{
    if (bh_list_empty(&server->idle_volumes))
        return NULL;
    return BH_OWNER(server->idle_volumes.next, struct bh_volume, idle);
}

/* The slot of a layer that is over comes before those that were never used. */
static struct bh_volume *place(struct bh_server *server)
{
    struct bh_volume *idle = first_idle(server);

    if (server->volumes_used < server->volume_count &&
        (idle == NULL || !bh_layer_is(idle)))
        return &server->volumes[server->volumes_used++];
    if (idle == NULL)
        return NULL;
    bh_list_remove(&idle->idle);
    bh_list_remove(&idle->unsettled);
    bh_list_remove(&idle->swapped);
    server->swap.unsure -= idle->unsure;
    unchain(server, idle);
    return idle;
}

void bh_volume_init(struct bh_server *server, struct bh_volume *volume,
                    const struct bh_volume_facts *facts, uint64_t counter)
{
    struct bh_volume **bucket = bucket_of(server, facts);

    memset(volume, 0, sizeof *volume);
    volume->facts = *facts;
    volume->change_counter = counter;
    bh_list_init(&volume->unstable);
    bh_list_init(&volume->unsettled);
    bh_list_init(&volume->swapped);
    bh_list_init(&volume->sessions);
    bh_list_init(&volume->parked);
    bh_list_init(&volume->queue);
    bh_list_init(&volume->commit_next);
    bh_list_init(&volume->commit_now);
    bh_list_append(&server->idle_volumes, &volume->idle);
    volume->chain = *bucket;
    *bucket = volume;
}

/* A medium that lost a write has lost it under each of its names. */
static bool medium_is_poisoned(const struct bh_server *server,
                               const struct bh_volume_facts *facts)
{
    BH_MEDIUM_EACH (at, server, facts)
        if (at->poisoned)
            return true;
    return false;
}

/* Drawn at random, so that it is not taken for that of another time. */
static bool first_counter(struct bh_server *server,
                          const struct bh_volume_facts *facts,
                          uint64_t *counter)
{
    if (facts->layer == 0)
        return bh_random_take(&server->random, counter, sizeof *counter);
    *counter =
        bh_hash(server->config.hash_key, &facts->layer, sizeof facts->layer);
    return true;
}

static struct bh_volume *add(struct bh_server *server,
                             const struct bh_volume_facts *facts)
{
    bool poisoned = medium_is_poisoned(server, facts);
    struct bh_volume *volume;
    uint64_t counter;

    if (!first_counter(server, facts, &counter))
        return NULL;
    volume = place(server);
    if (volume == NULL)
        return NULL;
    bh_volume_init(server, volume, facts, counter);
    volume->poisoned = poisoned;
    if (bh_hold_covers(server, facts, BH_HOLD_ALL))
        volume->held = BH_HELD_BY_ADMIN;
    bh_keep_well(server, volume);
    return volume;
}

struct bh_volume *bh_volume_find(struct bh_server *server,
                                 const struct bh_volume_facts *facts)
{
    struct bh_volume *volume = bh_volume_first_on(server, facts);

    while (volume != NULL && !same_volume(&volume->facts, facts))
        volume = bh_volume_next_on(volume);
    if (volume == NULL)
        return add(server, facts);
    if (!volume->attached && !volume->service_runs)
        volume->facts.byte_count = facts->byte_count;
    return volume;
}

bool bh_volume_open_for(const struct bh_volume *volume, uint8_t access)
{
    if (!volume->attached || volume->doubtful || volume->held ||
        access > volume->access)
        return false;
    if (!volume->service_runs || volume->service.kind == BH_JOB_SYNC)
        return true;
    return volume->service.kind == BH_JOB_ATTACH &&
           access <= volume->service.access;
}

static uint8_t access_needed(const struct bh_volume *volume)
{
    uint8_t access = BH_ACCESS_WRITER;

    while (access > BH_ACCESS_NONE && volume->holders[access] == 0)
        access--;
    return access;
}

/* Whether a session of this volume, or of one on the same medium, will have it
 * synced. One on a layer will not. */
static bool is_named(const struct bh_server *server,
                     const struct bh_volume *volume)
{
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (!bh_layer_is(at) && access_needed(at) != BH_ACCESS_NONE)
            return true;
    return false;
}

/* What it is to be attached for: what an earlier server has acknowledged is
 * synced though no session asks for it. */
static uint8_t access_due(const struct bh_server *server,
                          const struct bh_volume *volume)
{
    if (volume->facts.empty)
        return BH_ACCESS_NONE;
    if (volume->held) /* what has begun is done before */
        return bh_list_empty(&volume->queue) ? BH_ACCESS_NONE : volume->access;
    if (volume->overdue && !is_named(server, volume))
        return BH_ACCESS_READER;
    return access_needed(volume);
}

/* What only a layer's job says. It is attached for a session that it has. */
static void fill_layer(struct bh_server *server, struct bh_volume *volume)
{
    struct bh_job *job = &volume->service;

    job->fresh = !volume->laid;
    job->discard = bh_layer_is_left(server, volume);
    if (!bh_list_empty(&volume->sessions))
        job->len = BH_SECTOR_LEN(
            BH_OWNER(volume->sessions.next, struct bh_session, of_volume)
                ->exponent);
}

static void serve(struct bh_server *server, struct bh_volume *volume,
                  enum bh_job_kind kind)
{
    struct bh_job *job = &volume->service;

    job->kind = (uint8_t)kind;
    job->access = access_due(server, volume);
    job->medium = volume->medium;
    job->facts = &volume->facts;
    job->patient = volume->restored;
    job->version = volume->version;
    job->failed = bh_keep_failed(server, volume);
    if (bh_layer_is(volume))
        fill_layer(server, volume);
    job->parallel = 0;
    job->again = false;
    volume->service_runs = true;
    bh_list_remove(&volume->idle);
    bh_job_post(server, job);
}

static void serve_sync(struct bh_server *server, struct bh_volume *volume)
{
    volume->dirty = false;
    volume->sync_wanted = false;
    bh_list_remove(&volume->unstable);
    bh_list_move_all(&volume->commit_now, &volume->commit_next);
    server->counters.syncs++;
    serve(server, volume, BH_JOB_SYNC);
}

/* What it is locked for, or about to be. */
static uint8_t access_taken(const struct bh_volume *volume)
{
    const struct bh_job *job = &volume->service;

    if (volume->service_runs && job->kind == BH_JOB_ATTACH &&
        job->access > volume->access)
        return job->access;
    return volume->access;
}

/* Neither locks the medium against the other. */
static bool both_scratch(const struct bh_volume *a, const struct bh_volume *b)
{
    return a->facts.mode == BH_MODE_SCRATCH && b->facts.mode == BH_MODE_SCRATCH;
}

/* Whether another volume on the same bytes is about to let go of them. Until
 * then the file is locked against us as against any other program. */
static bool rival_lets_go(const struct bh_server *server,
                          const struct bh_volume *volume)
{
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (at != volume && bh_volume_overlaps(at, volume) &&
            access_taken(at) > access_needed(at) && !both_scratch(at, volume))
            return true;
    return false;
}

/* The requests that waited for the attachment arrive now. */
void bh_volume_unpark(struct bh_server *server, struct bh_volume *volume)
{
    struct bh_link parked;

    bh_list_init(&parked);
    bh_list_move_all(&parked, &volume->parked);
    while (!bh_list_empty(&parked))
        bh_command_resume(
            server, BH_OWNER(bh_list_take(&parked), struct bh_request, link));
}

/* Nothing is due to it: it may be forgotten. What is over is not missed. */
static void rest(struct bh_server *server, struct bh_volume *volume)
{
    struct bh_link *idle = &server->idle_volumes;

    bh_list_remove(&volume->idle);
    bh_list_append(bh_layer_is(volume) ? idle->next : idle, &volume->idle);
}

/* Starts what is due, the most urgent first: see the diagram in volume.h. */
static void settle(struct bh_server *server, struct bh_volume *volume)
{
    uint8_t access = access_due(server, volume);

    if (volume->service_runs)
        return; /* bh_volume_served() comes back to this */
    if (volume->sync_wanted || !bh_list_empty(&volume->commit_next) ||
        (volume->dirty && (access_needed(volume) == BH_ACCESS_NONE ||
                           access == BH_ACCESS_NONE))) {
        serve_sync(server, volume);
    } else if (access != BH_ACCESS_NONE && volume->access != access) {
        if (access < volume->access || !rival_lets_go(server, volume))
            serve(server, volume, BH_JOB_ATTACH);
    } else if (access == BH_ACCESS_NONE &&
               (volume->attached || bh_layer_is_left(server, volume))) {
        serve(server, volume, BH_JOB_DETACH);
    } else if (volume->attached && volume->doubtful) {
        if (!bh_doubt_examine(server, volume))
            bh_volume_unpark(server, volume);
    } else if (bh_list_empty(&volume->sessions) && volume->pendings == 0 &&
               !volume->overdue && (!volume->poisoned || bh_layer_is(volume))) {
        rest(server, volume);
    }
}

void bh_volume_unsettle(struct bh_server *server, struct bh_volume *volume)
{
    bh_list_remove(&volume->unsettled);
    bh_list_append(&server->unsettled, &volume->unsettled);
    server->due = true;
}

void bh_volumes_settle(struct bh_server *server)
{
    while (!bh_list_empty(&server->unsettled))
        settle(server, BH_OWNER(bh_list_take(&server->unsettled),
                                struct bh_volume, unsettled));
}

static void attached(struct bh_server *server, struct bh_volume *volume)
{
    const struct bh_job *job = &volume->service;

    if (!volume->attached)
        volume->facts.byte_count = job->byte_count;
    if (!volume->attached && !bh_volume_is_virtual(volume))
        bh_volume_dirtied(server, volume); /* by an earlier server, maybe */
    volume->attached = true;
    volume->laid = bh_layer_is(volume);
    volume->restored = false;
    volume->version = 0; /* from now on it changes */
    bh_keep_volume(server, volume);
    if (volume->doubtful && volume->facts.sync == BH_SYNC_WRITE)
        volume->sync_wanted = true; /* before anything is said to be done */
    volume->access = job->access;
    volume->medium = job->medium;
    volume->parallel = job->parallel;
    if (!volume->doubtful)
        bh_volume_unpark(server, volume);
}

/* The sessions that the present attachment does not serve end, after their
 * first request got the reason. A lock that could not be loosened stays. */
static void attach_failed(struct bh_server *server, struct bh_volume *volume,
                          uint8_t status)
{
    uint8_t access = volume->access;
    struct bh_event *event =
        bh_event_note(server, BH_EVENT_ATTACH_FAILED, NULL, volume);

    event->status = status;
    volume->restored = volume->overdue = false;
    volume->version = 0; /* sessions to come know nothing of it */
    bh_keep_volume(server, volume);
    if (volume->service.access < access)
        volume->access = volume->service.access;
    BH_LIST_EACH (link, &volume->parked) {
        struct bh_request *request = BH_OWNER(link, struct bh_request, link);

        if (request->session->access > access) {
            bh_list_remove(&request->link);
            bh_command_finish(server, request, status);
        }
    }
    BH_LIST_EACH (link, &volume->sessions) {
        struct bh_session *session =
            BH_OWNER(link, struct bh_session, of_volume);

        if (session->access > access)
            bh_session_end(server, session, BH_END_STORAGE);
    }
    bh_volume_unpark(server, volume);
}

/* The kernel tells of a lost write once, whatever name the next sync has. */
void bh_volume_poison(struct bh_server *server, const struct bh_volume *volume)
{
    BH_MEDIUM_EACH (at, server, &volume->facts) {
        at->poisoned = true;
        if (!bh_layer_is(at))
            bh_list_remove(&at->idle); /* not to be forgotten */
        bh_keep_volume(server, at);
    }
}

/* A sync is of the whole medium, whatever name it has. */
static void nothing_overdue(struct bh_server *server,
                            const struct bh_volume *volume)
{
    BH_MEDIUM_EACH (at, server, &volume->facts) {
        if (!at->overdue)
            continue;
        at->overdue = false;
        bh_keep_volume(server, at);
    }
}

/* Whoever waits for it is told, and the next SYNC makes all of it stable. */
static void sync_failed(struct bh_server *server, struct bh_volume *volume)
{
    if (volume->service.again) {
        bh_volume_dirtied(server, volume);
        return;
    }
    bh_volume_poison(server, volume);
    bh_event_note(server, BH_EVENT_SYNC_FAILED, NULL, volume);
}

static void synced(struct bh_server *server, struct bh_volume *volume,
                   uint8_t status)
{
    struct bh_link done;

    if (status == BH_OK || !volume->service.again)
        nothing_overdue(server, volume);
    if (status != BH_OK)
        sync_failed(server, volume);
    bh_list_init(&done);
    bh_list_move_all(&done, &volume->commit_now);
    while (!bh_list_empty(&done))
        bh_command_finish(
            server, BH_OWNER(bh_list_take(&done), struct bh_request, commit),
            volume->poisoned ? BH_ERR_STORAGE : status);
}

/* The volume, and whoever waits in rival_lets_go() for it. */
static void unsettle_medium(struct bh_server *server,
                            const struct bh_volume *volume)
{
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (at == volume || !both_scratch(at, volume))
            bh_volume_unsettle(server, at);
}

void bh_volume_changes(struct bh_server *server, struct bh_volume *volume)
{
    if (bh_layer_is(volume))
        return;
    BH_MEDIUM_EACH (at, server, &volume->facts) {
        if (!bh_volume_overlaps(at, volume))
            continue;
        at->change_counter++;
        bh_keep_volume(server, at);
    }
}

void bh_volume_reopen(struct bh_server *server, struct bh_volume *volume)
{
    struct bh_link lost;

    BH_LIST_EACH (link, &volume->sessions)
        BH_OWNER(link, struct bh_session, of_volume)->lost = true;
    bh_list_init(&lost);
    bh_list_move_all(&lost, &volume->commit_now);
    bh_list_move_all(&lost, &volume->commit_next);
    while (!bh_list_empty(&lost))
        bh_command_finish(
            server, BH_OWNER(bh_list_take(&lost), struct bh_request, commit),
            BH_ERR_STORAGE);
    volume->poisoned = false;
    bh_keep_well(server, volume);
}

void bh_volume_served(struct bh_server *server, struct bh_job *job,
                      uint8_t status)
{
    struct bh_volume *volume = BH_OWNER(job, struct bh_volume, service);

    volume->service_runs = false;
    unsettle_medium(server, volume);
    switch (job->kind) {
    case BH_JOB_ATTACH:
        if (status == BH_OK)
            attached(server, volume);
        else
            attach_failed(server, volume, status);
        break;
    case BH_JOB_DETACH:
        volume->attached = false;
        volume->access = BH_ACCESS_NONE;
        volume->medium = NULL;
        if (job->discard)
            volume->laid = false;
        if (bh_left_to_next(server))
            volume->version = job->version;
        bh_keep_volume(server, volume);
        break;
    default:
        synced(server, volume, status);
        break;
    }
}

void bh_volume_pending_began(struct bh_volume *volume)
{
    volume->pendings++;
    bh_list_remove(&volume->idle);
}

void bh_volume_pending_over(struct bh_server *server, struct bh_volume *volume)
{
    volume->pendings--;
    bh_volume_unsettle(server, volume);
}

void bh_volume_dirtied(struct bh_server *server, struct bh_volume *volume)
{
    if (volume->dirty || bh_layer_is(volume))
        return;
    volume->dirty = true;
    volume->sync_due_ms = server->now + BH_SYNC_DELAY_MS;
    bh_list_append(&server->unstable, &volume->unstable);
}

void bh_volume_commit(struct bh_server *server, struct bh_volume *volume,
                      struct bh_request *request)
{
    bool stable =
        !volume->dirty && bh_list_empty(&volume->commit_now) &&
        !(volume->service_runs && volume->service.kind == BH_JOB_SYNC);

    bool lost = volume->poisoned || request->session->lost;

    if (stable || lost) {
        bh_command_finish(server, request, lost ? BH_ERR_STORAGE : BH_OK);
        return;
    }
    request->state = BH_REQUEST_COMMITTING;
    bh_list_append(&volume->commit_next, &request->commit);
    bh_volume_unsettle(server, volume);
}

static struct bh_volume *next_unstable(const struct bh_server *server)
{
    return BH_OWNER(server->unstable.next, struct bh_volume, unstable);
}

uint64_t bh_volumes_deadline(const struct bh_server *server)
{
    if (bh_list_empty(&server->unstable))
        return UINT64_MAX;
    return next_unstable(server)->sync_due_ms;
}

void bh_volumes_expire(struct bh_server *server)
{
    while (server->now >= bh_volumes_deadline(server)) {
        struct bh_volume *volume = next_unstable(server);

        bh_list_remove(&volume->unstable);
        volume->sync_wanted = true;
        bh_volume_unsettle(server, volume);
    }
}
