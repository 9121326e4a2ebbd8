/* SPDX-License-Identifier: MIT */
#include "net/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PAUSE_US 20000u
#define PAUSES 100u /* a server that was just killed is still ending */

static int new_socket(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

/* Whether the address is free to be bound, after what is dead there has been
 * removed: 0, or a negative errno value. Only of a dead one, whatever its type,
 * the kernel says that it refuses. */
static int make_way(const struct sockaddr_un *at, int type)
{
    struct stat st;
    int fd, error = 0;

    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    fd = new_socket(type);
    if (fd < 0)
        return fd;
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ||
        errno == EAGAIN || errno == EPROTOTYPE)
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
static int lock_directory(const struct sockaddr_un *at)
{
    struct sockaddr_un copy = *at;
    int fd = open(dirname(copy.sun_path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (unsigned left = PAUSES;
         fd >= 0 && left > 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; left--)
        usleep(PAUSE_US);
    return fd;
}

static int make_way_patiently(const struct sockaddr_un *at, int type)
{
    int error = make_way(at, type);

    for (unsigned left = PAUSES; left > 0 && error == -EADDRINUSE; left--) {
        usleep(PAUSE_US);
        error = make_way(at, type);
    }
    return error;
}

/* The mode of a socket before bind() is that of its file, less the umask; it
 * must never be more than was asked for. */
static int bind_at(struct bh_socket_file *file, const struct sockaddr_un *at,
                   int type, mode_t mode)
{
    struct stat st;

    file->fd = new_socket(type);
    if (file->fd < 0)
        return file->fd;
    if (fchmod(file->fd, mode) != 0 ||
        bind(file->fd, (const struct sockaddr *)at, sizeof *at) != 0 ||
        lstat(at->sun_path, &st) != 0)
        return -errno;
    strcpy(file->path, at->sun_path);
    file->device = st.st_dev;
    file->inode = st.st_ino;
    return chmod(at->sun_path, mode) == 0 ? 0 : -errno;
}

int bh_socket_file_bind(struct bh_socket_file *file, const char *path, int type,
                        mode_t mode)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int error, lock;

    *file = (struct bh_socket_file){.fd = -1};
    if (strlen(path) >= sizeof at.sun_path)
        return -ENAMETOOLONG;
    strcpy(at.sun_path, path);
    lock = lock_directory(&at);
    error = make_way_patiently(&at, type);
    if (error == 0)
        error = bind_at(file, &at, type, mode);
    if (lock >= 0)
        close(lock);
    if (error != 0)
        bh_socket_file_close(file);
    return error;
}

void bh_socket_file_close(struct bh_socket_file *file)
{
    struct stat st;

    if (file->path[0] != 0 && lstat(file->path, &st) == 0 &&
        st.st_dev == file->device && st.st_ino == file->inode)
        unlink(file->path);
    if (file->path[0] != 0 || file->fd > 0)
        close(file->fd);
    *file = (struct bh_socket_file){.fd = -1};
}

const char *bh_socket_file_explain(int error)
{
    if (error == -EEXIST)
        return "there is a file that is no socket; remove it, or name another "
               "path";
    if (error == -ENAMETOOLONG)
        return "the path of a socket has at most 107 bytes; name a shorter one";
    return NULL;
}
