/* SPDX-License-Identifier: MIT */
/*
 * Rollback: an image gets the bytes of one of its checkpoints back, in place.
 * Its inode stays, and with it what the core knows it by, the locks of other
 * programs, and its other names.
 *
 *     whole ---- mark ----> begun ---- copied, stable, unmark ----> whole
 *
 * The mark is an empty file ".rollback-NNNN" among the checkpoints. While it is
 * there the image may be a mixture, and nobody is to be served from it; to copy
 * again finishes it. So whoever opens an image calls bh_rollback_finish()
 * before, and serves nothing if that fails; and at the start bh_recover() looks
 * for all marks, because an image may be opened by another name of it.
 *
 * Another image beside the old one and a rename would be a shorter way, and was
 * rejected: the new inode is another medium to core, to sessions that outlive a
 * restart, to hard links, and to a program that waits for the old one's lock.
 */
#ifndef BH_VOLUME_ROLLBACK_H
#define BH_VOLUME_ROLLBACK_H

#include "volume/medium.h"

#include <stdint.h>

/* Rolls the image back, which is open for writing and locked by the caller.
 * Nothing else reads or writes it meanwhile. -ENOENT: no such checkpoint.
 * -ENOSPC: no room for what it had; nothing has changed if the file system can
 * reserve space. After an error ask bh_rollback_pending(): if there is one, the
 * image is not to be served before bh_rollback_finish() has succeeded. */
int bh_rollback(int dir, uint32_t number, int image, char cause[BH_CAUSE_LEN]);

/* To which checkpoint one was begun and not finished; 0: none. */
int bh_rollback_pending(int dir, uint32_t *number);

/* Finishes it if there is one. -ENODATA: its checkpoint is gone. -EBUSY: it is
 * being done elsewhere. */
int bh_rollback_finish(int dir, int image, char cause[BH_CAUSE_LEN]);

#endif
