/* SPDX-License-Identifier: MIT */
/* A store of random bytes that the driver fills; none is used twice. */
#ifndef BH_CORE_RANDOM_H
#define BH_CORE_RANDOM_H

#include "core/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_random {
    size_t left;
    uint8_t pool[BH_RANDOM_POOL_LEN];
};

/* Bytes that fit in. */
size_t bh_random_wanted(const struct bh_random *random);
/* What does not fit is left out. */
void bh_random_add(struct bh_random *random, const uint8_t *bytes, size_t len);

/* False, and nothing taken, if the store does not hold `len` bytes. */
bool bh_random_take(struct bh_random *random, void *out, size_t len);

#endif
