/* SPDX-License-Identifier: MIT */
#include "volume/nbd_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Between two attempts to connect again: twice as long each time. */
#define AGAIN_MS 50u
#define AGAIN_MAX_MS 1600u

static struct bh_nbd *nbd_of(struct bh_medium *medium)
{
    return (struct bh_nbd *)(void *)medium;
}

static const struct bh_nbd *const_nbd_of(const struct bh_medium *medium)
{
    return (const struct bh_nbd *)(const void *)medium;
}

/*
 * Jobs.
 */

void bh_nbd_drive(struct bh_medium *medium, bh_nbd_finished *finished,
                  bh_nbd_news *news, void *context)
{
    struct bh_nbd *nbd = nbd_of(medium);

    nbd->finished = finished;
    nbd->news = news;
    nbd->context = context;
}

int bh_nbd_fd(const struct bh_medium *medium)
{
    return const_nbd_of(medium)->epoll;
}

void bh_nbd_stop(struct bh_medium *medium)
{
    nbd_of(medium)->stopping = true;
}

bool bh_nbd_is_connected(const struct bh_medium *medium)
{
    return const_nbd_of(medium)->link != NULL;
}

static uint8_t kind_of(const struct bh_job *job)
{
    switch (job->kind) {
    case BH_JOB_WRITE:
        return BH_NBD_WRITE;
    case BH_JOB_ZERO:
        return BH_NBD_ZERO;
    case BH_JOB_SYNC:
        return BH_NBD_FLUSH;
    default:
        return BH_NBD_READ;
    }
}

/* A SYNC has no bytes of its own; its offset and length are of another job. */
static struct bh_nbd_request *request_of(const struct bh_nbd *nbd,
                                         const struct bh_job *job)
{
    const uint8_t kind = kind_of(job);

    if (kind == BH_NBD_FLUSH)
        return bh_nbd_request_new(kind, 0, 0, 1);
    return bh_nbd_request_new(kind, nbd->first + job->offset, job->len,
                              nbd->info.block);
}

static void finish(struct bh_nbd *nbd, struct bh_job *job, int error)
{
    char cause[BH_CAUSE_LEN] = "";

    if (job->kind == BH_JOB_SYNC && error == 0)
        error = nbd->queue.lost;
    if (job->kind == BH_JOB_SYNC && error != 0 && job->failed != NULL)
        *job->failed = BH_JOB_FAILED;
    if (error != 0)
        snprintf(cause, sizeof cause, "the NBD server says: %s",
                 strerror(-error));
    nbd->finished(nbd->context, job, error, cause);
}

/* What waits too long is told so. A SYNC may be asked for again: nothing is
 * lost that the log has. */
static void give_up(struct bh_nbd *nbd, struct bh_job *job)
{
    const unsigned seconds = (unsigned)(nbd->timeout_ms / 1000);
    char cause[BH_CAUSE_LEN];

    if (job->kind == BH_JOB_SYNC) {
        job->again = !nbd->stopping && nbd->queue.lost == 0;
        if (!job->again && job->failed != NULL)
            *job->failed = BH_JOB_FAILED;
    }
    if (nbd->link != NULL)
        snprintf(cause, sizeof cause,
                 "the NBD server has not answered for %u s", seconds);
    else
        snprintf(cause, sizeof cause, "no connection to the NBD server: %.150s",
                 nbd->cause);
    nbd->finished(nbd->context, job, -ETIMEDOUT, cause);
}

static void leave(struct bh_nbd *nbd, struct bh_job *job, uint64_t now)
{
    nbd->leaving = job;
    nbd->leave_ms = now + nbd->timeout_ms;
}

void bh_nbd_start(struct bh_medium *medium, struct bh_job *job, uint64_t now)
{
    struct bh_nbd *nbd = nbd_of(medium);
    struct bh_nbd_request *request;

    if (job->kind == BH_JOB_DETACH) {
        leave(nbd, job, now);
        return;
    }
    if (job->kind == BH_JOB_SYNC && !nbd->info.can_flush) {
        finish(nbd, job, 0); /* each WRITE was stable when it was answered */
        return;
    }
    request = request_of(nbd, job);
    if (request == NULL) {
        finish(nbd, job, -ENOMEM);
        return;
    }
    if (job->kind == BH_JOB_WRITE)
        memcpy(request->own, job->data, job->len);
    request->trim = job->kind == BH_JOB_ZERO && job->trim;
    request->job = job;
    request->due_ms = now + nbd->timeout_ms;
    bh_nbd_queue_add(&nbd->queue, request);
}

