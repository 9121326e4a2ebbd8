/* SPDX-License-Identifier: MIT */
#include "core/random.h"

#include <string.h>

size_t bh_random_wanted(const struct bh_random *random)
{
    return sizeof random->pool - random->left;
}

void bh_random_add(struct bh_random *random, const uint8_t *bytes, size_t len)
{
    size_t wanted = bh_random_wanted(random);

    if (len > wanted)
        len = wanted;
    memcpy(random->pool + random->left, bytes, len);
    random->left += len;
}

bool bh_random_take(struct bh_random *random, void *out, size_t len)
{
    if (len > random->left)
        return false;
    random->left -= len;
    memcpy(out, random->pool + random->left, len);
    memset(random->pool + random->left, 0, len);
    return true;
}
