/* SPDX-License-Identifier: MIT */
/*
 * A new image. It has another name, which is not served, until all of it is on
 * the disk; then it gets its own, and no file that has that name is replaced.
 */
#ifndef BH_VOLUME_CREATE_H
#define BH_VOLUME_CREATE_H

#include "volume/medium.h"

#include <stddef.h>
#include <stdint.h>

#define BH_CREATE_NAME_LEN 40u

struct bh_creation {
    int directory; /* in which the file lies */
    int fd;
    char working[BH_CREATE_NAME_LEN]; /* its name until then */
};

/* Begins a file of `bytes` bytes of holes beneath the directory `root`, where
 * it is to be called `name`: a path, whose directories exist. A negative errno
 * value, and a `cause`. */
int bh_create_begin(struct bh_creation *creation, int root, const char *name,
                    uint64_t bytes, char cause[BH_CAUSE_LEN]);

int bh_create_write(struct bh_creation *creation, uint64_t at,
                    const void *bytes, size_t len);

/* Gives it its name. -EEXIST: another file has it. In any case it is over. */
int bh_create_finish(struct bh_creation *creation, const char *name,
                     char cause[BH_CAUSE_LEN]);
void bh_create_give_up(struct bh_creation *creation);

#endif
