/* SPDX-License-Identifier: MIT */
/* What is asked of the disk for the kernel's requests: bytes, FLUSH and
 * clearing. Each answers `req` when it is over. */
#ifndef BH_MOUNT_IO_H
#define BH_MOUNT_IO_H

#include "mount/served.h"

void io_read(fuse_req_t req, struct file *file, uint64_t offset, size_t len);

/* `data` is a part of the request that is being taken apart, and the request's
 * buffer is kept for it. */
void io_write(fuse_req_t req, struct file *file, uint64_t offset, size_t len,
              const char *data);

/* Everything changed until now is on stable storage. If the partition table may
 * have changed it is read again. */
void io_flush(fuse_req_t req);

/* The bytes read as zeros; with `trim` their space may be given back. */
void io_clear(fuse_req_t req, struct file *file, uint64_t offset, uint64_t len,
              bool trim);

/* A sector is read, only to see that the medium is still there. */
void io_watch(struct served *served);

/* Before anything else: what FLUSH does to the table, and waits for it. */
void io_scan(struct served *served);

#endif
