/* SPDX-License-Identifier: MIT */
/* Where files are that belong to no image. */
#ifndef BH_DAEMON_WHERE_H
#define BH_DAEMON_WHERE_H

#include "net/place.h"

/* The directories in which each server has one for its state, and those in
 * which each has its control socket: that of the user, or of the system for
 * root. NULL if there is none to be had; else to be freed. */
char *bh_where_states(void);
char *bh_where_controls(void);

/* What belongs to the server that listens there, in `directory`, with `suffix`
 * behind its name; `directory`, which may be NULL, is freed. */
char *bh_where_server(char *directory, const struct bh_place *listens,
                      const char *suffix);

/* mkdir -p: what is missing is for nobody else. A negative errno value if that
 * did not work: open() would only say what is missing. */
int bh_where_make(const char *path);

#define BH_CONTROL_SUFFIX ".control"

#endif
