/* SPDX-License-Identifier: MIT */
#include "client/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/protocol.h"
#include "wire/status.h"

/* A status, the errno value that a program sees, and what a person can do. */
static const struct {
    int error;
    const char *advice;
} meanings[BH_STATUS_COUNT] = {
    [BH_OK] = {0, NULL},
    [BH_ERR_SESSIONS] = {EUSERS,
                         "close another session, or raise the server's limit"},
    [BH_ERR_NO_IMAGE] = {ENOENT, "`blockhead ls` shows what the server has"},
    [BH_ERR_FORMAT] = {EPROTO,
                       "is the server older or newer than this program?"},
    [BH_ERR_SESSION] = {ESTALE, "open the disk again"},
    [BH_ERR_LSN] =
        {ERANGE, "it lies behind the end of the image, or of its room to grow"},
    [BH_ERR_SHORT] = {EIO, "was the image cut short on the server?"},
    [BH_ERR_FLAGS] = {EINVAL,
                      "try another sector length (?sector=512) or a plain "
                      "open"},
    [BH_ERR_READ_ONLY] = {EROFS, "the session or the image is read-only"},
    [BH_ERR_IN_USE] = {EBUSY, "try again when it is free, or only look at it"},
    [BH_ERR_NO_MEDIUM] = {ENOMEDIUM, "put an image into it on the server"},
    [BH_ERR_CHANGED] = {ESTALE, "open the disk again"},
    [BH_ERR_STORAGE] = {EIO, "the server's log names the cause"},
    [BH_ERR_NO_SPACE] = {ENOSPC, "make room on the server"},
    [BH_ERR_NOT_ALLOWED] = {EACCES, "the server's configuration decides who "
                                    "may"},
    [BH_ERR_OPCODE] = {EOPNOTSUPP, "the server does not offer this"},
    [BH_ERR_BUSY] = {EAGAIN, "try again later"},
    [BH_ERR_AHEAD] = {EPROTO, "which should not happen; the next request "
                              "begins a new session"},
};

int bh_status_errno(uint8_t status)
{
    return status < BH_STATUS_COUNT ? -meanings[status].error : -EPROTO;
}

int bh_say_why(char *out, size_t out_len, const struct bh_attempt *attempt,
               int error, const char *why)
{
    char sector[32] = "";

    if (out == NULL)
        out_len = 0;
    if (attempt->has_lsn)
        snprintf(sector, sizeof(sector), "sector %lu of ",
                 (unsigned long)attempt->lsn);
    snprintf(out, out_len, "cannot %s %s%s: %s", attempt->verb, sector,
             attempt->target, why);
    return error;
}

int bh_say_status(char *out, size_t out_len, const struct bh_attempt *attempt,
                  uint8_t status)
{
    char why[160];
    const char *advice =
        status < BH_STATUS_COUNT ? meanings[status].advice : NULL;

    if (status == BH_ERR_FLAGS &&
        attempt->sector_len > BH_SECTOR_LEN(BH_SECTOR_EXPONENT_MTU))
        snprintf(why, sizeof(why),
                 "sectors of %lu bytes need a path that carries such long "
                 "datagrams whole; use ?sector=1024 or less",
                 (unsigned long)attempt->sector_len);
    else if (advice != NULL)
        snprintf(why, sizeof(why), "%s; %s", bh_status_text(status), advice);
    else
        snprintf(why, sizeof(why),
                 "the server answered error %u, which is unknown here", status);
    return bh_say_why(out, out_len, attempt, bh_status_errno(status), why);
}

/* Advice for what the network says; NULL: strerror() is enough. */
static const char *network_advice(int error)
{
    switch (error) {
    case ETIMEDOUT:
        return "no answer; is blockheadd running there, and does a firewall "
               "let UDP through?";
    case ECONNREFUSED:
        return "nobody listens on that port; is blockheadd running there?";
    case EMSGSIZE:
        return "the datagram does not fit the path's MTU; use a smaller "
               "?sector=";
    case ENOTCONN:
        return "the disk is not open";
    default:
        return NULL;
    }
}

int bh_say_errno(char *out, size_t out_len, const struct bh_attempt *attempt,
                 int error)
{
    const char *why = network_advice(-error);

    return bh_say_why(out, out_len, attempt, error,
                      why != NULL ? why : strerror(-error));
}
