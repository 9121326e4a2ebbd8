/* SPDX-License-Identifier: MIT */
#include "core/keep.h"

#include "core/internal.h"
#include "core/layer.h"

#include <string.h>

enum kind {
    VOLUMES,
    CLOSED,
    SESSIONS,
    WINDOWS,
    STATUSES,
    COUNTS,
    INTENTS,
    PENDINGS
};

/* Contents. What is zero stands for a free slot. */

_Static_assert(BH_JOB_FAILED == BH_TABLE_MARK, "a job sets the table's mark");

struct kept_volume {
    _Alignas(8) struct bh_volume_facts facts; /* number 0: the slot is free */
    uint64_t change_counter;
    uint64_t version;
    uint32_t poisoned;
    uint32_t attached; /* what was acknowledged may not be stable; of a layer:
                          the driver has something of it */
};

struct kept_closed {
    _Alignas(8) uint32_t until_s;
    uint32_t owner;
    uint8_t status, unproven, strict, pad[5];
};

/* Its numbers change with each request: they are in WINDOWS or in COUNTS. So
 * are statuses that are not BH_OK, which are rare, in STATUSES. */
struct kept_session {
    _Alignas(8) struct bh_peer peer;
    uint32_t volume; /* slot */
    uint32_t owner;
    uint16_t id; /* 0: the slot is free */
    uint8_t access, flags, locks, pad[3];
    uint64_t base;
};

struct kept_pending {
    _Alignas(8) struct bh_peer peer;
    uint64_t connect_hash;
    uint64_t unknown;
    uint32_t volume; /* slot */
    uint32_t owner;
    uint16_t id; /* 0: the slot is free */
    uint8_t access, flags, seq, pad[3];
};

/* core/table.h's records are of whole words of 8 bytes, also where a processor
 * would align 64-bit numbers less. */
#define WHOLE(size) _Static_assert((size) % 8 == 0, "not a multiple of 8 bytes")
WHOLE(sizeof(struct kept_volume));
WHOLE(sizeof(struct kept_closed));
WHOLE(sizeof(struct kept_session));
WHOLE(offsetof(struct bh_window, status));
WHOLE(BH_WINDOW_MAX);
WHOLE(sizeof(struct bh_count));
WHOLE(sizeof(struct bh_intents));
WHOLE(sizeof(struct kept_pending));

void bh_keep_shape(const struct bh_server_config *config,
                   struct bh_table_shape shapes[BH_TABLE_KINDS])
{
    uint32_t sessions = config->session_count;

    shapes[VOLUMES] = (struct bh_table_shape){bh_volumes_count(config),
                                              sizeof(struct kept_volume)};
    shapes[CLOSED] =
        (struct bh_table_shape){BH_ID_COUNT, sizeof(struct kept_closed)};
    shapes[SESSIONS] =
        (struct bh_table_shape){sessions, sizeof(struct kept_session)};
    shapes[WINDOWS] =
        (struct bh_table_shape){sessions, offsetof(struct bh_window, status)};
    shapes[STATUSES] = (struct bh_table_shape){sessions, BH_WINDOW_MAX};
    shapes[COUNTS] = (struct bh_table_shape){sessions, sizeof(struct bh_count)};
    shapes[INTENTS] =
        (struct bh_table_shape){sessions, sizeof(struct bh_intents)};
    shapes[PENDINGS] =
        (struct bh_table_shape){BH_PENDING_MAX, sizeof(struct kept_pending)};
}

/*
 * Storing.
 */

static bool is_kept(const struct bh_server *server,
                    const struct bh_volume *volume)
{
    return server->table.head != NULL && !bh_volume_is_virtual(volume);
}

static uint32_t volume_slot(const struct bh_server *server,
                            const struct bh_volume *volume)
{
    return (uint32_t)(volume - server->volumes);
}

/* A reopening has an end: until the last session of before is gone, a kill
 * would bring it back, and it is not to find a volume that is well. */
static bool is_poisoned(const struct bh_volume *volume)
{
    BH_LIST_EACH (link, &volume->sessions)
        if (BH_OWNER(link, struct bh_session, of_volume)->lost)
            return true;
    return volume->poisoned;
}

void bh_keep_volume(struct bh_server *server, const struct bh_volume *volume)
{
    struct kept_volume kept;

    memset(&kept, 0, sizeof kept);
    if (is_kept(server, volume)) {
        kept.facts = volume->facts;
        kept.change_counter = volume->change_counter;
        kept.version = volume->version;
        kept.poisoned = is_poisoned(volume);
        kept.attached = bh_layer_is(volume)
                            ? volume->laid
                            : volume->attached || volume->overdue;
    }
    bh_table_store(&server->table, VOLUMES, volume_slot(server, volume), &kept);
}

volatile uint8_t *bh_keep_failed(struct bh_server *server,
                                 const struct bh_volume *volume)
{
    return server->table.head == NULL
               ? NULL
               : &server->table.marks[volume_slot(server, volume)];
}

