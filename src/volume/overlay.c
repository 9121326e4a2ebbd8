/* SPDX-License-Identifier: MIT */
/*
 * Invariants:
 * 1. A unit's bytes are never written in place. They go to a slot of the file
 *    that no map entry names; then one write changes the entry, and the slot
 *    that it named is free.
 * 2. A slot that no entry names is free, or of a write that is under way. The
 *    file does not say which are free: the next server counts.
 *
 * A file of the base's shape with a bitmap would be simpler, and was rejected:
 * to write a sector again it changes bytes in place, where a kill can end a
 * write of several pages in the midst; and 128 bytes would take the 4096 of a
 * file system's block. Slots lie close together even if the writes did not.
 */
#include "volume/overlay.h"

#include "volume/calm.h"
#include "volume/io.h"
#include "volume/overlay_map.h"
#include "volume/pieces.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct overlay {
    struct bh_medium medium; /* first: the medium is the overlay */
    struct bh_medium *base;
    bool owns_base;
    int fd;
    struct bh_calm calm;
    pthread_rwlock_t lock; /* the map, and the slots that it names */
    struct bh_overlay_map map;
};

static struct overlay *overlay_of(struct bh_medium *medium)
{
    return (struct overlay *)(void *)medium;
}

/*
 * Reads.
 */

/* A part of a read that lies together. */
struct stretch {
    uint64_t offset; /* in the medium */
    size_t len;
    uint32_t entry;
    uint64_t at; /* in the file, if it has a slot */
};

static struct stretch stretch_at(const struct overlay *overlay, uint64_t offset,
                                 size_t len)
{
    const struct bh_overlay_map *map = &overlay->map;
    uint32_t within = (uint32_t)(offset % map->unit);
    uint32_t units = (uint32_t)((within + len + map->unit - 1) / map->unit);
    const uint32_t *entries = map->entries + offset / map->unit;
    size_t most = (size_t)bh_overlay_run(entries, units) * map->unit - within;
    struct stretch stretch = {offset, len < most ? len : most, entries[0], 0};

    if (entries[0] >= BH_OVERLAY_SLOT)
        stretch.at = bh_overlay_slot_at(map, entries[0]) + within;
    return stretch;
}

static int read_slots(const struct overlay *overlay,
                      const struct stretch *stretch, const struct iovec *pieces,
                      unsigned count, bool now)
{
    if (!now)
        return bh_io_read(overlay->fd, stretch->at, pieces, count);
    return preadv2(overlay->fd, pieces, (int)count, (off_t)stretch->at,
                   RWF_NOWAIT) == (ssize_t)stretch->len
               ? 0
               : -EAGAIN;
}

static int read_base(const struct overlay *overlay, uint64_t offset,
                     const struct iovec *pieces, unsigned count, bool now)
{
    const struct bh_medium_ops *ops = overlay->base->ops;

    return (now ? ops->read_now : ops->read)(overlay->base, offset, pieces,
                                             count);
}

/* Reads some of `len` bytes and says how many. The base is read without the
 * lock: that may be slow, and what is there stays. */
static int read_some(struct overlay *overlay, uint64_t offset, size_t *len,
                     struct bh_pieces *rest, bool now)
{
    struct iovec pieces[BH_PIECES_MAX];
    struct stretch stretch;
    unsigned count;
    int error = 0;

    if (!now)
        pthread_rwlock_rdlock(&overlay->lock);
    else if (pthread_rwlock_tryrdlock(&overlay->lock) != 0)
        return -EAGAIN;
    stretch = stretch_at(overlay, offset, *len);
    count = bh_pieces_cut(rest, stretch.len, pieces);
    *len = stretch.len;
    if (stretch.entry >= BH_OVERLAY_SLOT)
        error = read_slots(overlay, &stretch, pieces, count, now);
    pthread_rwlock_unlock(&overlay->lock);
    if (stretch.entry == BH_OVERLAY_BASE)
        error = read_base(overlay, offset, pieces, count, now);
    for (unsigned i = 0; stretch.entry == BH_OVERLAY_ZERO && i < count; i++)
        memset(pieces[i].iov_base, 0, pieces[i].iov_len);
    return error;
}

static int read_all(struct overlay *overlay, uint64_t offset,
                    const struct iovec *pieces, unsigned count, bool now)
{
    struct bh_pieces rest = {pieces, 0};
    uint64_t size = overlay->medium.byte_count;
    size_t left = bh_pieces_len(pieces, count);
    int error = 0;

    if (offset > size || size - offset < left)
        return -ENODATA;
    while (left > 0 && error == 0) {
        size_t len = left;

        error = read_some(overlay, offset, &len, &rest, now);
        offset += len;
        left -= len;
    }
    return error;
}

