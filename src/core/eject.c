/* SPDX-License-Identifier: MIT */
/* EJECT, LOCK and UNLOCK: what a client may want of a slot. */
#include "core/internal.h"

/* A fixed medium does not know them; who only looks has no say. */
static uint8_t check(const struct bh_session *session)
{
    if (!session->volume->facts.removable)
        return BH_ERR_OPCODE;
    return session->access == BH_ACCESS_LOOK ? BH_ERR_READ_ONLY : BH_OK;
}

static void set_lock(struct bh_server *server, struct bh_request *request,
                     bool locks)
{
    struct bh_session *session = request->session;
    uint8_t status = check(session);

    if (status == BH_OK) {
        session->locks = locks;
        bh_keep_session(server, session);
    }
    bh_command_finish(server, request, status);
}

void bh_handle_lock(struct bh_server *server, struct bh_request *request)
{
    set_lock(server, request, true);
}

void bh_handle_unlock(struct bh_server *server, struct bh_request *request)
{
    set_lock(server, request, false);
}

void bh_handle_eject(struct bh_server *server, struct bh_request *request)
{
    uint8_t status = check(request->session);

    if (status == BH_OK && bh_slot_is_locked_to(server, request->session))
        status = BH_ERR_IN_USE;
    if (status == BH_OK)
        bh_slot_eject(server, request);
    else
        bh_command_finish(server, request, status);
}
