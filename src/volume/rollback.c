/* SPDX-License-Identifier: MIT */
#include "volume/rollback.h"

#include "volume/checkpoint.h"
#include "volume/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK ".rollback-"
#define MARK_LEN (sizeof MARK - 1)

/*
 * The mark.
 */

static void name_mark(uint32_t number, char out[32])
{
    snprintf(out, 32, MARK "%04u", (unsigned)number);
}

int bh_rollback_pending(int dir, uint32_t *number)
{
    DIR *entries = bh_io_entries(dir);
    struct dirent *entry;
    int error;

    *number = 0;
    if (entries == NULL)
        return -errno;
    errno = 0;
    while (*number == 0 && (entry = readdir(entries)) != NULL)
        if (strncmp(entry->d_name, MARK, MARK_LEN) == 0)
            *number = (uint32_t)strtoul(entry->d_name + MARK_LEN, NULL, 10);
    error = *number == 0 ? -errno : 0; /* it must not be overlooked */
    closedir(entries);
    return error;
}

/* From here on, also after a power failure, the image may be a mixture. */
static int mark(int dir, uint32_t number)
{
    char name[32];
    int fd, error;

    name_mark(number, name);
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    if (fsync(dir) == 0)
        return 0;
    error = -errno;
    unlinkat(dir, name, 0);
    return error;
}

static int unmark(int dir, uint32_t number)
{
    char name[32];

    name_mark(number, name);
    return unlinkat(dir, name, 0) == 0 && fsync(dir) == 0 ? 0 : -errno;
}

/*
 * The bytes.
 */

/* Whether the file system can share data: tried with a file without a name. */
static bool can_share(int dir, int from)
{
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    bool can;

    if (fd < 0)
        return false;
    can = bh_copy_share(from, fd);
    close(fd);
    return can;
}

static int restore(int dir, int from, int image)
{
    struct stat st;

    if (fstat(from, &st) != 0)
        return -errno;
    if (can_share(dir, from) && ftruncate(image, st.st_size) == 0 &&
        bh_copy_share(from, image))
        return 0;
    return bh_copy_over(from, image);
}

/* A marked image becomes the checkpoint, and is whole. */
static int carry_out(int dir, uint32_t number, int from, int image)
{
    int error = restore(dir, from, image);

    if (error == 0 && fsync(image) != 0)
        error = -errno;
    return error != 0 ? error : unmark(dir, number);
}

static int open_number(int dir, uint32_t number)
{
    struct bh_checkpoint checkpoint;
    char name[16];
    int error;

    snprintf(name, sizeof name, "%u", (unsigned)number);
    error = bh_checkpoint_find(dir, name, &checkpoint);
    return error != 0 ? error : bh_checkpoint_open(dir, &checkpoint);
}

static int roll_back(int dir, uint32_t number, int from, int image)
{
    uint32_t pending;
    int error = bh_rollback_pending(dir, &pending);

    if (error == 0 && pending != 0 && pending != number)
        return -EBUSY;
    if (error == 0 && !can_share(dir, from))
        error = bh_copy_reserve(from, image);
    if (error == 0)
        error = mark(dir, number);
    return error != 0 ? error : carry_out(dir, number, from, image);
}

static int check_image(int image)
{
    struct stat st;

    if (fstat(image, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    return (fcntl(image, F_GETFL) & O_ACCMODE) == O_RDWR ? 0 : -EROFS;
}

int bh_rollback(int dir, uint32_t number, int image, char cause[BH_CAUSE_LEN])
{
    int from, error = check_image(image);

    if (error != 0)
        return bh_io_say(error, "the image", cause);
    error = bh_checkpoints_lock(dir);
    if (error != 0)
        return bh_io_say(error, "its checkpoints", cause);
    from = open_number(dir, number);
    error = from < 0 ? from : roll_back(dir, number, from, image);
    if (from >= 0)
        close(from);
    bh_checkpoints_unlock(dir);
    return error == 0 ? 0 : bh_io_say(error, "the rollback", cause);
}

static int finish(int dir, uint32_t number, int image, char cause[BH_CAUSE_LEN])
{
    int from = open_number(dir, number), error;

    if (from < 0) {
        snprintf(cause, BH_CAUSE_LEN,
                 "a rollback to checkpoint %u was not finished, and that "
                 "checkpoint is gone",
                 (unsigned)number);
        return from == -ENOENT ? -ENODATA : from;
    }
    error = check_image(image);
    if (error == 0)
        error = carry_out(dir, number, from, image);
    close(from);
    return error == 0
               ? 0
               : bh_io_say(error, "a rollback that was not finished", cause);
}

/* Asks again with the lock: another server may just have finished it. */
int bh_rollback_finish(int dir, int image, char cause[BH_CAUSE_LEN])
{
    uint32_t number;
    int error = bh_rollback_pending(dir, &number);

    if (error == 0 && number == 0) /* who holds the lock may go on */
        return 0;
    if (error == 0)
        error = bh_checkpoints_lock(dir);
    if (error != 0)
        return bh_io_say(error, "its checkpoints", cause);
    error = bh_rollback_pending(dir, &number);
    if (error == 0 && number != 0)
        error = finish(dir, number, image, cause);
    bh_checkpoints_unlock(dir);
    return error;
}
