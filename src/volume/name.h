/* SPDX-License-Identifier: MIT */
/* Image names as they come from small machines. */
#ifndef BH_VOLUME_NAME_H
#define BH_VOLUME_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `name` without the blanks, CRs and LFs at its end; `out` holds `len`
 * bytes, and what does not fit is cut. Returns `out`. */
char *bh_name_trim(const char *name, char *out, size_t len);

/* NULL if `name` may be that of an image, such as its path beneath a directory,
 * else why it may not. */
const char *bh_name_problem(const char *name);

/* Whether two names differ at most in the case of ASCII letters. */
bool bh_name_alike(const char *a, const char *b);

#endif
