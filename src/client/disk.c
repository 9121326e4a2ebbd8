/* SPDX-License-Identifier: MIT */
/*
 * A disk as its caller sees it: requests that are started and handed back, and
 * sentences about those that failed. What becomes of them in between is
 * session.c's.
 */
#include "client/disk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/clock.h"
#include "client/error.h"
#include "client/extra.h"
#include "client/session.h"
#include "wire/protocol.h"

#define DEFAULT_SECTOR_LEN 512u

static const char *const verbs[] = {
    [BH_REQUEST_OPEN] = "open",
    [BH_REQUEST_IDENTIFY] = "identify",
    [BH_REQUEST_READ] = "read",
    [BH_REQUEST_WRITE] = "write",
    [BH_REQUEST_FLUSH] = "flush",
    [BH_REQUEST_CLOSE] = "close",
    [BH_REQUEST_TRIM] = "trim",
    [BH_REQUEST_ZERO] = "zero",
    [BH_REQUEST_CHECKSUM] = "checksum",
    [BH_REQUEST_TIME] = "learn the time from",
    [BH_REQUEST_CHECKPOINT] = "make a checkpoint of",
    [BH_REQUEST_EJECT] = "eject",
    [BH_REQUEST_LOCK] = "lock the medium in",
    [BH_REQUEST_UNLOCK] = "unlock the medium in"};

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
    disk->timeout_ms = BH_DEFAULT_TIMEOUT_MS;
    disk->now_us = system_clock;
    return disk;
}

void bh_disk_free(struct bh_disk *disk)
{
    if (disk == NULL)
        return;
    bh_session_leave(disk);
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

/*
 * Sentences.
 */

static struct bh_attempt attempt(const struct bh_disk *disk,
                                 const struct bh_request *request)
{
    enum bh_request_kind kind = request->kind;
    struct bh_attempt made = {
        .verb = verbs[kind],
        .target = disk->name,
        .has_lsn = kind == BH_REQUEST_READ || kind == BH_REQUEST_CHECKSUM ||
                   bh_request_changes(request),
        .lsn = request->failed_lsn,
        .sector_len = kind == BH_REQUEST_OPEN ? disk->info.sector_len : 0};

    return made;
}

/* What a status means to this request; NULL: the same as to others. */
static const char *own_words(const struct bh_request *request, uint8_t status)
{
    if (request->kind < BH_REQUEST_EJECT)
        return NULL;
    if (status == BH_ERR_IN_USE)
        return "another session has locked the medium in";
    if (status == BH_ERR_READ_ONLY)
        return "a session that only looks has no say in that";
    return NULL;
}

/* Says why `request` failed; returns `error`. */
static int say(struct bh_disk *disk, const struct bh_request *request,
               int error, uint8_t status, const char *why)
{
    struct bh_attempt made = attempt(disk, request);

    disk->status = status;
    if (why == NULL)
        why = own_words(request, status);
    if (why != NULL)
        return bh_say_why(disk->error, sizeof(disk->error), &made, error, why);
    if (status != BH_OK)
        return bh_say_status(disk->error, sizeof(disk->error), &made, status);
    return bh_say_errno(disk->error, sizeof(disk->error), &made, error);
}

/*
 * Starting.
 */

static int refuse_busy(struct bh_disk *disk, const struct bh_request *wanted)
{
    return say(disk, wanted, -EBUSY, BH_OK,
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

static void take_on(struct bh_disk *disk, const struct bh_request *wanted)
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
    return say(disk, wanted, -EOPNOTSUPP, BH_OK, why);
}

static int start(struct bh_disk *disk, const struct bh_request *wanted)
{
    const char *lacks = bh_extra_lacks(&disk->info, wanted->kind);

    if (disk->state == BH_SESSION_LOST)
        return say(disk, wanted, disk->lost, disk->lost_status, disk->lost_why);
    if (disk->state == BH_SESSION_CLOSED)
        return say(disk, wanted, -ENOTCONN, BH_OK, NULL);
    if (disk->changed && wanted->kind != BH_REQUEST_IDENTIFY)
        return say(disk, wanted, bh_status_errno(BH_ERR_CHANGED),
                   BH_ERR_CHANGED, NULL);
    if (disk->requests.count >= (disk->alone ? 1 : room(disk)))
        return refuse_busy(disk, wanted);
    if (lacks != NULL)
        return refuse_unknown(disk, wanted, lacks);
    take_on(disk, wanted);
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
    return say(disk, wanted, -EINVAL, BH_OK,
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
        return say(disk, &wanted, -EINVAL, BH_OK,
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
        return say(disk, &wanted, -EINVAL, BH_OK,
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
        return say(disk, &wanted, -EOPNOTSUPP, BH_OK,
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

/* What is not open, or lost, closes without the server. */
int bh_disk_start_close(struct bh_disk *disk, void *tag)
{
    const struct bh_request wanted = {
        .kind = BH_REQUEST_CLOSE, .count = 1, .tag = tag};

    if (disk->requests.count > 0)
        return refuse_busy(disk, &wanted);
    take_on(disk, &wanted);
    if (disk->state == BH_SESSION_CLOSED || disk->state == BH_SESSION_LOST) {
        disk->state = BH_SESSION_CLOSED;
        bh_requests_end(&disk->requests, bh_requests_at(&disk->requests, 0));
    }
    return 0;
}

static void set_name(struct bh_disk *disk)
{
    const struct bh_url *url = &disk->url;
    bool bracketed = strchr(url->host, ':') != NULL;
    char port[8] = "";

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
    memset(&disk->info, 0, sizeof(disk->info));
    disk->info.sector_len =
        url->sector_len != 0 ? url->sector_len : DEFAULT_SECTOR_LEN;
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
        return refuse_busy(disk, &wanted);
    rc = bh_url_parse(url, &parsed, disk->error, sizeof(disk->error));
    if (rc < 0) {
        disk->status = BH_OK;
        return rc;
    }
    prepare(disk, &parsed, flags);
    if (flags & ~(unsigned)(BH_OPEN_READ_ONLY | BH_OPEN_LOOK))
        return say(disk, &wanted, -EINVAL, BH_OK, "unknown open flags");
    rc = bh_path_open(&disk->path, parsed.host, parsed.port, &why);
    if (rc < 0)
        return say(disk, &wanted, rc, BH_OK, why);
    take_on(disk, &wanted); /* after the resolver, which takes its own time */
    bh_session_open(disk);
    bh_session_flush(disk);
    return 0;
}

/*
 * Going on, and handing back.
 */

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
            say(disk, request, request->result, request->status, request->why);
        bh_requests_remove(&disk->requests, i);
        return 1;
    }
    return 0;
}
