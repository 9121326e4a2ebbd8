/* SPDX-License-Identifier: MIT */
#include "cli/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the UTF-8 character at `at`, of `len` bytes at most; 0 if it
 * is none, or is a control character. */
static size_t character_len(const unsigned char *at, size_t len)
{
    const size_t need = at[0] < 0x80   ? 1
                        : at[0] < 0xE0 ? 2
                        : at[0] < 0xF0 ? 3
                                       : 4;

    if (need == 1)
        return at[0] >= 0x20 && at[0] != 0x7F ? 1 : 0;
    if (at[0] < 0xC2 || at[0] > 0xF4 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if (!continues(at[i]))
            return 0;
    }
    if (at[0] == 0xC2 && at[1] < 0xA0)
        return 0; /* C1 controls */
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90))
        return 0; /* overlong */
    if ((at[0] == 0xED && at[1] >= 0xA0) || (at[0] == 0xF4 && at[1] >= 0x90))
        return 0; /* surrogates, and past the last character */
    return need;
}

void text_clean(char *to, const char *from, size_t len)
{
    unsigned char bytes[4] = {0};

    len = strnlen(from, len);
    while (len > 0) {
        const size_t ahead = len < sizeof(bytes) ? len : sizeof(bytes);
        size_t step;

        memcpy(bytes, from, ahead);
        step = character_len(bytes, ahead);
        if (step == 0) {
            *to++ = '?';
            step = 1;
        } else {
            memcpy(to, from, step);
            to += step;
        }
        from += step;
        len -= step;
    }
    *to = '\0';
}

size_t text_columns(const char *text)
{
    size_t columns = 0;

    for (; *text != '\0'; text++)
        columns += !continues((unsigned char)*text);
    return columns;
}

void text_pad(FILE *out, const char *text, size_t columns)
{
    fputs(text, out);
    for (size_t i = text_columns(text); i < columns; i++)
        fputc(' ', out);
}
