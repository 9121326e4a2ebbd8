/* SPDX-License-Identifier: MIT */
/* How a disk is opened and closed. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/sentence.h"
#include "client/session.h"
#include "client/start.h"
#include "wire/protocol.h"

static void set_name(struct bh_disk *disk)
{
    const struct bh_url *url = &disk->url;
    bool bracketed = strchr(url->host, ':') != NULL;
    char port[8] = "";

    if (url->kind != BH_URL_UDP) {
        bh_url_print(url, disk->name, sizeof(disk->name));
        return;
    }
    if (url->port != BH_DEFAULT_PORT)
        snprintf(port, sizeof(port), ":%u", url->port);
    snprintf(disk->name, sizeof(disk->name), "blockhead://%s%s%s%s/%s",
             bracketed ? "[" : "", url->host, bracketed ? "]" : "", port,
             url->image);
}

static void set_connect_flags(struct bh_disk *disk, unsigned flags)
{
    uint8_t exponent = 0;

    while (BH_SECTOR_LEN(exponent) < disk->info.sector_len)
        exponent++;
    disk->connect_flags = exponent | BH_FLAG_STRICT;
    if (flags & BH_OPEN_LOOK)
        disk->connect_flags |= BH_FLAG_LOOK;
    else if (flags & BH_OPEN_READ_ONLY)
        disk->connect_flags |= BH_FLAG_READ_ONLY;
}

/* Forgets the disk that was, and takes on the one of `url`. */
static void prepare(struct bh_disk *disk, const struct bh_url *url,
                    unsigned flags)
{
    bh_session_leave(disk);
    disk->state = BH_SESSION_CLOSED;
    disk->url = *url;
    disk->identified = false;
    disk->changed = false;
    disk->locks = false;
    disk->changes = 0;
    disk->flushed = 0;
    free(disk->edges); /* of another sector length */
    disk->edges = NULL;
    memset(&disk->info, 0, sizeof(disk->info));
    disk->info.sector_len =
        url->sector_len != 0 ? url->sector_len : disk->default_sector_len;
    set_name(disk);
    set_connect_flags(disk, flags);
}

int bh_disk_start_open(struct bh_disk *disk, const char *url, unsigned flags,
                       void *tag)
{
    const struct bh_request wanted = {
        .kind = BH_REQUEST_OPEN, .count = 1, .tag = tag};
    const char *why;
    struct bh_url parsed;
    int rc;

    if (disk->requests.count > 0)
        return bh_start_refuse_busy(disk, &wanted);
    rc = bh_url_parse(url, &parsed, disk->error, sizeof(disk->error));
    if (rc < 0) {
        disk->status = BH_OK;
        return rc;
    }
    prepare(disk, &parsed, flags);
    if (flags & ~(unsigned)(BH_OPEN_READ_ONLY | BH_OPEN_LOOK))
        return bh_sentence_say(disk, &wanted, -EINVAL, BH_OK,
                               "unknown open flags");
    rc = bh_path_open(&disk->path, &parsed, &why);
    if (rc < 0)
        return bh_sentence_say(disk, &wanted, rc, BH_OK, why);
    bh_start_take_on(
        disk, &wanted); /* after the resolver, which takes its own time */
    bh_session_open(disk);
    bh_session_flush(disk);
    return 0;
}

/* What is not open, or lost, closes without the server. */
int bh_disk_start_close(struct bh_disk *disk, void *tag)
{
    const struct bh_request wanted = {
        .kind = BH_REQUEST_CLOSE, .count = 1, .tag = tag};

    if (disk->requests.count > 0)
        return bh_start_refuse_busy(disk, &wanted);
    bh_start_take_on(disk, &wanted);
    if (disk->state == BH_SESSION_CLOSED || disk->state == BH_SESSION_LOST) {
        disk->state = BH_SESSION_CLOSED;
        bh_requests_end(&disk->requests, bh_requests_at(&disk->requests, 0));
    }
    return 0;
}
