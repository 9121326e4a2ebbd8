/* SPDX-License-Identifier: MIT */
#include "daemon/door.h"

#include "daemon/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 2000u /* a server that was just killed is still ending */
#define PAUSE_US 20000u
#define BACKLOG 8

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

/* Whether the address is free to be bound, after what is dead there has been
 * removed: 0, or a negative errno value. */
static int make_way(const struct sockaddr_un *at)
{
    struct stat st;
    int fd, error = 0;

    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    fd = new_socket();
    if (fd < 0)
        return fd;
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ||
        errno == EAGAIN)
        error = -EADDRINUSE;
    else if (errno != ECONNREFUSED)
        error = -errno;
    close(fd);
    if (error == 0 && unlink(at->sun_path) != 0 && errno != ENOENT)
        error = -errno;
    return error;
}

/* Two servers that begin at the same moment must not both find the same socket
 * dead: the directory is locked meanwhile. -1: it cannot be; then nothing but
 * that is lost. */
static int lock_directory(const char *path)
{
    uint64_t due = bh_clock_ms() + WAIT_MS;
    char *copy = strdup(path);
    int fd = copy == NULL
                 ? -1
                 : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    free(copy);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && bh_clock_ms() < due)
        usleep(PAUSE_US);
    return fd;
}

static int make_way_patiently(const struct sockaddr_un *at)
{
    uint64_t due = bh_clock_ms() + WAIT_MS;
    int error = make_way(at);

    while (error == -EADDRINUSE && bh_clock_ms() < due) {
        usleep(PAUSE_US);
        error = make_way(at);
    }
    return error;
}

/* The mode of a socket before bind() is that of its file. */
static int listen_at(struct bh_door *door, const struct sockaddr_un *at)
{
    struct stat st;

    door->fd = new_socket();
    if (door->fd < 0)
        return door->fd;
    if (fchmod(door->fd, 0600) != 0 ||
        bind(door->fd, (const struct sockaddr *)at, sizeof *at) != 0 ||
        listen(door->fd, BACKLOG) != 0 || lstat(at->sun_path, &st) != 0)
        return -errno;
    door->device = st.st_dev;
    door->inode = st.st_ino;
    return 0;
}

static const char *explain(int error)
{
    if (error == -EADDRINUSE)
        return "another server has it; name another one with --control PATH";
    if (error == -EEXIST)
        return "there is a file that is no socket; remove it, or name another "
               "path with --control PATH";
    if (error == -ENAMETOOLONG)
        return "the path of a socket has at most 107 bytes; name a shorter one "
               "with --control PATH";
    return strerror(-error);
}

int bh_door_open(struct bh_door *door, const char *path,
                 char problem[BH_PROBLEM_LEN])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int error = -ENAMETOOLONG, lock;

    *door = (struct bh_door){.fd = -1};
    if (strlen(path) < sizeof at.sun_path) {
        strcpy(at.sun_path, path);
        lock = lock_directory(path);
        error = make_way_patiently(&at);
        if (error == 0)
            error = listen_at(door, &at);
        if (lock >= 0)
            close(lock);
    }
    if (error == 0 && (door->path = strdup(path)) != NULL)
        return 0;
    snprintf(problem, BH_PROBLEM_LEN,
             "cannot make the control socket '%.120s': %s", path,
             explain(error == 0 ? -ENOMEM : error));
    bh_door_close(door);
    return error == 0 ? -ENOMEM : error;
}

void bh_door_close(struct bh_door *door)
{
    struct stat st;

    if (door->path != NULL && lstat(door->path, &st) == 0 &&
        st.st_dev == door->device && st.st_ino == door->inode)
        unlink(door->path);
    if (door->path != NULL || door->fd > 0)
        close(door->fd);
    free(door->path);
    *door = (struct bh_door){.fd = -1};
}
