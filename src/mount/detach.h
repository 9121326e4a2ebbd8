/* SPDX-License-Identifier: MIT */
/*
 * Unmounting from within. The kernel writes back what it still has while it
 * unmounts, and whoever serves the mount must not wait for that; so a child
 * process asks for it. A directory that is in use goes at once, and the file
 * system when its last file is closed.
 */
#ifndef BH_MOUNT_DETACH_H
#define BH_MOUNT_DETACH_H

#include <stdbool.h>
#include <sys/types.h>

struct detach {
    pid_t pid;
    int fd; /* readable when it is done; -1: none was begun */
};

#define DETACH_NONE ((struct detach){.fd = -1})

struct fuse_session;

/* With `forget` the kernel drops what it has of the files in memory, so that no
 * program reads on from there. 0 or a negative errno. */
int detach_begin(struct detach *detach, const char *directory,
                 struct fuse_session *session, bool forget);

/* Takes the child's end, once `fd` is readable. */
void detach_end(struct detach *detach);

#endif
