/* SPDX-License-Identifier: MIT */
/* Orders about sessions. */
#include "core/admin.h"
#include "core/limits.h"
#include "daemon/order_internal.h"
#include "daemon/peer.h"
#include "volume/images.h"

/* A longer list is asked for in parts, so that no client waits for it. */
#define PART 128u

static json_t *describe(const struct bh_admin_session *session)
{
    static const char *const accesses[] = {"none", "look", "read", "write"};
    json_t *object = json_object();
    char peer[BH_PEER_TEXT_LEN];

    bh_order_put_number(object, "id", session->id);
    bh_order_put_text(object, "peer", bh_peer_print(&session->peer, peer));
    bh_order_put_text(object, "volume", session->volume);
    bh_order_put_number(object, "number",
                        session->number == BH_NO_NUMBER ? 0 : session->number);
    bh_order_put_text(object, "access", accesses[session->access]);
    bh_order_put_flag(object, "strict", session->strict);
    bh_order_put_flag(object, "scratch", session->scratch);
    bh_order_put_number(object, "sector", BH_SECTOR_LEN(session->exponent));
    bh_order_put_number(object, "idle_ms", session->idle_ms);
    bh_order_put_number(object, "under_way", session->requests);
    bh_order_put_flag(object, "ending", session->ending);
    if (session->strict)
        bh_order_put_number(object, "carried_out", session->carried_out);
    return object;
}

void bh_order_sessions(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    struct bh_admin_session session;
    json_t *list = json_array();
    uint64_t from;
    uint32_t place;

    json_object_set_new(order->answer, "sessions", list);
    if (!bh_order_from(order, &from))
        return;
    place = (uint32_t)from;
    while (
        bh_admin_next_session(driver->server, driver->now, &place, &session)) {
        json_array_append_new(list, describe(&session));
        if (json_array_size(list) == PART) {
            bh_order_put_number(order->answer, "next", place);
            break;
        }
    }
}

void bh_order_disconnect(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    uint64_t id;
    enum bh_admin_end end;

    if (!bh_order_number(order, "id", UINT16_MAX, &id))
        return;
    end = bh_admin_disconnect(driver->server, driver->now, (uint16_t)id);
    if (end == BH_ADMIN_UNKNOWN)
        bh_order_refuse(order, "there is no session %u; it may have ended",
                        (unsigned)id);
    else
        bh_order_put_flag(order->answer, "ended", end == BH_ADMIN_ENDED);
}
