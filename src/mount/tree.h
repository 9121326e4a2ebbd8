/* SPDX-License-Identifier: MIT */
/*
 * What the kernel sees: a directory with the files of files.h, and nothing can
 * be made or removed there. Inode 1 is the directory, 2 `image`, 2 + N `pN`.
 */
#ifndef BH_MOUNT_TREE_H
#define BH_MOUNT_TREE_H

#include "mount/served.h"

#define TREE_INODE_FIRST 2u

/* The user data of the session is a struct served. */
extern const struct fuse_lowlevel_ops tree_operations;

#endif
