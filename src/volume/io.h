/* SPDX-License-Identifier: MIT */
/* Small helps with files. Errors are negative errno values. */
#ifndef BH_VOLUME_IO_H
#define BH_VOLUME_IO_H

#include "volume/medium.h"

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Fills `count` pieces, at most BH_PIECES_MAX, though the system may read less
 * at once. -ENODATA: the file ended before. */
int bh_io_read(int fd, uint64_t offset, const struct iovec *pieces,
               unsigned count);

int bh_io_write(int fd, uint64_t offset, const void *bytes, size_t len);

/* The entries of an open directory, from the first on, to be closed; NULL and
 * errno. */
DIR *bh_io_entries(int dir);

/* Says in `cause` that `what` met `error`, and returns it. */
int bh_io_say(int error, const char *what, char cause[BH_CAUSE_LEN]);

#endif
