/* SPDX-License-Identifier: MIT */
#include "shelf.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

long shelf_writes_left = -1;
bool shelf_by_hand, shelf_no_reserve;
char shelf_syncs[8][SHELF_LINE_LEN];
unsigned shelf_sync_count;
static struct shelf *watched;
static void (*tell_more)(struct shelf *shelf, int fd, bool is_file, char *line);

/*
 * The C library's, on a disk that fills up.
 */

static void find(void *at, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(at, &found, sizeof found);
}

static bool is_full(void)
{
    if (shelf_writes_left == 0)
        return true;
    if (shelf_writes_left > 0)
        shelf_writes_left--;
    return false;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);

    find(&real, "pwrite");
    errno = ENOSPC;
    return is_full() ? -1 : real(fd, bytes, len, offset);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at,
                        size_t len, unsigned flags)
{
    ssize_t (*real)(int, off64_t *, int, off64_t *, size_t, unsigned);

    find(&real, "copy_file_range");
    errno = EXDEV;
    if (shelf_by_hand)
        return -1;
    errno = ENOSPC;
    return is_full() ? -1 : real(in, in_at, out, out_at, len, flags);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    int (*real)(int, int, off_t, off_t);

    find(&real, "fallocate");
    errno = EOPNOTSUPP;
    if (shelf_no_reserve)
        return -1;
    errno = ENOSPC;
    return (mode & FALLOC_FL_PUNCH_HOLE) == 0 && is_full()
               ? -1
               : real(fd, mode, offset, len);
}

static void note_sync(int fd)
{
    char *line, more[SHELF_LINE_LEN];
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_true(shelf_sync_count < 8);
    line = shelf_syncs[shelf_sync_count++];
    tell_more(watched, fd, S_ISREG(st.st_mode), more);
    snprintf(line, SHELF_LINE_LEN, "%s, %.28s",
             S_ISDIR(st.st_mode) ? "directory" : "file", more);
}

void shelf_watch(struct shelf *shelf, void (*tell)(struct shelf *shelf, int fd,
                                                   bool is_file, char *line))
{
    watched = shelf;
    tell_more = tell;
    shelf_sync_count = 0;
}

int fsync(int fd)
{
    int (*real)(int);

    find(&real, "fsync");
    if (watched != NULL)
        note_sync(fd);
    return real(fd);
}

/*
 * The files.
 */

int shelf_set_up(void **state)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);

    shelf_writes_left = -1;
    shelf_by_hand = shelf_no_reserve = false;
    watched = NULL;
    snprintf(shelf->path, sizeof shelf->path, "%.40s/bh-shelf-XXXXXX",
             getenv("BH_SHELF") != NULL ? getenv("BH_SHELF") : "/tmp");
    assert_non_null(mkdtemp(shelf->path));
    shelf->parent = open(shelf->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    shelf->image =
        openat(shelf->parent, "a.img", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(shelf->image >= 0);
    shelf->dir =
        bh_checkpoints_open(shelf->parent, "a.img", true, shelf->cause);
    assert_true(shelf->dir >= 0);
    *state = shelf;
    return 0;
}

int shelf_tear_down(void **state)
{
    struct shelf *shelf = *state;
    char command[100];
    int status;

    close(shelf->image);
    close(shelf->parent);
    close(shelf->dir);
    snprintf(command, sizeof command, "rm -rf %s", shelf->path);
    status = system(command);
    free(shelf);
    return status;
}

static size_t length_of(unsigned seed)
{
    return SHELF_SIZE - seed * 4096 - seed * 77;
}

/* One of four spans of 32 KiB is a hole; which depends on the seed. */
static void paint(unsigned seed, uint8_t *bytes)
{
    for (size_t i = 0; i < length_of(seed); i++)
        bytes[i] = (i >> 15) % 4 == seed % 4 ? 0
                   : (i >> 12) % 3 == 0      ? 0x55 /* the same in all */
                                             : (uint8_t)(seed + i / 100);
}

void shelf_draw(int fd, unsigned seed)
{
    static uint8_t bytes[SHELF_SIZE];
    size_t len = length_of(seed);

    paint(seed, bytes);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(ftruncate(fd, (off_t)len), 0);
    for (size_t at = 0; at < len; at += 1 << 15) {
        size_t part = len - at < 1 << 15 ? len - at : 1 << 15;

        if ((at >> 15) % 4 != seed % 4)
            assert_int_equal(pwrite(fd, bytes + at, part, (off_t)at), part);
    }
}

int shelf_drawn(int fd, unsigned seeds)
{
    static uint8_t bytes[SHELF_SIZE + 1], want[SHELF_SIZE];
    ssize_t len = pread(fd, bytes, sizeof bytes, 0);

    for (unsigned seed = 0; seed < seeds; seed++) {
        paint(seed, want);
        if (len == (ssize_t)length_of(seed) &&
            memcmp(bytes, want, (size_t)len) == 0)
            return (int)seed;
    }
    return -1;
}

int shelf_image_drawn(struct shelf *shelf, unsigned seeds)
{
    int fd = openat(shelf->parent, "a.img", O_RDONLY | O_CLOEXEC);
    int seed = shelf_drawn(fd, seeds);

    close(fd);
    return seed;
}

struct bh_checkpoint shelf_keep(struct shelf *shelf, const char *label)
{
    struct bh_checkpoint checkpoint;

    assert_int_equal(bh_checkpoint_create(shelf->dir, shelf->image, label, NULL,
                                          &checkpoint, shelf->cause),
                     0);
    return checkpoint;
}

unsigned shelf_entries(const struct shelf *shelf)
{
    DIR *entries = fdopendir(openat(shelf->dir, ".", O_RDONLY | O_DIRECTORY));
    struct dirent *entry;
    unsigned count = 0;

    while ((entry = readdir(entries)) != NULL)
        count +=
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}
