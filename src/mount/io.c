/* SPDX-License-Identifier: MIT */
#include "mount/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount/scan.h"

#define ZEROS_LEN 16384u /* the longest sector */

/* A call and what it needs; which of it depends on the kind. */
struct io {
    struct call call; /* first: calls are these */
    struct served *served;
    fuse_req_t req; /* NULL: nobody waits for it */
    struct file *file;
    uint64_t offset; /* of the volume */
    uint64_t len;
    const void *out;  /* what is written */
    void *buffer;     /* freed with it */
    uint64_t changes; /* that a FLUSH covers */
    uint64_t end;     /* of what is cleared */
    bool trim;
    unsigned step;     /* of clearing */
    struct scan *scan; /* freed with it */
    uint8_t sector[BH_PARTITION_SECTOR_LEN];
};

static struct io *io_of(struct call *call)
{
    return (struct io *)call;
}

/* A person gets the server's words; a program only what it may know what to do
 * about. EAGAIN and EINVAL would be taken for the program's own fault. */
static int errno_of(int result)
{
    switch (-result) {
    case EAGAIN:
    case EINVAL:
    case EMSGSIZE:
    case EPROTO:
    case ERANGE:
        return EIO;
    default:
        return -result;
    }
}

static struct io *make(struct served *served, fuse_req_t req,
                       int (*start)(struct bh_disk *, struct call *),
                       void (*finish)(struct call *, int))
{
    struct io *io = calloc(1, sizeof(*io));

    if (io == NULL) {
        if (req != NULL)
            fuse_reply_err(req, ENOMEM);
        return NULL;
    }
    io->call.start = start;
    io->call.finish = finish;
    io->served = served;
    io->req = req;
    return io;
}

static void drop(struct io *io)
{
    free(io->buffer);
    free(io->scan);
    free(io);
}

static void answer(struct io *io, int result)
{
    if (io->req != NULL)
        fuse_reply_err(io->req, errno_of(result));
    drop(io);
}

static struct timespec now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return time;
}

/*
 * Reading.
 */

static int start_read(struct bh_disk *disk, struct call *call)
{
    struct io *io = io_of(call);

    return bh_disk_start_pread(disk, io->offset, (size_t)io->len, io->buffer,
                               io);
}

static void finish_read(struct call *call, int result)
{
    struct io *io = io_of(call);

    if (result < 0) {
        answer(io, result);
        return;
    }
    fuse_reply_buf(io->req, io->buffer, (size_t)io->len);
    drop(io);
}

void io_read(fuse_req_t req, struct file *file, uint64_t offset, size_t len)
{
    struct served *served = served_of(req);
    struct io *io;

    len = file_clip(file, offset, len);
    if (len == 0) {
        fuse_reply_buf(req, NULL, 0);
        return;
    }
    io = make(served, req, start_read, finish_read);
    if (io == NULL)
        return;
    io->offset = file->first + offset;
    io->len = len;
    io->buffer = malloc(len);
    if (io->buffer == NULL)
        answer(io, -ENOMEM);
    else
        calls_ask(&served->calls, &io->call);
}

/*
 * Writing.
 */

static int start_write(struct bh_disk *disk, struct call *call)
{
    struct io *io = io_of(call);

    return bh_disk_start_pwrite(disk, io->offset, (size_t)io->len, io->out, io);
}

static void give_back(struct served *served, void *buffer)
{
    if (served->spare_count < SPARES_MAX)
        served->spares[served->spare_count++] = buffer;
    else
        free(buffer);
}

static void finish_write(struct call *call, int result)
{
    struct io *io = io_of(call);

    give_back(io->served, io->buffer);
    io->buffer = NULL;
    if (result < 0) {
        answer(io, result);
        return;
    }
    fuse_reply_write(io->req, (size_t)io->len);
    drop(io);
}

/* Another session may change the rest of a sector meanwhile. */
static bool is_torn(const struct served *served, uint64_t offset, uint64_t len)
{
    return served->info.shared && (offset % served->info.sector_len != 0 ||
                                   len % served->info.sector_len != 0);
}

static int refuse_write(const struct served *served, uint64_t offset,
                        size_t len)
{
    if (served->read_only)
        return EROFS;
    if (len == 0)
        return ENOSPC;
    return is_torn(served, offset, len) ? EINVAL : 0;
}

static void note_change(struct served *served, struct file *file,
                        uint64_t offset, uint64_t len)
{
    const struct timespec time = now();

    served->changes++;
    files_change(&served->files, file, offset, len, &time);
}

void io_write(fuse_req_t req, struct file *file, uint64_t offset, size_t len,
              const char *data)
{
    struct served *served = served_of(req);
    size_t fits = file_clip(file, offset, len);
    int error = len == 0 ? 0 : refuse_write(served, file->first + offset, fits);
    struct io *io;

    if (error != 0 || len == 0) {
        if (error != 0)
            fuse_reply_err(req, error);
        else
            fuse_reply_write(req, 0);
        return;
    }
    io = make(served, req, start_write, finish_write);
    if (io == NULL)
        return;
    io->offset = file->first + offset;
    io->len = fits;
    io->out = data;
    io->buffer = served->request.mem;
    served->request.mem = NULL;
    note_change(served, file, offset, fits);
    calls_ask(&served->calls, &io->call);
}

