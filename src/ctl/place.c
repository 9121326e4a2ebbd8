/* SPDX-License-Identifier: MIT */
#include "ctl/place.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/message.h"
#include "daemon/where.h"

#define WAIT_S 60
#define PATH_LEN 4096

/* A descriptor or a negative errno value. */
static int connect_to(const char *path)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd, error;

    if (strlen(path) >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    strcpy(at.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    error = -errno;
    close(fd);
    return error;
}

static const char *explain(int error)
{
    switch (error) {
    case -ECONNREFUSED:
        return "no server listens there any more; start it again";
    case -ENOENT:
        return "there is no such socket; start the server with --control, or "
               "name another one with --socket";
    case -EACCES:
        return "that is for the server's user alone; run this as that user";
    default:
        return strerror(-error);
    }
}

static int connect_named(const char *path)
{
    const int fd = connect_to(path);

    if (fd >= 0)
        return fd;
    complain("cannot connect to %s: %s", path, explain(fd));
    return -1;
}

static int is_control(const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);
    const size_t suffix = strlen(BH_CONTROL_SUFFIX);

    return len > suffix &&
           strcmp(entry->d_name + len - suffix, BH_CONTROL_SUFFIX) == 0;
}

struct search {
    int fd; /* of the only one that answers; -1 */
    int error;
    unsigned live;
    char path[PATH_LEN];
};

/* A killed server has left its socket, so only those count that answer. */
static void try_one(struct search *search, const char *directory,
                    const char *name)
{
    char path[PATH_LEN];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = connect_to(path);
    if (fd < 0) {
        search->error = fd;
        strcpy(search->path, path);
        return;
    }
    if (search->live++ == 0) {
        search->fd = fd;
        strcpy(search->path, path);
        return;
    }
    if (search->live == 2)
        complain("several servers run here; name one of these with --socket:\n"
                 "  %s",
                 search->path);
    fprintf(stderr, "  %s\n", path);
    close(fd);
}

static int connect_only(const char *directory)
{
    struct search search = {.fd = -1};
    struct dirent **entries;
    const int count = scandir(directory, &entries, is_control, alphasort);

    for (int i = 0; i < count; i++) {
        try_one(&search, directory, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (search.live == 1)
        return search.fd;
    if (search.live > 1)
        close(search.fd);
    else if (search.error != 0)
        complain("cannot connect to %s: %s", search.path,
                 explain(search.error));
    else
        complain("no server of this user runs: %s has no control socket; name "
                 "one with --socket PATH",
                 directory);
    return -1;
}

int place_connect(const char *path)
{
    char *directory;
    int fd = -1;

    if (path != NULL)
        return connect_named(path);
    directory = bh_where_controls();
    if (directory != NULL)
        fd = connect_only(directory);
    else
        complain("there is no home directory to find a control socket in; "
                 "name one with --socket PATH");
    free(directory);
    return fd;
}
