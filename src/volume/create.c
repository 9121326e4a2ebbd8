/* SPDX-License-Identifier: MIT */
#include "volume/create.h"

#include "volume/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

static int explain(int error, char cause[BH_CAUSE_LEN])
{
    snprintf(cause, BH_CAUSE_LEN, "%s",
             error == -EEXIST   ? "there is a file of this name already"
             : error == -ENOENT ? "its directory does not exist"
             : error == -EXDEV  ? "it leads out of the directory"
                                : strerror(-error));
    return error;
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash == NULL ? name : slash + 1;
}

/* The directory of `name` beneath `root`. */
static int open_parent(int root, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    char parent[4096] = ".";
    size_t len = (size_t)(last_part(name) - name);
    int fd;

    if (len >= sizeof parent)
        return -ENAMETOOLONG;
    if (len > 0) {
        memcpy(parent, name, len);
        parent[len] = '\0';
    }
    fd = (int)syscall(SYS_openat2, root, parent, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

/* A name that differs from another only in case would keep machines with upper
 * case alone from both. */
static bool is_taken(int directory, const char *name, char cause[BH_CAUSE_LEN])
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry = NULL;

    if (dir == NULL && fd >= 0)
        close(fd);
    while (dir != NULL && (entry = readdir(dir)) != NULL &&
           !bh_name_alike(entry->d_name, name))
        ;
    if (entry != NULL && strcmp(entry->d_name, name) == 0)
        explain(-EEXIST, cause);
    else if (entry != NULL)
        snprintf(cause, BH_CAUSE_LEN,
                 "there is '%.100s', and some machines know upper case alone",
                 entry->d_name);
    if (dir != NULL)
        closedir(dir);
    return entry != NULL;
}

static int open_file(struct bh_creation *creation)
{
    uint64_t salt = 0;

    if (getrandom(&salt, sizeof salt, 0) < 0)
        return -errno;
    snprintf(creation->working, sizeof creation->working, ".new-%016llx",
             (unsigned long long)salt);
    creation->fd =
        openat(creation->directory, creation->working,
               O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return creation->fd < 0 ? -errno : 0;
}

int bh_create_begin(struct bh_creation *creation, int root, const char *name,
                    uint64_t bytes, char cause[BH_CAUSE_LEN])
{
    const char *problem = bh_name_problem(name);
    int error;

    if (problem != NULL) {
        snprintf(cause, BH_CAUSE_LEN, "%s", problem);
        return -EINVAL;
    }
    if (bytes > INT64_MAX)
        return explain(-EFBIG, cause);
    creation->directory = open_parent(root, name);
    if (creation->directory < 0)
        return explain(creation->directory, cause);
    if (is_taken(creation->directory, last_part(name), cause)) {
        close(creation->directory);
        return -EEXIST;
    }
    error = open_file(creation);
    if (error != 0) {
        close(creation->directory);
        return explain(error, cause);
    }
    if (ftruncate(creation->fd, (off_t)bytes) == 0)
        return 0;
    error = -errno;
    bh_create_give_up(creation);
    return explain(error, cause);
}

int bh_create_write(struct bh_creation *creation, uint64_t at,
                    const void *bytes, size_t len)
{
    ssize_t written = pwrite(creation->fd, bytes, len, (off_t)at);

    if (written < 0)
        return -errno;
    return (size_t)written == len ? 0 : -EIO;
}

/* Not every file system can rename without replacing; those that cannot have
 * hard links. */
static int give_name(const struct bh_creation *creation, const char *name)
{
    int at = creation->directory;

    if (renameat2(at, creation->working, at, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(at, creation->working, at, name, 0) != 0)
        return -errno;
    unlinkat(at, creation->working, 0);
    return 0;
}

int bh_create_finish(struct bh_creation *creation, const char *name,
                     char cause[BH_CAUSE_LEN])
{
    int error = fdatasync(creation->fd) == 0
                    ? give_name(creation, last_part(name))
                    : -errno;

    if (error != 0) {
        bh_create_give_up(creation);
        return explain(error, cause);
    }
    (void)fsync(creation->directory); /* it is there; a crash may undo it */
    close(creation->fd);
    close(creation->directory);
    return 0;
}

void bh_create_give_up(struct bh_creation *creation)
{
    unlinkat(creation->directory, creation->working, 0);
    close(creation->fd);
    close(creation->directory);
}
