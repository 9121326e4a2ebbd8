/* SPDX-License-Identifier: MIT */
#include "volume/copy.h"

#include "volume/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (4u << 20) /* between two looks at the watch */
#define BUFFER (128u << 10)
#define BLOCK 4096u /* what differs is found to so many bytes */

struct span {
    uint64_t begin, end;
};

/* The next bytes of a file from `at` on that may be other than zero; none:
 * begin is `size`. A file system that knows no holes has none. */
static int next_data(int fd, uint64_t at, uint64_t size, struct span *span)
{
    off_t begin = at < size ? lseek(fd, (off_t)at, SEEK_DATA) : (off_t)size;
    off_t end;

    *span = (struct span){at, size};
    if (begin < 0 && errno == EINVAL)
        return 0;
    if (begin < 0 && errno != ENXIO)
        return -errno;
    if (begin < 0 || (uint64_t)begin >= size) {
        span->begin = size;
        return 0;
    }
    end = lseek(fd, begin, SEEK_HOLE);
    if (end < 0)
        return -errno;
    span->begin = (uint64_t)begin;
    span->end = (uint64_t)end < size ? (uint64_t)end : size;
    return 0;
}

static int size_of(int fd, uint64_t *size)
{
    struct stat st;

    *size = 0;
    if (fstat(fd, &st) != 0)
        return -errno;
    *size = (uint64_t)st.st_size;
    return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int read_at(int fd, uint64_t offset, void *bytes, size_t len)
{
    return bh_io_read(fd, offset, &(struct iovec){bytes, len}, 1);
}

/*
 * Into an empty file.
 */

static bool is_refusal(int error)
{
    return error == EXDEV || error == EINVAL || error == EOPNOTSUPP ||
           error == ENOSYS || error == EPERM;
}

static int copy_by_hand(int from, int to, struct span span)
{
    uint8_t *buffer = malloc(BUFFER);
    int error = buffer == NULL ? -ENOMEM : 0;

    while (span.begin < span.end && error == 0) {
        uint64_t left = span.end - span.begin;
        size_t len = left < BUFFER ? (size_t)left : BUFFER;

        error = read_at(from, span.begin, buffer, len);
        if (error == 0)
            error = bh_io_write(to, span.begin, buffer, len);
        span.begin += len;
    }
    free(buffer);
    return error;
}

static int copy_span(int from, int to, struct span span)
{
    while (span.begin < span.end) {
        off_t in = (off_t)span.begin, out = in;
        ssize_t put =
            copy_file_range(from, &in, to, &out, span.end - span.begin, 0);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && !is_refusal(errno))
            return -errno;
        if (put <= 0) /* 0: some file systems refuse so */
            return copy_by_hand(from, to, span);
        span.begin += (uint64_t)put;
    }
    return 0;
}

static bool go_on(const struct bh_copy_watch *watch, uint64_t done,
                  uint64_t total)
{
    return watch == NULL || watch->tell(watch->context, done, total);
}

static int copy_data(int from, int to, uint64_t size,
                     const struct bh_copy_watch *watch)
{
    struct span span = {0, 0};
    int error = 0;

    for (uint64_t at = 0; at < size && error == 0; at = span.end) {
        if (!go_on(watch, at, size))
            return -ECANCELED;
        error = next_data(from, at, size, &span);
        if (error == 0 && span.begin < size) {
            if (span.end - span.begin > CHUNK)
                span.end = span.begin + CHUNK;
            error = copy_span(from, to, span);
        }
    }
    if (error == 0)
        (void)go_on(watch, size, size);
    return error;
}

bool bh_copy_share(int from, int to)
{
    return ioctl(to, FICLONE, from) == 0;
}

int bh_copy_new(int from, int to, const struct bh_copy_watch *watch)
{
    uint64_t size;
    int error = size_of(from, &size);

    if (error != 0)
        return error;
    if (bh_copy_share(from, to)) {
        (void)go_on(watch, size, size);
        return 0;
    }
    if (ftruncate(to, (off_t)size) != 0)
        return -errno;
    return copy_data(from, to, size, watch);
}

/*
 * Into a file that holds something.
 */

static int punch(int fd, struct span span)
{
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     (off_t)span.begin, (off_t)(span.end - span.begin)) == 0
               ? 0
               : -errno;
}

/* What was reserved. It cannot be found again: its pages may be in memory, and
 * then it no longer looks like a hole. */
struct gaps {
    struct span *of;
    size_t count, room;
};

static int append(struct gaps *gaps, struct span gap)
{
    if (gaps->count == gaps->room) {
        size_t room = gaps->room == 0 ? 64 : gaps->room * 2;
        struct span *grown = realloc(gaps->of, room * sizeof *grown);

        if (grown == NULL)
            return -ENOMEM;
        gaps->of = grown;
        gaps->room = room;
    }
    gaps->of[gaps->count++] = gap;
    return 0;
}

