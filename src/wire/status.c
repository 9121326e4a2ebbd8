/* SPDX-License-Identifier: MIT */
#include "wire/status.h"

#include "wire/protocol.h"

static const char *const texts[BH_STATUS_COUNT] = {
    "no error",
    "out of sessions",
    "no such image",
    "bad packet format",
    "bad session id",
    "no such sector",
    "short read or write",
    "bad flags or sector size",
    "read-only",
    "in use by another session",
    "no medium",
    "medium changed",
    "storage error",
    "no space left on the server",
    "not authorised",
    "unknown opcode",
    "busy",
    "ahead of the window"};

const char *bh_status_text(uint8_t status)
{
    return status < BH_STATUS_COUNT ? texts[status] : "unknown error";
}
