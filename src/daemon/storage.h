/* SPDX-License-Identifier: MIT */
/* Does the core's jobs on the catalogue and its media. Any thread may. */
#ifndef BH_DAEMON_STORAGE_H
#define BH_DAEMON_STORAGE_H

#include "core/job.h"
#include "volume/catalogue.h"

#include <stdbool.h>
#include <stdint.h>

/* Does `job`, waiting if it must. Its status on the wire; `cause` says for the
 * log what went wrong, or is empty. `default_image`, for LOOKUP, may be NULL.
 */
uint8_t bh_storage_do(struct bh_catalogue *catalogue, struct bh_job *job,
                      const char *default_image, char cause[BH_CAUSE_LEN]);

/* Does `job` if that needs no waiting. If not, or if it fails, it is still to
 * be done. */
bool bh_storage_do_now(struct bh_job *job);

/* The status on the wire of a negative errno value, or of 0. */
uint8_t bh_storage_status(int error);

/* Adds to a job what is more than to move its bytes. */
void bh_storage_complete(struct bh_job *job);

#endif
