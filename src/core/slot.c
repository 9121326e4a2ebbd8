/* SPDX-License-Identifier: MIT */
#include "core/slot.h"

#include "core/internal.h"
#include "core/layer.h"
#include "core/lock.h"

#include <string.h>

#define LOOK_AGAIN_MS 3u

void bh_swaps_init(struct bh_server *server)
{
    bh_list_init(&server->swap.volumes);
    bh_list_init(&server->swap.left);
    bh_list_init(&server->swap.ejects);
    bh_list_init(&server->swap.lookups);
    server->swap.again_ms = UINT64_MAX;
}

/* Whether it is the slot of these facts, under whatever options. */
static bool is_of(const struct bh_volume *volume,
                  const struct bh_volume_facts *slot)
{
    return volume->facts.removable &&
           strcmp(volume->facts.name, slot->name) == 0;
}

static bool is_locked_on(const struct bh_volume *volume,
                         const struct bh_session *but)
{
    BH_LIST_EACH (link, &volume->sessions) {
        const struct bh_session *session =
            BH_OWNER(link, struct bh_session, of_volume);

        if (session != but && session->locks)
            return true;
    }
    return false;
}

/* By anybody but this session, or NULL. */
static bool is_locked(const struct bh_server *server,
                      const struct bh_volume_facts *slot,
                      const struct bh_session *but)
{
    for (uint32_t i = 0; i < server->volumes_used; i++)
        if (is_of(&server->volumes[i], slot) &&
            is_locked_on(&server->volumes[i], but))
            return true;
    return false;
}

bool bh_slot_is_locked(const struct bh_server *server,
                       const struct bh_volume_facts *slot)
{
    BH_MEDIUM_EACH (at, server, slot)
        if (is_of(at, slot) && is_locked_on(at, NULL))
            return true;
    return false;
}

bool bh_slot_is_locked_to(const struct bh_server *server,
                          const struct bh_session *session)
{
    return is_locked(server, &session->volume->facts, session);
}

/*
 * The sessions move.
 */

/* False: it cannot be had, or would not be noticed. */
static bool move(struct bh_server *server, struct bh_session *session,
                 struct bh_volume *to)
{
    uint8_t access;

    if ((session->window == NULL && !to->facts.silent) ||
        !bh_lock_access(session->flags, &to->facts, &access) ||
        !bh_lock_is_free(server, to, access))
        return false;
    to = bh_layer_for(server, to, access);
    if (to != NULL)
        bh_session_move(server, session, to, access);
    return to != NULL;
}

/* It may have answers to send yet, but wants nothing of the medium any more:
 * that is not to be opened for its sake. Of a failed one it is to hear. */
static void let_go(struct bh_volume *from, struct bh_session *session)
{
    if (session->state != BH_SESSION_ENDING || from->poisoned)
        return;
    from->holders[session->access]--;
    session->access = BH_ACCESS_NONE;
    from->holders[session->access]++;
}

static void move_sessions(struct bh_server *server, struct bh_volume *from,
                          struct bh_volume *to)
{
    BH_LIST_EACH (link, &from->sessions) {
        struct bh_session *session =
            BH_OWNER(link, struct bh_session, of_volume);

        if (session->state != BH_SESSION_PROVEN) {
            session->refuse = BH_ERR_SESSION; /* also what has waited */
            let_go(from, session);
            continue;
        }
        if (to == NULL || from->poisoned || !move(server, session, to)) {
            bh_session_end(server, session, BH_END_MEDIUM);
            let_go(from, session);
        }
    }
}

/* What waits on a volume that the slot has left: a DISCON has nothing left to
 * wait for. */
static void move_parked(struct bh_server *server, struct bh_volume *from)
{
    while (!bh_list_empty(&from->parked)) {
        struct bh_request *request =
            BH_OWNER(bh_list_take(&from->parked), struct bh_request, link);

        request->before = true;
        if (request->session->volume != from)
            bh_command_resume(server, request);
        else
            bh_command_finish(
                server, request,
                request->discon && !from->poisoned ? BH_OK : BH_ERR_SESSION);
    }
}

