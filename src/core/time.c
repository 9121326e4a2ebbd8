/* SPDX-License-Identifier: MIT */
/* TIME: the calendar. */
#include "core/internal.h"
#include "wire/moment.h"

void bh_handle_time(struct bh_server *server, struct bh_request *request)
{
    uint32_t len = bh_request_put_header(request, 0, BH_OK);
    struct bh_moment now;

    bh_moment_set(&now, server->utc_seconds, server->zone_minutes);
    bh_moment_encode(request->buffer + len, &now);
    bh_session_request_over(server, request, BH_OK);
    bh_request_reply(server, request, len + BH_MOMENT_LEN);
}
