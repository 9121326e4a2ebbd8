/* SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BH_VECTORS_DIR
#define BH_VECTORS_DIR "tests/vectors"
#endif

static _Noreturn void give_up(const char *what, const char *text)
{
    fprintf(stderr, "vectors: %s: %s\n", what, text);
    exit(1);
}

static size_t put(uint8_t *bytes, size_t room, size_t len, uint8_t value)
{
    if (len == room)
        give_up("too many bytes", "");
    bytes[len] = value;
    return len + 1;
}

static unsigned digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, tolower((unsigned char)c));

    if (c == 0 || at == NULL)
        give_up("not a hex digit", (char[]){c, 0});
    return (unsigned)(at - digits);
}

size_t vector_parse_bytes(const char *text, uint8_t *bytes, size_t room)
{
    size_t len = 0;

    while (*text != 0) {
        if (*text == ' ') {
            text++;
        } else if (*text == '\'') {
            for (text++; *text != '\''; text++) {
                if (*text == 0)
                    give_up("no closing quote", "");
                len = put(bytes, room, len, (uint8_t)*text);
            }
            text++;
        } else {
            uint8_t value = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
            unsigned long times = 1;

            text += 2;
            if (*text == 'x')
                times = strtoul(text + 1, (char **)(uintptr_t)&text, 10);
            while (times-- > 0)
                len = put(bytes, room, len, value);
        }
    }
    return len;
}

static void take_line(struct vector *vector, char *line)
{
    char *value = strchr(line, ':');

    if (value == NULL)
        give_up("no key", line);
    *value++ = 0;
    value += strspn(value, " ");
    if (strcmp(line, "name") == 0)
        snprintf(vector->name, sizeof vector->name, "%s", value);
    else if (strcmp(line, "from") == 0)
        snprintf(vector->from, sizeof vector->from, "%s", value);
    else if (strcmp(line, "means") == 0)
        snprintf(vector->means, sizeof vector->means, "%s", value);
    else if (strcmp(line, "hex") == 0)
        vector->len =
            vector_parse_bytes(value, vector->bytes, sizeof vector->bytes);
}

static unsigned read_file(const char *path,
                          void (*check)(const struct vector *vector))
{
    static struct vector vector;
    char line[2 * VECTOR_TEXT_MAX];
    unsigned count = 0;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        give_up("cannot open", path);
    memset(&vector, 0, sizeof vector);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#')
            continue;
        if (line[0] != 0) {
            take_line(&vector, line);
        } else if (vector.name[0] != 0) {
            check(&vector);
            count++;
            memset(&vector, 0, sizeof vector);
        }
    }
    fclose(file);
    if (vector.name[0] != 0) {
        check(&vector);
        count++;
    }
    return count;
}

unsigned vectors_each(void (*check)(const struct vector *vector))
{
    const char *directory = getenv("BH_VECTORS");
    char pattern[4096];
    unsigned count = 0;
    glob_t files;

    snprintf(pattern, sizeof pattern, "%s/*.txt",
             directory != NULL ? directory : BH_VECTORS_DIR);
    if (glob(pattern, 0, NULL, &files) != 0)
        give_up("no vectors", pattern);
    for (size_t i = 0; i < files.gl_pathc; i++)
        count += read_file(files.gl_pathv[i], check);
    globfree(&files);
    return count;
}
