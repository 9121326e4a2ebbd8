/* SPDX-License-Identifier: MIT */
/*
 * The state directory: what a server leaves to the one that is started after
 * it, so that a kill, a crash or an upgrade is not noticed by clients.
 *
 *   lock      held while a server uses the directory; has its process id
 *   sessions  the table of core/table.h behind a page of our own
 *   sessions.set-aside  the last one that was not to be believed
 *   numbers   the catalogue's: see volume/numbers.h
 *   scratch/  the layers of sessions: see volume/layer.h
 *
 * Invariants:
 *  1. At most one server uses a directory.
 *  2. A table is used only in the boot, and in the file, that it was made in:
 *     elsewhere it is older than the disks, or another server's.
 *  3. Three crashes within a minute (SIGSEGV, SIGBUS or SIGABRT; SIGKILL is
 *     none) set the table aside, in case it is the cause.
 *  4. All of the file is reserved when it is made: a full disk does not end the
 *     server later on.
 */
#ifndef BH_DAEMON_STATE_H
#define BH_DAEMON_STATE_H

#include "core/server.h"
#include "daemon/config.h"
#include "net/place.h"

struct bh_state {
    char *path;          /* of the directory */
    int dir, lock, file; /* descriptors; -1 */
    void *map;           /* of `sessions`; NULL */
    size_t len;
};

/* The directory to use when nobody names one: that of the user, or of the
 * system for root, and in it one for each address that servers listen on. NULL
 * if there is none to be had; else to be freed. */
char *bh_state_default(const struct bh_place *listens);

/* Opens the directory `path`, which is made if it is missing, and the table in
 * it. What cannot be used there is set aside and logged. A negative errno value
 * with a sentence in `problem` if the directory cannot be used at all. */
int bh_state_open(struct bh_state *state, const char *path,
                  const struct bh_server_config *config,
                  char problem[BH_PROBLEM_LEN]);

/* The table: for bh_server_init(). */
void *bh_state_table(const struct bh_state *state);

/* A descriptor of the directory for layers, which is made if it is missing, and
 * is its owner's alone. A negative errno value. */
int bh_state_layers(const struct bh_state *state);

/* All of the table has been looked at: what is not used need not stay in this
 * process's memory. */
void bh_state_rest(const struct bh_state *state);

/* Also for one that was never opened, but zero. */
void bh_state_close(struct bh_state *state);

#endif
