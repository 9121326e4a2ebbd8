/* SPDX-License-Identifier: MIT */
#include "core/hold.h"

#include "core/internal.h"

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
            at->held = true;
            bh_volume_unsettle(server, at);
        }
    bh_settle(server);
}

/* They have not begun, and are not to begin on what comes now. */
static void drop_parked(struct bh_server *server, struct bh_volume *volume)
{
    while (!bh_list_empty(&volume->parked))
        bh_command_finish(
            server,
            BH_OWNER(bh_list_take(&volume->parked), struct bh_request, link),
            BH_ERR_SESSION);
}

static void end_sessions(struct bh_server *server, struct bh_volume *volume)
{
    BH_LIST_EACH (link, &volume->sessions)
        bh_session_end(server, BH_OWNER(link, struct bh_session, of_volume),
                       BH_END_ADMIN);
    drop_parked(server, volume);
    volume->change_counter++;
    volume->version = 0; /* it is changed on purpose */
    bh_keep_volume(server, volume);
    bh_volume_unsettle(server, volume);
}

void bh_hold_end_sessions(struct bh_server *server, uint64_t now)
{
    const struct bh_volume_facts medium = medium_of(&server->hold);

    server->now = now;
    BH_MEDIUM_EACH (at, server, &medium)
        end_sessions(server, at);
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
        still &=
            all ? !at->attached && !at->service_runs : !bh_queue_changes(at);
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
        at->held = false;
        bh_queue_wake(server, at);
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