static int reserve_gap(int to, struct span gap, struct gaps *gaps)
{
    int error = append(gaps, gap);

    if (error == 0 && fallocate(to, FALLOC_FL_KEEP_SIZE, (off_t)gap.begin,
                                (off_t)(gap.end - gap.begin)) != 0)
        error = -errno;
    return error;
}

/* Each part of `data` that is a hole of `to`, or lies behind its end. */
static int reserve_span(int to, struct span data, struct gaps *gaps)
{
    struct span there;
    int error = 0;

    for (uint64_t at = data.begin; at < data.end && error == 0;
         at = there.end) {
        error = next_data(to, at, data.end, &there);
        if (error == 0 && there.begin > at)
            error = reserve_gap(to, (struct span){at, there.begin}, gaps);
    }
    return error;
}

/* Behind a file's end some file systems punch nothing, but truncate. */
static void give_back(int to, const struct gaps *gaps)
{
    uint64_t size;

    for (size_t i = 0; i < gaps->count; i++)
        (void)punch(to, gaps->of[i]);
    if (size_of(to, &size) == 0 && ftruncate(to, (off_t)size) != 0)
        return; /* then its space is lost to it */
}

int bh_copy_reserve(int from, int to)
{
    struct gaps gaps = {0};
    struct span data;
    uint64_t size;
    int error = size_of(from, &size);

    if (error != 0)
        return error;
    for (uint64_t at = 0; at < size && error == 0; at = data.end) {
        error = next_data(from, at, size, &data);
        if (error == 0)
            error = reserve_span(to, data, &gaps);
    }
    if (error == -EOPNOTSUPP || error == -ENOSYS)
        error = 0;
    else if (error != 0)
        give_back(to, &gaps);
    free(gaps.of);
    return error;
}

/* Zeros, without any space if that can be. */
static int clear(int to, struct span span)
{
    static const uint8_t zeros[BLOCK];
    int error = punch(to, span);

    if (error != -EOPNOTSUPP && error != -ENOSYS)
        return error;
    for (error = 0; span.begin < span.end && error == 0;) {
        uint64_t left = span.end - span.begin;
        size_t len = left < BLOCK ? (size_t)left : BLOCK;

        error = bh_io_write(to, span.begin, zeros, len);
        span.begin += len;
    }
    return error;
}

/* Zeros in `to` from one byte to another, where it has anything. */
static int clear_data(int to, uint64_t at, uint64_t end)
{
    struct span span = {0, 0};
    int error = 0;

    while (at < end && error == 0) {
        error = next_data(to, at, end, &span);
        if (error == 0 && span.begin < end)
            error = clear(to, span);
        at = span.end;
    }
    return error;
}

/* Writes those blocks of `want` that differ from `have`. */
static int write_changes(int to, uint64_t offset, const uint8_t *want,
                         const uint8_t *have, size_t len)
{
    size_t at = 0;
    int error = 0;

    while (at < len && error == 0) {
        size_t end = at;

        while (end < len) {
            size_t part = len - end < BLOCK ? len - end : BLOCK;

            if (memcmp(want + end, have + end, part) == 0)
                break;
            end += part;
        }
        if (end > at)
            error = bh_io_write(to, offset + at, want + at, end - at);
        at = end > at ? end : at + BLOCK;
    }
    return error;
}

static int copy_changes(int from, int to, struct span span, uint8_t *buffers)
{
    uint8_t *want = buffers, *have = buffers + BUFFER;
    int error = 0;

    while (span.begin < span.end && error == 0) {
        uint64_t left = span.end - span.begin;
        size_t len = left < BUFFER ? (size_t)left : BUFFER;

        error = read_at(from, span.begin, want, len);
        if (error == 0)
            error = read_at(to, span.begin, have, len);
        if (error == 0)
            error = write_changes(to, span.begin, want, have, len);
        span.begin += len;
    }
    return error;
}

int bh_copy_over(int from, int to)
{
    uint8_t *buffers = malloc((size_t)2 * BUFFER);
    struct span span = {0, 0};
    uint64_t size;
    int error = buffers == NULL ? -ENOMEM : size_of(from, &size);

    if (error == 0 && ftruncate(to, (off_t)size) != 0)
        error = -errno;
    for (uint64_t at = 0; error == 0 && at < size; at = span.end) {
        error = next_data(from, at, size, &span);
        if (error == 0)
            error = clear_data(to, at, span.begin);
        if (error == 0)
            error = copy_changes(from, to, span, buffers);
    }
    free(buffers);
    return error;
}
