/* SPDX-License-Identifier: MIT */
/*
 * The order of requests to one volume: see invariant 3 in volume.h. The queue
 * is short: a client has one request under way, or a window of them, and what
 * the page cache holds is done before the next datagram is looked at.
 */
#include "core/internal.h"
#include "core/layer.h"

static bool is_flush(const struct bh_request *request)
{
    return request->job.kind == BH_JOB_SYNC;
}

static bool is_checkpoint(const struct bh_request *request)
{
    return request->job.kind == BH_JOB_CHECKPOINT;
}

static bool changes(const struct bh_request *request)
{
    return request->job.kind == BH_JOB_WRITE ||
           request->job.kind == BH_JOB_ZERO;
}

static bool is_heavy(const struct bh_request *request)
{
    return request->job.kind == BH_JOB_ZERO ||
           request->job.kind == BH_JOB_CHECKSUM;
}

/* Its sectors, also what the volume does not have of the last one yet. */
static uint32_t span(const struct bh_request *request)
{
    return request->count * BH_SECTOR_LEN(request->session->exponent);
}

static bool overlap(const struct bh_request *a, const struct bh_request *b)
{
    uint64_t x = a->job.offset, y = b->job.offset;

    return x < y ? y - x < span(a) : x - y < span(b);
}

/* Whether `later` has to wait for `earlier`. A FLUSH waits for the WRITEs
 * before it; nothing waits for a FLUSH, which changes no sector. A CHECKPOINT
 * waits in the same way, and what changes sectors waits for it. Of the heavy
 * ones a session has one at a time. */
static bool must_wait(const struct bh_request *later,
                      const struct bh_request *earlier)
{
    if (is_flush(later))
        return changes(earlier);
    if (is_checkpoint(later))
        return changes(earlier) || is_checkpoint(earlier);
    if (is_checkpoint(earlier))
        return changes(later);
    if (is_flush(earlier))
        return false;
    if (is_heavy(later) && is_heavy(earlier) &&
        later->session == earlier->session)
        return true;
    return (changes(later) || changes(earlier)) && overlap(later, earlier);
}

/* Whether a request of another volume on the same medium is in the way: a
 * checkpoint is of all of it. Who waits does so for what runs, or for a
 * checkpoint that came before it: so nobody waits in a circle. */
static bool rival_blocks(const struct bh_volume *rival,
                         const struct bh_request *request)
{
    BH_LIST_EACH (link, &rival->queue) {
        const struct bh_request *other =
            BH_OWNER(link, struct bh_request, link);

        if (is_checkpoint(request)
                ? other->state != BH_REQUEST_WAITING &&
                      (changes(other) || is_checkpoint(other))
                : is_checkpoint(other) &&
                      (other->state != BH_REQUEST_WAITING ||
                       other->checkpoints <= request->checkpoints))
            return true;
    }
    return false;
}

BH_COLD static bool medium_blocks(const struct bh_server *server,
                                  const struct bh_volume *volume,
                                  const struct bh_request *request)
{
    if (bh_layer_is(volume) || (!changes(request) && !is_checkpoint(request)))
        return false;
    if (bh_hold_covers(server, &volume->facts, BH_HOLD_CHANGES))
        return true;
    if (is_checkpoint(request) && server->doubt.volume != NULL &&
        bh_volume_same_medium(server->doubt.volume, volume))
        return true; /* a ZERO may be finished there */
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (at != volume && !bh_layer_is(at) && rival_blocks(at, request))
            return true;
    return false;
}

static uint32_t most_jobs(const struct bh_server *server,
                          const struct bh_volume *volume)
{
    return volume->parallel != 0 ? volume->parallel
                                 : server->config.volume_jobs;
}

BH_SLOW static bool blocked(const struct bh_server *server,
                            const struct bh_volume *volume,
                            const struct bh_request *request)
{
    if (!is_flush(request) && volume->running >= most_jobs(server, volume))
        return true;
    if (server->checkpoint_count > 0 && medium_blocks(server, volume, request))
        return true;
    BH_LIST_EACH (link, &volume->queue) {
        const struct bh_request *earlier =
            BH_OWNER(link, struct bh_request, link);

        if (earlier == request)
            return false;
        if (must_wait(request, earlier))
            return true;
    }
    return false;
}

