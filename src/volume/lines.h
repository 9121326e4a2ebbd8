/* SPDX-License-Identifier: MIT */
/*
 * Text for machines with few columns and no small letters: lines of 32 bytes,
 * 30 columns and blanks behind them, then CR and LF. The columns hold capital
 * letters, digits and signs: 20 to 5F.
 */
#ifndef BH_VOLUME_LINES_H
#define BH_VOLUME_LINES_H

#include <stddef.h>

#define BH_LINE_LEN 32u
#define BH_LINE_COLUMNS 30u

struct bh_lines {
    char *text; /* borrowed: BH_LINE_LEN bytes for each of `room` lines */
    size_t count, room;
};

/* Adds a line; more than one, broken at blanks, of what is too long. Small
 * letters become capitals, what is not to be had becomes '?'. What has no room
 * is left out. */
__attribute__((format(printf, 2, 3))) void
bh_lines_add(struct bh_lines *lines, const char *format, ...);

#endif
