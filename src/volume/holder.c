/* SPDX-License-Identifier: MIT */
#include "volume/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 32u
#define TEXT_LEN 96u

enum suspicion {
    NOBODY,
    OPEN,  /* has the file open */
    LOCKED /* and a lock on it */
};

struct search {
    struct stat file;
    int fd; /* ours that met the conflict */
    pid_t suspect;
    int suspect_fd;
    enum suspicion suspicion;
};

/* What others have chosen is not to move a terminal's cursor. */
static void clean(char *text)
{
    for (; *text != '\0'; text++)
        if (!isprint((unsigned char)*text))
            *text = '?';
}

static bool same_file(const struct search *search, const struct stat *other)
{
    if (S_ISBLK(search->file.st_mode) && S_ISBLK(other->st_mode))
        return search->file.st_rdev == other->st_rdev;
    return search->file.st_dev == other->st_dev &&
           search->file.st_ino == other->st_ino;
}

/* Whether the descriptor has a lock that conflicts with ours: flock(2) locks
 * do not. */
static bool has_lock(pid_t pid, const char *fd)
{
    char path[320], line[256];
    bool found = false;
    FILE *info;

    snprintf(path, sizeof path, "/proc/%ld/fdinfo/%s", (long)pid, fd);
    info = fopen(path, "re");
    if (info == NULL)
        return false;
    while (!found && fgets(line, sizeof line, info) != NULL)
        found =
            strncmp(line, "lock:", 5) == 0 &&
            (strstr(line, "OFDLCK") != NULL || strstr(line, "POSIX") != NULL);
    fclose(info);
    return found;
}

static enum suspicion look_at_fd(const struct search *search, pid_t pid,
                                 int dir, const char *fd)
{
    struct stat other;

    if (!isdigit((unsigned char)fd[0]) || fstatat(dir, fd, &other, 0) != 0 ||
        !same_file(search, &other))
        return NOBODY;
    if (pid == getpid() && strtol(fd, NULL, 10) == search->fd)
        return NOBODY;
    return has_lock(pid, fd) ? LOCKED : OPEN;
}

static void look_at_process(struct search *search, pid_t pid)
{
    char path[64];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    dir = opendir(path);
    if (dir == NULL) /* another user's, or gone */
        return;
    while (search->suspicion != LOCKED && (entry = readdir(dir)) != NULL) {
        enum suspicion suspicion =
            look_at_fd(search, pid, dirfd(dir), entry->d_name);

        if (suspicion > search->suspicion) {
            search->suspicion = suspicion;
            search->suspect = pid;
            search->suspect_fd = (int)strtol(entry->d_name, NULL, 10);
        }
    }
    closedir(dir);
}

static void look_at_all(struct search *search)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    if (proc == NULL)
        return;
    while (search->suspicion != LOCKED && (entry = readdir(proc)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]))
            look_at_process(search, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(proc);
}

static void name_of_process(pid_t pid, char name[NAME_LEN])
{
    char path[64];
    FILE *comm;

    snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
    comm = fopen(path, "re");
    if (comm == NULL || fgets(name, NAME_LEN, comm) == NULL)
        snprintf(name, NAME_LEN, "?");
    if (comm != NULL)
        fclose(comm);
    name[strcspn(name, "\n")] = '\0';
    clean(name);
}

/* The file's path; "FILE" if it is too long to say. */
static void name_of_file(int fd, char name[TEXT_LEN])
{
    char path[64];
    ssize_t len;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    len = readlink(path, name, TEXT_LEN);
    if (len <= 0 || len >= (ssize_t)TEXT_LEN)
        len = snprintf(name, TEXT_LEN, "FILE");
    name[len] = '\0';
    clean(name);
}

static void say_nobody(int fd, char cause[BH_CAUSE_LEN])
{
    char file[TEXT_LEN];

    name_of_file(fd, file);
    snprintf(cause, BH_CAUSE_LEN,
             "another program, maybe of another user, has the file locked; "
             "'sudo fuser -v %s' names it",
             file);
}

static void say_ourselves(int fd, char cause[BH_CAUSE_LEN])
{
    char file[TEXT_LEN];

    name_of_file(fd, file);
    snprintf(cause, BH_CAUSE_LEN,
             "this server itself has the file locked, for a volume that it "
             "opened as %s",
             file);
}

static void say_process(pid_t pid, enum suspicion suspicion,
                        char cause[BH_CAUSE_LEN])
{
    char name[NAME_LEN];

    name_of_process(pid, name);
    snprintf(cause, BH_CAUSE_LEN, "process %ld (%s) has the file %s", (long)pid,
             name,
             suspicion == LOCKED ? "locked"
                                 : "open; that or another program, maybe of "
                                   "another user, has it locked");
}

void bh_holder_say(int fd, pid_t pid, char cause[BH_CAUSE_LEN])
{
    struct search search = {.fd = fd, .suspect = pid};

    if (pid > 0)
        search.suspicion = LOCKED;
    else if (fstat(fd, &search.file) == 0)
        look_at_all(&search);
    if (search.suspicion == NOBODY)
        say_nobody(fd, cause);
    else if (search.suspect == getpid() && pid <= 0)
        say_ourselves(search.suspect_fd, cause);
    else
        say_process(search.suspect, search.suspicion, cause);
}
