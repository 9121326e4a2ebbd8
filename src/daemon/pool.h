/* SPDX-License-Identifier: MIT */
/*
 * The storage threads: jobs that make us wait are done there, and come back to
 * the loop's thread. To open a volume on an NBD server may take seconds, and
 * there may be many of them: that gets a thread of its own.
 */
#ifndef BH_DAEMON_POOL_H
#define BH_DAEMON_POOL_H

#include "core/job.h"
#include "volume/catalogue.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* READs and WRITEs get only so many of the threads, and one volume only so many
 * of those: a slow volume leaves room for others, and all of them for look-ups,
 * FLUSH and DISCON. */
#define BH_POOL_THREADS "16"
#define BH_POOL_DATA_JOBS 12u
#define BH_POOL_VOLUME_JOBS 4u

struct bh_pool;

/* A job is done. `cause` says for the log what went wrong, or is empty. Called
 * on the loop's thread. */
typedef void bh_pool_finished(void *context, struct bh_job *job, uint8_t status,
                              const char *cause);

/* Room for `count` jobs at a time; NULL if there is no memory. */
struct bh_pool *bh_pool_new(uv_loop_t *loop, struct bh_catalogue *catalogue,
                            size_t count, bh_pool_finished *finished,
                            void *context);
void bh_pool_free(struct bh_pool *pool);

/* Begins a job, now or when a thread is free. `default_image`, for a LOOKUP, is
 * copied; it may be NULL. */
void bh_pool_start(struct bh_pool *pool, struct bh_job *job,
                   const char *default_image);

#endif
