/* SPDX-License-Identifier: MIT */
/* Bytes as hexdump -C shows them: offset, sixteen bytes, their characters. */
#ifndef BH_CLI_HEXDUMP_H
#define BH_CLI_HEXDUMP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HEXDUMP_ROW 16u
#define HEXDUMP_LINE_LEN 96u

/* One line without its line feed; `len` is 1 to HEXDUMP_ROW. */
void hexdump_line(char line[HEXDUMP_LINE_LEN], uint64_t offset,
                  const uint8_t *bytes, size_t len);

/*
 * A dump that goes on over many calls. Rows equal to the one before are shown
 * as one "*", as hexdump does.
 */
struct hexdump {
    FILE *out;       /* borrowed */
    uint64_t offset; /* of the next byte */
    uint8_t last[HEXDUMP_ROW];
    int repeats; /* rows not shown since the last one that was */
    int started;
};

void hexdump_begin(struct hexdump *dump, FILE *out, uint64_t offset);

/* Every piece but the last is a multiple of HEXDUMP_ROW long. */
void hexdump_add(struct hexdump *dump, const uint8_t *bytes, size_t len);

/* The offset behind the last byte, on a line of its own. */
void hexdump_end(struct hexdump *dump);

#endif
