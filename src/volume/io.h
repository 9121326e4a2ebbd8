/* SPDX-License-Identifier: MIT */
/* Whole reads and writes of files, where the system may do a part. Errors are
 * negative errno values. */
#ifndef BH_VOLUME_IO_H
#define BH_VOLUME_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Fills `count` pieces, at most BH_PIECES_MAX. -ENODATA: the file ended
 * before. */
int bh_io_read(int fd, uint64_t offset, const struct iovec *pieces,
               unsigned count);

int bh_io_write(int fd, uint64_t offset, const void *bytes, size_t len);

#endif
