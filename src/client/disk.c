/* SPDX-License-Identifier: MIT */
/*
 * A disk as its caller sees it, but for how requests are started (start.c,
 * open.c): what it tells, and how those that are over are handed back. What
 * becomes of them in between is session.c's.
 */
#include "client/disk.h"

#include <stdlib.h>
#include <sys/random.h>

#include "client/clock.h"
#include "client/sentence.h"
#include "client/session.h"

static uint64_t system_clock(void *context)
{
    (void)context;
    return bh_clock_us();
}

struct bh_disk *bh_disk_new(void)
{
    struct bh_disk *disk = calloc(1, sizeof(*disk));

    if (disk == NULL)
        return NULL;
    bh_path_init(&disk->path);
    bh_requests_init(&disk->requests);
    /* Failing leaves 0, which works: the seq only makes old lives unlikely. */
    if (getrandom(&disk->last.packet[1], 1, GRND_NONBLOCK) != 1)
        disk->last.packet[1] = 0;
    disk->width = 1;
    disk->run = 1;
    disk->default_sector_len = BH_DEFAULT_SECTOR_LEN;
    disk->timeout_ms = BH_DEFAULT_TIMEOUT_MS;
    disk->now_us = system_clock;
    return disk;
}

void bh_disk_free(struct bh_disk *disk)
{
    if (disk == NULL)
        return;
    bh_session_leave(disk);
    free(disk->edges);
    free(disk);
}

void bh_disk_set_clock(struct bh_disk *disk, uint64_t (*now_us)(void *),
                       void *context)
{
    disk->now_us = now_us;
    disk->clock = context;
}

void bh_disk_set_timeout(struct bh_disk *disk, uint32_t timeout_ms)
{
    disk->timeout_ms = timeout_ms;
}

const char *bh_disk_error(const struct bh_disk *disk)
{
    return disk->error;
}

uint8_t bh_disk_status(const struct bh_disk *disk)
{
    return disk->status;
}

const struct bh_info *bh_disk_info(const struct bh_disk *disk)
{
    return &disk->info;
}

int bh_disk_is_open(const struct bh_disk *disk)
{
    return disk->state != BH_SESSION_CLOSED && disk->state != BH_SESSION_LOST;
}

uint64_t bh_disk_size(const struct bh_disk *disk)
{
    return disk->info.sector_count * disk->info.sector_len;
}

void bh_disk_stats(const struct bh_disk *disk, struct bh_stats *out)
{
    const struct bh_path *path = &disk->path;

    out->requests = path->requests;
    out->retransmissions = path->retransmissions;
    out->strays = path->strays;
    out->reconnections = disk->reconnections;
    out->srtt_us = path->rto.srtt_us;
    out->rto_us = path->rto.rto_us;
}

int bh_disk_fd(const struct bh_disk *disk)
{
    return disk->path.fd;
}

int bh_disk_wait_ms(const struct bh_disk *disk)
{
    return bh_session_wait_ms(disk);
}

int bh_disk_process(struct bh_disk *disk)
{
    bh_session_process(disk);
    return (int)(disk->requests.count - disk->requests.over);
}

int bh_disk_next(struct bh_disk *disk, struct bh_done *out)
{
    const struct bh_request *request;
    unsigned i;

    for (i = 0; i < disk->requests.count && disk->requests.over > 0; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (!request->over)
            continue;
        out->tag = request->tag;
        out->result = request->result;
        if (request->result < 0)
            bh_sentence_say(disk, request, request->result, request->status,
                            request->why);
        bh_requests_remove(&disk->requests, i);
        return 1;
    }
    return 0;
}
