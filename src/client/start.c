/* SPDX-License-Identifier: MIT */
/* The requests that an open disk takes on. */
#include "client/start.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/error.h"
#include "client/extra.h"
#include "client/sentence.h"
#include "client/session.h"
#include "wire/protocol.h"

int bh_start_refuse_busy(struct bh_disk *disk, const struct bh_request *wanted)
{
    return bh_sentence_say(
        disk, wanted, -EBUSY, BH_OK,
        disk->requests.count > 1
            ? "other requests are still running on this disk"
            : "another request is still running on this disk");
}

/* How many requests may be started and not handed back. */
static unsigned room(const struct bh_disk *disk)
{
    switch (disk->state) {
    case BH_SESSION_CONNECTING:
    case BH_SESSION_PROVING:
    case BH_SESSION_CLOSING:
        return 0;
    default:
        return disk->info.window;
    }
}

void bh_start_take_on(struct bh_disk *disk, const struct bh_request *wanted)
{
    struct bh_request *request = bh_requests_add(&disk->requests, wanted);

    request->deadline_us =
        bh_session_now_us(disk) + 1000u * (uint64_t)disk->timeout_ms;
    disk->started = true;
    if (disk->requests.count > 1)
        return;
    disk->path.trouble = 0;
    disk->connects = 0;
}

static int refuse_unknown(struct bh_disk *disk, const struct bh_request *wanted,
                          const char *opcode)
{
    char why[100];

    snprintf(why, sizeof(why), "the server does not offer %s", opcode);
    return bh_sentence_say(disk, wanted, -EOPNOTSUPP, BH_OK, why);
}

static int start(struct bh_disk *disk, const struct bh_request *wanted)
{
    const char *lacks = bh_extra_lacks(&disk->info, wanted->kind);

    if (disk->state == BH_SESSION_LOST)
        return bh_sentence_say(disk, wanted, disk->lost, disk->lost_status,
                               disk->lost_why);
    if (disk->state == BH_SESSION_CLOSED)
        return bh_sentence_say(disk, wanted, -ENOTCONN, BH_OK, NULL);
    if (disk->changed && wanted->kind != BH_REQUEST_IDENTIFY)
        return bh_sentence_say(disk, wanted, bh_status_errno(BH_ERR_CHANGED),
                               BH_ERR_CHANGED, NULL);
    if (disk->requests.count >= (disk->alone ? 1 : room(disk)))
        return bh_start_refuse_busy(disk, wanted);
    if (lacks != NULL)
        return refuse_unknown(disk, wanted, lacks);
    bh_start_take_on(disk, wanted);
    return 0;
}

int bh_disk_start_identify(struct bh_disk *disk, void *tag)
{
    return start(disk, &(struct bh_request){.kind = BH_REQUEST_IDENTIFY,
                                            .count = 1,
                                            .tag = tag});
}

static int refuse_run(struct bh_disk *disk, const struct bh_request *wanted)
{
    return bh_sentence_say(
        disk, wanted, -EINVAL, BH_OK,
        "a run has one sector at least, and none beyond the last "
        "number");
}

static int start_run(struct bh_disk *disk, const struct bh_request *wanted)
{
    if (wanted->count == 0 || wanted->count - 1 > UINT32_MAX - wanted->lsn)
        return refuse_run(disk, wanted);
    return start(disk, wanted);
}

int bh_disk_start_read_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                           void *data, void *tag)
{
    return start_run(disk, &(struct bh_request){.kind = BH_REQUEST_READ,
                                                .lsn = lsn,
                                                .count = count,
                                                .in = data,
                                                .tag = tag,
                                                .failed_lsn = lsn});
}

int bh_disk_start_write_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                            const void *data, void *tag)
{
    return start_run(disk, &(struct bh_request){.kind = BH_REQUEST_WRITE,
                                                .lsn = lsn,
                                                .count = count,
                                                .out = data,
                                                .tag = tag,
                                                .failed_lsn = lsn});
}

/* Room for the edges of all requests that there may be. */
static bool has_room_for_edges(struct bh_disk *disk)
{
    if (disk->edges == NULL)
        disk->edges = malloc((size_t)BH_REQUESTS_MAX * BH_EDGES_MAX *
                             disk->info.sector_len);
    return disk->edges != NULL;
}

/* READ or WRITE of bytes. Of none it is over at once. */
static int start_bytes(struct bh_disk *disk, struct bh_request *wanted,
                       uint64_t offset, size_t len)
{
    struct bh_request *request;
    int rc;

    if (disk->info.sector_len == 0)
        return bh_sentence_say(disk, wanted, -ENOTCONN, BH_OK, NULL);
    if (!bh_edges_cut(wanted, offset, len, disk->info.sector_len))
        return bh_sentence_say(disk, wanted, -ERANGE, BH_OK,
                               "these bytes lie behind the last sector that "
                               "has a number");
    wanted->failed_lsn = wanted->lsn;
    if (bh_edges_any(wanted) && !has_room_for_edges(disk))
        return bh_sentence_say(disk, wanted, -ENOMEM, BH_OK, NULL);
    rc = start(disk, wanted);
    if (rc < 0)
        return rc;
    request = bh_requests_at(&disk->requests, disk->requests.count - 1);
    request->edges.bytes =
        disk->edges + (size_t)BH_EDGES_MAX * disk->info.sector_len *
                          bh_requests_slot(&disk->requests, request);
    if (len == 0)
        bh_requests_end(&disk->requests, request);
    return 0;
}

