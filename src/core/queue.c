/* SPDX-License-Identifier: MIT */
/*
 * The order of requests to one volume: see invariant 3 in volume.h. The queue
 * is short: a client has one request under way, or a window of them, and what
 * the page cache holds is done before the next datagram is looked at.
 */
#include "core/internal.h"

static bool is_flush(const struct bh_request *request)
{
    return request->job.kind == BH_JOB_SYNC;
}

static bool changes(const struct bh_request *request)
{
    return request->job.kind == BH_JOB_WRITE;
}

static bool overlap(const struct bh_request *a, const struct bh_request *b)
{
    const struct bh_job *x = &a->job, *y = &b->job;

    return x->offset < y->offset ? y->offset - x->offset < x->len
                                 : x->offset - y->offset < y->len;
}

/* Whether `later` has to wait for `earlier`. A FLUSH waits for the WRITEs
 * before it; nothing waits for a FLUSH, which changes no sector. */
static bool must_wait(const struct bh_request *later,
                      const struct bh_request *earlier)
{
    if (is_flush(later))
        return changes(earlier);
    if (is_flush(earlier))
        return false;
    return (changes(later) || changes(earlier)) && overlap(later, earlier);
}

static bool blocked(const struct bh_server *server,
                    const struct bh_volume *volume,
                    const struct bh_request *request)
{
    if (!is_flush(request) && volume->running >= server->config.volume_jobs)
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

static void run(struct bh_server *server, struct bh_volume *volume,
                struct bh_request *request)
{
    if (is_flush(request)) {
        bh_list_remove(&request->link);
        request->queued = false;
        bh_volume_commit(server, volume, request);
        return;
    }
    if (request->state == BH_REQUEST_WAITING && !changes(request))
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

static void wake(struct bh_server *server, struct bh_volume *volume)
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

void bh_queue_add(struct bh_server *server, struct bh_volume *volume,
                  struct bh_request *request)
{
    bool waits = blocked(server, volume, request);

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
    wake(server, volume);
}

void bh_queue_remove(struct bh_server *server, struct bh_volume *volume,
                     struct bh_request *request)
{
    bh_list_remove(&request->link);
    request->queued = false;
    wake(server, volume);
}
