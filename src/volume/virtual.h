/* SPDX-License-Identifier: MIT */
/*
 * Virtual volumes: those that the server makes itself, for clients with READ
 * alone. Each session has a medium of its own, read-only and shared with
 * nobody; their number in the catalogue is 0.
 */
#ifndef BH_VOLUME_VIRTUAL_H
#define BH_VOLUME_VIRTUAL_H

#include "core/job.h"
#include "volume/readme.h"

#include <stdatomic.h>

struct bh_catalogue;

/* What they are made of; zeros to begin with. */
struct bh_virtuals {
    atomic_uint_fast64_t made; /* each is a medium of its own */
    atomic_uint lists_open;
    bh_about *about; /* or NULL */
    void *context;   /* of `about` */
};

/* The facts of a new one; false if there is none of this name, which small
 * letters and capitals do not change. */
bool bh_virtual_lookup(struct bh_virtuals *virtuals, const char *name,
                       struct bh_volume_facts *facts);
bool bh_virtual_is(const struct bh_volume_facts *facts);

/* -EUSERS: too many are open. */
int bh_virtual_open(struct bh_virtuals *virtuals,
                    struct bh_catalogue *catalogue,
                    const struct bh_volume_facts *facts,
                    struct bh_medium **out);

#endif
