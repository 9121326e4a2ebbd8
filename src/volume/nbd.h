/* SPDX-License-Identifier: MIT */
/*
 * The back end for exports on NBD servers: a medium over one connection, which
 * is made again when it is lost.
 *
 * It does its jobs without a thread: whoever drives it starts them, calls
 * process when its descriptor is readable or its deadline has come, and is told
 * of each that is finished. All that on one thread; open, lock and close may be
 * on another while no job is under way.
 *
 * Invariants:
 * 1. What was answered with success and not yet flushed is done again on each
 *    new connection (nbd_queue.h): the server may have been killed.
 * 2. A connection that is merely slow is kept: its requests could still be
 *    carried out behind those of a second one. Whoever waits is told after the
 *    time-out.
 * 3. It is locked for writing only where the server admits one connection at a
 *    time, so that the requests of a dead one are over when the next is open.
 */
#ifndef BH_VOLUME_NBD_H
#define BH_VOLUME_NBD_H

#include "core/job.h"
#include "volume/medium.h"
#include "volume/nbd_link.h"

/* Connects and makes a medium of the part of the export that `facts` describe.
 * Whoever waits for a request does so for `timeout_ms`. `info` is what the
 * server says. Waits for some seconds. */
int bh_nbd_open(const char *uri, const struct bh_volume_facts *facts,
                uint64_t timeout_ms, struct bh_medium **out,
                struct bh_nbd_info *info, char cause[BH_CAUSE_LEN]);

/* Connects and leaves again, or gives up when `*cancelled` is set. */
int bh_nbd_ask(const char *uri, const atomic_bool *cancelled,
               struct bh_nbd_info *info, char cause[BH_CAUSE_LEN]);

bool bh_nbd_is(const struct bh_medium *medium);

/* A job is over, with 0 or a negative errno value and why; a sentence for the
 * log. Both may be called by start and process. */
typedef void bh_nbd_finished(void *context, struct bh_job *job, int error,
                             const char *cause);
typedef void bh_nbd_news(void *context, const char *sentence);

void bh_nbd_drive(struct bh_medium *medium, bh_nbd_finished *finished,
                  bh_nbd_news *news, void *context);

/* What is readable when there is something to process. */
int bh_nbd_fd(const struct bh_medium *medium);

/* Begins a READ, WRITE, ZERO, CHECKSUM or SYNC, or a DETACH, which is over when
 * nothing is under way any more; the medium is then to be closed. Process is to
 * be called afterwards. A CHECKSUM only reads. */
void bh_nbd_start(struct bh_medium *medium, struct bh_job *job, uint64_t now);
void bh_nbd_process(struct bh_medium *medium, uint64_t now);

/* When process is to be called though nothing is readable. */
uint64_t bh_nbd_deadline(const struct bh_medium *medium);

/* The driver ends: what is not stable within the time-out never will be. */
void bh_nbd_stop(struct bh_medium *medium);

bool bh_nbd_is_connected(const struct bh_medium *medium);

#endif