static void end_pendings(struct bh_server *server,
                         const struct bh_volume *volume)
{
    BH_LIST_EACH (link, &server->pending_ages) {
        struct bh_pending *pending = BH_OWNER(link, struct bh_pending, age);

        if (pending->volume == volume)
            bh_pending_end(server, pending, BH_ERR_SESSION);
    }
}

static bool is_named(const struct bh_volume *volume)
{
    return !bh_list_empty(&volume->sessions) || volume->pendings > 0;
}

static void note_change(struct bh_server *server)
{
    const struct bh_swap *swap = &server->swap;
    struct bh_event *event =
        bh_event_note(server, BH_EVENT_MEDIUM_CHANGED, NULL, NULL);

    bh_text_copy(event->volume, sizeof event->volume, swap->from.name);
    event->detail = swap->to.empty;
}

/* Takes the volumes that the slot has left out of the swap's, into `left`. Who
 * has the new medium already stays on it, or on his layer over it. */
static void take_left(struct bh_swap *swap, bool nowhere, struct bh_link *left)
{
    BH_LIST_EACH (link, &swap->volumes) {
        const struct bh_volume *volume =
            BH_OWNER(link, struct bh_volume, swapped);

        if (!is_named(volume) ||
            (!nowhere && bh_facts_same(&volume->facts, &swap->to)))
            continue;
        bh_list_remove(link);
        bh_list_append(left, link);
    }
}

/* `to` may be NULL: it cannot be had. A volume without sessions may be
 * forgotten for the sake of a new one meanwhile, but not `to`. */
static void move_all(struct bh_server *server, struct bh_link *left,
                     struct bh_volume *to)
{
    struct bh_swap *swap = &server->swap;

    if (to != NULL) {
        bh_volume_changes(server, to);
        bh_volume_pending_began(to);
    }
    while (!bh_list_empty(left)) {
        struct bh_link *link = bh_list_take(left);
        struct bh_volume *volume = BH_OWNER(link, struct bh_volume, swapped);

        bh_list_append(&swap->left, link);
        end_pendings(server, volume);
        move_sessions(server, volume, to);
    }
    if (to != NULL)
        bh_volume_pending_over(server, to);
    note_change(server);
}

/* The storage has other bytes in the slot, or none (`nowhere`). */
static void change(struct bh_server *server, bool nowhere)
{
    struct bh_swap *swap = &server->swap;
    struct bh_link left;

    bh_list_init(&left);
    take_left(swap, nowhere, &left);
    if (!bh_list_empty(&left) || swap->job.name != NULL)
        move_all(server, &left,
                 nowhere ? NULL : bh_volume_find(server, &swap->to));
}

/*
 * One swap.
 */

/* Its medium may have been changed since these facts were looked up. */
static struct bh_volume_facts facts_now(const struct bh_server *server,
                                        const struct bh_volume_facts *slot)
{
    for (uint32_t i = 0; i < server->volumes_used; i++) {
        const struct bh_volume *volume = &server->volumes[i];

        if (is_of(volume, slot) && is_named(volume))
            return volume->facts;
    }
    return *slot;
}

void bh_slot_hold(struct bh_server *server, struct bh_volume *volume)
{
    volume->held |= BH_HELD_BY_SLOT;
    bh_list_remove(&volume->swapped);
    bh_list_append(&server->swap.volumes, &volume->swapped);
    bh_volume_unsettle(server, volume);
}

/* An image that was replaced by another file has left volumes on several media
 * to the slot, and so may a server that was killed. */
static void begin(struct bh_server *server, const struct bh_volume_facts *slot,
                  const char *image)
{
    struct bh_swap *swap = &server->swap;

    swap->from = *slot;
    swap->state = BH_SWAP_HOLDING;
    swap->again_ms = server->now + LOOK_AGAIN_MS;
    swap->job.name = image;
    for (uint32_t i = 0; i < server->volumes_used; i++) {
        struct bh_volume *volume = &server->volumes[i];

        if (is_of(volume, slot) &&
            (bh_list_empty(&volume->idle) || volume->unsure))
            bh_slot_hold(server, volume);
    }
    server->due = true;
}

static const struct bh_volume *find_unsure(const struct bh_server *server)
{
    for (uint32_t i = 0; i < server->volumes_used; i++)
        if (server->volumes[i].unsure)
            return &server->volumes[i];
    return NULL;
}

