/* SPDX-License-Identifier: MIT */
#include "daemon/pool.h"

#include "daemon/log.h"
#include "daemon/storage.h"
#include "volume/nbd_volume.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
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
    bool has_async;                 /* since the first that it is for */
    uv_async_t async;               /* there are some in `returned` */
    pthread_mutex_t lock;           /* returned */
    struct work *returned;          /* done in threads of their own */
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
    pthread_mutex_init(&pool->lock, NULL);
    for (size_t i = count; i > 0; i--) {
        pool->works[i - 1].next = pool->free;
        pool->free = &pool->works[i - 1];
    }
    return pool;
}

void bh_pool_free(struct bh_pool *pool)
{
    if (pool != NULL)
        pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static bool moves_data(const struct bh_job *job)
{
    return bh_job_is_request(job);
}

static void do_work(struct work *work)
{
    work->status = bh_storage_do(work->pool->catalogue, work->job,
                                 work->default_image, work->cause);
}

static void work_in_thread(uv_work_t *uv)
{
    do_work(uv->data);
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

static void give_back(struct work *work)
{
    struct bh_pool *pool = work->pool;

    pool->finished(pool->context, work->job, work->status, work->cause);
    free(work->default_image);
    work->next = pool->free;
    pool->free = work;
}

static void work_done(uv_work_t *uv, int cancelled)
{
    struct work *work = uv->data;
    struct bh_pool *pool = work->pool;

    (void)cancelled; /* nothing cancels */
    if (moves_data(work->job))
        pool->data_jobs--;
    hand_over_held(pool);
    give_back(work);
}

/*
 * Threads of their own.
 */

static void *work_alone(void *argument)
{
    struct work *work = argument;
    struct bh_pool *pool = work->pool;

    do_work(work);
    pthread_mutex_lock(&pool->lock);
    work->next = pool->returned;
    pool->returned = work;
    pthread_mutex_unlock(&pool->lock);
    uv_async_send(&pool->async); /* the loop runs until it is given back */
    return NULL;
}

static void take_returned(uv_async_t *uv)
{
    struct bh_pool *pool = uv->data;
    struct work *work, *next;

    pthread_mutex_lock(&pool->lock);
    work = pool->returned;
    pool->returned = NULL;
    pthread_mutex_unlock(&pool->lock);
    for (; work != NULL; work = next) {
        next = work->next;
        give_back(work);
    }
}

/* Signals are for the loop's thread. */
static bool start_thread(struct work *work)
{
    pthread_t thread;
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&thread, NULL, work_alone, work) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

/* False: it is done as all others are. */
static bool hand_over_alone(struct bh_pool *pool, struct work *work)
{
    if (work->job->kind != BH_JOB_ATTACH || !bh_nbd_volume_is(work->job->facts))
        return false;
    if (!pool->has_async) {
        if (uv_async_init(pool->loop, &pool->async, take_returned) != 0)
            return false;
        pool->async.data = pool;
        pool->has_async = true;
    }
    return start_thread(work);
}

/*
 * The pool.
 */

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
    if (hand_over_alone(pool, work))
        return;
    if (!moves_data(job) || pool->data_jobs < BH_POOL_DATA_JOBS) {
        hand_over(pool, work);
        return;
    }
    *pool->last_held = work;
    pool->last_held = &work->next;
}