static int overlay_read(struct bh_medium *medium, uint64_t offset,
                        const struct iovec *pieces, unsigned count)
{
    return read_all(overlay_of(medium), offset, pieces, count, false);
}

static int overlay_read_now(struct bh_medium *medium, uint64_t offset,
                            const struct iovec *pieces, unsigned count)
{
    return read_all(overlay_of(medium), offset, pieces, count, true);
}

/*
 * Writes.
 */

static int check_span(const struct overlay *overlay, uint64_t offset,
                      uint64_t len)
{
    uint64_t size = overlay->medium.byte_count;

    if (offset > size || size - offset < len)
        return -ENODATA;
    if (offset % overlay->map.unit != 0 ||
        (len % overlay->map.unit != 0 && offset + len != size))
        return -EINVAL;
    return 0;
}

/* A batch of the map, and the bytes of it. */
struct batch {
    uint32_t unit, count;
    uint32_t len;
};

static struct batch batch_at(const struct overlay *overlay, uint64_t offset,
                             uint64_t len)
{
    uint32_t bytes = overlay->map.unit;
    struct batch batch = {.unit = (uint32_t)(offset / bytes)};
    uint32_t most = BH_OVERLAY_BATCH - batch.unit % BH_OVERLAY_BATCH;

    batch.len = len < (uint64_t)most * bytes ? (uint32_t)len : most * bytes;
    batch.count = (batch.len + bytes - 1) / bytes;
    return batch;
}

static int fill_slots(const struct overlay *overlay, const uint32_t *entries,
                      const struct batch *batch, const uint8_t *data)
{
    uint32_t unit = overlay->map.unit, done = 0, left = batch->len;
    int error = 0;

    while (left > 0 && error == 0) {
        uint32_t run = bh_overlay_run(entries + done, batch->count - done);
        uint32_t len = run * unit < left ? run * unit : left;

        error = bh_io_write(overlay->fd,
                            bh_overlay_slot_at(&overlay->map, entries[done]),
                            data + (size_t)done * unit, len);
        done += run;
        left -= len;
    }
    return error;
}

static int write_batch(struct overlay *overlay, const struct batch *batch,
                       const uint8_t *data)
{
    uint32_t entries[BH_OVERLAY_BATCH], added;
    int error;

    pthread_rwlock_wrlock(&overlay->lock);
    error = bh_overlay_reserve(&overlay->map, batch->unit, batch->count,
                               entries, &added);
    pthread_rwlock_unlock(&overlay->lock);
    if (error != 0)
        return error;
    overlay->calm.busy++;
    error = fill_slots(overlay, entries, batch, data);
    overlay->calm.busy--;
    pthread_rwlock_wrlock(&overlay->lock);
    if (error == 0)
        error = bh_overlay_publish(&overlay->map, batch->unit, batch->count,
                                   entries);
    bh_overlay_settle(&overlay->map, entries, batch->count, added, error != 0);
    pthread_rwlock_unlock(&overlay->lock);
    return error;
}

static int overlay_write(struct bh_medium *medium, uint64_t offset,
                         const uint8_t *data, uint32_t len)
{
    struct overlay *overlay = overlay_of(medium);
    int error = check_span(overlay, offset, len);

    while (len > 0 && error == 0) {
        struct batch batch = batch_at(overlay, offset, len);

        error = write_batch(overlay, &batch, data);
        offset += batch.len;
        data += batch.len;
        len -= batch.len;
    }
    return error;
}

/* Whether a write there needs nothing from the disk: the page is in memory, or
 * it is behind the file's end. */
static bool is_near(const struct overlay *overlay, uint64_t at)
{
    uint8_t byte;
    struct iovec one = {&byte, 1};

    return preadv2(overlay->fd, &one, 1, (off_t)at, RWF_NOWAIT) >= 0;
}

/* With the lock. A slot lies in one page or is whole pages. */
static int write_unit_now(struct overlay *overlay, const struct batch *batch,
                          const uint8_t *data)
{
    uint32_t entry, added;
    int error;

    if (!is_near(overlay, BH_OVERLAY_MAP_AT + batch->unit * UINT64_C(4)))
        return -EAGAIN;
    error = bh_overlay_reserve(&overlay->map, batch->unit, 1, &entry, &added);
    if (error != 0)
        return error;
    if (!is_near(overlay, bh_overlay_slot_at(&overlay->map, entry)))
        error = -EAGAIN;
    if (error == 0)
        error = fill_slots(overlay, &entry, batch, data);
    if (error == 0)
        error = bh_overlay_publish(&overlay->map, batch->unit, 1, &entry);
    bh_overlay_settle(&overlay->map, &entry, 1, added, error != 0);
    return error;
}

