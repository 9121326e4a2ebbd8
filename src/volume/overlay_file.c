/* SPDX-License-Identifier: MIT */
#include "volume/overlay_file.h"

#include "volume/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "BHOVERL1"
#define UNITS_MAX (UINT32_MAX / 2)

uint32_t bh_overlay_units(const struct bh_overlay_header *header)
{
    return (uint32_t)((header->byte_count + header->unit - 1) / header->unit);
}

uint64_t bh_overlay_map_len(const struct bh_overlay_header *header)
{
    uint64_t len = (uint64_t)bh_overlay_units(header) * sizeof(uint32_t);

    return (len + 4095) & ~UINT64_C(4095);
}

static int check_spec(const struct bh_overlay_spec *spec, uint64_t byte_count)
{
    if (spec->unit < BH_OVERLAY_UNIT_MIN || spec->unit > BH_OVERLAY_UNIT_MAX ||
        (spec->unit & (spec->unit - 1)) != 0 || spec->name[0] == '\0' ||
        spec->name[0] == '.' || strchr(spec->name, '/') != NULL)
        return -EINVAL;
    if (byte_count / spec->unit >= UNITS_MAX ||
        spec->limit / spec->unit >= UNITS_MAX ||
        byte_count / spec->unit > SIZE_MAX / 8)
        return -EFBIG;
    return 0;
}

static struct bh_overlay_header header_of(const struct bh_overlay_spec *spec,
                                          uint64_t byte_count)
{
    struct bh_overlay_header header = {
        .byte_count = byte_count,
        .base_id = spec->base_id,
        .unit = spec->unit,
        .limit = (uint32_t)(spec->limit / spec->unit)};

    memcpy(header.magic, MAGIC, sizeof header.magic);
    return header;
}

static int write_header(int fd, const struct bh_overlay_header *header)
{
    uint64_t len = BH_OVERLAY_MAP_AT + bh_overlay_map_len(header);

    if (ftruncate(fd, (off_t)len) != 0)
        return -errno;
    return bh_io_write(fd, 0, header, sizeof *header);
}

int bh_overlay_file_create(const struct bh_overlay_spec *spec,
                           uint64_t byte_count,
                           struct bh_overlay_header *header)
{
    int fd, error = check_spec(spec, byte_count);

    if (error != 0)
        return error;
    *header = header_of(spec, byte_count);
    if (unlinkat(spec->dir, spec->name, 0) != 0 && errno != ENOENT)
        return -errno;
    fd = openat(spec->dir, spec->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                0600);
    if (fd < 0)
        return -errno;
    error = write_header(fd, header);
    if (error == 0)
        return fd;
    close(fd);
    unlinkat(spec->dir, spec->name, 0);
    return error;
}

/* The beginning of an open file, zeros where it is shorter. */
static int read_header(int fd, struct bh_overlay_header *header,
                       struct stat *st)
{
    memset(header, 0, sizeof *header);
    if (fstat(fd, st) != 0)
        return -errno;
    if (!S_ISREG(st->st_mode))
        return -EBADMSG;
    return pread(fd, header, sizeof *header, 0) < 0 ? -errno : 0;
}

/* Of a server that was killed before it wrote the header. */
static bool is_blank(const struct bh_overlay_header *header,
                     const struct stat *st)
{
    const struct bh_overlay_header blank = {.unit = 0};

    return st->st_blocks == 0 && memcmp(header, &blank, sizeof blank) == 0;
}

static bool has_magic(const struct bh_overlay_header *header)
{
    return memcmp(header->magic, MAGIC, sizeof header->magic) == 0;
}

static int check_header(const struct bh_overlay_header *header,
                        const struct bh_overlay_header *want,
                        const struct stat *st)
{
    if (!has_magic(header))
        return -EBADMSG;
    if (header->unit != want->unit || header->base_id != want->base_id ||
        header->byte_count != want->byte_count)
        return -ESTALE;
    if ((uint64_t)st->st_size < BH_OVERLAY_MAP_AT + bh_overlay_map_len(want) ||
        header->limit >= UNITS_MAX)
        return -EBADMSG;
    return 0;
}

/* As check_header(), for an open file, which gets a header if it has none. */
static int take_header(int fd, const struct bh_overlay_header *want,
                       struct bh_overlay_header *header)
{
    struct stat st;
    int error = read_header(fd, header, &st);

    if (error != 0)
        return error;
    if (!is_blank(header, &st))
        return check_header(header, want, &st);
    *header = *want;
    return write_header(fd, header);
}

int bh_overlay_file_open(const struct bh_overlay_spec *spec,
                         uint64_t byte_count, struct bh_overlay_header *header)
{
    struct bh_overlay_header want;
    int fd, error = check_spec(spec, byte_count);

    if (error != 0)
        return error;
    want = header_of(spec, byte_count);
    fd = openat(spec->dir, spec->name,
                O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP || errno == EISDIR ? -EBADMSG : -errno;
    error = take_header(fd, &want, header);
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int bh_overlay_remove(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 ? 0 : -errno;
}

static bool is_overlay(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct bh_overlay_header header;
    struct stat st;
    bool is;

    if (fd < 0)
        return false;
    is = read_header(fd, &header, &st) == 0 &&
         (is_blank(&header, &st) || has_magic(&header));
    close(fd);
    return is;
}

int bh_overlay_sweep(int dir, bh_overlay_user *in_use, void *context)
{
    DIR *entries = bh_io_entries(dir);
    struct dirent *entry;
    int error = 0;

    if (entries == NULL)
        return -errno;
    while ((entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.' && !in_use(context, entry->d_name) &&
            is_overlay(dir, entry->d_name) &&
            unlinkat(dir, entry->d_name, 0) != 0)
            error = -errno;
    closedir(entries);
    return error;
}