/* On its arrival. */
BH_SLOW static bool has_to_wait(const struct bh_server *server,
                                const struct bh_volume *volume,
                                struct bh_request *request)
{
    request->checkpoints = server->checkpoints;
    return blocked(server, volume, request);
}

/* Nothing is under way that anything could wait for, as a rule: what the page
 * cache holds is done at once. */
static bool is_idle(const struct bh_server *server,
                    const struct bh_volume *volume)
{
    return bh_list_empty(&volume->queue) && server->checkpoint_count == 0;
}

/* Whether it goes as far as the volume does; a WRITE goes further. */
static bool fits_the_end(const struct bh_request *request)
{
    return request->job.kind != BH_JOB_WRITE && !is_checkpoint(request);
}

static void run(struct bh_server *server, struct bh_volume *volume,
                struct bh_request *request)
{
    if (is_flush(request)) {
        bh_list_remove(&request->link);
        request->queued = false;
        bh_volume_commit(server, volume, request);
        return;
    }
    if (request->state == BH_REQUEST_WAITING && fits_the_end(request))
        bh_command_fit(request); /* the volume may have grown */
    if (changes(request) && request->strict &&
        volume->facts.mode == BH_MODE_SHARED)
        bh_keep_intent(server, request);
    request->state = BH_REQUEST_RUNNING;
    volume->running++;
    request->job.medium = volume->medium;
    request->job.facts = &volume->facts;
    bh_job_post(server, &request->job);
}

bool bh_queue_changes(const struct bh_volume *volume)
{
    BH_LIST_EACH (link, &volume->queue) {
        const struct bh_request *request =
            BH_OWNER(link, struct bh_request, link);

        if (request->state != BH_REQUEST_WAITING &&
            (changes(request) || is_checkpoint(request)))
            return true;
    }
    return false;
}

bool bh_queue_copies(const struct bh_volume *volume)
{
    BH_LIST_EACH (link, &volume->queue) {
        const struct bh_request *request =
            BH_OWNER(link, struct bh_request, link);

        if (request->state != BH_REQUEST_WAITING && is_checkpoint(request))
            return true;
    }
    return false;
}

void bh_queue_wake(struct bh_server *server, struct bh_volume *volume)
{
    if (volume->waiting == 0)
        return;
    BH_LIST_EACH (link, &volume->queue) {
        struct bh_request *waiting = BH_OWNER(link, struct bh_request, link);

        if (waiting->state == BH_REQUEST_WAITING &&
            !blocked(server, volume, waiting)) {
            volume->waiting--;
            run(server, volume, waiting);
        }
    }
}

/* What waits for a checkpoint on another volume of the medium, or is one that
 * waits for what changes there. */
BH_COLD static void wake_medium(struct bh_server *server,
                                struct bh_volume *volume)
{
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (at != volume)
            bh_queue_wake(server, at);
}

void bh_queue_add(struct bh_server *server, struct bh_volume *volume,
                  struct bh_request *request)
{
    bool waits =
        !is_idle(server, volume) && has_to_wait(server, volume, request);

    bh_list_append(&volume->queue, &request->link);
    request->queued = true;
    if (waits) {
        request->state = BH_REQUEST_WAITING;
        volume->waiting++;
        return;
    }
    run(server, volume, request);
}

void bh_queue_job_done(struct bh_server *server, struct bh_volume *volume)
{
    volume->running--;
    bh_queue_wake(server, volume);
}

void bh_queue_remove(struct bh_server *server, struct bh_volume *volume,
                     struct bh_request *request)
{
    bh_list_remove(&request->link);
    request->queued = false;
    bh_queue_wake(server, volume);
    if (server->checkpoint_count > 0)
        wake_medium(server, volume);
}

void bh_queue_checkpoint_done(struct bh_server *server,
                              struct bh_volume *volume,
                              struct bh_request *request)
{
    volume->running--;
    bh_queue_remove(server, volume, request);
    server->checkpoint_count--;
    wake_medium(server, volume);
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (at->doubtful) /* it may be examined again */
            bh_volume_unsettle(server, at);
}
