/* SPDX-License-Identifier: MIT */
/*
 * The control socket's place in the file system. Whoever may write to the file
 * may command the server, and nobody else: its mode is 0600 from its first
 * moment on.
 */
#ifndef BH_DAEMON_DOOR_H
#define BH_DAEMON_DOOR_H

#include "daemon/config.h"

#include "net/socket_file.h"

struct bh_door {
    struct bh_socket_file file; /* listens */
};

/* Listens at `path`. What a killed server has left there is replaced; another
 * server's socket, or a file that is none, is not. A negative errno value with
 * a sentence in `problem`. */
int bh_door_open(struct bh_door *door, const char *path,
                 char problem[BH_PROBLEM_LEN]);

/* Removes the file, if it is still this one. Also for a door that was never
 * opened, but zero. */
void bh_door_close(struct bh_door *door);

#endif
