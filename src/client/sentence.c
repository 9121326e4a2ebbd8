/* SPDX-License-Identifier: MIT */
#include "client/sentence.h"

#include "client/error.h"
#include "client/session.h"
#include "wire/protocol.h"

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

int bh_sentence_say(struct bh_disk *disk, const struct bh_request *request,
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
    why = bh_path_explain(&disk->path, error);
    if (why != NULL)
        return bh_say_why(disk->error, sizeof(disk->error), &made, error, why);
    return bh_say_errno(disk->error, sizeof(disk->error), &made, error);
}
