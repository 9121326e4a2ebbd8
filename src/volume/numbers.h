/* SPDX-License-Identifier: MIT */
/*
 * The file that keeps the catalogue's numbers, so that `:7` is the same image
 * after a restart. A line of text for each, in order:
 *
 *     blockhead-numbers 1
 *     1 4b1d7a02 games/zork.img
 *
 * The number, a CRC-32 of the line without it, the name (a backslash before
 * "n" and "\\" stands for a line's end and a backslash). Lines are only
 * appended. A last line without its end is of a server that was killed, and
 * does not count.
 */
#ifndef BH_VOLUME_NUMBERS_H
#define BH_VOLUME_NUMBERS_H

#include <stdint.h>

/* Is told each name, in the order of numbers, which begin at 1. Non-zero:
 * enough. */
typedef int bh_numbers_visitor(void *context, const char *name);

/* Reads the file `name` in the directory `dir` and opens it to append to; it is
 * made if it is missing. A descriptor. A negative errno value if that cannot
 * be; -EBADMSG if what is there is not to be believed: nothing was visited
 * then, and the file is untouched. */
int bh_numbers_open(int dir, const char *name, bh_numbers_visitor *visit,
                    void *context);

/* What was appended is on stable storage when it returns: a power failure would
 * leave a file that is not to be believed. */
void bh_numbers_sync(int fd);

/* Appends `name` with its number. */
int bh_numbers_append(int fd, uint32_t number, const char *name);

#endif