static void bring(const struct bh_nbd_request *request, struct bh_job *job)
{
    uint32_t piece = job->kind == BH_JOB_READ ? job->piece : job->len;

    for (uint32_t at = 0; at < job->len; at += piece) {
        uint32_t left = job->len - at;
        uint8_t *to = job->kind == BH_JOB_READ ? bh_job_at(job, at) : job->data;

        memcpy(to, request->own + at, left < piece ? left : piece);
    }
}

static void answered(struct bh_nbd *nbd, struct bh_nbd_request *request)
{
    struct bh_job *job = request->job;
    const int error = request->error;

    if (error == 0 && job != NULL && request->kind == BH_NBD_READ)
        bring(request, job);
    bh_nbd_queue_answered(&nbd->queue, request, error);
    if (job != NULL)
        finish(nbd, job, error);
}

/*
 * The connection.
 */

__attribute__((format(printf, 2, 3))) static void tell(const struct bh_nbd *nbd,
                                                       const char *format, ...)
{
    char sentence[2 * BH_CAUSE_LEN];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    nbd->news(nbd->context, sentence);
}

static void watch(struct bh_nbd *nbd)
{
    struct epoll_event event = {0};
    short events;

    if (nbd->link == NULL)
        return;
    events = bh_nbd_link_events(nbd->link);
    event.events = ((events & POLLIN) != 0 ? EPOLLIN : 0u) |
                   ((events & POLLOUT) != 0 ? EPOLLOUT : 0u);
    if (event.events == nbd->watched)
        return;
    if (epoll_ctl(nbd->epoll, nbd->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
                  bh_nbd_link_fd(nbd->link), &event) == 0)
        nbd->watched = event.events;
}

static void lose(struct bh_nbd *nbd, uint64_t now)
{
    bh_nbd_link_close(nbd->link);
    nbd->link = NULL;
    nbd->watched = 0;
    bh_nbd_queue_lost(&nbd->queue);
    nbd->lost_ms = nbd->retry_ms = now;
    nbd->pause_ms = AGAIN_MS;
    tell(nbd, "the connection to its NBD server is lost, and made again: %s",
         nbd->cause);
}

/* Whether a new connection is to the same export, and as good as the first. */
static bool is_same(struct bh_nbd *nbd, const struct bh_nbd_info *info)
{
    const char *problem = NULL;

    if (info->size < nbd->first + nbd->medium.byte_count)
        problem = "it is shorter";
    else if (info->block != nbd->info.block)
        problem = "its blocks are of another size";
    else if (nbd->writer && info->read_only)
        problem = "it is read-only";
    else if (info->can_flush != nbd->info.can_flush ||
             (nbd->writer && !info->can_flush && !info->can_fua))
        problem = "what it can make stable has changed";
    if (problem != NULL)
        snprintf(nbd->cause, sizeof nbd->cause,
                 "the export is not the same any more: %s", problem);
    return problem == NULL;
}

static void begin_dial(struct bh_nbd *nbd, uint64_t now)
{
    nbd->retry_ms = now + nbd->pause_ms; /* if there is no thread for it */
    nbd->dial = bh_nbd_dial_new(nbd->uri, BH_NBD_CONNECT_MS, nbd->wake);
}