void bh_keep_well(struct bh_server *server, const struct bh_volume *volume)
{
    bh_keep_volume(server, volume);
    if (server->table.head != NULL)
        *bh_keep_failed(server, volume) = 0;
}

void bh_keep_closed(struct bh_server *server, uint16_t id)
{
    const struct bh_id *entry = &server->ids.of[id];
    struct kept_closed kept = {.until_s =
                                   bh_ids_until(&server->ids, id, server->now),
                               .owner = entry->owner,
                               .status = entry->status,
                               .unproven = entry->unproven,
                               .strict = entry->strict};

    bh_table_store(&server->table, CLOSED, id, &kept);
}

void bh_keep_numbers(struct bh_server *server, const struct bh_session *session)
{
    uint32_t slot = (uint32_t)(session - server->sessions);

    if (!is_kept(server, session->volume))
        return;
    if (session->window != NULL)
        bh_table_store(&server->table, WINDOWS, slot, session->window);
    else
        bh_table_store(&server->table, COUNTS, slot, &session->count);
}

void bh_keep_statuses(struct bh_server *server,
                      const struct bh_session *session)
{
    if (is_kept(server, session->volume))
        bh_table_store(&server->table, STATUSES,
                       (uint32_t)(session - server->sessions),
                       session->window->status);
}

void bh_keep_session(struct bh_server *server, const struct bh_session *session)
{
    struct kept_session kept;

    if (!is_kept(server, session->volume))
        return;
    memset(&kept, 0, sizeof kept);
    if (session->state != BH_SESSION_FREE && !session->over &&
        session->access != BH_ACCESS_NONE) {
        kept.peer = session->peer;
        kept.volume = volume_slot(server, session->volume);
        kept.owner = server->ids.of[session->id].owner;
        kept.id = session->id;
        kept.access = session->access;
        kept.flags = session->flags;
        kept.locks = session->locks;
        kept.base = session->base;
    }
    bh_table_store(&server->table, SESSIONS,
                   (uint32_t)(session - server->sessions), &kept);
}

void bh_keep_pending(struct bh_server *server, const struct bh_pending *pending)
{
    struct kept_pending kept;

    if (!is_kept(server, pending->volume))
        return;
    memset(&kept, 0, sizeof kept);
    if (pending->id != 0) {
        kept.peer = pending->peer;
        kept.connect_hash = pending->connect_hash;
        kept.unknown = pending->unknown;
        kept.volume = volume_slot(server, pending->volume);
        kept.owner = server->ids.of[pending->id].owner;
        kept.id = pending->id;
        kept.access = pending->access;
        kept.flags = pending->flags;
        kept.seq = pending->seq;
    }
    bh_table_store(&server->table, PENDINGS,
                   (uint32_t)(pending - server->pendings), &kept);
}

const struct bh_intents *bh_kept_intents(const struct bh_server *server,
                                         const struct bh_session *session)
{
    return bh_table_find(&server->table, INTENTS,
                         (uint32_t)(session - server->sessions));
}

void bh_keep_intent(struct bh_server *server, const struct bh_request *request)
{
    const struct bh_intents *old = bh_kept_intents(server, request->session);
    struct bh_intents intents;
    size_t at = request->number % BH_WINDOW_MAX;

    if (server->table.head == NULL)
        return;
    if (old != NULL)
        intents = *old;
    else
        memset(&intents, 0, sizeof intents);
    server->intents_kept = true;
    intents.of[at].number = (uint32_t)request->number;
    intents.of[at].lsn = request->command.lsn;
    intents.of[at].len = request->job.len;
    intents.of[at].hash = bh_doubt_hash(server, &request->job);
    bh_table_store(&server->table, INTENTS,
                   (uint32_t)(request->session - server->sessions), &intents);
}

void bh_keep_no_intents(struct bh_server *server,
                        const struct bh_session *session)
{
    static const struct bh_intents none;

    if (server->intents_kept && bh_kept_intents(server, session) != NULL)
        bh_table_store(&server->table, INTENTS,
                       (uint32_t)(session - server->sessions), &none);
}

/*
 * Restoring.
 */

/* Slots are used from the first on; one that held a virtual volume is free. */
static void restore_volumes(struct bh_server *server)
{
    const struct kept_volume *kept;
    uint32_t slot = 0;

    for (; slot < server->volume_count; slot++) {
        struct bh_volume *volume = &server->volumes[slot];

        kept = bh_table_find(&server->table, VOLUMES, slot);
        if (kept == NULL)
            break;
        bh_volume_init(server, volume, &kept->facts, kept->change_counter);
        volume->version = kept->version;
        volume->poisoned = kept->poisoned != 0;
        volume->restored = true;
        bh_slot_restored(server, volume);
        volume->laid = bh_layer_is(volume) && kept->attached != 0;
        volume->overdue = !bh_layer_is(volume) && kept->attached != 0;
        if (volume->overdue || (volume->poisoned && !bh_layer_is(volume)))
            bh_list_remove(&volume->idle); /* not to be forgotten */
        if (volume->overdue)
            bh_volume_unsettle(server, volume);
    }
    server->volumes_used = slot;
}

