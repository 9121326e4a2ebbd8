/* SPDX-License-Identifier: MIT */
#include "volume/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What is left when `got` bytes of the pieces are there. */
static void advance(struct iovec **pieces, unsigned *count, size_t got)
{
    while (*count > 0 && got >= (*pieces)->iov_len) {
        got -= (*pieces)->iov_len;
        ++*pieces;
        --*count;
    }
    if (*count > 0) {
        (*pieces)->iov_base = (uint8_t *)(*pieces)->iov_base + got;
        (*pieces)->iov_len -= got;
    }
}

int bh_io_read(int fd, uint64_t offset, const struct iovec *pieces,
               unsigned count)
{
    struct iovec copies[BH_PIECES_MAX], *left = copies;

    memcpy(copies, pieces, count * sizeof *pieces);
    while (count > 0) {
        ssize_t got = preadv(fd, left, (int)count, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0) /* the file was truncated under us */
            return -ENODATA;
        offset += (uint64_t)got;
        advance(&left, &count, (size_t)got);
    }
    return 0;
}

int bh_io_write(int fd, uint64_t offset, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t put = pwrite(fd, at, len, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        if (put == 0)
            return -EIO;
        at += put;
        offset += (uint64_t)put;
        len -= (size_t)put;
    }
    return 0;
}

DIR *bh_io_entries(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    int error = errno;

    if (entries == NULL && copy >= 0)
        close(copy);
    errno = error;
    return entries;
}

int bh_io_say(int error, const char *what, char cause[BH_CAUSE_LEN])
{
    snprintf(cause, BH_CAUSE_LEN, "%s: %s", what, strerror(-error));
    return error;
}