/* What was so when it was admitted may not be so any more. */
static uint8_t check_eject(struct bh_server *server,
                           const struct bh_request *eject)
{
    uint8_t status = bh_session_refusal(server, eject);

    if (status == BH_OK && eject->number < eject->session->base)
        status = BH_ERR_CHANGED;
    if (status == BH_OK && bh_slot_is_locked_to(server, eject->session))
        status = BH_ERR_IN_USE;
    return status;
}

static void begin_eject(struct bh_server *server)
{
    struct bh_request *eject =
        BH_OWNER(bh_list_take(&server->swap.ejects), struct bh_request, link);
    uint8_t status = check_eject(server, eject);

    if (status == BH_OK) {
        server->swap.eject = eject;
        begin(server, &eject->session->volume->facts, "");
    } else {
        bh_command_finish(server, eject, status);
        server->due = true;
    }
}

/* It may have been locked since. */
static void begin_order(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;
    struct bh_swap_order *order = &swap->order;

    order->slot = facts_now(server, &order->slot);
    if (!order->force && is_locked(server, &order->slot, NULL)) {
        order->status = BH_ERR_IN_USE;
        order->wanted = false;
        server->due = true;
        return;
    }
    swap->ordered = true;
    begin(server, &order->slot, order->image);
}

static void begin_next(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;

    if (swap->unsure > 0) {
        begin(server, &find_unsure(server)->facts, NULL);
    } else if (server->stopping) {
        return;
    } else if (swap->order.wanted) {
        begin_order(server);
    } else if (!bh_list_empty(&swap->ejects)) {
        begin_eject(server);
    }
}

static void release(struct bh_server *server, struct bh_volume *volume)
{
    volume->held &= (uint8_t)~BH_HELD_BY_SLOT;
    server->swap.unsure -= volume->unsure;
    volume->unsure = false;
    bh_volume_unpark(server, volume);
    bh_volume_unsettle(server, volume);
}

static struct bh_volume *take(struct bh_link *volumes)
{
    return BH_OWNER(bh_list_take(volumes), struct bh_volume, swapped);
}

static void release_volumes(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;

    while (!bh_list_empty(&swap->left)) {
        struct bh_volume *volume = take(&swap->left);

        move_parked(server, volume);
        release(server, volume);
    }
    while (!bh_list_empty(&swap->volumes))
        release(server, take(&swap->volumes));
}

/* One that a stopping server leaves undone is the next one's. */
static void finish_eject(struct bh_server *server, struct bh_request *eject,
                         uint8_t status)
{
    if (bh_left_to_next(server))
        bh_session_request_dropped(server, eject);
    else
        bh_command_finish(server, eject,
                          server->stopping ? BH_ERR_SESSION : status);
}

/* An EJECT is answered first: a DISCON that waits for it is not to ask for the
 * medium that has gone. */
static void over(struct bh_server *server, uint8_t status)
{
    struct bh_swap *swap = &server->swap;

    if (swap->eject != NULL)
        finish_eject(server, swap->eject, status);
    swap->eject = NULL;
    release_volumes(server);
    swap->state = BH_SWAP_NONE;
    swap->again_ms = UINT64_MAX;
    swap->count++;
    if (swap->ordered) {
        swap->order.status = status;
        swap->order.wanted = swap->ordered = false;
    }
    while (!bh_list_empty(&swap->lookups))
        bh_connect_look_up(server, BH_OWNER(bh_list_take(&swap->lookups),
                                            struct bh_lookup, link));
    server->due = true;
}

/* What was acknowledged may be lost with a medium that cannot be synced. */
static bool is_stuck(const struct bh_server *server)
{
    const struct bh_swap *swap = &server->swap;

    if (swap->job.name == NULL || (swap->ordered && swap->order.force))
        return false;
    BH_LIST_EACH (link, &swap->volumes) {
        const struct bh_volume *volume =
            BH_OWNER(link, struct bh_volume, swapped);

        if (volume->poisoned &&
            (is_named(volume) ||
             bh_facts_same_medium(&volume->facts, &swap->from)))
            return true;
    }
    return false;
}

