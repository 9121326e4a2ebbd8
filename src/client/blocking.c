/* SPDX-License-Identifier: MIT */
/* The blocking calls: the poll-able form with its loop around it. */
#include <errno.h>
#include <poll.h>

#include "client/blockhead.h"

/* `rc` is what the start call said. A signal only wakes the loop early. */
static int finish(struct bh_disk *disk, int rc)
{
    struct pollfd event = {.events = POLLIN};

    if (rc < 0)
        return rc;
    while ((rc = bh_disk_process(disk)) == -EINPROGRESS) {
        event.fd = bh_disk_fd(disk);
        poll(&event, 1, bh_disk_wait_ms(disk));
    }
    return rc;
}

int bh_disk_open(struct bh_disk *disk, const char *url, unsigned flags)
{
    return finish(disk, bh_disk_start_open(disk, url, flags));
}

int bh_disk_identify(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_identify(disk));
}

int bh_disk_read(struct bh_disk *disk, uint32_t lsn, void *data)
{
    return finish(disk, bh_disk_start_read(disk, lsn, data));
}

int bh_disk_write(struct bh_disk *disk, uint32_t lsn, const void *data)
{
    return finish(disk, bh_disk_start_write(disk, lsn, data));
}

int bh_disk_flush(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_flush(disk));
}

int bh_disk_close(struct bh_disk *disk)
{
    return finish(disk, bh_disk_start_close(disk));
}