/* SYNCs of which only a thread knew that they had failed. */
static void restore_failures(struct bh_server *server)
{
    for (uint32_t slot = 0; slot < server->volumes_used; slot++)
        if (*bh_keep_failed(server, &server->volumes[slot]) != 0)
            bh_volume_poison(server, &server->volumes[slot]);
}

static void restore_closed(struct bh_server *server)
{
    for (uint32_t id = 1; id < BH_ID_COUNT; id++) {
        const struct kept_closed *kept =
            bh_table_find(&server->table, CLOSED, id);

        if (kept == NULL)
            continue;
        server->ids.of[id] = (struct bh_id){.state = BH_ID_CLOSED,
                                            .status = kept->status,
                                            .unproven = kept->unproven,
                                            .strict = kept->strict,
                                            .until_s = kept->until_s,
                                            .owner = (uint16_t)kept->owner};
        bh_ids_adjust(&server->ids, (uint16_t)id, server->now);
    }
}

static void restore_id(struct bh_server *server, uint16_t id,
                       enum bh_id_state state, uint32_t slot, uint8_t flags,
                       uint16_t owner)
{
    server->ids.of[id] = (struct bh_id){.state = state & 3u,
                                        .slot = (uint16_t)slot,
                                        .strict = (flags & BH_FLAG_STRICT) != 0,
                                        .owner = owner};
}

static void restore_numbers(struct bh_server *server,
                            struct bh_session *session, uint32_t slot)
{
    const struct bh_table *table = &server->table;
    const void *statuses = bh_table_find(table, STATUSES, slot);

    if ((session->flags & BH_FLAG_STRICT) == 0) {
        memcpy(&session->count, bh_table_find(table, COUNTS, slot),
               sizeof session->count);
        return;
    }
    session->window = bh_session_window(server, slot);
    memcpy(session->window, bh_table_find(table, WINDOWS, slot),
           offsetof(struct bh_window, status));
    if (statuses != NULL)
        memcpy(session->window->status, statuses, BH_WINDOW_MAX);
    bh_window_restored(session->window);
    session->unkept = BH_UNKEPT_MAX;
}

static void restore_session(struct bh_server *server, uint32_t slot,
                            const struct kept_session *kept)
{
    struct bh_session *session = &server->sessions[slot];

    restore_id(server, kept->id, BH_ID_PROVEN, slot, kept->flags,
               (uint16_t)kept->owner);
    bh_list_remove(&session->of_volume); /* of the free ones */
    bh_session_init(session, kept->id, &kept->peer, kept->access, kept->flags);
    restore_numbers(server, session, slot);
    bh_session_seat(server, session, &server->volumes[kept->volume],
                    bh_host_find(&server->hosts, &kept->peer));
    session->locks = kept->locks;
    session->base = kept->base;
    if (session->base == UINT64_MAX && session->refuse == BH_OK)
        session->refuse = BH_ERR_CHANGED;
    bh_doubt_begin(server, session);
}

static void restore_sessions(struct bh_server *server)
{
    for (uint32_t slot = 0; slot < server->config.session_count; slot++) {
        const struct kept_session *kept =
            bh_table_find(&server->table, SESSIONS, slot);

        if (bh_table_find(&server->table, INTENTS, slot) != NULL)
            server->intents_kept = true;
        if (kept != NULL && kept->id != 0)
            restore_session(server, slot, kept);
    }
}

static void restore_pending(struct bh_server *server, uint32_t slot,
                            const struct kept_pending *kept)
{
    struct bh_pending *pending = &server->pendings[slot];

    restore_id(server, kept->id, BH_ID_PENDING, slot, kept->flags,
               (uint16_t)kept->owner);
    bh_list_remove(&pending->age); /* of the free ones */
    bh_pending_seat(server, pending, kept->id, &kept->peer);
    pending->volume = &server->volumes[kept->volume];
    bh_volume_pending_began(pending->volume);
    pending->connect_hash = kept->connect_hash;
    pending->unknown = kept->unknown;
    pending->access = kept->access;
    pending->flags = kept->flags;
    pending->seq = kept->seq;
}

static void restore_pendings(struct bh_server *server)
{
    static const struct kept_pending nothing;

    for (uint32_t slot = 0; slot < BH_PENDING_MAX; slot++) {
        const struct kept_pending *kept =
            bh_table_find(&server->table, PENDINGS, slot);

        if (kept == NULL || kept->id == 0)
            continue;
        if (server->ids.of[kept->id].state != BH_ID_PROVEN)
            restore_pending(server, slot, kept);
        else /* killed between proof and this; it must not come back later */
            bh_table_store(&server->table, PENDINGS, slot, &nothing);
    }
}

void bh_keep_restore(struct bh_server *server)
{
    if (server->table.head == NULL)
        return;
    restore_volumes(server);
    restore_failures(server);
    restore_closed(server);
    restore_sessions(server);
    restore_pendings(server);
}
