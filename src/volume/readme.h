/* SPDX-License-Identifier: MIT */
/* The virtual volume `:readme`: what this server is and how to use it, in the
 * lines of volume/lines.h. */
#ifndef BH_VOLUME_README_H
#define BH_VOLUME_README_H

#include "volume/lines.h"
#include "volume/medium.h"

/* Adds what the server says of itself, such as its name and its addresses. Any
 * thread may call it. */
typedef void bh_about(void *context, struct bh_lines *lines);

/* A snapshot. `about` may be NULL. */
int bh_readme_open(bh_about *about, void *context, struct bh_medium **out);

#endif