/*
 * Looking for partitions.
 */

static int start_look(struct bh_disk *disk, struct call *call)
{
    struct io *io = io_of(call);

    return bh_disk_start_pread(disk, io->offset, (size_t)io->len, io->sector,
                               io);
}

/* Asks for the next sector, or is done with it. */
static void scan_on(struct io *io)
{
    if (scan_wants(io->scan, &io->offset))
        calls_ask(&io->served->calls, &io->call);
    else
        answer(io, 0);
}

static void finish_look(struct call *call, int result)
{
    struct io *io = io_of(call);

    scan_take(io->scan, result < 0 ? NULL : io->sector);
    scan_on(io);
}

static void scan_first(struct io *io)
{
    io->call.start = start_look;
    io->call.finish = finish_look;
    io->len = sizeof(io->sector);
    io->scan = malloc(sizeof(*io->scan));
    if (io->scan == NULL) {
        answer(io, -ENOMEM);
        return;
    }
    scan_begin(io->scan, &io->served->files);
    scan_on(io);
}

void io_scan(struct served *served)
{
    struct io *io = make(served, NULL, start_look, finish_look);

    if (io != NULL)
        scan_first(io);
}

/*
 * FLUSH.
 */

static int start_flush(struct bh_disk *disk, struct call *call)
{
    return bh_disk_start_flush(disk, call);
}

static void finish_flush(struct call *call, int result)
{
    struct io *io = io_of(call);

    if (result == 0 && io->changes > io->served->stable)
        io->served->stable = io->changes;
    if (result == 0 && io->served->files.doubtful)
        scan_first(io);
    else
        answer(io, result);
}

void io_flush(fuse_req_t req)
{
    struct served *served = served_of(req);
    struct io *io;

    io = make(served, req, start_flush, finish_flush);
    if (io == NULL)
        return;
    io->changes = served->changes;
    calls_ask(&served->calls, &io->call);
}

/*
 * Clearing: the sectors that lie whole in the range, then the bytes before and
 * behind them.
 */

static uint64_t first_whole(const struct io *io)
{
    const uint64_t len = io->served->info.sector_len;
    const uint64_t first = (io->offset + len - 1) / len * len;

    return first < io->end ? first : io->end;
}

static uint64_t end_whole(const struct io *io)
{
    const uint64_t end = io->end - io->end % io->served->info.sector_len;
    const uint64_t first = first_whole(io);

    return end > first ? end : first;
}

static int start_whole(struct bh_disk *disk, struct io *io)
{
    const uint32_t len = io->served->info.sector_len;
    const uint32_t lsn = (uint32_t)(first_whole(io) / len);
    const uint32_t count = (uint32_t)((end_whole(io) - first_whole(io)) / len);

    return io->trim ? bh_disk_start_trim(disk, lsn, count, io)
                    : bh_disk_start_zero(disk, lsn, count, io);
}

static int start_clear(struct bh_disk *disk, struct call *call)
{
    static const uint8_t zeros[ZEROS_LEN];
    struct io *io = io_of(call);

    if (io->step == 0)
        return start_whole(disk, io);
    if (io->step == 1)
        return bh_disk_start_pwrite(disk, io->offset,
                                    (size_t)(first_whole(io) - io->offset),
                                    zeros, io);
    return bh_disk_start_pwrite(disk, end_whole(io),
                                (size_t)(io->end - end_whole(io)), zeros, io);
}

static bool step_is_empty(const struct io *io)
{
    if (io->step == 0)
        return first_whole(io) == end_whole(io);
    return io->step == 1 ? first_whole(io) == io->offset
                         : end_whole(io) == io->end;
}

static void clear_step(struct io *io)
{
    io->served->changes++; /* a FLUSH may be between two steps */
    calls_ask(&io->served->calls, &io->call);
}

static void clear_on(struct io *io)
{
    while (io->step < 3 && step_is_empty(io))
        io->step++;
    if (io->step < 3)
        clear_step(io);
    else
        answer(io, 0);
}

static void finish_clear(struct call *call, int result)
{
    struct io *io = io_of(call);

    if (result < 0) {
        answer(io, result);
        return;
    }
    io->step++;
    clear_on(io);
}

void io_clear(fuse_req_t req, struct file *file, uint64_t offset, uint64_t len,
              bool trim)
{
    struct served *served = served_of(req);
    struct io *io;

    if (is_torn(served, file->first + offset, len)) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    io = make(served, req, start_clear, finish_clear);
    if (io == NULL)
        return;
    io->offset = file->first + offset;
    io->end = io->offset + len;
    io->trim = trim;
    note_change(served, file, offset, len);
    clear_on(io);
}

/*
 * Watching.
 */

static void finish_watch(struct call *call, int result)
{
    answer(io_of(call), result);
}

void io_watch(struct served *served)
{
    const uint64_t len = served->files.all[0].len;
    struct io *io;

    if (len == 0)
        return;
    io = make(served, NULL, start_look, finish_watch);
    if (io == NULL)
        return;
    io->len = len < sizeof(io->sector) ? len : sizeof(io->sector);
    calls_ask(&served->calls, &io->call);
}
