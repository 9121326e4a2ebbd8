/* SPDX-License-Identifier: MIT */
/* The labels of checkpoints, as they come from clients. */
#ifndef BH_VOLUME_LABEL_H
#define BH_VOLUME_LABEL_H

#include <stddef.h>

#define BH_LABEL_LEN 64u

/* Copies the label without the blanks, CRs, LFs and NULs at its end; an empty
 * one is none. -EINVAL: it is longer than BH_LABEL_LEN; it has a control
 * character, a byte beyond ASCII, '/', '@' or '#'; it begins with '.' or a
 * blank; or it has nothing but digits, which are a number. */
int bh_label_clean(const void *bytes, size_t len, char out[BH_LABEL_LEN + 1]);

#endif
