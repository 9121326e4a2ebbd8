/* SPDX-License-Identifier: MIT */
/* What NBD can say of a failure, and what nbdkit's log says of it. */
#ifndef BH_NBDKIT_FAILURE_H
#define BH_NBDKIT_FAILURE_H

/* Tells nbdkit of `error`, a negative errno of libblockhead, and logs the
 * sentence. Returns -1. */
int failure_tell(int error, const char *sentence);

#endif
