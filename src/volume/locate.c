/* SPDX-License-Identifier: MIT */
#include "volume/locate.h"

#include "volume/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Opens `name` beneath the directory `path`, and nothing that lies elsewhere,
 * whatever links and ".." say. */
static int open_beneath(const char *path, const char *name, int flags)
{
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (directory < 0)
        return -errno;
    fd = (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (fd < 0)
        fd = -errno;
    close(directory);
    return fd;
}

/* Devices are served where the administrator names them, never by being found
 * beneath a directory. */
static const char *kind_problem(mode_t mode, bool configured)
{
    if (S_ISREG(mode) || (configured && S_ISBLK(mode)))
        return NULL;
    if (S_ISDIR(mode))
        return "it is a directory";
    if (S_ISFIFO(mode))
        return "it is a FIFO";
    if (S_ISBLK(mode))
        return "it is a device, and those are served by a [volume] section "
               "only";
    return "it is no regular file";
}

static int open_spec(const struct bh_volume_spec *spec, const char *name,
                     int flags)
{
    int fd;

    flags |= O_CLOEXEC;
    if (spec->name == NULL)
        return open_beneath(spec->path, name, flags);
    fd = open(spec->path, flags);
    return fd < 0 ? -errno : fd;
}

static const struct bh_volume_spec *
find_volume(const struct bh_contents *contents, const char *name)
{
    for (size_t i = 0; i < contents->volume_count; i++)
        if (strcmp(contents->volumes[i].name, name) == 0)
            return &contents->volumes[i];
    return NULL;
}

/* What an errno value of an open means for a name. */
static int explain(int error, char cause[BH_CAUSE_LEN])
{
    switch (error) {
    case -EXDEV:
        snprintf(cause, BH_CAUSE_LEN, "it leads out of the directory");
        return -ENOENT;
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
    case -ELOOP:
        snprintf(cause, BH_CAUSE_LEN, "%s", strerror(-error));
        return -ENOENT;
    default:
        snprintf(cause, BH_CAUSE_LEN, "%s", strerror(-error));
        return error;
    }
}

static int place_at(const struct bh_volume_spec *spec, const char *name,
                    struct bh_place *out, char cause[BH_CAUSE_LEN])
{
    int fd = open_spec(spec, name, O_PATH);
    const char *problem;
    struct stat st;

    if (fd < 0)
        return explain(fd, cause);
    if (fstat(fd, &st) != 0) {
        close(fd);
        return explain(-EIO, cause);
    }
    problem = kind_problem(st.st_mode, spec->name != NULL);
    if (problem != NULL) {
        snprintf(cause, BH_CAUSE_LEN, "%s", problem);
        close(fd);
        return -ENOENT;
    }
    *out = (struct bh_place){fd, spec};
    return 0;
}

int bh_locate(const struct bh_contents *contents, const char *name,
              struct bh_place *out, char cause[BH_CAUSE_LEN])
{
    const struct bh_volume_spec *volume = find_volume(contents, name);
    int error = -ENOENT;

    if (volume != NULL)
        return place_at(volume, name, out, cause);
    snprintf(cause, BH_CAUSE_LEN, "nothing of this name is served");
    for (size_t i = 0; i < contents->directory_count && error == -ENOENT; i++)
        error = place_at(&contents->directories[i], name, out, cause);
    return error;
}

void bh_place_close(struct bh_place *place)
{
    close(place->fd);
}

/* The size of a block device is known only once it is open. */
static int size_of(const struct bh_place *place, const char *name,
                   const struct stat *st, uint64_t *size)
{
    int fd, error;

    if (S_ISREG(st->st_mode)) {
        *size = (uint64_t)st->st_size;
        return 0;
    }
    fd = open_spec(place->spec, name, O_RDONLY);
    if (fd < 0)
        return fd;
    error = bh_file_size(fd, size);
    close(fd);
    return error;
}

/* Read-only if the volume is meant to be, or if we may not write there. */
static uint8_t mode_of(const struct bh_place *place)
{
    if (faccessat(place->fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) != 0)
        return BH_MODE_READ_ONLY;
    return place->spec->mode;
}

int bh_place_facts(const struct bh_place *place, const char *name,
                   struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const struct bh_volume_spec *spec = place->spec;
    struct stat st;
    uint64_t size = 0;
    int error;

    if (fstat(place->fd, &st) != 0)
        return explain(-EIO, cause);
    error = faccessat(place->fd, "", R_OK, AT_EMPTY_PATH | AT_EACCESS) == 0
                ? size_of(place, name, &st, &size)
                : -errno;
    if (error != 0)
        return explain(error, cause);
    *facts = (struct bh_volume_facts){.device = st.st_dev,
                                      .inode = st.st_ino,
                                      .first = spec->first,
                                      .size_limit = spec->size_limit,
                                      .grow_limit = spec->grow_limit,
                                      .idle_ms = spec->idle_ms,
                                      .mode = mode_of(place),
                                      .takeover = spec->takeover,
                                      .sync = spec->sync,
                                      .exponent = spec->exponent,
                                      .roam = spec->roam};
    snprintf(facts->name, sizeof facts->name, "%s", name);
    return bh_file_span(facts, size, &facts->byte_count, cause);
}

int bh_locate_open(const struct bh_contents *contents, const char *name,
                   int flags, char cause[BH_CAUSE_LEN])
{
    struct bh_place place;
    int error = bh_locate(contents, name, &place, cause);
    int fd;

    if (error != 0)
        return error;
    fd = open_spec(place.spec, name, flags | O_NONBLOCK | O_NOCTTY);
    bh_place_close(&place);
    return fd < 0 ? explain(fd, cause) : fd;
}
