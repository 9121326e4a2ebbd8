/* SPDX-License-Identifier: MIT */
#include "volume/file.h"

#include "volume/calm.h"
#include "volume/file_lock.h"
#include "volume/io.h"
#include "volume/pieces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct file {
    struct bh_medium medium; /* first: the medium is the file */
    int fd;
    uint64_t first;      /* byte of the file where the volume begins */
    bool fixed_end;      /* a regular file that may not grow */
    atomic_bool no_wait; /* whether RWF_NOWAIT works here */
    struct bh_calm calm;
    struct bh_file_lock lock;
    uint32_t *pages;      /* write_now: page i, plus 1, at i mod PAGES_KNOWN */
    uint64_t pages_until; /* ns */
    uint64_t whole_until; /* write_now: the file's end was looked at; ns */
};

/* For so long a file's length is believed. */
#define WHOLE_NS 1000000u

/* Pages that are known to be in memory, as they were a moment ago. One may
 * leave it meanwhile; then a write waits for it, once. */
#define PAGE_LEN 4096u /* at least */
#define PAGES_KNOWN 16384u
#define PAGES_NS 1000000000u

static struct file *file_of(struct bh_medium *medium)
{
    return (struct file *)(void *)medium;
}

static int file_read(struct bh_medium *medium, uint64_t offset,
                     const struct iovec *pieces, unsigned count)
{
    struct file *file = file_of(medium);

    return bh_io_read(file->fd, file->first + offset, pieces, count);
}

static int file_read_now(struct bh_medium *medium, uint64_t offset,
                         const struct iovec *pieces, unsigned count)
{
    struct file *file = file_of(medium);
    size_t len = bh_pieces_len(pieces, count);
    ssize_t got;

    if (!file->no_wait)
        return -EAGAIN;
    got = preadv2(file->fd, pieces, (int)count, (off_t)(file->first + offset),
                  RWF_NOWAIT);
    if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        file->no_wait = false;
    return got == (ssize_t)len ? 0 : -EAGAIN;
}

/* A file that was truncated under us is not to be lengthened again, unless it
 * may grow: its end is the volume's end. */
static int check_end(const struct file *file, uint64_t offset, uint64_t len)
{
    uint64_t end = file->first + offset + len;
    struct stat st;

    if (!file->fixed_end)
        return 0;
    if (fstat(file->fd, &st) != 0)
        return -errno;
    return end > (uint64_t)st.st_size ? -ENODATA : 0;
}

static int file_write(struct bh_medium *medium, uint64_t offset,
                      const uint8_t *data, uint32_t len)
{
    struct file *file = file_of(medium);
    int error = check_end(file, offset, len);

    if (error != 0)
        return error;
    file->calm.busy++;
    error = bh_io_write(file->fd, file->first + offset, data, len);
    file->calm.busy--;
    return error;
}

/* What the file system or the device cannot do, or not at these borders, is
 * left to a write. */
static int file_zero(struct bh_medium *medium, uint64_t offset, uint64_t len,
                     bool trim)
{
    struct file *file = file_of(medium);
    int how = (trim ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) |
              FALLOC_FL_KEEP_SIZE;
    int error = check_end(file, offset, len);

    if (error != 0)
        return error;
    file->calm.busy++;
    if (fallocate(file->fd, how, (off_t)(file->first + offset), (off_t)len) !=
        0)
        error = -errno;
    file->calm.busy--;
    return error == -EOPNOTSUPP || error == -EINVAL || error == -ENOSYS
               ? -ENOTSUP
               : error;
}

/* Where it stands if a page was in memory a moment ago; NULL: no memory. */
static uint32_t *place_of(struct file *file, uint64_t page, uint64_t now)
{
    if (file->pages == NULL)
        file->pages = calloc(PAGES_KNOWN, sizeof *file->pages);
    else if (now >= file->pages_until)
        memset(file->pages, 0, PAGES_KNOWN * sizeof *file->pages);
    if (now >= file->pages_until)
        file->pages_until = now + PAGES_NS;
    return file->pages == NULL ? NULL : &file->pages[page % PAGES_KNOWN];
}

static bool page_in_memory(struct file *file, uint64_t page, uint64_t now)
{
    uint32_t *place = place_of(file, page, now);
    uint32_t name = (uint32_t)page + 1; /* 0: none */
    uint8_t byte;
    struct iovec one = {&byte, 1};

    if (place != NULL && *place == name && name != 0)
        return true;
    if (preadv2(file->fd, &one, 1, (off_t)(page * PAGE_LEN), RWF_NOWAIT) != 1)
        return false;
    if (place != NULL)
        *place = name;
    return true;
}

