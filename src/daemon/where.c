/* SPDX-License-Identifier: MIT */
#include "daemon/where.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *join(const char *directory, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return NULL;
    return path;
}

/* What a variable of the environment says, if that is an absolute path. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] == '/' ? value : NULL;
}

/* The first of the directories that systemd has made for us. */
static char *from_systemd(const char *directories)
{
    return strndup(directories, strcspn(directories, ":"));
}

char *bh_where_states(void)
{
    const char *systemd = variable("STATE_DIRECTORY");
    const char *user = variable("XDG_STATE_HOME"), *home = variable("HOME");

    if (systemd != NULL)
        return from_systemd(systemd);
    if (geteuid() == 0)
        return strdup("/var/lib/blockhead");
    if (user != NULL)
        return join(user, "blockhead");
    if (home != NULL)
        return join(home, ".local/state/blockhead");
    return NULL;
}

char *bh_where_controls(void)
{
    const char *systemd = variable("RUNTIME_DIRECTORY");
    const char *user = variable("XDG_RUNTIME_DIR");

    if (systemd != NULL)
        return from_systemd(systemd);
    if (geteuid() == 0)
        return strdup("/run/blockhead");
    if (user != NULL)
        return join(user, "blockhead");
    return bh_where_states();
}

char *bh_where_server(char *directory, const struct bh_place *listens,
                      const char *suffix)
{
    char name[BH_PLACE_TEXT_LEN], *path = NULL;

    bh_place_print(listens, name);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '/')
            *at = '_';
    if (directory != NULL &&
        asprintf(&path, "%s/%s%s", directory, name, suffix) < 0)
        path = NULL;
    free(directory);
    return path;
}

int bh_where_make(const char *path)
{
    char *copy = strdup(path);
    char *slash = copy == NULL ? NULL : strchr(copy, '/');
    int error = 0;

    for (; slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (copy[0] != '\0' && mkdir(copy, 0700) != 0 && errno != EEXIST)
            error = -errno;
        *slash = '/';
    }
    free(copy);
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return errno == ENOENT && error != 0 ? error : -errno;
}
