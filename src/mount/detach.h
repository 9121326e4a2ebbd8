/* SPDX-License-Identifier: MIT */
/*
 * Unmounting from within. The kernel writes back what it still has while it
 * unmounts, and whoever serves the mount must not wait for that; so a child
 * process asks for it. A directory that is in use goes at once, and the file
 * system when its last file is closed.
 */
#ifndef BH_MOUNT_DETACH_H
#define BH_MOUNT_DETACH_H

#include <sys/types.h>

struct detach {
    pid_t pid;
    int fd; /* readable when it is done; -1: none was begun */
};

#define DETACH_NONE ((struct detach){.fd = -1})

/* `fuse_fd` is closed in the child: a mount ends with its last descriptor. 0 or
 * a negative errno. */
int detach_begin(struct detach *detach, const char *directory, int fuse_fd);

/* Takes the child's end, once `fd` is readable. */
void detach_end(struct detach *detach);

#endif
