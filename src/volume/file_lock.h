/* SPDX-License-Identifier: MIT */
/*
 * The lock of an open file against other programs: an open file description
 * lock, which goes with the descriptor. It covers a volume's bytes, so that
 * two volumes in one file do not keep each other out.
 *
 * QEMU locks no such bytes. It has a read lock on byte 100 + i of each file for
 * what it does (i is 1 for writing), and on byte 200 + i for what nobody else
 * may do (block/file-posix.c, RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE). So
 * the bytes from 200 on are read-locked by each of our volumes, wherever it
 * lies, and never otherwise.
 */
#ifndef BH_VOLUME_FILE_LOCK_H
#define BH_VOLUME_FILE_LOCK_H

#include "volume/medium.h"

struct bh_file_lock {
    int fd;
    uint64_t first, len; /* bytes; a length of 0 is without end */
    uint8_t access;      /* enum bh_access: what it is held for */
};

/* Changes it to `access`. -EAGAIN, and nothing changed, if another program is
 * in the way, which `cause` names. */
int bh_file_lock_set(struct bh_file_lock *lock, uint8_t access,
                     char cause[BH_CAUSE_LEN]);

#endif
