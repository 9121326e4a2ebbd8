/* SPDX-License-Identifier: MIT */
#include "ctl/fat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/message.h"

#define SECTOR_LEN 512u
#define PIECES_MAX 48u /* of a line's 64 KiB */
#define NOT_FOUND 127

/* In the child: mkfs.fat is where only root looks for programs. */
static void run_mkfs(int fd)
{
    char path[32], search[4096];
    const char *old = getenv("PATH");

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    snprintf(search, sizeof(search), "%s:/usr/sbin:/sbin",
             old == NULL ? "/usr/bin:/bin" : old);
    setenv("PATH", search, 1);
    if (freopen("/dev/null", "w", stdout) != NULL)
        execlp("mkfs.fat", "mkfs.fat", path, (char *)NULL);
    _exit(NOT_FOUND);
}

/* False after a complaint. */
static bool format(int fd)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0)
        run_mkfs(fd);
    if (child < 0) {
        complain("cannot run mkfs.fat: %s", strerror(errno));
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        complain("cannot make a FAT file system: mkfs.fat is not installed; "
                 "install dosfstools, or leave --fat out");
    else
        complain("cannot make a FAT file system of this size: see above");
    return false;
}

/* Its first `len` bytes, without the zeros at the end; 0: all are. */
static size_t used(const uint8_t *sector, size_t len)
{
    while (len > 0 && sector[len - 1] == 0)
        len--;
    return len;
}

static void add_piece(json_t *pieces, off_t at, const uint8_t *bytes,
                      size_t len)
{
    char hex[2 * SECTOR_LEN + 1];

    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    json_array_append_new(
        pieces, json_pack("{s:I,s:s}", "at", (json_int_t)at, "hex", hex));
}

/* The data from `at` to the next hole, where the search goes on. */
static off_t add_extent(json_t *pieces, int fd, off_t at)
{
    const off_t end = lseek(fd, at, SEEK_HOLE);
    uint8_t sector[SECTOR_LEN];
    ssize_t len;

    for (; at < end && (len = pread(fd, sector, sizeof(sector), at)) > 0;
         at += len)
        if (used(sector, (size_t)len) > 0)
            add_piece(pieces, at, sector, used(sector, (size_t)len));
    return end;
}

static json_t *pieces_of(int fd)
{
    json_t *pieces = json_array();
    off_t at = 0;

    while ((at = lseek(fd, at, SEEK_DATA)) >= 0)
        at = add_extent(pieces, fd, at);
    if (json_array_size(pieces) <= PIECES_MAX)
        return pieces;
    complain("cannot make a FAT file system of this size: mkfs.fat fills too "
             "much of it");
    json_decref(pieces);
    return NULL;
}

/* The file is in memory, and as full of holes as the image will be. */
json_t *fat_make(uint64_t bytes)
{
    const int fd = memfd_create("fat", 0);
    json_t *pieces = NULL;

    if (fd < 0 || bytes > INT64_MAX || ftruncate(fd, (off_t)bytes) != 0)
        complain("cannot make a FAT file system: %s",
                 strerror(fd < 0 || bytes <= INT64_MAX ? errno : EFBIG));
    else if (format(fd))
        pieces = pieces_of(fd);
    if (fd >= 0)
        close(fd);
    return pieces;
}
