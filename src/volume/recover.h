/* SPDX-License-Identifier: MIT */
/* What a killed server has left of its checkpoints and rollbacks. */
#ifndef BH_VOLUME_RECOVER_H
#define BH_VOLUME_RECOVER_H

#include "volume/catalogue.h"

/* Told of each image that may be a mixture still, with its path from `root`. */
typedef void bh_recover_complaint(void *context, const char *image,
                                  const char *cause);

/* Goes through the directory `root` as a scan for images does: finishes
 * rollbacks, and removes copies that were not finished. To be called before
 * anything of it is served. */
void bh_recover(int root, bh_recover_complaint *complain, void *context);

/* The same for all directories and single images that are to be served; the
 * latter are told by their names. */
void bh_recover_contents(const struct bh_contents *contents,
                         bh_recover_complaint *complain, void *context);

#endif
