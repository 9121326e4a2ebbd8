/* SPDX-License-Identifier: MIT */
#include "volume/nbd_queue.h"

#include <errno.h>
#include <stdlib.h>

/* After a loss there may be many more; they are looked at from the front. */
#define LOOKED_AT 256u

static bool changes(const struct bh_nbd_request *request)
{
    return request->kind == BH_NBD_WRITE || request->kind == BH_NBD_ZERO;
}

static size_t data_len(const struct bh_nbd_request *request)
{
    return request->data == NULL ? 0 : (size_t)(request->end - request->first);
}

void bh_nbd_queue_init(struct bh_nbd_queue *queue)
{
    *queue = (struct bh_nbd_queue){0};
    TAILQ_INIT(&queue->active);
    TAILQ_INIT(&queue->log);
}

static void free_all(struct bh_nbd_requests *list)
{
    struct bh_nbd_request *request;

    while ((request = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, request, link);
        bh_nbd_request_free(request);
    }
}

void bh_nbd_queue_done(struct bh_nbd_queue *queue)
{
    free_all(&queue->active);
    free_all(&queue->log);
}

bool bh_nbd_request_is_whole(const struct bh_nbd_request *request)
{
    return request->end - request->first == request->len;
}

static int make_room(struct bh_nbd_request *request)
{
    const size_t len = (size_t)(request->end - request->first);
    const bool apart =
        request->kind == BH_NBD_WRITE && !bh_nbd_request_is_whole(request);

    request->data = calloc(1, len + (apart ? request->len : 0));
    if (request->data == NULL)
        return -ENOMEM;
    request->own =
        request->data + (apart ? len : request->offset - request->first);
    return 0;
}

struct bh_nbd_request *bh_nbd_request_new(uint8_t kind, uint64_t offset,
                                          uint32_t len, uint32_t block)
{
    struct bh_nbd_request *request = calloc(1, sizeof *request);
    const uint64_t mask = block - 1;

    if (request == NULL)
        return NULL;
    request->kind = kind;
    request->offset = offset;
    request->len = len;
    request->first = offset & ~mask;
    request->end = (offset + len + mask) & ~mask;
    request->due_ms = UINT64_MAX;
    if ((kind == BH_NBD_READ || kind == BH_NBD_WRITE) &&
        make_room(request) != 0) {
        free(request);
        return NULL;
    }
    return request;
}

void bh_nbd_request_free(struct bh_nbd_request *request)
{
    free(request->data);
    free(request);
}

int bh_nbd_request_spell_out(struct bh_nbd_request *request)
{
    request->kind = BH_NBD_WRITE;
    return make_room(request);
}

void bh_nbd_queue_add(struct bh_nbd_queue *queue,
                      struct bh_nbd_request *request)
{
    TAILQ_INSERT_TAIL(&queue->active, request, link);
    queue->waiting_count++;
}

static bool log_is_full(const struct bh_nbd_queue *queue, size_t part)
{
    return queue->log_count >= BH_NBD_LOG_MAX / part ||
           queue->log_bytes >= BH_NBD_LOG_BYTES / part;
}

static bool overlap(const struct bh_nbd_request *a,
                    const struct bh_nbd_request *b)
{
    return a->first < b->end && b->first < a->end;
}

/* A change waits for a FLUSH only if the log is full, and then for one before
 * it: so the two never wait for each other. */
static bool must_wait(const struct bh_nbd_queue *queue,
                      const struct bh_nbd_request *later,
                      const struct bh_nbd_request *earlier)
{
    if (later->kind == BH_NBD_FLUSH)
        return earlier->kind == BH_NBD_FLUSH || earlier->again;
    if (earlier->kind == BH_NBD_FLUSH)
        return changes(later) && !later->again && log_is_full(queue, 1);
    return (changes(later) || changes(earlier)) && overlap(later, earlier);
}

static bool blocked(const struct bh_nbd_queue *queue,
                    const struct bh_nbd_request *request)
{
    const struct bh_nbd_request *earlier;

    for (earlier = TAILQ_FIRST(&queue->active); earlier != NULL;
         earlier = TAILQ_NEXT(earlier, link)) {
        if (earlier == request)
            return false;
        if (must_wait(queue, request, earlier))
            return true;
    }
    return false;
}

static struct bh_nbd_request *next_to_send(const struct bh_nbd_queue *queue)
{
    struct bh_nbd_request *request;
    unsigned looked_at = 0;

    for (request = TAILQ_FIRST(&queue->active); request != NULL;
         request = TAILQ_NEXT(request, link)) {
        if (!request->sent && !blocked(queue, request))
            return request;
        if (++looked_at == LOOKED_AT)
            return NULL;
    }
    return NULL;
}

struct bh_nbd_request *bh_nbd_queue_next(struct bh_nbd_queue *queue)
{
    struct bh_nbd_request *request;

