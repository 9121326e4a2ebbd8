/* SPDX-License-Identifier: MIT */
/* The back end that keeps a volume's bytes in memory: for tests. */
#ifndef BH_VOLUME_MEMORY_H
#define BH_VOLUME_MEMORY_H

#include "volume/medium.h"

#include <stddef.h>

/* A medium of `len` bytes, copied from `bytes`, or zeros if that is NULL.
 * -ENOMEM if there is no room. */
int bh_memory_open(const void *bytes, size_t len, struct bh_medium **out);

#endif
