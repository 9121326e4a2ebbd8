/* SPDX-License-Identifier: MIT */
#include "volume/mend.h"

#include "core/job.h"
#include "volume/checkpoint.h"
#include "volume/file_lock.h"
#include "volume/rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int finish(int dir, int image, char cause[BH_CAUSE_LEN])
{
    struct bh_file_lock lock = {.fd = image};
    char ignored[BH_CAUSE_LEN];
    int error;

    if ((fcntl(image, F_GETFL) & O_ACCMODE) != O_RDWR) {
        snprintf(cause, BH_CAUSE_LEN,
                 "a rollback was not finished, and cannot be where nothing may "
                 "be written");
        return -EIO;
    }
    error = bh_file_lock_set(&lock, BH_ACCESS_WRITER, cause);
    if (error != 0)
        return error;
    error = bh_rollback_finish(dir, image, cause);
    (void)bh_file_lock_set(&lock, BH_ACCESS_NONE, ignored);
    return error == -EBUSY ? -EAGAIN : error;
}

/* Where no directory of checkpoints can be, there was no rollback. */
int bh_mend(int parent, const char *leaf, int image, char cause[BH_CAUSE_LEN])
{
    char ignored[BH_CAUSE_LEN];
    uint32_t number;
    int dir = bh_checkpoints_open(parent, leaf, false, ignored);
    int error;

    if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP)
        return 0;
    error = dir < 0 ? dir : bh_rollback_pending(dir, &number);
    if (error != 0)
        snprintf(cause, BH_CAUSE_LEN,
                 "nobody knows whether a rollback was finished");
    else if (number != 0)
        error = finish(dir, image, cause);
    if (dir >= 0)
        close(dir);
    return error;
}
