/* SPDX-License-Identifier: MIT */
#include "daemon/pool.h"

#include "daemon/log.h"
#include "daemon/storage.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A job on its way. */
struct work {
    uv_work_t uv;
    struct bh_pool *pool;
    struct bh_job *job;
    struct work *next;   /* while it is free or held */
    char *default_image; /* LOOKUP: the client's own, or NULL */
    uint8_t status;
    char cause[BH_CAUSE_LEN];
};

struct bh_pool {
    uv_loop_t *loop;
    struct bh_catalogue *catalogue;
    bh_pool_finished *finished;
    void *context;
    struct work *free;
    struct work *held, **last_held; /* data jobs that there is no room for */
    uint32_t data_jobs;             /* with the threads */
    struct work works[];
};

struct bh_pool *bh_pool_new(uv_loop_t *loop, struct bh_catalogue *catalogue,
                            size_t count, bh_pool_finished *finished,
                            void *context)
{
    struct bh_pool *pool;

    count++; /* one more is still in use while work_done() tells of it */
    pool = calloc(1, sizeof *pool + count * sizeof pool->works[0]);
    if (pool == NULL)
        return NULL;
    setenv("UV_THREADPOOL_SIZE", BH_POOL_THREADS, 0);
    pool->loop = loop;
    pool->catalogue = catalogue;
    pool->finished = finished;
    pool->context = context;
    pool->last_held = &pool->held;
    for (size_t i = count; i > 0; i--) {
        pool->works[i - 1].next = pool->free;
        pool->free = &pool->works[i - 1];
    }
    return pool;
}

void bh_pool_free(struct bh_pool *pool)
{
    free(pool);
}

static bool moves_data(const struct bh_job *job)
{
    return bh_job_is_request(job);
}

static void work_in_thread(uv_work_t *uv)
{
    struct work *work = uv->data;

    work->status = bh_storage_do(work->pool->catalogue, work->job,
                                 work->default_image, work->cause);
}

static void hand_over(struct bh_pool *pool, struct work *work);

/* A thread is free: the data job that was held back longest gets it. */
static void hand_over_held(struct bh_pool *pool)
{
    struct work *work = pool->held;

    if (work == NULL || pool->data_jobs >= BH_POOL_DATA_JOBS)
        return;
    pool->held = work->next;
    if (pool->held == NULL)
        pool->last_held = &pool->held;
    hand_over(pool, work);
}

static void work_done(uv_work_t *uv, int cancelled)
{
    struct work *work = uv->data;
    struct bh_pool *pool = work->pool;

    (void)cancelled; /* nothing cancels */
    if (moves_data(work->job))
        pool->data_jobs--;
    hand_over_held(pool);
    pool->finished(pool->context, work->job, work->status, work->cause);
    free(work->default_image);
    work->next = pool->free;
    pool->free = work;
}

static void hand_over(struct bh_pool *pool, struct work *work)
{
    if (moves_data(work->job))
        pool->data_jobs++;
    if (uv_queue_work(pool->loop, &work->uv, work_in_thread, work_done) != 0) {
        bh_log_say("cannot start a storage thread");
        abort();
    }
}

void bh_pool_start(struct bh_pool *pool, struct bh_job *job,
                   const char *default_image)
{
    struct work *work = pool->free;

    assert(work != NULL); /* there is room for all jobs of the core */
    pool->free = work->next;
    work->pool = pool;
    work->job = job;
    work->default_image = default_image == NULL ? NULL : strdup(default_image);
    work->uv.data = work;
    work->next = NULL;
    if (!moves_data(job) || pool->data_jobs < BH_POOL_DATA_JOBS) {
        hand_over(pool, work);
        return;
    }
    *pool->last_held = work;
    pool->last_held = &work->next;
}
