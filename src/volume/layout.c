/* SPDX-License-Identifier: MIT */
#include "volume/layout.h"

#include "volume/format.h"
#include "volume/partition.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* All `len` bytes. A file that is shorter than it was a moment ago is told so
 * by who opens it. */
static int read_at(int fd, uint64_t offset, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = pread(fd, bytes, len, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ENODATA;
        bytes += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

static int take_sample(int fd, uint64_t size, struct bh_sample *sample)
{
    size_t head = size < BH_HEAD_LEN ? (size_t)size : BH_HEAD_LEN;
    int error;

    *sample = (struct bh_sample){.size = size};
    error = read_at(fd, 0, sample->head, head);
    if (error == 0 && size >= BH_TAIL_LEN)
        error = read_at(fd, size - BH_TAIL_LEN, sample->tail, BH_TAIL_LEN);
    return error;
}

static int strip_header(int fd, const struct bh_layout *layout, uint64_t size,
                        struct bh_extent *extent, char cause[BH_CAUSE_LEN])
{
    struct bh_sample sample;
    int error;

    if (!bh_format_has_header(layout->format, layout->path))
        return 0;
    error = take_sample(fd, size, &sample);
    if (error == 0)
        error = bh_format_parse(layout->format, layout->path, &sample, extent,
                                cause);
    return error == 1 ? 0 : error;
}

static int enter_partition(int fd, unsigned number, struct bh_extent *extent,
                           char cause[BH_CAUSE_LEN])
{
    struct bh_extent part = *extent;
    struct bh_partition_walk walk;
    uint8_t sector[BH_PARTITION_SECTOR_LEN] = {0};
    int error = 1;

    bh_partition_begin(&walk, number, extent->len);
    while (error == 1) {
        int failed =
            extent->len < sizeof sector
                ? 0 /* then there is no table: zeros */
                : read_at(fd, extent->first + walk.at, sector, sizeof sector);

        error = failed != 0 ? failed
                            : bh_partition_step(&walk, sector, &part, cause);
    }
    part.first += extent->first;
    if (error == 0)
        *extent = part;
    return error;
}

int bh_layout_read(int fd, const struct bh_layout *layout, uint64_t size,
                   struct bh_extent *extent, char cause[BH_CAUSE_LEN])
{
    int error;

    cause[0] = '\0';
    error = strip_header(fd, layout, size, extent, cause);
    if (error == 0 && layout->partition != 0)
        error = enter_partition(fd, layout->partition, extent, cause);
    return error;
}
