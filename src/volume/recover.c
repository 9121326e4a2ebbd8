/* SPDX-License-Identifier: MIT */
#include "volume/recover.h"

#include "core/job.h"
#include "volume/checkpoint.h"
#include "volume/locate.h"
#include "volume/mend.h"
#include "volume/name.h"
#include "volume/rollback.h"
#include "volume/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct walk {
    int root;
    bh_recover_complaint *complain;
    void *context;
};

static DIR *open_below(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);

    if (entries == NULL && fd >= 0)
        close(fd);
    return entries;
}

/* As it would be opened to be served, and against other programs. */
static int open_image(int root, const char *path, char cause[BH_CAUSE_LEN])
{
    struct open_how how = {.flags = O_RDWR | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);

    if (fd < 0) {
        snprintf(cause, BH_CAUSE_LEN, "%s", strerror(errno));
    } else if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        snprintf(cause, BH_CAUSE_LEN, "another program has it locked");
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The image `path`, whose checkpoints are in `dir`. */
static void recover_image(const struct walk *walk, int dir, const char *path)
{
    char cause[BH_CAUSE_LEN];
    uint32_t number;
    int image, error = -EIO;

    (void)bh_checkpoints_sweep(dir);
    if (bh_rollback_pending(dir, &number) == 0 && number == 0)
        return;
    image = open_image(walk->root, path, cause);
    if (image >= 0) {
        error = bh_rollback_finish(dir, image, cause);
        close(image);
    }
    if (error != 0)
        walk->complain(walk->context, path, cause);
}

/* The checkpoints of all images of one directory, whose path is `prefix`. */
static void recover_all(const struct walk *walk, int parent, const char *prefix)
{
    DIR *images = open_below(parent, BH_CHECKPOINTS_DIR);
    struct dirent *entry;

    if (images == NULL)
        return;
    while ((entry = readdir(images)) != NULL) {
        char path[BH_VOLUME_NAME_LEN + 1];
        int dir;

        if (bh_name_problem(entry->d_name) != NULL ||
            snprintf(path, sizeof path, "%s%s", prefix, entry->d_name) >=
                (int)sizeof path)
            continue;
        dir = openat(dirfd(images), entry->d_name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
            continue;
        recover_image(walk, dir, path);
        close(dir);
    }
    closedir(images);
}

static void go_through(const struct walk *walk, int parent, const char *name,
                       const char *prefix, int depth)
{
    DIR *entries = open_below(parent, name);
    struct dirent *entry;

    if (entries == NULL)
        return;
    recover_all(walk, dirfd(entries), prefix);
    while (depth < BH_SCAN_DEPTH && (entry = readdir(entries)) != NULL) {
        char path[BH_VOLUME_NAME_LEN + 1];

        if ((entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
            bh_name_problem(entry->d_name) == NULL &&
            snprintf(path, sizeof path, "%s%s/", prefix, entry->d_name) <
                (int)sizeof path)
            go_through(walk, dirfd(entries), entry->d_name, path, depth + 1);
    }
    closedir(entries);
}

void bh_recover(int root, bh_recover_complaint *complain, void *context)
{
    struct walk walk = {root, complain, context};

    go_through(&walk, root, ".", "", 0);
}

static int mend_volume(const struct bh_contents *contents, const char *name,
                       int parent, const char *leaf, char cause[BH_CAUSE_LEN])
{
    uint32_t number;
    int image, error;
    int dir = bh_checkpoints_open(parent, leaf, false, cause);

    if (dir < 0)
        return 0; /* it has none */
    (void)bh_checkpoints_sweep(dir);
    error = bh_rollback_pending(dir, &number);
    close(dir);
    if (error == 0 && number == 0)
        return 0;
    image = bh_locate_open(contents, name, O_RDWR, cause);
    if (image < 0)
        return image;
    error = bh_mend(parent, leaf, image, cause);
    close(image);
    return error;
}

static void recover_volume(const struct bh_contents *contents, const char *name,
                           bh_recover_complaint *complain, void *context)
{
    char leaf[BH_VOLUME_NAME_LEN + 1], cause[BH_CAUSE_LEN];
    int parent = bh_locate_parent(contents, name, leaf, cause);

    if (parent < 0)
        return; /* nor is it served */
    if (mend_volume(contents, name, parent, leaf, cause) != 0)
        complain(context, name, cause);
    close(parent);
}

void bh_recover_contents(const struct bh_contents *contents,
                         bh_recover_complaint *complain, void *context)
{
    for (size_t i = 0; i < contents->volume_count; i++)
        recover_volume(contents, contents->volumes[i].name, complain, context);
    for (size_t i = 0; i < contents->directory_count; i++) {
        int root = open(contents->directories[i].path,
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (root < 0)
            continue;
        bh_recover(root, complain, context);
        close(root);
    }
}