static bool is_still(const struct bh_server *server)
{
    const struct bh_swap *swap = &server->swap;

    BH_LIST_EACH (link, &swap->volumes) {
        const struct bh_volume *volume =
            BH_OWNER(link, struct bh_volume, swapped);

        if (volume->attached || volume->service_runs)
            return false;
    }
    return true;
}

static void ask(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;

    swap->state = BH_SWAP_ASKING;
    swap->again_ms = UINT64_MAX;
    swap->job.kind = BH_JOB_SWAP;
    swap->to = swap->from;
    swap->job.facts = &swap->to;
    bh_job_post(server, &swap->job);
}

/* What the storage is asked already is waited for, and found by the next
 * server. What an earlier one has left is asked all the same: what it has
 * acknowledged is to be synced, and who waits for that is to go. */
static void give_up(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;

    if (swap->state == BH_SWAP_HOLDING && swap->job.name != NULL)
        over(server, BH_ERR_SESSION);
    while (!bh_list_empty(&swap->ejects))
        finish_eject(
            server,
            BH_OWNER(bh_list_take(&swap->ejects), struct bh_request, link),
            BH_ERR_SESSION);
}

void bh_swaps_advance(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;

    if (server->stopping)
        give_up(server);
    if (swap->state == BH_SWAP_NONE)
        begin_next(server);
    if (swap->state != BH_SWAP_HOLDING)
        return;
    if (is_stuck(server))
        over(server, BH_ERR_STORAGE);
    else if (is_still(server))
        ask(server);
}

/* A slot that is there no more has no medium for anybody. */
void bh_slot_asked(struct bh_server *server, uint8_t status)
{
    struct bh_swap *swap = &server->swap;
    bool asked = swap->job.name == NULL;

    if (server->stopping)
        status = BH_ERR_SESSION;
    else if (status == BH_OK || asked)
        change(server, status != BH_OK);
    over(server, status);
}

void bh_swaps_expire(struct bh_server *server)
{
    struct bh_swap *swap = &server->swap;

    if (server->now < swap->again_ms)
        return;
    swap->again_ms = server->now + LOOK_AGAIN_MS;
    BH_LIST_EACH (link, &swap->volumes)
        bh_volume_unsettle(server, BH_OWNER(link, struct bh_volume, swapped));
    server->due = true;
}

/*
 * Who wants one.
 */

bool bh_slot_order(struct bh_server *server, uint64_t now,
                   const struct bh_volume_facts *slot, const char *image,
                   bool force)
{
    struct bh_swap_order *order = &server->swap.order;

    if (order->wanted)
        return false;
    *order =
        (struct bh_swap_order){.wanted = true, .force = force, .slot = *slot};
    bh_text_copy(order->image, sizeof order->image, image);
    server->now = now;
    server->due = true;
    bh_settle(server);
    return true;
}

bool bh_slot_order_over(const struct bh_server *server, uint8_t *status)
{
    *status = server->swap.order.status;
    return !server->swap.order.wanted;
}

bool bh_slot_order_cancel(struct bh_server *server, uint64_t now)
{
    struct bh_swap *swap = &server->swap;

    server->now = now;
    if (!swap->order.wanted || (swap->ordered && swap->state == BH_SWAP_ASKING))
        return false;
    if (swap->ordered)
        over(server, BH_ERR_BUSY);
    swap->order.wanted = false;
    bh_settle(server);
    return true;
}

void bh_slot_eject(struct bh_server *server, struct bh_request *request)
{
    request->state = BH_REQUEST_WAITING;
    bh_list_append(&server->swap.ejects, &request->link);
    server->due = true;
}

void bh_slot_restored(struct bh_server *server, struct bh_volume *volume)
{
    if (!volume->facts.removable)
        return;
    volume->unsure = true;
    volume->held = BH_HELD_BY_SLOT;
    server->swap.unsure++;
    server->due = true;
}

bool bh_slot_knows(struct bh_server *server, struct bh_lookup *lookup)
{
    const struct bh_swap *swap = &server->swap;

    if (!lookup->facts.removable || server->stopping)
        return true;
    if (swap->state != BH_SWAP_NONE || swap->unsure > 0) {
        bh_list_append(&server->swap.lookups, &lookup->link);
        return false;
    }
    if (lookup->swaps == swap->count)
        return true;
    bh_connect_look_up(server, lookup);
    return false;
}
