/* SPDX-License-Identifier: MIT */
#include "posix.h"

#include "client/blockhead.h"

#include <stdio.h>

#define TIMEOUT_MS 120000

static struct bh_disk *disk;

static int open_disk(struct load *load)
{
    char url[400];

    snprintf(url, sizeof url, "blockhead://127.0.0.1:%u/%s?sector=%zu",
             (unsigned)load->port, load->volume, load->sector_len);
    disk = bh_disk_new();
    if (disk == NULL)
        return -1;
    bh_disk_set_timeout(disk, TIMEOUT_MS);
    return bh_disk_open(disk, url, 0);
}

static int read_sector(struct load *load, uint32_t lsn, uint8_t *data)
{
    (void)load;
    return bh_disk_read(disk, lsn, data);
}

static int write_sector(struct load *load, uint32_t lsn, const uint8_t *data)
{
    (void)load;
    return bh_disk_write(disk, lsn, data);
}

static int other(struct load *load)
{
    return load_draw(load, 2) == 0 ? bh_disk_flush(disk)
                                   : bh_disk_identify(disk);
}

static int close_disk(struct load *load)
{
    (void)load;
    return bh_disk_close(disk);
}

static void tell(struct load *load)
{
    struct bh_stats stats;

    bh_disk_stats(disk, &stats);
    load->told->retransmissions = stats.retransmissions;
    load->told->strays = stats.strays;
    if (load->told->reconnections != stats.reconnections)
        load_violation(load, "libblockhead had to connect again");
    load->told->reconnections = stats.reconnections;
}

const struct serial_kind posix_kind = {.name = "posix",
                                       .open = open_disk,
                                       .read = read_sector,
                                       .write = write_sector,
                                       .other = other,
                                       .close = close_disk,
                                       .tell = tell};
