/* SPDX-License-Identifier: MIT */
/* What is done for each image before anybody is served from it. */
#ifndef BH_VOLUME_MEND_H
#define BH_VOLUME_MEND_H

#include "volume/medium.h"

/* Finishes a rollback of the open image `leaf` in the directory `parent`, if
 * one was begun and not finished; the image is locked against other programs
 * meanwhile. 0: the image is whole. -EAGAIN: another server is doing it, or
 * another program has the image. */
int bh_mend(int parent, const char *leaf, int image, char cause[BH_CAUSE_LEN]);

#endif
