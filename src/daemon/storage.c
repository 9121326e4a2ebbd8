/* SPDX-License-Identifier: MIT */
#include "daemon/storage.h"

#include "crc/crc.h"
#include "volume/nbd.h"
#include "volume/shelf.h"
#include "wire/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOCK_WAIT_MS 2000
#define LOCK_PAUSE_MS 20

/* The one place where errno becomes a status. */
uint8_t bh_storage_status(int error)
{
    switch (error) {
    case 0:
        return BH_OK;
    case -ENOENT:
        return BH_ERR_NO_IMAGE;
    case -ESTALE: /* what was found is no longer there: connect again */
        return BH_ERR_SESSION;
    case -EAGAIN:
        return BH_ERR_IN_USE;
    case -ENODATA:
        return BH_ERR_SHORT;
    case -EUSERS:
        return BH_ERR_SESSIONS;
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        return BH_ERR_NO_SPACE;
    case -EROFS:
        return BH_ERR_READ_ONLY;
    default:
        return BH_ERR_STORAGE;
    }
}

/* What lies beneath a layer nobody changes. */
static uint8_t access_of(const struct bh_job *job)
{
    return job->facts->layer != 0 ? BH_ACCESS_READER : job->access;
}

/* A server that was killed lets go of its files when its last thread has come
 * back from the disk. */
static int lock_patiently(struct bh_medium *medium, const struct bh_job *job,
                          char cause[BH_CAUSE_LEN])
{
    const struct timespec moment = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    int tries = job->patient ? LOCK_WAIT_MS / LOCK_PAUSE_MS : 0;
    int error = medium->ops->lock(medium, access_of(job), cause);

    for (; error == -EAGAIN && tries > 0; tries--) {
        nanosleep(&moment, NULL);
        error = medium->ops->lock(medium, access_of(job), cause);
    }
    return error;
}

static uint64_t version_of(struct bh_medium *medium)
{
    return medium->ops->version == NULL ? 0 : medium->ops->version(medium);
}

static int attach(struct bh_catalogue *catalogue, struct bh_job *job,
                  char cause[BH_CAUSE_LEN])
{
    struct bh_medium *medium = job->medium;
    bool opened = medium == NULL;
    int error = 0;

    if (opened)
        error = bh_catalogue_open(catalogue, job->facts, &medium, cause);
    if (error != 0)
        return error;
    error = lock_patiently(medium, job, cause);
    if (error == 0 && job->version != 0 && job->version != version_of(medium)) {
        snprintf(cause, BH_CAUSE_LEN,
                 "it was changed while the server was stopped");
        error = -ESTALE;
    }
    if (error == 0 && opened && job->facts->layer != 0)
        error = bh_catalogue_lay(catalogue, job->facts, job->len, job->fresh,
                                 &medium, cause);
    if (error != 0) {
        if (opened)
            medium->ops->close(medium);
        return error;
    }
    job->medium = medium;
    job->byte_count = medium->byte_count;
    job->parallel = bh_nbd_is(medium) ? BH_NBD_SENT_MAX : 0;
    return 0;
}

static int detach(struct bh_catalogue *catalogue, struct bh_job *job)
{
    struct bh_medium *medium = job->medium;

    if (medium != NULL) {
        job->version = version_of(medium);
        medium->ops->close(medium);
    }
    return job->discard ? bh_catalogue_discard(catalogue, job->facts) : 0;
}

/* The kernel tells of a lost write once. */
static int sync_medium(struct bh_medium *medium, const struct bh_job *job)
{
    int error = medium->ops->sync(medium);

    if (error != 0 && job->failed != NULL)
        *job->failed = BH_JOB_FAILED;
    return error;
}

/* A READ's pieces; their number. */
static unsigned pieces_of(const struct bh_job *job,
                          struct iovec pieces[BH_PIECES_MAX])
{
    uint8_t *at = job->data;
    uint32_t left = job->len;
    unsigned count = 0;

    for (; left > 0; at += job->stride) {
        uint32_t len = left < job->piece ? left : job->piece;

        pieces[count++] = (struct iovec){at, len};
        left -= len;
    }
    return count;
}

static int zero(struct bh_medium *medium, const struct bh_job *job)
{
    int error = -ENOTSUP;

    if (medium->ops->zero != NULL)
        error = medium->ops->zero(medium, job->offset, job->len, job->trim);
    if (error == -ENOTSUP)
        error = medium->ops->write(medium, job->offset, job->data, job->len);
    return error;
}

void bh_storage_complete(struct bh_job *job)
{
    if (job->kind != BH_JOB_CHECKSUM)
        return;
    memset(job->data + job->len, 0, job->whole - job->len);
    job->checksum = bh_crc(0, job->data, job->whole);
}

