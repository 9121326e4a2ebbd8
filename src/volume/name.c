/* SPDX-License-Identifier: MIT */
#include "volume/name.h"

#include <stdlib.h>
#include <string.h>

char *bh_name_trim(const char *name, char *out, size_t len)
{
    size_t used = strlen(name);

    while (used > 0 && strchr(" \r\n", name[used - 1]) != NULL)
        used--;
    if (used >= len)
        used = len - 1;
    memcpy(out, name, used);
    out[used] = '\0';
    return out;
}

const char *bh_name_problem(const char *name)
{
    const char *part = name;

    for (const char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == '\x7f')
            return "it has a control character in it";
    if (*name == '/')
        return "it is an absolute path";
    if (*name == ':')
        return "names that begin with ':' are virtual";
    if (*name != '\0' && name[strlen(name) - 1] == ' ')
        return "it ends with a blank, which clients cannot send";
    while (part != NULL) {
        if (*part == '.')
            return "names that begin with '.' are not served";
        if (*part == '\0' || *part == '/')
            return "it has an empty part";
        part = strchr(part, '/');
        if (part != NULL)
            part++;
    }
    return NULL;
}

bool bh_name_split(const char *name, char *image, size_t len,
                   unsigned *partition)
{
    const char *mark = strrchr(name, '#');
    size_t digits, used;

    if (mark == NULL || mark == name)
        return false;
    used = (size_t)(mark - name);
    digits = strspn(mark + 1, "0123456789");
    if (digits < 1 || digits > 2 || mark[1] == '0' ||
        mark[1 + digits] != '\0' || used >= len)
        return false;
    memcpy(image, name, used);
    image[used] = '\0';
    *partition = (unsigned)strtoul(mark + 1, NULL, 10);
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool bh_name_alike(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}
