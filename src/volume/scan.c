/* SPDX-License-Identifier: MIT */
#include "volume/scan.h"

#include "core/job.h"
#include "volume/name.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void bh_names_add(struct bh_names *names, const char *name)
{
    char *copy = strdup(name);

    if (copy == NULL)
        return;
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 64 : names->room * 2;
        char **grown = realloc(names->of, room * sizeof *grown);

        if (grown == NULL) {
            free(copy);
            return;
        }
        names->of = grown;
        names->room = room;
    }
    names->of[names->count++] = copy;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void bh_names_sort(struct bh_names *names)
{
    size_t kept = 0;

    if (names->count == 0)
        return;
    qsort(names->of, names->count, sizeof *names->of, by_bytes);
    for (size_t i = 1; i < names->count; i++) {
        if (strcmp(names->of[i], names->of[kept]) == 0)
            free(names->of[i]);
        else
            names->of[++kept] = names->of[i];
    }
    names->count = kept + 1;
}

void bh_names_free(struct bh_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->of[i]);
    free(names->of);
    *names = (struct bh_names){0};
}

/* Looks through the directory `fd`, which it closes; `prefix` is the path to it
 * with a slash at its end, or empty. */
static void walk(int fd, const char *prefix, int depth, struct bh_names *names)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    if (dir == NULL) {
        close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        char name[BH_VOLUME_NAME_LEN + 1];
        struct stat st;

        if (bh_name_problem(entry->d_name) != NULL ||
            snprintf(name, sizeof name, "%s%s", prefix, entry->d_name) >=
                (int)sizeof name ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
            bh_names_add(names, name);
        } else if (S_ISDIR(st.st_mode) && depth < BH_SCAN_DEPTH &&
                   strlen(name) + 2 < sizeof name) {
            int below = openat(dirfd(dir), entry->d_name,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            strcat(name, "/");
            if (below >= 0)
                walk(below, name, depth + 1, names);
        }
    }
    closedir(dir);
}

void bh_scan_directory(const char *path, struct bh_names *names)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        walk(fd, "", 0, names);
}