typedef int reading(struct bh_medium *medium, uint64_t offset,
                    const struct iovec *pieces, unsigned count);

static int checksum(struct bh_medium *medium, struct bh_job *job,
                    reading *read_bytes)
{
    struct iovec all = {job->data, job->len};
    int error = read_bytes(medium, job->offset, &all, 1);

    if (error != 0)
        return error;
    bh_storage_complete(job);
    return 0;
}

static int keep_one(const struct bh_shelf *shelf, const char *label,
                    char cause[BH_CAUSE_LEN])
{
    struct bh_checkpoint made;
    int error = bh_checkpoint_create(shelf->dir, shelf->image, label, NULL,
                                     &made, cause);

    if (error == 0) /* it is made, whatever becomes of old ones */
        bh_checkpoints_prune(shelf->dir, shelf->keep);
    return error;
}

static int checkpoint(struct bh_catalogue *catalogue, const struct bh_job *job,
                      char cause[BH_CAUSE_LEN])
{
    struct bh_shelf shelf;
    int error = bh_shelf_open(catalogue, job->facts, true, &shelf, cause);

    if (error != 0)
        return error;
    if (shelf.keep == 0) {
        snprintf(cause, BH_CAUSE_LEN, "its clients may keep none");
        error = -ENOSPC;
    } else {
        error = keep_one(&shelf, (const char *)job->data, cause);
    }
    bh_shelf_close(&shelf);
    return error;
}

static int work(struct bh_catalogue *catalogue, struct bh_job *job,
                const char *default_image, char cause[BH_CAUSE_LEN])
{
    struct bh_medium *medium = job->medium;
    struct iovec pieces[BH_PIECES_MAX];

    switch (job->kind) {
    case BH_JOB_LOOKUP:
        return bh_catalogue_lookup(catalogue, job->name, default_image,
                                   job->facts, cause);
    case BH_JOB_ATTACH:
        return attach(catalogue, job, cause);
    case BH_JOB_DETACH:
        return detach(catalogue, job);
    case BH_JOB_READ:
        return medium->ops->read(medium, job->offset, pieces,
                                 pieces_of(job, pieces));
    case BH_JOB_WRITE:
        return medium->ops->write(medium, job->offset, job->data, job->len);
    case BH_JOB_ZERO:
        return zero(medium, job);
    case BH_JOB_CHECKSUM:
        return checksum(medium, job, medium->ops->read);
    case BH_JOB_CHECKPOINT:
        return checkpoint(catalogue, job, cause);
    case BH_JOB_SWAP:
        return bh_catalogue_swap(catalogue, job->name, job->facts, cause);
    default:
        return sync_medium(medium, job);
    }
}

static bool is_full(const struct bh_job *job, int error)
{
    return error == -ENOSPC && bh_job_is_request(job) && job->facts->layer != 0;
}

uint8_t bh_storage_do(struct bh_catalogue *catalogue, struct bh_job *job,
                      const char *default_image, char cause[BH_CAUSE_LEN])
{
    int error;

    cause[0] = '\0';
    error = work(catalogue, job, default_image, cause);
    if (error == 0)
        cause[0] = '\0'; /* of an attempt on the way */
    else if (cause[0] == '\0')
        snprintf(cause, BH_CAUSE_LEN, "%s",
                 error == -ENODATA     ? "the image is shorter than it was"
                 : is_full(job, error) ? "its session has changed as much as "
                                         "scratch-limit allows, or the disk is "
                                         "full"
                 : error == -EUSERS    ? "too many listings are open"
                                       : strerror(-error));
    if ((job->kind == BH_JOB_ATTACH && error == -ENOENT) ||
        (job->kind <= BH_JOB_ATTACH && error == -ENODATA))
        return BH_ERR_NO_MEDIUM; /* neither is an answer to READ or WRITE */
    return bh_storage_status(error);
}

bool bh_storage_do_now(struct bh_job *job)
{
    const struct bh_medium_ops *ops;
    struct iovec pieces[BH_PIECES_MAX];

    if (job->kind != BH_JOB_READ && job->kind != BH_JOB_WRITE &&
        job->kind != BH_JOB_CHECKSUM)
        return false;
    ops = ((struct bh_medium *)job->medium)->ops;
    if (job->kind == BH_JOB_READ)
        return ops->read_now(job->medium, job->offset, pieces,
                             pieces_of(job, pieces)) == 0;
    if (job->kind == BH_JOB_CHECKSUM)
        return checksum(job->medium, job, ops->read_now) == 0;
    return ops->write_now != NULL &&
           ops->write_now(job->medium, job->offset, job->data, job->len) == 0;
}
