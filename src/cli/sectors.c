/* SPDX-License-Identifier: MIT */
#include "cli/sectors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/source.h"

static int read_bytes(const struct sectors *sectors, uint64_t at, uint8_t *data,
                      size_t len)
{
    const struct source *source = sectors->source;
    ssize_t done = 1;

    for (size_t got = 0; got < len; got += (size_t)done) {
        done = pread(source->fd, data + got, len - got,
                     (off_t)(sectors->base + at + got));
        if (done > 0)
            continue;
        if (done < 0 && errno == EINTR) {
            done = 0;
            continue;
        }
        complain("cannot read %s: %s", source->path,
                 done < 0 ? strerror(errno) : "it became shorter meanwhile");
        return -EIO;
    }
    return 0;
}

uint32_t sectors_rest(const struct sectors *sectors)
{
    return (uint32_t)(sectors->source->size % sectors->len);
}

int sectors_begin(struct sectors *sectors, const struct source *source,
                  uint32_t sector_len)
{
    const off_t at = lseek(source->fd, 0, SEEK_CUR);
    uint32_t rest;

    sectors->source = source;
    sectors->base = at > 0 ? (uint64_t)at : 0;
    sectors->len = sector_len;
    rest = sectors_rest(sectors);
    sectors->count = source->size / sector_len + (rest != 0);
    sectors->hole_from = 0;
    sectors->hole_to = 0;
    sectors->data_from = 0;
    sectors->data_to = 0;
    memset(sectors->last, 0, sector_len);
    return read_bytes(sectors, source->size - rest, sectors->last, rest);
}

int sectors_read(struct sectors *sectors, uint64_t lsn, size_t count,
                 uint8_t *data)
{
    size_t whole = count;

    if (lsn + count == sectors->count && sectors_rest(sectors) != 0) {
        whole--;
        memcpy(data + whole * sectors->len, sectors->last, sectors->len);
    }
    return read_bytes(sectors, lsn * sectors->len, data, whole * sectors->len);
}

/* What begins at `from`: a hole, or data. */
static void look_for_hole(struct sectors *sectors, uint64_t from)
{
    const int fd = sectors->source->fd;
    const off_t data = lseek(fd, (off_t)from, SEEK_DATA);
    off_t hole;

    if (data < 0 && errno != ENXIO)
        return;
    if (data < 0 || (uint64_t)data > from) {
        sectors->hole_from = from;
        sectors->hole_to = data < 0 ? UINT64_MAX : (uint64_t)data;
        return;
    }
    hole = lseek(fd, (off_t)from, SEEK_HOLE);
    sectors->data_from = from;
    sectors->data_to = hole < 0 ? UINT64_MAX : (uint64_t)hole;
}

bool sectors_are_hole(struct sectors *sectors, uint64_t lsn, size_t count)
{
    const uint64_t from = sectors->base + lsn * sectors->len;
    const uint64_t to = from + count * sectors->len;

    if (to > sectors->base + sectors->source->size)
        return false;
    if (from >= sectors->data_from && from < sectors->data_to)
        return false;
    if (from < sectors->hole_from || from >= sectors->hole_to)
        look_for_hole(sectors, from);
    return from >= sectors->hole_from && to <= sectors->hole_to;
}