int bh_disk_start_pread(struct bh_disk *disk, uint64_t offset, size_t len,
                        void *data, void *tag)
{
    return start_bytes(
        disk,
        &(struct bh_request){.kind = BH_REQUEST_READ, .in = data, .tag = tag},
        offset, len);
}

int bh_disk_start_pwrite(struct bh_disk *disk, uint64_t offset, size_t len,
                         const void *data, void *tag)
{
    return start_bytes(
        disk,
        &(struct bh_request){.kind = BH_REQUEST_WRITE, .out = data, .tag = tag},
        offset, len);
}

int bh_disk_start_read(struct bh_disk *disk, uint32_t lsn, void *data,
                       void *tag)
{
    return bh_disk_start_read_run(disk, lsn, 1, data, tag);
}

int bh_disk_start_write(struct bh_disk *disk, uint32_t lsn, const void *data,
                        void *tag)
{
    return bh_disk_start_write_run(disk, lsn, 1, data, tag);
}

int bh_disk_start_flush(struct bh_disk *disk, void *tag)
{
    return start(disk, &(struct bh_request){
                           .kind = BH_REQUEST_FLUSH, .count = 1, .tag = tag});
}

/* TRIM, ZERO or CHECKSUM. */
static int start_span(struct bh_disk *disk, struct bh_request *wanted)
{
    uint32_t unit = bh_extra_unit(&disk->info);

    wanted->failed_lsn = wanted->lsn;
    if (wanted->count == 0 || wanted->count - 1 > UINT32_MAX - wanted->lsn)
        return refuse_run(disk, wanted);
    wanted->unit = unit;
    wanted->span = wanted->count;
    wanted->count = (wanted->count - 1) / unit + 1;
    return start(disk, wanted);
}

int bh_disk_start_trim(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                       void *tag)
{
    return start_span(disk, &(struct bh_request){.kind = BH_REQUEST_TRIM,
                                                 .lsn = lsn,
                                                 .count = count,
                                                 .tag = tag});
}

int bh_disk_start_zero(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                       void *tag)
{
    return start_span(disk, &(struct bh_request){.kind = BH_REQUEST_ZERO,
                                                 .lsn = lsn,
                                                 .count = count,
                                                 .tag = tag});
}

int bh_disk_start_checksum(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                           uint32_t *crc, void *tag)
{
    struct bh_request wanted = {.kind = BH_REQUEST_CHECKSUM,
                                .lsn = lsn,
                                .count = count,
                                .told = crc,
                                .tag = tag,
                                .failed_lsn = lsn};

    if (disk->info.job_len != 0 && count > bh_extra_unit(&disk->info))
        return bh_sentence_say(
            disk, &wanted, -EINVAL, BH_OK,
            "the run is longer than a checksum may cover (job_len)");
    return start_span(disk, &wanted);
}

int bh_disk_start_time(struct bh_disk *disk, struct bh_time *out, void *tag)
{
    return start(disk, &(struct bh_request){.kind = BH_REQUEST_TIME,
                                            .count = 1,
                                            .told = out,
                                            .tag = tag});
}

int bh_disk_start_checkpoint(struct bh_disk *disk, const char *label, void *tag)
{
    struct bh_request wanted = {
        .kind = BH_REQUEST_CHECKPOINT, .count = 1, .tag = tag};

    if (!bh_extra_set_label(&wanted, label != NULL ? label : ""))
        return bh_sentence_say(
            disk, &wanted, -EINVAL, BH_OK,
            "a label is of 1 to 64 printable ASCII characters, not "
            "'/', '@' or '#', does not begin with '.' or a blank, and "
            "is not a number");
    return start(disk, &wanted);
}

/* EJECT, LOCK or UNLOCK. */
static int start_slot(struct bh_disk *disk, enum bh_request_kind kind,
                      void *tag)
{
    const struct bh_request wanted = {.kind = kind, .count = 1, .tag = tag};

    if (disk->identified && !disk->info.removable)
        return bh_sentence_say(disk, &wanted, -EOPNOTSUPP, BH_OK,
                               "it is not removable: only a slot's medium is");
    return start(disk, &wanted);
}

int bh_disk_start_eject(struct bh_disk *disk, void *tag)
{
    return start_slot(disk, BH_REQUEST_EJECT, tag);
}

int bh_disk_start_lock(struct bh_disk *disk, void *tag)
{
    return start_slot(disk, BH_REQUEST_LOCK, tag);
}

int bh_disk_start_unlock(struct bh_disk *disk, void *tag)
{
    return start_slot(disk, BH_REQUEST_UNLOCK, tag);
}
