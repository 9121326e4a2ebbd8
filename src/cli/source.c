/* SPDX-License-Identifier: MIT */
#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"

static int fail(const struct source *source, int error)
{
    complain("cannot read %s: %s", source->path, strerror(error));
    return -error;
}

/* How much there is to read from where the file stands: a shell may have
 * redirected it half-read. */
static uint64_t bytes_ahead(int fd, const struct stat *status)
{
    const off_t at = lseek(fd, 0, SEEK_CUR);
    off_t end = status->st_size;

    if (at < 0 || !(S_ISREG(status->st_mode) || S_ISBLK(status->st_mode)))
        return SOURCE_UNKNOWN;
    if (S_ISBLK(status->st_mode)) {
        end = lseek(fd, 0, SEEK_END);
        if (end < 0 || lseek(fd, at, SEEK_SET) < 0)
            return SOURCE_UNKNOWN;
    }
    return end > at ? (uint64_t)(end - at) : 0;
}

int source_open(struct source *source, const char *path,
                struct interrupt *interrupt)
{
    struct stat status;

    *source = (struct source){.path = path, .interrupt = interrupt, .fd = -1};
    if (strcmp(path, "-") == 0) {
        source->path = "standard input";
        source->fd = STDIN_FILENO;
    } else {
        source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    if (source->fd < 0 || fstat(source->fd, &status) != 0)
        return fail(source, errno);
    if (S_ISDIR(status.st_mode))
        return fail(source, EISDIR);
    source->size = bytes_ahead(source->fd, &status);
    return 0;
}

/* A signal must be able to end the wait for a pipe. */
static ssize_t read_some(struct source *source, uint8_t *data, size_t len)
{
    ssize_t done;

    do {
        int result =
            source->size != SOURCE_UNKNOWN
                ? 0
                : interrupt_poll(source->interrupt, source->fd, POLLIN, -1);

        if (result != 0)
            return result;
        done = read(source->fd, data, len);
    } while (done < 0 && (errno == EINTR || errno == EAGAIN));
    return done < 0 ? fail(source, errno) : done;
}

int source_read(struct source *source, uint8_t *data, size_t len, size_t *got)
{
    *got = 0;
    if (source->size != SOURCE_UNKNOWN && len > source->size - source->offset)
        len = (size_t)(source->size - source->offset);
    while (*got < len) {
        const ssize_t done = read_some(source, data + *got, len - *got);

        if (done < 0)
            return (int)done;
        if (done == 0)
            break;
        *got += (size_t)done;
        source->offset += (uint64_t)done;
    }
    if (*got == len || source->size == SOURCE_UNKNOWN)
        return 0;
    complain("cannot read %s to its end: it became shorter meanwhile",
             source->path);
    return -EIO;
}

void source_end(struct source *source)
{
    if (source->fd >= 0 && source->fd != STDIN_FILENO)
        close(source->fd);
}