/* One unit at most. */
static int overlay_write_now(struct bh_medium *medium, uint64_t offset,
                             const uint8_t *data, uint32_t len)
{
    struct overlay *overlay = overlay_of(medium);
    struct batch batch = batch_at(overlay, offset, len);
    uint64_t began = bh_calm_clock_ns();
    int error = check_span(overlay, offset, len);

    if (error != 0)
        return error;
    if (batch.count != 1 || !bh_calm_is(&overlay->calm, began) ||
        pthread_rwlock_trywrlock(&overlay->lock) != 0)
        return -EAGAIN;
    error = write_unit_now(overlay, &batch, data);
    pthread_rwlock_unlock(&overlay->lock);
    bh_calm_wrote(&overlay->calm, began);
    return error;
}

int bh_overlay_zero(struct bh_medium *medium, uint64_t offset, uint64_t len,
                    bool trim)
{
    struct overlay *overlay = overlay_of(medium);
    uint32_t entries[BH_OVERLAY_BATCH];
    int error = check_span(overlay, offset, len);

    (void)trim;
    for (uint32_t i = 0; i < BH_OVERLAY_BATCH; i++)
        entries[i] = BH_OVERLAY_ZERO;
    while (len > 0 && error == 0) {
        struct batch batch = batch_at(overlay, offset, len);

        pthread_rwlock_wrlock(&overlay->lock);
        error =
            bh_overlay_publish(&overlay->map, batch.unit, batch.count, entries);
        pthread_rwlock_unlock(&overlay->lock);
        offset += batch.len;
        len -= batch.len;
    }
    return error;
}

void bh_overlay_own_base(struct bh_medium *medium)
{
    overlay_of(medium)->owns_base = true;
}

static int overlay_sync(struct bh_medium *medium)
{
    (void)medium;
    return 0;
}

static int overlay_lock(struct bh_medium *medium, uint8_t access,
                        char cause[BH_CAUSE_LEN])
{
    (void)medium;
    (void)access;
    (void)cause;
    return 0;
}

static void overlay_close(struct bh_medium *medium)
{
    struct overlay *overlay = overlay_of(medium);

    bh_overlay_map_close(&overlay->map);
    close(overlay->fd);
    if (overlay->owns_base)
        overlay->base->ops->close(overlay->base);
    pthread_rwlock_destroy(&overlay->lock);
    free(overlay);
}

static const struct bh_medium_ops overlay_ops = {
    .read = overlay_read,
    .read_now = overlay_read_now,
    .write = overlay_write,
    .write_now = overlay_write_now,
    .zero = bh_overlay_zero,
    .sync = overlay_sync,
    .lock = overlay_lock,
    .close = overlay_close,
};

/*
 * Opening.
 */

/* Takes `fd` over, also when it fails. */
static int begin(int fd, const struct bh_overlay_header *header,
                 struct bh_medium *base, struct bh_medium **out)
{
    struct overlay *overlay = calloc(1, sizeof *overlay);
    int error;

    if (overlay == NULL) {
        close(fd);
        return -ENOMEM;
    }
    overlay->medium = (struct bh_medium){&overlay_ops, header->byte_count};
    overlay->base = base;
    overlay->fd = fd;
    pthread_rwlock_init(&overlay->lock, NULL);
    error = bh_overlay_map_open(&overlay->map, fd, header);
    if (error != 0)
        overlay_close(&overlay->medium);
    else
        *out = &overlay->medium;
    return error;
}

int bh_overlay_create(const struct bh_overlay_spec *spec,
                      struct bh_medium *base, struct bh_medium **out)
{
    struct bh_overlay_header header;
    int fd = bh_overlay_file_create(spec, base->byte_count, &header);
    int error = fd < 0 ? fd : begin(fd, &header, base, out);

    if (fd >= 0 && error != 0)
        bh_overlay_remove(spec->dir, spec->name);
    return error;
}

int bh_overlay_open(const struct bh_overlay_spec *spec, struct bh_medium *base,
                    struct bh_medium **out)
{
    struct bh_overlay_header header;
    int fd = bh_overlay_file_open(spec, base->byte_count, &header);

    return fd < 0 ? fd : begin(fd, &header, base, out);
}
