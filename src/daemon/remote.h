/* SPDX-License-Identifier: MIT */
/*
 * Volumes on NBD servers (volume/nbd.h), driven by the loop: their jobs take no
 * storage thread, so that a server that is slow or away keeps none.
 */
#ifndef BH_DAEMON_REMOTE_H
#define BH_DAEMON_REMOTE_H

#include "core/job.h"

#include <stdbool.h>

struct bh_driver;
struct bh_remote;

/* A job that a thread has done well: if it opened such a volume, the loop looks
 * after that from now on. */
void bh_remote_adopt(struct bh_driver *driver, const struct bh_job *job);

/* Takes the job if it is one of such a volume. */
bool bh_remote_begin(struct bh_driver *driver, struct bh_job *job);

/* The server stops: nothing is waited for longer than the time-out. */
void bh_remotes_stop(struct bh_driver *driver);

/* Whether the volume is open, and whether its server is connected. */
bool bh_remote_find(const struct bh_driver *driver,
                    const struct bh_volume_facts *facts, bool *connected);

/* When the loop has ended. */
void bh_remotes_free(struct bh_driver *driver);

#endif
