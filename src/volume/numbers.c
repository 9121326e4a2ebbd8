/* SPDX-License-Identifier: MIT */
#include "volume/numbers.h"

#include "crc/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE "blockhead-numbers 1\n"
#define NAME_MAX_LEN 256u
#define LINE_MAX_LEN (2u * NAME_MAX_LEN + 24u)
#define FILE_MAX_LEN (64u << 20) /* more is no file of ours */

static uint32_t check_of(uint32_t number, const char *name)
{
    char line[LINE_MAX_LEN];
    int len = snprintf(line, sizeof line, "%u %s", (unsigned)number, name);

    return bh_crc(0, line, (size_t)len);
}

static void escape(const char *name, char out[LINE_MAX_LEN])
{
    for (; *name != '\0'; name++) {
        if (*name == '\n' || *name == '\\')
            *out++ = '\\';
        *out++ = *name == '\n' ? 'n' : *name;
    }
    *out = '\0';
}

static void unescape(char *name)
{
    char *out = name;

    for (; *name != '\0'; name++) {
        if (*name == '\\' && name[1] != '\0')
            *out++ = *++name == 'n' ? '\n' : *name;
        else
            *out++ = *name;
    }
    *out = '\0';
}

/* The whole file with a NUL behind it, to be freed. */
static char *read_file(int fd)
{
    struct stat st;
    char *text = NULL;
    ssize_t len;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size > FILE_MAX_LEN ||
        (text = malloc((size_t)st.st_size + 1)) == NULL)
        return NULL;
    len = pread(fd, text, (size_t)st.st_size, 0);
    if (len != (ssize_t)st.st_size || memchr(text, '\0', (size_t)len) != NULL) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* The name of a line that is to have this number; NULL: it is damaged. */
static char *parse(char *line, uint32_t number)
{
    char *end, *name;
    unsigned long found = strtoul(line, &end, 10);
    unsigned long check = *end == ' ' ? strtoul(end + 1, &name, 16) : 0;

    if (*end != ' ' || *name != ' ' || found != number)
        return NULL;
    name++;
    if (strlen(name) >= LINE_MAX_LEN - 24u || name[0] == '\0')
        return NULL;
    unescape(name);
    return check == check_of(number, name) ? name : NULL;
}

/* Goes through the lines; without a visitor it only looks whether all are good.
 * Cuts `text` into them. */
static bool each_line(char *text, bh_numbers_visitor *visit, void *context)
{
    uint32_t number = 1;
    char *end;

    if (strncmp(text, TITLE, strlen(TITLE)) != 0)
        return false;
    text += strlen(TITLE);
    for (; (end = strchr(text, '\n')) != NULL; text = end + 1, number++) {
        char *name;

        *end = '\0';
        name = parse(text, number);
        if (name == NULL)
            return false;
        if (visit != NULL && visit(context, name) != 0)
            break;
    }
    return true;
}

/* A kill may have left the beginning of a line; what is appended to it would be
 * taken for its end. */
static int cut(int fd, off_t len)
{
    return ftruncate(fd, len) == 0 ? 0 : -errno;
}

/* New, or of a server that was killed in its first line. */
static bool is_new(const char *text)
{
    size_t len = strlen(text);

    return len < strlen(TITLE) && strncmp(text, TITLE, len) == 0;
}

static int begin(int fd)
{
    ssize_t len = (ssize_t)strlen(TITLE);

    return write(fd, TITLE, (size_t)len) == len ? 0 : -EIO;
}

/* Checks all of the file before any of it is told or changed. */
static int take(int fd, char *text, bh_numbers_visitor *visit, void *context)
{
    const char *last = strrchr(text, '\n');
    off_t len = last == NULL ? 0 : last + 1 - text;
    char *copy = strdup(text);
    bool good;
    int error;

    if (copy == NULL)
        return -ENOMEM;
    good = is_new(text) || each_line(copy, NULL, NULL);
    free(copy);
    if (!good)
        return -EBADMSG;
    error = cut(fd, len);
    if (error != 0 || len == 0)
        return error != 0 ? error : begin(fd);
    each_line(text, visit, context);
    return 0;
}

int bh_numbers_open(int dir, const char *name, bh_numbers_visitor *visit,
                    void *context)
{
    int fd = openat(dir, name,
                    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
                        O_NONBLOCK,
                    0600);
    char *text;
    int error;

    if (fd < 0)
        return errno == ELOOP || errno == EISDIR ? -EBADMSG : -errno;
    text = read_file(fd);
    error = text == NULL ? -EBADMSG : take(fd, text, visit, context);
    free(text);
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int bh_numbers_append(int fd, uint32_t number, const char *name)
{
    char escaped[LINE_MAX_LEN], line[LINE_MAX_LEN + 24];
    int len;

    if (strlen(name) >= NAME_MAX_LEN)
        return -ENAMETOOLONG;
    escape(name, escaped);
    len = snprintf(line, sizeof line, "%u %08x %s\n", (unsigned)number,
                   (unsigned)check_of(number, name), escaped);
    return write(fd, line, (size_t)len) == len ? 0 : -EIO;
}

void bh_numbers_sync(int fd)
{
    fdatasync(fd);
}
