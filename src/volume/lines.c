/* SPDX-License-Identifier: MIT */
#include "volume/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PARAGRAPH_LEN 512

static char plain(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c >= ' ' && c <= '_' ? c : '?';
}

static void put(struct bh_lines *lines, const char *text, size_t len)
{
    char *line = lines->text + lines->count * BH_LINE_LEN;

    if (lines->count == lines->room)
        return;
    memset(line, ' ', BH_LINE_COLUMNS);
    for (size_t i = 0; i < len; i++)
        line[i] = plain(text[i]);
    line[BH_LINE_COLUMNS] = '\r';
    line[BH_LINE_COLUMNS + 1] = '\n';
    lines->count++;
}

/* How much of a text that is too long goes on the first line. */
static size_t break_at(const char *text)
{
    for (size_t len = BH_LINE_COLUMNS; len > 0; len--)
        if (text[len] == ' ')
            return len;
    return BH_LINE_COLUMNS;
}

void bh_lines_add(struct bh_lines *lines, const char *format, ...)
{
    char paragraph[PARAGRAPH_LEN], *at = paragraph;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(paragraph, sizeof paragraph, format, arguments);
    va_end(arguments);
    while (strlen(at) > BH_LINE_COLUMNS) {
        size_t len = break_at(at);

        put(lines, at, len);
        at += len;
        at += strspn(at, " ");
    }
    put(lines, at, strlen(at));
}
