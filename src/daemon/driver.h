/* SPDX-License-Identifier: MIT */
/*
 * The driver: joins the core to sockets, storage threads, clock and signals.
 * The core runs on the loop's thread alone.
 */
#ifndef BH_DAEMON_DRIVER_H
#define BH_DAEMON_DRIVER_H

#include "daemon/config.h"
#include "net/place.h"

#include <stdbool.h>

struct bh_driver;

/* Reads the configuration again; the new one, or NULL with a `problem`. */
typedef struct bh_config *bh_reload(void *context,
                                    char problem[BH_PROBLEM_LEN]);

/* Binds the sockets and reserves all memory. The driver owns `config` from
 * then on, and every later one; if it fails, NULL with a `problem`, the caller
 * keeps it. */
struct bh_driver *bh_driver_new(struct bh_config *config, bh_reload *reload,
                                void *context, char problem[BH_PROBLEM_LEN]);

/* What the driver serves and where, for the banner. */
struct bh_catalogue *bh_driver_catalogue(struct bh_driver *driver);
const struct bh_place *bh_driver_place(const struct bh_driver *driver,
                                       size_t index); /* NULL: no more */

/* Serves until SIGINT or SIGTERM, then finishes what runs, makes all stable,
 * and returns whether it is. A second such signal ends the process at once. */
bool bh_driver_run(struct bh_driver *driver);

void bh_driver_free(struct bh_driver *driver);

#endif
