/* SPDX-License-Identifier: MIT */
#include "cli/hexdump.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static char shown(uint8_t byte)
{
    if (byte < 0x20 || byte >= 0x7F)
        return '.';
    return (char)byte;
}

void hexdump_line(char line[HEXDUMP_LINE_LEN], uint64_t offset,
                  const uint8_t *bytes, size_t len)
{
    size_t at =
        (size_t)snprintf(line, HEXDUMP_LINE_LEN, "%08" PRIx64 " ", offset);

    for (size_t i = 0; i < HEXDUMP_ROW; i++) {
        const char *gap = i == HEXDUMP_ROW / 2 ? "  " : " ";

        if (i < len)
            at += (size_t)snprintf(line + at, HEXDUMP_LINE_LEN - at, "%s%02x",
                                   gap, bytes[i]);
        else
            at +=
                (size_t)snprintf(line + at, HEXDUMP_LINE_LEN - at, "%s  ", gap);
    }
    at += (size_t)snprintf(line + at, HEXDUMP_LINE_LEN - at, "  |");
    for (size_t i = 0; i < len; i++)
        line[at++] = shown(bytes[i]);
    line[at++] = '|';
    line[at] = '\0';
}

void hexdump_begin(struct hexdump *dump, FILE *out, uint64_t offset)
{
    *dump = (struct hexdump){.out = out, .offset = offset};
}

static void show_row(struct hexdump *dump, const uint8_t *bytes, size_t len)
{
    char line[HEXDUMP_LINE_LEN];
    const bool whole = len == HEXDUMP_ROW;

    if (dump->started && whole && memcmp(dump->last, bytes, len) == 0) {
        if (dump->repeats++ == 0)
            fputs("*\n", dump->out);
        return;
    }
    hexdump_line(line, dump->offset, bytes, len);
    fprintf(dump->out, "%s\n", line);
    dump->started = whole;
    dump->repeats = 0;
    memcpy(dump->last, bytes, len);
}

void hexdump_add(struct hexdump *dump, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const size_t row = len < HEXDUMP_ROW ? len : HEXDUMP_ROW;

        show_row(dump, bytes, row);
        dump->offset += row;
        bytes += row;
        len -= row;
    }
}

void hexdump_end(struct hexdump *dump)
{
    fprintf(dump->out, "%08" PRIx64 "\n", dump->offset);
}
