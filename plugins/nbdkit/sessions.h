/* SPDX-License-Identifier: MIT */
/*
 * The sessions of this process: one for each image, whatever number of
 * connections use it. NBD clients open an image more than once, and a Blockhead
 * server lets one session write.
 *
 *               last connection           linger is over
 *     OPENING -> READY (users > 0) -> READY (users == 0) -> CLOSING -> gone
 *                  ^                    |
 *                  +--------------------+ another connection
 *
 * Invariants
 *   1. Of one image and one way to open it, at most one session is not lost.
 *      Whoever wants it waits while it is opened or closed.
 *   2. A session that the server has ended for good serves nobody new, and is
 *      gone with its last connection.
 *   3. Nor does one whose medium was changed: the next connection, which looks
 *      at a byte to know, ends it, to have the volume for a session of its own.
 */
#ifndef BH_NBDKIT_SESSIONS_H
#define BH_NBDKIT_SESSIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/blockhead.h"
#include "settings.h"

struct session {
    struct session *next;
    enum { SESSION_OPENING, SESSION_READY, SESSION_CLOSING } state;
    char image[256];
    bool read_only;
    bool stale; /* the medium was changed */
    bool ended; /* for that */
    unsigned users;
    uint64_t left_ms; /* when the last one left */
    struct bh_disk *disk;
    struct bh_share *share;
    struct bh_info info; /* as of the open */
    uint64_t size;       /* in bytes */
};

struct sessions {
    const struct settings *settings;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct session *first;
    bool ending;
    bool runs; /* the thread that closes what nobody uses */
    pthread_t closer;
};

/* After the fork. -1 and nbdkit knows why. */
int sessions_start(struct sessions *sessions, const struct settings *settings);

/* Closes all; no connection is left. */
void sessions_end(struct sessions *sessions);

/* One for a connection more; NULL and nbdkit knows why. */
struct session *sessions_enter(struct sessions *sessions, const char *image,
                               bool read_only);

/* Of what a request returned: the medium was changed, or is there no more. */
bool sessions_is_stale(int rc);

/* A request of it has met a changed medium (-ESTALE), or none any more. */
void sessions_note_stale(struct sessions *sessions, struct session *session);

void sessions_leave(struct sessions *sessions, struct session *session);

#endif