/* The attempt has ended, or has not. */
static void end_dial(struct bh_nbd *nbd, uint64_t now)
{
    char before[BH_CAUSE_LEN];
    struct bh_nbd_link *link = NULL;
    uint64_t ended;
    int error;

    (void)!read(nbd->wake, &ended, sizeof ended);
    memcpy(before, nbd->cause, sizeof before);
    error = bh_nbd_dial_end(nbd->dial, &link, nbd->cause);
    if (error == -EAGAIN)
        return;
    nbd->dial = NULL;
    nbd->retry_ms = now + nbd->pause_ms;
    if (nbd->pause_ms < AGAIN_MAX_MS)
        nbd->pause_ms *= 2;
    if (error == 0 && is_same(nbd, bh_nbd_link_info(link))) {
        nbd->link = link;
        tell(nbd,
             "connected to its NBD server again after %llu ms; %zu "
             "requests are sent, some of them again",
             (unsigned long long)(now - nbd->lost_ms),
             nbd->queue.waiting_count);
        return;
    }
    if (error == 0)
        bh_nbd_link_close(link);
    if (strcmp(before, nbd->cause) != 0)
        tell(nbd, "its NBD server cannot be reached: %s", nbd->cause);
}

/*
 * What there is to do.
 */

static bool take_done(struct bh_nbd *nbd)
{
    struct bh_nbd_request *request;
    bool any = false;

    while ((request = bh_nbd_link_done(nbd->link)) != NULL) {
        answered(nbd, request);
        any = true;
    }
    return any;
}

static void empty_log(struct bh_nbd *nbd)
{
    struct bh_nbd_request *flush;

    if (!bh_nbd_queue_wants_flush(&nbd->queue))
        return;
    flush = bh_nbd_request_new(BH_NBD_FLUSH, 0, 0, 1);
    if (flush != NULL)
        bh_nbd_queue_add(&nbd->queue, flush);
}

static bool send_next(struct bh_nbd *nbd)
{
    struct bh_nbd_request *request;
    bool any = false;

    empty_log(nbd);
    while ((request = bh_nbd_queue_next(&nbd->queue)) != NULL) {
        bh_nbd_link_send(nbd->link, request, !nbd->info.can_flush);
        any = true;
    }
    return any;
}

static short poll_now(const struct bh_nbd *nbd)
{
    struct pollfd one = {.fd = bh_nbd_link_fd(nbd->link),
                         .events = bh_nbd_link_events(nbd->link)};

    return poll(&one, 1, 0) == 1 ? one.revents : 0;
}

static void use_link(struct bh_nbd *nbd, uint64_t now)
{
    short revents = poll_now(nbd);
    bool more = true;

    while (more) {
        int error = bh_nbd_link_process(nbd->link, revents, nbd->cause);

        more = take_done(nbd);
        if (error != 0) {
            lose(nbd, now);
            return;
        }
        more = send_next(nbd) || more;
        revents = 0;
    }
}

static void connect_again(struct bh_nbd *nbd, uint64_t now)
{
    if (nbd->dial != NULL)
        end_dial(nbd, now);
    if (nbd->link == NULL && nbd->dial == NULL && now >= nbd->retry_ms)
        begin_dial(nbd, now);
    if (nbd->link != NULL)
        use_link(nbd, now);
}

static void expire(struct bh_nbd *nbd, uint64_t now)
{
    struct bh_job *job;

    while ((job = bh_nbd_queue_expire(&nbd->queue, now)) != NULL)
        give_up(nbd, job);
}

static void leave_when_quiet(struct bh_nbd *nbd, uint64_t now)
{
    struct bh_job *job = nbd->leaving;

    if (job == NULL || (nbd->queue.sent_count > 0 && now < nbd->leave_ms))
        return;
    nbd->leaving = NULL;
    job->version = 0;
    nbd->finished(nbd->context, job, 0, "");
}

/* Leaving comes last: the medium may be gone behind it. */
void bh_nbd_process(struct bh_medium *medium, uint64_t now)
{
    struct bh_nbd *nbd = nbd_of(medium);

    if (nbd->link != NULL)
        use_link(nbd, now);
    if (nbd->link == NULL)
        connect_again(nbd, now);
    expire(nbd, now);
    watch(nbd);
    leave_when_quiet(nbd, now);
}

uint64_t bh_nbd_deadline(const struct bh_medium *medium)
{
    const struct bh_nbd *nbd = const_nbd_of(medium);
    uint64_t deadline = bh_nbd_queue_deadline(&nbd->queue);

    if (nbd->link == NULL && nbd->dial == NULL && nbd->retry_ms < deadline)
        deadline = nbd->retry_ms;
    if (nbd->leaving != NULL && nbd->leave_ms < deadline)
        deadline = nbd->leave_ms;
    return deadline;
}
