/* SPDX-License-Identifier: MIT */
/*
 * Text that came over the network, before a terminal sees it. A name in a
 * packet may hold anything: escape sequences that repaint the screen, half a
 * UTF-8 character where the name was cut, nothing at all.
 */
#ifndef BH_CLI_TEXT_H
#define BH_CLI_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Copies `len` bytes of `from` (or up to a NUL) to `to`, which holds `len` + 1:
 * valid UTF-8 without control characters; what is not becomes '?'. */
void text_clean(char *to, const char *from, size_t len);

/* How many columns a cleaned text fills, taking one for each character. */
size_t text_columns(const char *text);

/* The cleaned `text`, then blanks up to `columns` columns. */
void text_pad(FILE *out, const char *text, size_t columns);

#endif
