/* SPDX-License-Identifier: MIT */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/zeros.h"

#define PIECE_LEN 4096u /* a file system's block: what a hole is made of */
#define PART_SUFFIX ".part-XXXXXX"

static int fail(const struct sink *sink, int error, const char *what_to_do)
{
    complain("cannot write %s: %s%s", sink->path, strerror(error), what_to_do);
    return -error;
}

static int look_at_straight(struct sink *sink)
{
    struct stat status;

    if (fstat(sink->fd, &status) != 0)
        return fail(sink, errno, "");
    sink->may_block = !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode);
    return 0;
}

static int open_stdout(struct sink *sink)
{
    if (isatty(STDOUT_FILENO)) {
        complain("cannot write an image to a terminal; send it to a file or "
                 "into a pipe");
        return -ENOTSUP;
    }
    sink->path = "standard output";
    sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return sink->fd < 0 ? fail(sink, errno, "") : look_at_straight(sink);
}

static int open_straight(struct sink *sink)
{
    sink->fd = open(sink->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return sink->fd < 0 ? fail(sink, errno, "") : look_at_straight(sink);
}

/* The permissions that open(2) would give a new file. */
static mode_t mode_of_new_file(void)
{
    const mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

/* The file is replaced, so ask what open(2) would have asked; and replace what
 * a symbolic link points at, not the link. */
static int open_existing(struct sink *sink, const struct stat *status)
{
    if (access(sink->path, W_OK) != 0)
        return fail(sink, errno, "; it is there and write-protected");
    sink->mode = status->st_mode & 0777;
    sink->final_path = realpath(sink->path, NULL);
    return sink->final_path == NULL ? fail(sink, errno, "") : 0;
}

static int open_new(struct sink *sink)
{
    struct stat status;

    if (lstat(sink->path, &status) == 0)
        return fail(sink, ENOENT, "; it is a symbolic link to nothing");
    sink->mode = mode_of_new_file();
    sink->final_path = strdup(sink->path);
    return sink->final_path == NULL ? fail(sink, ENOMEM, "") : 0;
}

int sink_open(struct sink *sink, const char *path, struct interrupt *interrupt)
{
    struct stat status;

    *sink = (struct sink){.path = path, .interrupt = interrupt, .fd = -1};
    if (strcmp(path, "-") == 0)
        return open_stdout(sink);
    if (stat(path, &status) != 0)
        return errno == ENOENT ? open_new(sink) : fail(sink, errno, "");
    if (S_ISREG(status.st_mode))
        return open_existing(sink, &status);
    if (S_ISDIR(status.st_mode))
        return fail(sink, EISDIR, "; give the file's name as well");
    return open_straight(sink);
}

int sink_start(struct sink *sink)
{
    if (sink->final_path == NULL)
        return 0;
    if (asprintf(&sink->part_path, "%s" PART_SUFFIX, sink->final_path) < 0) {
        sink->part_path = NULL;
        return fail(sink, ENOMEM, "");
    }
    sink->fd = mkostemp(sink->part_path, O_CLOEXEC);
    if (sink->fd >= 0)
        return 0;
    free(sink->part_path); /* nothing to remove */
    sink->part_path = NULL;
    return fail(sink, errno,
                "; a temporary file is made beside it, so its directory must "
                "be there and be writable");
}

/* How many of the bytes are pieces that are alike in being zeros or not. */
static size_t alike(const uint8_t *data, size_t len, bool *zeros)
{
    size_t same = 0, piece;

    do {
        piece = len - same < PIECE_LEN ? len - same : PIECE_LEN;
        if (same == 0)
            *zeros = zeros_only(data, piece);
        else if (zeros_only(data + same, piece) != *zeros)
            break;
        same += piece;
    } while (same < len);
    return same;
}

static ssize_t write_hole_or_data(struct sink *sink, const uint8_t *data,
                                  size_t len)
{
    bool zeros;
    ssize_t done = (ssize_t)alike(data, len, &zeros);

    if (!zeros)
        done = pwrite(sink->fd, data, (size_t)done, (off_t)sink->offset);
    if (done < 0)
        return errno == EINTR ? 0 : fail(sink, errno, "");
    sink->offset += (uint64_t)done;
    return done;
}

/* A signal must be able to end the wait for a slow reader of a pipe. */
static ssize_t write_straight(struct sink *sink, const uint8_t *data,
                              size_t len)
{
    int result = interrupt_poll(sink->interrupt, sink->fd, POLLOUT, -1);
    ssize_t done;

    if (result != 0)
        return result;
    if (sink->may_block && len > PIECE_LEN)
        len = PIECE_LEN;
    done = write(sink->fd, data, len);
    if (done < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (done < 0 && errno == EPIPE)
        return -EPIPE; /* the reader has had enough: no reason to shout */
    if (done < 0)
        return fail(sink, errno, "");
    sink->offset += (uint64_t)done;
    return done;
}

int sink_write(struct sink *sink, const uint8_t *data, size_t len)
{
    while (len > 0) {
        const ssize_t done = sink->part_path != NULL
                                 ? write_hole_or_data(sink, data, len)
                                 : write_straight(sink, data, len);

        if (done < 0)
            return (int)done;
        data += done;
        len -= (size_t)done;
    }
    return 0;
}

/* The new name is safe once the directory is. */
static void sync_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy == NULL
                 ? -1
                 : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

/* Errors that a file system reports late come to light here. */
static int close_checked(struct sink *sink)
{
    const int result = close(sink->fd);

    sink->fd = -1;
    return result;
}

static int commit_straight(struct sink *sink)
{
    if (fsync(sink->fd) != 0 && errno != EINVAL && errno != EROFS)
        return fail(sink, errno, "; the copy is not complete");
    if (close_checked(sink) != 0)
        return fail(sink, errno, "; the copy is not complete");
    return 0;
}

int sink_commit(struct sink *sink)
{
    if (sink->part_path == NULL)
        return commit_straight(sink);
    if (ftruncate(sink->fd, (off_t)sink->offset) != 0 ||
        fchmod(sink->fd, sink->mode) != 0 || fsync(sink->fd) != 0 ||
        close_checked(sink) != 0 ||
        rename(sink->part_path, sink->final_path) != 0)
        return fail(sink, errno, "");
    free(sink->part_path);
    sink->part_path = NULL;
    sync_directory(sink->final_path);
    return 0;
}

void sink_end(struct sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    if (sink->part_path != NULL)
        unlink(sink->part_path);
    free(sink->part_path);
    free(sink->final_path);
}
