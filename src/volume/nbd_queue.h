/* SPDX-License-Identifier: MIT */
/*
 * The requests to an export on an NBD server: which may be sent, and which are
 * sent again when a connection was lost. Pure: it knows no connection and no
 * clock.
 *
 * Invariants:
 * 1. Of two requests that overlap, out to the borders of the server's blocks,
 *    and of which one changes something, the later is sent when the earlier
 *    has been answered. So it is again after a loss.
 * 2. A change that was answered stays here, in the log, until a FLUSH that was
 *    sent after its answer is answered: a server that was killed may have
 *    forgotten it, and nothing says so. What is in the log when a connection is
 *    lost is done again, before what came after it.
 * 3. A FLUSH is sent when what is done again before it has been answered.
 * 4. A request that nobody waits for any more but that was sent keeps its
 *    place until it is answered or the connection is lost.
 */
#ifndef BH_VOLUME_NBD_QUEUE_H
#define BH_VOLUME_NBD_QUEUE_H

#include "core/job.h"

#include <sys/queue.h>

/* Requests under way on one connection. */
#define BH_NBD_SENT_MAX 64u

/* When the log is half full a FLUSH goes out unasked; when it is full, changes
 * wait for that. */
#define BH_NBD_LOG_MAX 2048u
#define BH_NBD_LOG_BYTES ((size_t)16 << 20)

enum bh_nbd_kind { BH_NBD_READ, BH_NBD_WRITE, BH_NBD_ZERO, BH_NBD_FLUSH };

struct bh_nbd_request {
    TAILQ_ENTRY(bh_nbd_request) link;
    uint8_t kind;       /* enum bh_nbd_kind */
    bool trim;          /* ZERO: the space may be given back */
    struct bh_job *job; /* who waits for it; NULL: nobody */
    uint64_t offset;    /* bytes of the export */
    uint32_t len;
    uint64_t first, end; /* the same, out to the borders of blocks */
    uint8_t *data;       /* READ, WRITE: from `first` to `end` */
    uint8_t *own;        /* the bytes of it that were asked for or given; of a
                            WRITE that is no whole blocks, behind it */
    uint64_t due_ms;     /* so long somebody waits */

    /* the queue's */
    bool sent;
    bool again;    /* it was answered, and is done once more */
    size_t covers; /* FLUSH: so much of the log */

    /* the connection's */
    uint32_t parts; /* that are not answered */
    bool filling;   /* WRITE: what is beside its bytes is being read */
    int error;
};

TAILQ_HEAD(bh_nbd_requests, bh_nbd_request);

struct bh_nbd_queue {
    struct bh_nbd_requests active; /* in order of arrival */
    struct bh_nbd_requests log;    /* in order of their answers */
    size_t log_count, log_bytes;
    size_t sent_count, waiting_count;
    bool keeps_log; /* set by its owner: answered is not yet stable */
    int lost;       /* what was acknowledged is not there: an errno value */
};

void bh_nbd_queue_init(struct bh_nbd_queue *queue);
void bh_nbd_queue_done(struct bh_nbd_queue *queue);

/* A request for these bytes of an export with blocks of `block` bytes, a power
 * of two; its data is zeros. NULL: there is no memory. The first goes into a
 * queue, and is its own from then on; or is freed. */
struct bh_nbd_request *bh_nbd_request_new(uint8_t kind, uint64_t offset,
                                          uint32_t len, uint32_t block);
void bh_nbd_request_free(struct bh_nbd_request *request);

/* A ZERO is to be a WRITE of zeros. -ENOMEM. */
int bh_nbd_request_spell_out(struct bh_nbd_request *request);

/* Whether it is whole blocks. */
bool bh_nbd_request_is_whole(const struct bh_nbd_request *request);

void bh_nbd_queue_add(struct bh_nbd_queue *queue,
                      struct bh_nbd_request *request);

/* The next one that is to be sent now; NULL: none. */
struct bh_nbd_request *bh_nbd_queue_next(struct bh_nbd_queue *queue);

/* It is to be sent once more. */
void bh_nbd_queue_unsend(struct bh_nbd_queue *queue,
                         struct bh_nbd_request *request);

/* It was answered, with 0 or a negative errno value; its job is the caller's
 * from now on, and the request must not be used any more. */
void bh_nbd_queue_answered(struct bh_nbd_queue *queue,
                           struct bh_nbd_request *request, int error);

/* The connection is lost, and with it all that was sent. How many requests are
 * to be sent again. */
size_t bh_nbd_queue_lost(struct bh_nbd_queue *queue);

/* Whether a FLUSH should be added, to empty the log. */
bool bh_nbd_queue_wants_flush(const struct bh_nbd_queue *queue);

/* When the first request has waited too long; UINT64_MAX: never. */
uint64_t bh_nbd_queue_deadline(const struct bh_nbd_queue *queue);

/* The job of one that has by now, which is the caller's; NULL: none. */
struct bh_job *bh_nbd_queue_expire(struct bh_nbd_queue *queue, uint64_t now);

#endif
