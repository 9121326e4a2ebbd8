/* SPDX-License-Identifier: MIT */
#include "core/hold.h"

#include "core/internal.h"
#include "core/layer.h"

/* What the core knows of the medium, and of its neighbours in the table. */
static struct bh_volume_facts medium_of(const struct bh_hold *hold)
{
    return (struct bh_volume_facts){.device = hold->device,
                                    .inode = hold->inode};
}

bool bh_hold_covers(const struct bh_server *server,
                    const struct bh_volume_facts *facts, enum bh_hold_kind kind)
{
    const struct bh_hold *hold = &server->hold;

    return hold->kind == kind && hold->device == facts->device &&
           hold->inode == facts->inode;
}

/* A CHECKPOINT on another volume of the medium would do the same. */
void bh_hold_begin(struct bh_server *server, uint64_t now,
                   const struct bh_volume_facts *facts, enum bh_hold_kind kind)
{
    server->now = now;
    server->hold = (struct bh_hold){facts->device, facts->inode, (uint8_t)kind};
    if (kind == BH_HOLD_CHANGES)
        server->checkpoint_count++;
    if (kind == BH_HOLD_ALL)
        BH_MEDIUM_EACH (at, server, facts) {
            at->held |= BH_HELD_BY_ADMIN;
            bh_volume_unsettle(server, at);
        }
    bh_settle(server);
}

/* They have not begun, and are not to begin on what comes now. */
static void refuse_parked(struct bh_server *server, struct bh_volume *volume)
{
    struct bh_link parked;

    bh_list_init(&parked);
    bh_list_move_all(&parked, &volume->parked);
    while (!bh_list_empty(&parked)) {
        struct bh_request *request =
            BH_OWNER(bh_list_take(&parked), struct bh_request, link);

        request->before = true;
        if (request->session->refuse == BH_ERR_CHANGED)
            bh_command_resume(server, request);
        else
            bh_command_finish(server, request, BH_ERR_SESSION);
    }
}

static void change(struct bh_server *server, struct bh_volume *volume)
{
    volume->change_counter++;
    volume->version = 0; /* it is changed on purpose */
    bh_keep_volume(server, volume);
    BH_LIST_EACH (link, &volume->sessions) {
        struct bh_session *session =
            BH_OWNER(link, struct bh_session, of_volume);

        if (session->window != NULL && session->state == BH_SESSION_PROVEN &&
            !bh_layer_is(volume))
            bh_session_other_bytes(server, session);
        else
            bh_session_end(server, session, BH_END_ADMIN);
    }
    refuse_parked(server, volume);
    bh_volume_unsettle(server, volume);
}

void bh_hold_change_medium(struct bh_server *server, uint64_t now)
{
    const struct bh_volume_facts medium = medium_of(&server->hold);

    server->now = now;
    BH_MEDIUM_EACH (at, server, &medium)
        change(server, at);
    bh_settle(server);
}

bool bh_hold_is_still(struct bh_server *server, uint64_t now)
{
    const struct bh_volume_facts medium = medium_of(&server->hold);
    bool all = server->hold.kind == BH_HOLD_ALL, still = true;

    server->now = now;
    BH_MEDIUM_EACH (at, server, &medium)
        bh_volume_unsettle(server, at);
    bh_settle(server);
    BH_MEDIUM_EACH (at, server, &medium)
        still &= all ? !at->attached && !at->service_runs
                     : bh_layer_is(at) || (!bh_queue_changes(at) &&
                                           server->doubt.volume != at);
    return still;
}

void bh_hold_over(struct bh_server *server, uint64_t now)
{
    const struct bh_volume_facts medium = medium_of(&server->hold);

    server->now = now;
    if (server->hold.kind == BH_HOLD_CHANGES)
        server->checkpoint_count--;
    server->hold.kind = BH_HOLD_NONE;
    BH_MEDIUM_EACH (at, server, &medium) {
        at->held &= (uint8_t)~BH_HELD_BY_ADMIN;
        bh_queue_wake(server, at);
        bh_volume_unpark(server, at);
        bh_volume_unsettle(server, at);
    }
    bh_settle(server);
}

bool bh_hold_is_locked(const struct bh_server *server,
                       const struct bh_volume_facts *facts)
{
    BH_MEDIUM_EACH (at, server, facts)
        if (at->attached && at->access >= BH_ACCESS_READER)
            return true;
    return false;
}