/* Whether the pages that a write would fill in part are in the page cache. */
static bool in_memory(struct file *file, uint64_t offset, uint32_t len,
                      uint64_t now)
{
    uint64_t first = file->first + offset, page = first / PAGE_LEN;

    if ((first | len) % PAGE_LEN == 0)
        return true;
    for (; page <= (first + len - 1) / PAGE_LEN; page++)
        if (page >> 32 != 0 || !page_in_memory(file, page, now))
            return false;
    return true;
}

/* As check_end(), but the file's length is known for a moment. */
static bool is_whole(struct file *file, uint64_t now)
{
    if (now >= file->whole_until) {
        if (check_end(file, file->medium.byte_count, 0) != 0)
            return false;
        file->whole_until = now + WHOLE_NS;
    }
    return true;
}

/* It waits, too, where reads do (FUSE, network file systems do not know
 * RWF_NOWAIT), and while pages are on their way to the disk. */
static int file_write_now(struct bh_medium *medium, uint64_t offset,
                          const uint8_t *data, uint32_t len)
{
    struct file *file = file_of(medium);
    uint64_t began = bh_calm_clock_ns();
    int error;

    if (!file->no_wait || !bh_calm_is(&file->calm, began) ||
        !is_whole(file, began) || !in_memory(file, offset, len, began))
        return -EAGAIN;
    error = bh_io_write(file->fd, file->first + offset, data, len);
    bh_calm_wrote(&file->calm, began);
    return error;
}

/* A file system that nobody can write to, such as squashfs or ISO 9660, may
 * know no fdatasync; then there is nothing that it could lose. */
static int sync_data(int fd)
{
    while (fdatasync(fd) != 0) {
        if (errno == EINVAL && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int file_sync(struct bh_medium *medium)
{
    struct file *file = file_of(medium);
    int error;

    file->calm.busy++;
    error = sync_data(file->fd);
    file->calm.busy--;
    return error;
}

static int file_lock(struct bh_medium *medium, uint8_t access,
                     char cause[BH_CAUSE_LEN])
{
    return bh_file_lock_set(&file_of(medium)->lock, access, cause);
}

/* By its time stamp and length. A block device has neither. */
static uint64_t file_version(struct bh_medium *medium)
{
    struct stat st;

    if (fstat(file_of(medium)->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    return ((uint64_t)st.st_mtim.tv_sec * 1000000000u +
            (uint64_t)st.st_mtim.tv_nsec) ^
           (uint64_t)st.st_size << 32;
}

static void file_close(struct bh_medium *medium)
{
    struct file *file = file_of(medium);

    close(file->fd);
    free(file->pages);
    free(file);
}

static const struct bh_medium_ops file_ops = {
    .read = file_read,
    .read_now = file_read_now,
    .write = file_write,
    .write_now = file_write_now,
    .zero = file_zero,
    .sync = file_sync,
    .lock = file_lock,
    .close = file_close,
    .version = file_version,
};

int bh_file_size(int fd, uint64_t *size)
{
    off_t end = lseek(fd, 0, SEEK_END); /* st_size is 0 for block devices */

    if (end < 0)
        return -errno;
    *size = (uint64_t)end;
    return 0;
}

int bh_file_span(const struct bh_volume_facts *facts, uint64_t size,
                 uint64_t *byte_count, char cause[BH_CAUSE_LEN])
{
    uint64_t most = facts->size_limit == 0 ? UINT64_MAX : facts->size_limit;

    if (facts->first > size) {
        snprintf(cause, BH_CAUSE_LEN,
                 "the volume begins at byte %llu, the file has only %llu",
                 (unsigned long long)facts->first, (unsigned long long)size);
        return -ENODATA;
    }
    *byte_count = size - facts->first < most ? size - facts->first : most;
    return 0;
}

/* When an image was last read is of use to nobody, and costs as much as the
 * read. Only the file's owner may say so. */
static void keep_atime(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NOATIME);
}

int bh_file_open(int fd, const struct bh_volume_facts *facts,
                 struct bh_medium **out, char cause[BH_CAUSE_LEN])
{
    struct stat st;
    struct file *file;
    uint64_t size = 0, byte_count = 0;
    int error;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (st.st_dev != facts->device || st.st_ino != facts->inode) {
        snprintf(cause, BH_CAUSE_LEN, "another file has taken its name");
        return -ESTALE;
    }
    error = bh_file_size(fd, &size);
    if (error == 0)
        error = bh_file_span(facts, size, &byte_count, cause);
    if (error != 0)
        return error;
    file = calloc(1, sizeof *file);
    if (file == NULL)
        return -ENOMEM;
    file->medium = (struct bh_medium){&file_ops, byte_count};
    file->fd = fd;
    file->first = facts->first;
    file->lock = (struct bh_file_lock){
        .fd = fd,
        .first = facts->first,
        .len = byte_count > facts->grow_limit ? byte_count : facts->grow_limit};
    file->fixed_end = S_ISREG(st.st_mode) && facts->grow_limit == 0;
    file->no_wait = true;
    keep_atime(fd);
    *out = &file->medium;
    return 0;
}
