/* SPDX-License-Identifier: MIT */
/* The blocking calls: the poll-able form with its loop around it. */
#include <poll.h>

#include "client/session.h"

/* Marks what is started next: it is to be the only one, so that the result that
 * comes is its own. */
static struct bh_disk *alone(struct bh_disk *disk)
{
    disk->alone = true;
    return disk;
}

/* `rc` is what the start call said. A signal only wakes the loop early. */
static int finish(struct bh_disk *disk, int rc)
{
    struct pollfd event = {.events = POLLIN};
    struct bh_done done = {.result = rc};

    disk->alone = false;
    if (rc < 0)
        return rc;
    while (bh_disk_process(disk) > 0) {
        event.fd = bh_disk_fd(disk);
        poll(&event, 1, bh_disk_wait_ms(disk));
    }
    bh_disk_next(disk, &done);
    return done.result;
}

int bh_disk_open(struct bh_disk *disk, const char *url, unsigned flags)
{
    return finish(disk, bh_disk_start_open(alone(disk), url, flags, NULL));
}

int bh_disk_identify(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_identify(alone(disk), NULL));
}

int bh_disk_read_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                     void *data)
{
    return finish(disk,
                  bh_disk_start_read_run(alone(disk), lsn, count, data, NULL));
}

int bh_disk_write_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                      const void *data)
{
    return finish(disk,
                  bh_disk_start_write_run(alone(disk), lsn, count, data, NULL));
}

int bh_disk_pread(struct bh_disk *disk, uint64_t offset, size_t len, void *data)
{
    return finish(disk,
                  bh_disk_start_pread(alone(disk), offset, len, data, NULL));
}

int bh_disk_pwrite(struct bh_disk *disk, uint64_t offset, size_t len,
                   const void *data)
{
    return finish(disk,
                  bh_disk_start_pwrite(alone(disk), offset, len, data, NULL));
}

int bh_disk_read(struct bh_disk *disk, uint32_t lsn, void *data)
{
    return bh_disk_read_run(disk, lsn, 1, data);
}

int bh_disk_write(struct bh_disk *disk, uint32_t lsn, const void *data)
{
    return bh_disk_write_run(disk, lsn, 1, data);
}

int bh_disk_flush(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_flush(alone(disk), NULL));
}

int bh_disk_trim(struct bh_disk *disk, uint32_t lsn, uint32_t count)
{
    return finish(disk, bh_disk_start_trim(alone(disk), lsn, count, NULL));
}

int bh_disk_zero(struct bh_disk *disk, uint32_t lsn, uint32_t count)
{
    return finish(disk, bh_disk_start_zero(alone(disk), lsn, count, NULL));
}

int bh_disk_checksum(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                     uint32_t *crc)
{
    return finish(disk,
                  bh_disk_start_checksum(alone(disk), lsn, count, crc, NULL));
}

int bh_disk_time(struct bh_disk *disk, struct bh_time *out)
{
    return finish(disk, bh_disk_start_time(alone(disk), out, NULL));
}

int bh_disk_checkpoint(struct bh_disk *disk, const char *label)
{
    return finish(disk, bh_disk_start_checkpoint(alone(disk), label, NULL));
}

int bh_disk_eject(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_eject(alone(disk), NULL));
}

int bh_disk_lock(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_lock(alone(disk), NULL));
}

int bh_disk_unlock(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_unlock(alone(disk), NULL));
}

int bh_disk_close(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_close(alone(disk), NULL));
}
