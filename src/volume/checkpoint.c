/* SPDX-License-Identifier: MIT */
#include "volume/checkpoint.h"

#include "volume/io.h"
#include "volume/name.h"
#include "volume/rollback.h"
#include "wire/protocol.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW ".new"

/*
 * The directory.
 */

static int open_directory(int parent, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof how);

    return fd < 0 ? -errno : fd;
}

/* The directory, made if it is missing. Its name is made stable also if it is
 * there: a server may have been killed before it did. */
static int make_directory(int parent, const char *name)
{
    if ((mkdirat(parent, name, 0777) != 0 && errno != EEXIST) ||
        fsync(parent) != 0)
        return -errno;
    return open_directory(parent, name);
}

int bh_checkpoints_open(int parent, const char *leaf, bool make,
                        char cause[BH_CAUSE_LEN])
{
    int (*get)(int, const char *) = make ? make_directory : open_directory;
    int all, dir;

    if (leaf[0] == '\0' || leaf[0] == '.' || strchr(leaf, '/') != NULL)
        return bh_io_say(-EINVAL, "the image's name", cause);
    all = get(parent, BH_CHECKPOINTS_DIR);
    if (all < 0)
        return bh_io_say(
            all, "directory " BH_CHECKPOINTS_DIR " beside the image", cause);
    dir = get(all, leaf);
    close(all);
    if (dir < 0)
        return bh_io_say(dir, "the image's directory in " BH_CHECKPOINTS_DIR,
                         cause);
    return dir;
}

/* Where there are no such locks, there is no other either. */
int bh_checkpoints_lock(int dir)
{
    while (flock(dir, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return -EBUSY;
        if (errno != EINTR)
            return 0;
    }
    return 0;
}

void bh_checkpoints_unlock(int dir)
{
    (void)flock(dir, LOCK_UN);
}

/*
 * Names and lists.
 */

void bh_checkpoint_file(const struct bh_checkpoint *checkpoint,
                        char out[BH_CHECKPOINT_FILE_LEN + 1])
{
    snprintf(out, BH_CHECKPOINT_FILE_LEN + 1, "%04u%s%s",
             (unsigned)checkpoint->number,
             checkpoint->label[0] == '\0' ? "" : "-", checkpoint->label);
}

/* Only names that we could have given: each number has one. */
static bool parse(const char *file, struct bh_checkpoint *checkpoint)
{
    char again[BH_CHECKPOINT_FILE_LEN + 1], *end;
    unsigned long number = strtoul(file, &end, 10);

    *checkpoint = (struct bh_checkpoint){.number = (uint32_t)number};
    if (number == 0 || number > BH_CHECKPOINT_NUMBER_MAX)
        return false;
    if (*end == '-' && bh_label_clean(end + 1, (unsigned)strlen(end + 1),
                                      checkpoint->label) != BH_OK)
        return false;
    bh_checkpoint_file(checkpoint, again);
    return strcmp(file, again) == 0;
}

static bool look_at(int dir, const char *file, struct bh_checkpoint *checkpoint)
{
    struct stat st;

    if (!parse(file, checkpoint) ||
        fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(st.st_mode))
        return false;
    checkpoint->byte_count = (uint64_t)st.st_size;
    checkpoint->disk_bytes = (uint64_t)st.st_blocks * 512;
    checkpoint->time_s = st.st_mtim.tv_sec;
    return true;
}

struct list {
    struct bh_checkpoint *of;
    size_t count, room;
};

static int append(struct list *list, const struct bh_checkpoint *checkpoint)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        struct bh_checkpoint *grown =
            realloc(list->of, room * sizeof *list->of);

        if (grown == NULL)
            return -ENOMEM;
        list->of = grown;
        list->room = room;
    }
    list->of[list->count++] = *checkpoint;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t first = ((const struct bh_checkpoint *)a)->number;
    uint32_t second = ((const struct bh_checkpoint *)b)->number;

    return (first > second) - (first < second);
}

int bh_checkpoints_list(int dir, struct bh_checkpoint **out, size_t *count)
{
    DIR *entries = bh_io_entries(dir);
    struct bh_checkpoint checkpoint;
    struct list list = {0};
    struct dirent *entry;
    int error = 0;

    *out = NULL;
    *count = 0;
    if (entries == NULL)
        return -errno;
    while (error == 0 && (entry = readdir(entries)) != NULL)
        if (look_at(dir, entry->d_name, &checkpoint))
            error = append(&list, &checkpoint);
    closedir(entries);
    if (error != 0) {
        free(list.of);
        return error;
    }
    if (list.count > 0)
        qsort(list.of, list.count, sizeof *list.of, by_number);
    *out = list.of;
    *count = list.count;
    return 0;
}

/* How well a name fits: the best, and of these the newest, is meant. */
static int fit(const struct bh_checkpoint *checkpoint, const char *name)
{
    if (name[0] != '\0' && strspn(name, "0123456789") == strlen(name))
        return strtoul(name, NULL, 10) == checkpoint->number;
    if (strcmp(name, checkpoint->label) == 0)
        return 2;
    return bh_name_alike(name, checkpoint->label);
}

int bh_checkpoint_find(int dir, const char *name, struct bh_checkpoint *out)
{
    struct bh_checkpoint *all;
    size_t count;
    int best = 0, error = bh_checkpoints_list(dir, &all, &count);

    if (error != 0)
        return error;
    for (size_t i = count; i-- > 0 && name[0] != '\0';) {
        int how = fit(&all[i], name);

        if (how > best) {
            best = how;
            *out = all[i];
        }
    }
    free(all);
    return best > 0 ? 0 : -ENOENT;
}

