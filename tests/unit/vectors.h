/* SPDX-License-Identifier: MIT */
/* Reads tests/vectors; its README.md has the notation. */
#ifndef BH_UNIT_VECTORS_H
#define BH_UNIT_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#define VECTOR_BYTES_MAX 17000u
#define VECTOR_TEXT_MAX 512u

struct vector {
    char name[VECTOR_TEXT_MAX];
    char from[VECTOR_TEXT_MAX];
    char means[VECTOR_TEXT_MAX];
    uint8_t bytes[VECTOR_BYTES_MAX];
    size_t len;
};

/* Calls `check` for each vector of all files and returns how many there were.
 * The directory is $BH_VECTORS, or BH_VECTORS_DIR as compiled in. Ends the
 * program with a sentence if a file cannot be read. */
unsigned vectors_each(void (*check)(const struct vector *vector));

/* Bytes in the notation of `hex:`, to the end of `text`. */
size_t vector_parse_bytes(const char *text, uint8_t *bytes, size_t room);

#endif
