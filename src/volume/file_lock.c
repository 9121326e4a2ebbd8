/* SPDX-License-Identifier: MIT */
#include "volume/file_lock.h"

#include "core/job.h"
#include "volume/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

#define QEMU_DOES 100
#define QEMU_WRITES 101
#define QEMU_FORBIDS 200
#define QEMU_RIGHTS 4 /* of each kind */

static short type_of(uint8_t access)
{
    switch (access) {
    case BH_ACCESS_WRITER:
        return F_WRLCK;
    case BH_ACCESS_READER:
        return F_RDLCK;
    default:
        return F_UNLCK;
    }
}

static struct flock range(short type, off_t first, off_t len)
{
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = first, .l_len = len};
}

/* Says who is in the way of `wanted`. */
static int refuse(int fd, struct flock wanted, char cause[BH_CAUSE_LEN])
{
    if (fcntl(fd, F_OFD_GETLK, &wanted) == 0)
        bh_holder_say(fd, wanted.l_pid, cause);
    return -EAGAIN;
}

/* From `first` to `end`, where `end` 0 is the end of all files. */
static int set_part(int fd, short type, uint64_t first, uint64_t end,
                    char cause[BH_CAUSE_LEN])
{
    struct flock part =
        range(type, (off_t)first, end == 0 ? 0 : (off_t)(end - first));

    if (end != 0 && end <= first)
        return 0;
    if (fcntl(fd, F_OFD_SETLK, &part) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return -errno;
    return refuse(fd, part, cause);
}

/* The volume's bytes, but for those that each volume has read-locked. */
static int set_bytes(const struct bh_file_lock *lock, uint8_t access,
                     char cause[BH_CAUSE_LEN])
{
    const uint64_t gap = QEMU_FORBIDS, gap_end = gap + QEMU_RIGHTS;
    uint64_t first = lock->first, end = lock->len == 0 ? 0 : first + lock->len;
    int error = 0;

    if (first < gap)
        error = set_part(lock->fd, type_of(access), first,
                         end != 0 && end < gap ? end : gap, cause);
    if (error == 0)
        error = set_part(lock->fd, type_of(access),
                         first > gap_end ? first : gap_end, end, cause);
    return error;
}

static int set_bar(const struct bh_file_lock *lock, uint8_t access,
                   char cause[BH_CAUSE_LEN])
{
    bool locks = access == BH_ACCESS_WRITER || access == BH_ACCESS_READER;

    return set_part(lock->fd, locks ? F_RDLCK : F_UNLCK, QEMU_FORBIDS,
                    QEMU_FORBIDS + QEMU_RIGHTS, cause);
}

/* Whether a QEMU has the file open that would mind, or that we would. A lock
 * that is longer is of a volume. */
static int look_for_qemu(const struct bh_file_lock *lock, uint8_t access,
                         char cause[BH_CAUSE_LEN])
{
    struct flock wanted = access == BH_ACCESS_WRITER
                              ? range(F_WRLCK, QEMU_DOES, QEMU_RIGHTS)
                              : range(F_WRLCK, QEMU_WRITES, 1);
    struct flock found = wanted;

    if (access != BH_ACCESS_WRITER && access != BH_ACCESS_READER)
        return 0;
    if (fcntl(lock->fd, F_OFD_GETLK, &found) != 0)
        return -errno;
    if (found.l_type == F_UNLCK || found.l_start < QEMU_DOES ||
        found.l_len == 0 ||
        found.l_start + found.l_len > QEMU_DOES + QEMU_RIGHTS)
        return 0;
    return refuse(lock->fd, wanted, cause);
}

int bh_file_lock_set(struct bh_file_lock *lock, uint8_t access,
                     char cause[BH_CAUSE_LEN])
{
    char ignored[BH_CAUSE_LEN];
    int error = set_bar(lock, access, cause);

    if (error == 0)
        error = look_for_qemu(lock, access, cause);
    if (error == 0)
        error = set_bytes(lock, access, cause);
    if (error == 0) {
        lock->access = access;
    } else {
        (void)set_bytes(lock, lock->access, ignored);
        (void)set_bar(lock, lock->access, ignored);
    }
    return error;
}