int bh_checkpoint_open(int dir, const struct bh_checkpoint *checkpoint)
{
    char file[BH_CHECKPOINT_FILE_LEN + 1];
    int fd;

    bh_checkpoint_file(checkpoint, file);
    fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/*
 * Making one.
 */

static int next_number(int dir, uint32_t *number)
{
    struct bh_checkpoint *all;
    size_t count;
    int error = bh_checkpoints_list(dir, &all, &count);

    if (error != 0)
        return error;
    *number = count == 0 ? 1 : all[count - 1].number + 1;
    free(all);
    return *number > BH_CHECKPOINT_NUMBER_MAX ? -EOVERFLOW : 0;
}

/* A stable copy under the name NEW, readable to whom the image is. */
static int copy_image(int dir, int image, const struct stat *st,
                      const struct bh_copy_watch *watch)
{
    int fd = openat(dir, NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error;

    if (fd < 0)
        return -errno;
    error = bh_copy_new(image, fd, watch);
    if (error == 0 &&
        (fchmod(fd, (st->st_mode & 0444) | 0400) != 0 || fsync(fd) != 0))
        error = -errno;
    close(fd);
    return error;
}

static int keep_copy(int dir, const char *label, struct bh_checkpoint *out)
{
    struct bh_checkpoint checkpoint = {0};
    char file[BH_CHECKPOINT_FILE_LEN + 1];
    int error = next_number(dir, &checkpoint.number);

    if (error != 0)
        return error;
    snprintf(checkpoint.label, sizeof checkpoint.label, "%s", label);
    bh_checkpoint_file(&checkpoint, file);
    if (renameat(dir, NEW, dir, file) != 0)
        return -errno;
    if (fsync(dir) != 0) {
        error = -errno;
        unlinkat(dir, file, 0);
        return error;
    }
    return look_at(dir, file, out) ? 0 : -EIO;
}

/* With the lock: a NEW that is there is of a server that was killed. */
static int create(int dir, int image, const struct stat *st, const char *label,
                  const struct bh_copy_watch *watch, struct bh_checkpoint *out)
{
    uint32_t number;
    int error = bh_rollback_pending(dir, &number);

    if (error != 0 || number != 0) /* the image may be a mixture */
        return error != 0 ? error : -EBUSY;
    if (unlinkat(dir, NEW, 0) != 0 && errno != ENOENT)
        return -errno;
    error = copy_image(dir, image, st, watch);
    if (error == 0)
        error = keep_copy(dir, label, out);
    if (error != 0)
        unlinkat(dir, NEW, 0);
    return error;
}

int bh_checkpoint_create(int dir, int image, const char *label,
                         const struct bh_copy_watch *watch,
                         struct bh_checkpoint *out, char cause[BH_CAUSE_LEN])
{
    char clean[BH_LABEL_LEN + 1];
    struct stat st;
    int error;

    if (bh_label_clean(label, (unsigned)strlen(label), clean) != BH_OK)
        return bh_io_say(-EINVAL, "the label", cause);
    if (fstat(image, &st) != 0 || !S_ISREG(st.st_mode))
        return bh_io_say(-ENOTSUP, "checkpoints are of regular files only",
                         cause);
    error = bh_checkpoints_lock(dir);
    if (error != 0)
        return bh_io_say(error, "its checkpoints", cause);
    error = create(dir, image, &st, clean, watch, out);
    bh_checkpoints_unlock(dir);
    return error == 0 ? 0
                      : bh_io_say(error, "the checkpoint was not made", cause);
}

int bh_checkpoints_sweep(int dir)
{
    int error = bh_checkpoints_lock(dir);

    if (error != 0)
        return error;
    if ((unlinkat(dir, NEW, 0) != 0 && errno != ENOENT) || fsync(dir) != 0)
        error = -errno;
    bh_checkpoints_unlock(dir);
    return error;
}

/*
 * Removing.
 */

static int remove_one(int dir, const struct bh_checkpoint *checkpoint)
{
    char file[BH_CHECKPOINT_FILE_LEN + 1];
    uint32_t pending;
    int error = bh_rollback_pending(dir, &pending);

    if (error != 0 || pending == checkpoint->number)
        return error != 0 ? error : -EBUSY;
    bh_checkpoint_file(checkpoint, file);
    return unlinkat(dir, file, 0) == 0 ? 0 : -errno;
}

int bh_checkpoint_remove(int dir, uint32_t number)
{
    struct bh_checkpoint checkpoint;
    char name[16];
    int error = bh_checkpoints_lock(dir);

    if (error != 0)
        return error;
    snprintf(name, sizeof name, "%u", (unsigned)number);
    error = bh_checkpoint_find(dir, name, &checkpoint);
    if (error == 0)
        error = remove_one(dir, &checkpoint);
    bh_checkpoints_unlock(dir);
    return error;
}

static int prune(int dir, size_t keep)
{
    struct bh_checkpoint *all;
    size_t count;
    int error = bh_checkpoints_list(dir, &all, &count), failed = 0;

    if (error != 0)
        return error;
    for (size_t i = 0; i < count && count - i > keep; i++) {
        error = remove_one(dir, &all[i]);
        if (error != 0 && error != -EBUSY)
            failed = error;
    }
    free(all);
    return failed;
}

int bh_checkpoints_prune(int dir, size_t keep)
{
    int error = keep == 0 ? 0 : bh_checkpoints_lock(dir);

    if (error != 0 || keep == 0)
        return error;
    error = prune(dir, keep);
    bh_checkpoints_unlock(dir);
    return error;
}
