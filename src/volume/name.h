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

/* Splits "image#N", N from 1 to 99, into the image's name and N. False, and
 * nothing set, if `name` is none such, or too long for `len` bytes. */
bool bh_name_split(const char *name, char *image, size_t len,
                   unsigned *partition);

/* Whether two names differ at most in the case of ASCII letters. */
bool bh_name_alike(const char *a, const char *b);

#endif