    if (queue->waiting_count == 0 || queue->sent_count >= BH_NBD_SENT_MAX)
        return NULL;
    request = next_to_send(queue);
    if (request == NULL)
        return NULL;
    request->sent = true;
    request->error = 0;
    request->covers = queue->log_count;
    queue->sent_count++;
    queue->waiting_count--;
    return request;
}

void bh_nbd_queue_unsend(struct bh_nbd_queue *queue,
                         struct bh_nbd_request *request)
{
    request->sent = false;
    queue->sent_count--;
    queue->waiting_count++;
}

static void leave(struct bh_nbd_queue *queue, struct bh_nbd_request *request)
{
    TAILQ_REMOVE(&queue->active, request, link);
    if (request->sent)
        queue->sent_count--;
    else
        queue->waiting_count--;
}

static void shorten_log(struct bh_nbd_queue *queue, size_t count)
{
    for (; count > 0; count--) {
        struct bh_nbd_request *oldest = TAILQ_FIRST(&queue->log);

        TAILQ_REMOVE(&queue->log, oldest, link);
        queue->log_count--;
        queue->log_bytes -= data_len(oldest);
        bh_nbd_request_free(oldest);
    }
}

static void keep(struct bh_nbd_queue *queue, struct bh_nbd_request *request)
{
    TAILQ_INSERT_TAIL(&queue->log, request, link);
    request->sent = request->again = false;
    request->job = NULL;
    queue->log_count++;
    queue->log_bytes += data_len(request);
}

/* Of a change that somebody was told of or is about to be. */
static bool is_owed(const struct bh_nbd_request *request)
{
    return changes(request) && (request->job != NULL || request->again);
}

void bh_nbd_queue_answered(struct bh_nbd_queue *queue,
                           struct bh_nbd_request *request, int error)
{
    leave(queue, request);
    if (error != 0 && (request->again || request->kind == BH_NBD_FLUSH))
        queue->lost = error;
    if (error == 0 && request->kind == BH_NBD_FLUSH)
        shorten_log(queue, request->covers);
    if (error == 0 && is_owed(request) && queue->keeps_log)
        keep(queue, request);
    else
        bh_nbd_request_free(request);
}

/* A request that nobody waits for, and that nobody was told of. */
static bool is_idle(const struct bh_nbd_request *request)
{
    return request->job == NULL && !request->again &&
           request->kind != BH_NBD_FLUSH;
}

size_t bh_nbd_queue_lost(struct bh_nbd_queue *queue)
{
    struct bh_nbd_request *request, *next;
    size_t sent = queue->sent_count + queue->log_count;

    for (request = TAILQ_FIRST(&queue->active); request != NULL;
         request = next) {
        next = TAILQ_NEXT(request, link);
        if (is_idle(request)) {
            sent -= request->sent;
            leave(queue, request);
            bh_nbd_request_free(request);
        } else if (request->sent) {
            bh_nbd_queue_unsend(queue, request);
        }
    }
    while ((request = TAILQ_LAST(&queue->log, bh_nbd_requests)) != NULL) {
        TAILQ_REMOVE(&queue->log, request, link);
        TAILQ_INSERT_HEAD(&queue->active, request, link);
        request->again = true;
    }
    queue->waiting_count += queue->log_count;
    queue->log_count = queue->log_bytes = 0;
    return sent;
}

static const struct bh_nbd_request *
first_flush(const struct bh_nbd_queue *queue)
{
    const struct bh_nbd_request *request = TAILQ_FIRST(&queue->active);

    while (request != NULL && request->kind != BH_NBD_FLUSH)
        request = TAILQ_NEXT(request, link);
    return request;
}

bool bh_nbd_queue_wants_flush(const struct bh_nbd_queue *queue)
{
    return log_is_full(queue, 2) && first_flush(queue) == NULL;
}

static struct bh_nbd_request *first_awaited(const struct bh_nbd_queue *queue)
{
    struct bh_nbd_request *request = TAILQ_FIRST(&queue->active);

    while (request != NULL && request->job == NULL)
        request = TAILQ_NEXT(request, link);
    return request;
}

uint64_t bh_nbd_queue_deadline(const struct bh_nbd_queue *queue)
{
    const struct bh_nbd_request *first = first_awaited(queue);

    return first == NULL ? UINT64_MAX : first->due_ms;
}

/* A FLUSH goes on: what it was to make stable has to be so in the end. */
struct bh_job *bh_nbd_queue_expire(struct bh_nbd_queue *queue, uint64_t now)
{
    struct bh_nbd_request *first = first_awaited(queue);
    struct bh_job *job;

    if (first == NULL || now < first->due_ms)
        return NULL;
    job = first->job;
    first->job = NULL;
    if (!first->sent && is_idle(first)) {
        leave(queue, first);
        bh_nbd_request_free(first);
    }
    return job;
}
