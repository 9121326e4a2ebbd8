/* SPDX-License-Identifier: MIT */
#include "node.h"

#include "drive.h"
#include "layer.h"
#include "world.h"

#include "core/admin.h"
#include "core/internal.h"
#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#include <stdlib.h>
#include <string.h>

#define INVARIANTS_EVERY 4096u

/* As docs/protocol.md says; core/limits.h may be wrong. */
#define QUARANTINE_MS 120000u
#define LEASE_MS 30000u
#define SILENCE_MS 3000u

/*
 * Beginning and end.
 */

static void start(struct world *world)
{
    struct node *node = &world->node;

    memset(node->memory, 0, node->memory_len);
    node->server =
        bh_server_init(node->memory, &node->config, world->now_ms, node->table);
    node->up = true;
}

static void draw_secrets(struct world *world)
{
    struct bh_server_config *config = &world->node.config;

    config->instance = rng_next(&world->rng);
    for (uint32_t i = 0; i < sizeof config->hash_key; i++)
        config->hash_key[i] = (uint8_t)rng_next(&world->rng);
}

void node_init(struct world *world)
{
    struct node *node = &world->node;

    node->config = (struct bh_server_config){
        .session_count = rng_between(&world->rng, BH_SESSIONS_MIN, SESSIONS),
        .request_count = rng_between(&world->rng, BH_REQUESTS_MIN, 256),
        .volume_jobs = rng_between(&world->rng, 1, 8),
        .name = "sim"};
    draw_secrets(world);
    node->id_mask =
        rng_hits(&world->rng, PERCENT(50)) ? UINT64_MAX : 0xFF03FF03FF03FF03u;
    node->memory_len = bh_server_size(&node->config);
    node->memory = malloc(node->memory_len);
    node->table_len = bh_server_table_size(&node->config);
    node->table = calloc(1, node->table_len);
    node->before = malloc(node->table_len);
    if (node->memory == NULL || node->table == NULL || node->before == NULL)
        abort();
    node->boot = 1;
    node->all_seen = true;
    start(world);
    node_pump(world);
}

void node_free(struct world *world)
{
    free(world->node.memory);
    free(world->node.table);
    free(world->node.before);
}

static void node_proved(struct world *world, uint16_t id, uint8_t access,
                        const struct bh_peer *peer, uint32_t volume);

/* The sessions of this boot are gone, and what they had under way. */
static void forget_sessions(struct world *world)
{
    struct node *node = &world->node;

    for (uint32_t i = 0; i < node->given_count; i++) {
        struct id_fate *fate = &node->ids[node->given[i]];

        if (!fate->alive)
            continue;
        fate->alive = false;
        if (fate->client < CLIENTS)
            op_session_over(world, &world->clients[fate->client],
                            node->given[i]);
    }
    for (uint32_t i = 0; i < node->given_count; i++)
        node->ids[node->given[i]].closed_ms = 0;
    node->given_count = 0;
    node->boot++;
    draw_secrets(world);
    memset(node->table, 0, node->table_len);
}

/* Sessions that are over but for their last requests end with the server. */
static void note_displaced(struct world *world)
{
    const struct node *node = &world->node;

    for (uint32_t i = 0; i < node->config.session_count; i++) {
        const struct bh_session *s = &node->server->sessions[i];

        if (s->state == BH_SESSION_ENDING)
            world->node.ids[s->id].displaced = s->over;
    }
}

void node_kill(struct world *world, bool power)
{
    if (!world->node.up)
        return;
    world_note(world, "the server dies, power %", power, 0, 0);
    if (!power)
        note_displaced(world);
    world->node.up = false;
    world->node.doom = DOOM_NONE;
    world->node.died_ms = world->now_ms;
    world->stats.kills += !power && !world->node.stopping;
    queue_push(&world->queue,
               world->now_ms + (power ? rng_between(&world->rng, 2000, 30000)
                                      : rng_between(&world->rng, 0, 1500)),
               EVENT_RESTART, 0, 0);
    world->node.stopping = false;
    disks_killed(world);
    admin_killed(world, power);
    changer_killed(world);
    if (world->drives)
        drives_killed(world);
    if (power) {
        forget_sessions(world);
        disks_power_lost(world);
        world->net.cut_ms = world->net.power_ms = world->now_ms + 1;
        for (uint32_t i = 0; i < CLIENTS; i++)
            world->clients[i].unflushed_count = 0;
    }
}

/*
 * A kill in the midst of a call.
 */

static const struct bh_record *record_at(const struct node *node, unsigned kind,
                                         uint32_t index)
{
    const struct bh_table *table = &node->server->table;
    size_t len = sizeof(struct bh_record) + table->head->shapes[kind].len;

    return (const void *)(table->areas[kind] + index * len);
}

/* Whether the record with this stamp is still there: another store of the same
 * call may have taken its place. */
static bool find_stamp(const struct node *node, uint64_t stamp, unsigned *kind,
                       uint32_t *index)
{
    for (*kind = 0; *kind < BH_TABLE_KINDS; ++*kind) {
        uint32_t count = 2 * node->server->table.head->shapes[*kind].count;

        for (*index = 0; *index < count; ++*index)
            if (record_at(node, *kind, *index)->stamp == stamp)
                return true;
    }
    return false;
}

/* Takes `len` bytes of the record from the table as it is now into the one
 * before; `len` counts as the stores do: content, stamp, check. */
static void take_record(struct node *node, unsigned kind, uint32_t index,
                        size_t len)
{
    const struct bh_record *now = record_at(node, kind, index);
    size_t content = node->server->table.head->shapes[kind].len;
    struct bh_record *then =
        (void *)(node->before + ((const uint8_t *)now - node->table));

    memcpy(then + 1, now + 1, len < content ? len : content);
    if (len > content)
        then->stamp = now->stamp;
    if (len > content + 8)
        then->check = now->check;
}

/* The table is as some instruction of the call has left it. */
static void cut_table(struct world *world, uint64_t stamp_before)
{
    struct node *node = &world->node;
    struct bh_table_head *head = (void *)node->before;
    uint64_t stores = node->server->table.stamp - stamp_before;
    uint64_t whole = stores == 0 || rng_hits(&world->rng, PERCENT(20))
                         ? stores
                         : rng_below(&world->rng, (uint32_t)stores);
    unsigned kind;
    uint32_t index;

    for (uint64_t i = 1; i <= whole; i++) {
        if (!find_stamp(node, stamp_before + i, &kind, &index))
            return; /* stored again later: the kill came just before */
        take_record(node, kind, index, SIZE_MAX);
    }
    if (whole == stores || rng_hits(&world->rng, PERCENT(20)) ||
        !find_stamp(node, stamp_before + whole + 1, &kind, &index))
        return;
    head->storing = 1u + node->server->table.firsts[kind] +
                    index % head->shapes[kind].count;
    take_record(node, kind, index,
                rng_below(&world->rng,
                          node->server->table.head->shapes[kind].len + 16));
    world->stats.half_records++;
}

void node_doom(struct world *world, enum doom doom)
{
    if (world->node.up && !world->node.stopping)
        world->node.doom = doom;
}

static uint64_t call_begins(struct world *world)
{
    struct node *node = &world->node;

    node->calls++;
    bh_server_set_time(node->server, world_utc(world->now_ms),
                       world_zone(world));
    if (node->doom == DOOM_IN_CALL)
        memcpy(node->before, node->table, node->table_len);
    return node->server->table.stamp;
}

/* Whether the server lives on. */
static bool call_ends(struct world *world, uint64_t stamp_before)
{
    struct node *node = &world->node;

    if (node->doom != DOOM_IN_CALL ||
        (node->server->table.stamp == stamp_before &&
         rng_hits(&world->rng, PERCENT(95))))
        return true; /* what stores something is more interesting */
    cut_table(world, stamp_before);
    memcpy(node->table, node->before, node->table_len);
    node->all_seen = false;
    node_kill(world, false);
    return false;
}

/*
 * The next server.
 */

/* The core may have told of a session's end or beginning in a call that nobody
 * has seen the end of. */
static void reconcile(struct world *world, uint16_t id, bool all_seen)
{
    struct node *node = &world->node;
    struct id_fate *fate = &node->ids[id];
    const struct bh_id *entry = &node->server->ids.of[id];

    if (!fate->alive)
        return;
    if (fate->proven && entry->state != BH_ID_PROVEN) {
        if (all_seen && !fate->displaced)
            world_fail(world, "session %04x was lost by a kill", id);
        fate->alive = fate->proven = false;
        fate->closed_ms = node->died_ms;
        op_session_over(world, &world->clients[fate->client], id);
    } else if (!fate->proven && entry->state == BH_ID_PROVEN) {
        const struct bh_session *session = &node->server->sessions[entry->slot];

        if (all_seen)
            world_fail(world, "session %04x came from nowhere", id);
        node_proved(world, id, session->access, &session->peer,
                    session->volume->facts.number - 1);
    }
    fate->heard_ms = world->now_ms;
}

/* A pending session whose CONNECT was answered in a call that nobody has seen
 * the end of: its client does not know its id, but a stranger may hit it. */
static void note_unheard(struct world *world)
{
    const struct bh_server *server = world->node.server;

    for (uint32_t i = 0; i < BH_PENDING_MAX; i++) {
        const struct bh_pending *pending = &server->pendings[i];
        struct id_fate *fate = &world->node.ids[pending->id];

        if (pending->id != 0 &&
            (!fate->alive || fate->volume != pending->volume->facts.number - 1))
            fate->unheard = true;
    }
}

void node_restart(struct world *world)
{
    struct node *node = &world->node;

    world_note(world, "the server starts", 0, 0, 0);
    if (rng_hits(&world->rng, PERCENT(25)) &&
        bh_server_table_check(&node->config, node->table) >= BH_TABLE_FOREIGN)
        world_fail(world, "a kill has damaged the table");
    start(world);
    layers_sweep(world);
    for (uint32_t i = 0; i < node->given_count; i++)
        reconcile(world, node->given[i], node->all_seen);
    if (!node->all_seen)
        note_unheard(world);
    node->all_seen = true;
    node_pump(world);
}

/*
 * Requests.
 */

struct receipt *node_receipt(struct world *world,
                             const struct bh_request *request)
{
    struct receipt *receipt;
    uint64_t serial;

    memcpy(&serial, request->path.route, sizeof serial);
    receipt = &world->node.receipts[serial % RECEIPTS];
    return receipt->serial == serial ? receipt : NULL;
}

static const struct bh_session *session_of(const struct world *world,
                                           uint16_t id)
{
    const struct bh_server *server = world->node.server;

    if (!world->node.up || server->ids.of[id].state != BH_ID_PROVEN)
        return NULL;
    return &server->sessions[server->ids.of[id].slot];
}

bool node_proven(const struct world *world, uint16_t id)
{
    const struct bh_session *session = session_of(world, id);

    return session != NULL && session->state == BH_SESSION_PROVEN;
}

bool node_counts(struct world *world, uint16_t id)
{
    const struct bh_session *session = session_of(world, id);
    struct id_fate *fate = &world->node.ids[id];

    if (session == NULL || session->window != NULL || session->count.naive)
        fate->counts = false;
    else if (session->count.run >= BH_COUNTING_RUN)
        fate->counts = true;
    return fate->counts;
}

/* A new request of a session that is well renews its right to the volume. */
static void note_heard(struct world *world, const struct datagram *d)
{
    struct client *client = &world->clients[d->client];
    uint16_t id = BH_GET16(d->bytes + 2);

    if (d->replay || (d->bytes[0] != BH_PACKET_COMMAND &&
                      !(d->bytes[0] == BH_PACKET_KEEP && client->strict)))
        return;
    if (d->request <= client->arrived)
        return;
    client->arrived = d->request;
    if (!node_proven(world, id))
        return;
    world->node.ids[id].heard_ms = world->now_ms;
    world->node.ids[id].heard = d->peer;
    node_counts(world, id);
}

static void note_receipt(struct world *world, const struct datagram *d)
{
    struct node *node = &world->node;
    struct receipt *receipt = &node->receipts[++node->serial % RECEIPTS];

    *receipt = (struct receipt){.serial = node->serial,
                                .request = d->request,
                                .client = d->client,
                                .len = d->len,
                                .volume = d->volume,
                                .replay = d->replay,
                                .must = d->must,
                                .value = d->value,
                                .disk = d->disk,
                                .from = NO_DISK,
                                .peer = d->peer};
    memcpy(receipt->head, d->bytes,
           d->len < sizeof receipt->head ? d->len : sizeof receipt->head);
}

static bool changes(uint8_t opcode)
{
    return opcode == BH_OP_WRITE || opcode == BH_OP_TRIM ||
           opcode == BH_OP_ZERO;
}

/* Numbers of a session rise, and so do the values: what is late is older. */
static void note_intent(struct world *world, const struct datagram *d)
{
    const struct bh_server *server = world->node.server;
    uint16_t id = BH_GET16(d->bytes + 2);
    struct intent *intent;

    if (d->replay || d->bytes[0] != BH_PACKET_COMMAND ||
        !changes(d->bytes[4]) || server->ids.of[id].state != BH_ID_PROVEN ||
        !world->clients[d->client].strict ||
        world->disks.volumes[d->volume].facts.mode != BH_MODE_SHARED)
        return;
    intent =
        &world->node.intents[server->ids.of[id].slot][d->bytes[1] % NUMBERS];
    if (intent->session == id && intent->value >= d->value)
        return;
    *intent =
        (struct intent){.session = id,
                        .number = (uint16_t)(d->bytes[1] | d->bytes[9] << 8),
                        .value = d->value};
}

/* Who locks, and who may not any more. */
static void note_lock(struct world *world, const struct datagram *d)
{
    struct id_fate *fate = &world->node.ids[BH_GET16(d->bytes + 2)];

    if (d->replay || d->bytes[0] != BH_PACKET_COMMAND ||
        (d->bytes[4] != BH_OP_LOCK && d->bytes[4] != BH_OP_UNLOCK))
        return;
    if (d->bytes[4] == BH_OP_LOCK)
        fate->may_lock = true;
    else
        fate->unlock_came = world_stamp(world);
    fate->locked &= d->bytes[4] == BH_OP_LOCK;
    if (d->request <= fate->lock)
        return;
    fate->lock = d->request;
    fate->lock_came = world_stamp(world);
}

/* The first answer to the newest of them, on the medium that there was. */
static void lock_answered(struct world *world, const struct receipt *receipt)
{
    struct id_fate *fate = &world->node.ids[BH_GET16(receipt->head + 2)];
    const struct volume *volume = &world->disks.volumes[fate->volume];

    if (receipt->request <= fate->answered_lock)
        return;
    fate->answered_lock = receipt->request;
    fate->locked = receipt->request == fate->lock && fate->alive &&
                   fate->lock_came > fate->unlock_came &&
                   fate->lock_came > volume->swapped;
}

uint64_t node_in_doubt(const struct world *world)
{
    const struct bh_server *server = world->node.server;
    const struct bh_doubt *doubt = &server->doubt;
    const struct bh_id *entry = &server->ids.of[doubt->session];
    const struct intent *intent;

    if (entry->state != BH_ID_PROVEN)
        return 0;
    intent = &world->node.intents[entry->slot][doubt->at];
    return intent->session == doubt->session ? intent->value : 0;
}

void node_settled(struct world *world, uint64_t value)
{
    world->node.settled[(value >> 8) % SETTLED] = value;
}

bool node_is_settled(const struct world *world, uint64_t value)
{
    return value != 0 && world->node.settled[(value >> 8) % SETTLED] == value;
}

/* Whether the CHECKPOINT that has just arrived is in its volume's queue. */
static void note_queued(struct world *world)
{
    struct node *node = &world->node;
    struct receipt *receipt = &node->receipts[node->serial % RECEIPTS];
    const struct bh_session *session;

    if (receipt->head[0] != BH_PACKET_COMMAND ||
        receipt->head[4] != BH_OP_CHECKPOINT)
        return;
    session = session_of(world, BH_GET16(receipt->head + 2));
    if (session == NULL)
        return;
    BH_LIST_EACH (link, &session->volume->queue)
        if (node_receipt(world, BH_OWNER(link, struct bh_request, link)) ==
            receipt)
            receipt->queued = true;
}

void node_receive(struct world *world, const struct datagram *d)
{
    struct node *node = &world->node;
    struct bh_path path = {.peer = d->peer};
    uint64_t stamp;

    if (!node->up) {
        world->stats.server_down++;
        return;
    }
    note_receipt(world, d);
    note_heard(world, d);
    note_intent(world, d);
    note_lock(world, d);
    world->stats.received++;
    world_note(world, "client % sends $, request %", d->client,
               (uint64_t)BH_GET32(d->bytes) << 16 | BH_GET16(d->bytes + 4),
               d->request);
    memcpy(path.route, &node->serial, sizeof node->serial);
    stamp = call_begins(world);
    node->connecting = d->len > 0 && d->bytes[0] == BH_PACKET_CONNECT;
    bh_server_receive(node->server, world->now_ms, &path, d->bytes, d->len);
    note_queued(world);
    if (call_ends(world, stamp))
        node_pump(world);
}

void node_finish(struct world *world, struct bh_job *job, uint8_t status)
{
    uint64_t stamp = call_begins(world);

    world->node.connecting = job->kind == BH_JOB_LOOKUP;
    bh_server_finish(world->node.server, world->now_ms, job, status);
    call_ends(world, stamp);
}

/*
 * Replies.
 */

static bool strict_answer(const struct receipt *receipt,
                          const struct bh_send *send)
{
    return (receipt->head[0] == BH_PACKET_DISCON ||
            receipt->head[0] == BH_PACKET_KEEP) &&
           receipt->len >= BH_STRICT_DISCON_LEN &&
           send->len == BH_STRICT_REPLY_HEADER_LEN &&
           send->bytes[3] == receipt->head[4] &&
           memcmp(send->bytes + 4, receipt->head + 2, 2) == 0;
}

/* It fits its request, and is not longer without good reason. */
static void check_form(struct world *world, const struct receipt *receipt,
                       const struct bh_send *send)
{
    uint16_t id = BH_GET16(receipt->head + 2);

    if (memcmp(&send->path->peer, &receipt->peer, sizeof receipt->peer) != 0)
        world_fail(world, "a reply goes to somebody else than the request's "
                          "sender");
    if (receipt->head[0] == BH_PACKET_KEEP && send->len == BH_KEEP_LEN) {
        if (send->bytes[0] != BH_PACKET_KEEP)
            world_fail(world, "a KEEP is answered with something else");
        return;
    }
    if (send->len < 3 || send->bytes[0] != BH_PACKET_REPLY ||
        send->bytes[1] != receipt->head[1] ||
        (send->count > 1 && receipt->head[4] != BH_OP_READ_RUN))
        world_fail(world, "a reply does not fit its request");
    if (send->len <= receipt->len || strict_answer(receipt, send))
        return;
    if (receipt->head[0] != BH_PACKET_COMMAND || send->bytes[2] != BH_OK ||
        id == 0 || !world->node.ids[id].was_proven ||
        (receipt->head[4] != BH_OP_READ && receipt->head[4] != BH_OP_READ_RUN &&
         receipt->head[4] != BH_OP_IDENTIFY && receipt->head[4] != BH_OP_TIME))
        world_fail(world, "a reply of %u bytes to a request of %u",
                   (unsigned)send->len, (unsigned)receipt->len);
}

/* The id is given out while a client still thinks that it is his: after a
 * restart with an empty table nobody can tell. */
static void end_collisions(struct world *world, uint16_t id)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];

        if (client->id != id)
            continue;
        world->stats.collisions++;
        client_reset(world, client);
    }
}

static void id_given(struct world *world, const struct receipt *receipt,
                     uint16_t id)
{
    struct node *node = &world->node;
    struct id_fate *fate = &node->ids[id];

    if (id == 0)
        world_fail(world, "the id 0 was given out");
    if (fate->alive && !fate->proven && fate->client == receipt->client &&
        fate->volume == receipt->volume)
        return; /* the same CONNECT again */
    if (fate->alive && fate->proven)
        world_fail(world, "id %04x was given out while a session has it", id);
    if (fate->closed_ms > 0 && world->now_ms - fate->closed_ms < QUARANTINE_MS)
        world_fail(world, "id %04x was given out again after %llu ms", id,
                   (unsigned long long)(world->now_ms - fate->closed_ms));
    end_collisions(world, id);
    *fate = (struct id_fate){.client = receipt->client,
                             .alive = true,
                             .strict = (receipt->head[2] & BH_FLAG_STRICT) != 0,
                             .heard_ms = world->now_ms,
                             .volume = receipt->volume};
    if (node->given_count == IDS)
        node->given_count = 0;
    node->given[node->given_count++] = id;
}

static void check_stable(struct world *world, const struct receipt *receipt,
                         uint64_t serial, const char *what)
{
    const struct volume *volume = &world->disks.volumes[receipt->volume];

    if (drive_is(receipt->volume) && receipt->disk != volume->disk)
        return; /* what was in it is stable, or lost */
    if (serial > volume->stable)
        world_fail(world,
                   "%s was answered with OK before it was stable: client %u, "
                   "volume %u, as a %s",
                   what, receipt->client, receipt->volume,
                   world->node.ids[BH_GET16(receipt->head + 2)].writer
                       ? "writer"
                       : "reader");
}

static void check_counter(struct world *world, uint32_t index,
                          const uint8_t *data)
{
    struct volume *v = &world->disks.volumes[index];
    uint64_t counter = BH_GET64(data + BH_IDENTIFY_AT_CHANGE_COUNTER);
    uint64_t instance = BH_GET64(data + BH_IDENTIFY_AT_INSTANCE);
    uint64_t rise, least;

    if (v->uncounted)
        return;
    if (instance != world->node.config.instance)
        world_fail(world, "IDENTIFY tells another instance than the server's");

    /* A reply may have been made before another session was proven in the
     * same call, and a kill may come between the counter and the session. */
    rise = counter - v->counter - (v->proven - v->counter_proven);
    least = v->call == world->node.calls ? 0 - (uint64_t)v->in_call : 0;
    if ((!v->counter_known || v->counter_loose) && least != 0)
        return; /* which of the two it was cannot be told */
    if (v->counter_known &&
        rise - least > (v->counter_loose ? 1000 : 0) - least)
        world_fail(world,
                   "the change counter of volume %u rose by %lld while %lld "
                   "writing sessions began",
                   index, (long long)(counter - v->counter),
                   (long long)(v->proven - v->counter_proven));
    v->counter_proven = v->proven;
    if (v->counter_known && (int64_t)rise < 0)
        v->counter_proven += rise;
    v->counter_loose = false;
    v->counter_known = true;
    v->counter = counter;
}

static void checkpoint_ok(struct world *world, const struct receipt *receipt)
{
    const struct copy *copy = copy_find(world, receipt->value);

    if (copy != NULL && !copy->made)
        world_fail(world, "a CHECKPOINT that was not made is answered with OK");
    if (copy != NULL && copy->spoilt)
        world_fail(world,
                   "a CHECKPOINT of volume %u has succeeded though its medium "
                   "has lost something that was written",
                   receipt->volume);
}

static void command_ok(struct world *world, const struct receipt *receipt,
                       const struct bh_send *send)
{
    struct volume *volume = &world->disks.volumes[receipt->volume];
    uint16_t id = BH_GET16(receipt->head + 2);

    if (world->node.ids[id].strict &&
        (changes(receipt->head[4]) || receipt->head[4] == BH_OP_CHECKPOINT))
        node_settled(world, receipt->value);
    switch (receipt->head[4]) {
    case BH_OP_READ:
    case BH_OP_READ_RUN:
    case BH_OP_CHECKSUM:
    case BH_OP_TIME: /* carried out just now: no status of before */
        if (volume->failed)
            world_fail(world,
                       "client %u is told nothing of a failed sync: volume %u",
                       receipt->client, receipt->volume);
        break;
    case BH_OP_WRITE:
    case BH_OP_TRIM:
    case BH_OP_ZERO:
        if (volume->facts.sync == BH_SYNC_WRITE &&
            (!drive_is(receipt->volume) || receipt->from == volume->disk))
            check_stable(world, receipt, receipt->written, "a WRITE");
        if (receipt->written > volume->acked &&
            world->disks.of[receipt->from].mode != BH_MODE_SCRATCH &&
            receipt->from == volume->disk)
            volume->acked = receipt->written;
        break;
    case BH_OP_LOCK:
        lock_answered(world, receipt);
        break;
    case BH_OP_FLUSH:
        check_stable(world, receipt, receipt->must, "a FLUSH");
        break;
    case BH_OP_CHECKPOINT:
        checkpoint_ok(world, receipt);
        break;
    case BH_OP_IDENTIFY:
        if (id != 0)
            check_counter(world, world->node.ids[id].volume,
                          send->bytes + send->len - BH_IDENTIFY_LEN);
        break;
    default:
        break;
    }
}

/* Who is there and leaves has a session until then. */
static void check_discon(struct world *world, const struct receipt *receipt,
                         const struct bh_send *send)
{
    const struct id_fate *fate = &world->node.ids[BH_GET16(receipt->head + 2)];

    if (receipt->head[0] == BH_PACKET_DISCON && !receipt->replay &&
        send->len >= 3 && send->bytes[2] == BH_ERR_SESSION && fate->left &&
        fate->closed_ms == world->now_ms && fate->client == receipt->client &&
        !drive_failed(world, fate->volume))
        world_fail(world,
                   "a DISCON has ended its session, and is told that there is "
                   "none: client %u, volume %u",
                   receipt->client, fate->volume);
}

static void check_meaning(struct world *world, const struct receipt *receipt,
                          const struct bh_send *send)
{
    check_discon(world, receipt, send);
    if (send->len < 3 || send->bytes[2] != BH_OK)
        return;
    switch (receipt->head[0]) {
    case BH_PACKET_CONNECT:
        if (send->len == BH_CONNECT_REPLY_LEN)
            id_given(world, receipt, BH_GET16(send->bytes + 3));
        break;
    case BH_PACKET_COMMAND:
        if (!receipt->replay)
            command_ok(world, receipt, send);
        break;
    case BH_PACKET_DISCON:
        if (!receipt->replay &&
            world->node.ids[BH_GET16(receipt->head + 2)].writer)
            check_stable(world, receipt, receipt->must, "a DISCON");
        break;
    default:
        break;
    }
}

static void pass_on(struct world *world, const struct receipt *receipt,
                    const struct bh_send *send, unsigned i)
{
    struct datagram *d = net_new(world, receipt->client);

    d->request = receipt->request;
    d->connect = receipt->head[0] == BH_PACKET_CONNECT;
    d->disk = receipt->from;
    d->peer = receipt->peer;
    d->len = (uint16_t)send->len;
    memcpy(d->bytes, send->bytes + i * send->len, send->len);
    net_send(world, d, false);
}

static void reply(struct world *world, const struct bh_send *send)
{
    struct receipt *receipt;
    uint64_t serial;

    memcpy(&serial, send->path->route, sizeof serial);
    receipt = &world->node.receipts[serial % RECEIPTS];
    if (receipt->serial != serial)
        world_fail(world, "a reply to a request of long ago, or of never");
    if (receipt->answered)
        world_fail(world, "a request has two replies: client %u",
                   receipt->client);
    receipt->answered = true;
    world->stats.replied++;
    check_form(world, receipt, send);
    check_meaning(world, receipt, send);
    world_note(world, "  reply to client %: $", receipt->client,
               send->len < 4 ? send->bytes[2] : BH_GET32(send->bytes), 0);
    for (unsigned i = 0; !receipt->replay && i < send->count; i++)
        pass_on(world, receipt, send, i);
}

/*
 * Events: what the core says of its sessions.
 */

static uint32_t volume_of(const struct bh_event *event)
{
    return (uint32_t)(event->volume[1] - '0') * 10 +
           (uint32_t)(event->volume[2] - '0');
}

static uint64_t len_of(const struct bh_volume_facts *facts)
{
    return facts->byte_count > facts->grow_limit ? facts->byte_count
                                                 : facts->grow_limit;
}

void node_changed(const struct world *world, struct volume *volume)
{
    if (volume->call != world->node.calls)
        volume->in_call = 0;
    volume->call = world->node.calls;
    volume->in_call++;
    volume->proven++;
}

static void node_proved(struct world *world, uint16_t id, uint8_t access,
                        const struct bh_peer *peer, uint32_t volume)
{
    struct disks *disks = &world->disks;
    struct id_fate *fate = &world->node.ids[id];
    const struct bh_volume_facts *facts = &disks->volumes[volume].facts;

    world->stats.sessions++;
    fate->proven = fate->was_proven = true;
    fate->writer = access == BH_ACCESS_WRITER;
    fate->heard_ms = world->now_ms;
    fate->heard = *peer;
    if (volume != fate->volume && !fate->unheard)
        world_fail(world,
                   "session %04x is on another volume than was asked for", id);
    fate->volume = (uint16_t)volume;
    for (uint32_t i = 0; fate->writer && i < VOLUMES; i++) {
        const struct bh_volume_facts *other = &disks->volumes[i].facts;

        if (other->inode == facts->inode &&
            other->first < facts->first + len_of(facts) &&
            facts->first < other->first + len_of(other))
            node_changed(world, &disks->volumes[i]);
    }
}

/* A kill while a session that was just displaced has requests under way. */
static void maybe_kill(struct world *world, const struct bh_volume *volume)
{
    bool ending = false;

    BH_LIST_EACH (link, &volume->sessions)
        ending |= BH_OWNER(link, struct bh_session, of_volume)->state ==
                  BH_SESSION_ENDING;
    if (ending && world->weather.kill > 0 && rng_hits(&world->rng, PERCENT(50)))
        queue_push(&world->queue,
                   world->now_ms + rng_between(&world->rng, 1, 200), EVENT_KILL,
                   0, 0);
}

/* Nobody loses what he holds before his time: docs/protocol.md 7. */
static void check_takeover(struct world *world, const struct id_fate *fate,
                           uint16_t id)
{
    uint64_t silent = world->now_ms - fate->heard_ms;
    uint64_t least = fate->strict ? LEASE_MS : SILENCE_MS;

    world->stats.takeovers++;
    if (silent < least)
        world_fail(world,
                   "session %04x was displaced after %llu ms of silence: "
                   "client %u, volume %u",
                   id, (unsigned long long)silent, fate->client, fate->volume);
}

/* In a silent drive whoever is alone there stays, if his medium was well. */
static void check_silent(struct world *world, uint16_t id)
{
    const struct id_fate *fate = &world->node.ids[id];
    const struct volume *volume = &world->disks.volumes[fate->volume];

    if (fate->strict || !volume->facts.silent || volume->alone != id ||
        drive_failed(world, fate->volume))
        return;
    world_fail(world, "session %04x was ended by a change of a silent medium",
               id);
}

static void session_ended(struct world *world, const struct bh_event *event)
{
    struct id_fate *fate = &world->node.ids[event->id];

    if (event->detail == BH_END_STOPPED && world->node.stopping)
        return; /* it goes on with the next server */
    if (world->node.connecting)
        world_fail(world, "session %04x was ended by a CONNECT alone",
                   event->id);
    if (event->detail == BH_END_TAKEOVER)
        check_takeover(world, fate, event->id);
    if (event->detail == BH_END_MEDIUM)
        check_silent(world, event->id);
    fate->alive = false;
    fate->proven = false;
    fate->left = event->detail == BH_END_DISCON;
    if (fate->may_lock)
        world->disks.volumes[fate->volume].unlocked = world_stamp(world);
    fate->locked = fate->may_lock = false;
    fate->closed_ms = world->now_ms;
    op_session_over(world, &world->clients[fate->client], event->id);
}

static void session_proven(struct world *world, const struct bh_event *event)
{
    const struct bh_server *server = world->node.server;
    const struct bh_id *entry = &server->ids.of[event->id];

    node_proved(world, event->id, event->access, &event->peer,
                volume_of(event));
    if (entry->state == BH_ID_PROVEN)
        maybe_kill(world, server->sessions[entry->slot].volume);
}

static void take_event(struct world *world, const struct bh_event *event)
{
    world_note(world, "  event %, id $, detail %", event->kind, event->id,
               event->detail);
    if (event->kind == BH_EVENT_SESSION_PROVEN)
        session_proven(world, event);
    else if (event->kind == BH_EVENT_SESSION_ENDED)
        session_ended(world, event);
}

/* An orderly end loses nothing, and leaves nothing to do. */
static void stopped(struct world *world)
{
    for (uint32_t i = 0; i < VOLUMES; i++) {
        const struct volume *v = &world->disks.volumes[i];

        if (v->acked > v->stable && !v->failed && !v->barred)
            world_fail(world,
                       "the server has ended in order, and what it has "
                       "acknowledged on volume %u is not stable",
                       i);
    }
    for (uint32_t i = 0; i < MEDIA; i++)
        if (world->disks.media[i].used)
            world_fail(world,
                       "the server has ended in order, and volume %u "
                       "is still open",
                       world->disks.media[i].volume);
    world->stats.stops++;
    node_kill(world, false);
}

void node_stop(struct world *world)
{
    struct node *node = &world->node;

    if (!node->up || node->stopping || node->doom != DOOM_NONE)
        return;
    world_note(world, "the server is to stop", 0, 0, 0);
    node->stopping = true;
    node->connecting = false;
    bh_server_stop(node->server, world->now_ms);
    node_pump(world);
}

/*
 * The loop of a driver.
 */

static void bring_random(struct world *world)
{
    uint64_t bits[32];

    if (bh_server_random_wanted(world->node.server) < 512)
        return;
    while (bh_server_random_wanted(world->node.server) >= sizeof bits) {
        for (uint32_t i = 0; i < 32; i++)
            bits[i] = rng_next(&world->rng) & world->node.id_mask;
        bh_server_add_random(world->node.server, (const uint8_t *)bits,
                             sizeof bits);
    }
}

/* Whether something follows from what has just been done. */
static bool goes_on(struct world *world)
{
    struct node *node = &world->node;

    if (!node->up)
        return false;
    if (node->doom == DOOM_AFTER_CALL && rng_hits(&world->rng, PERCENT(30))) {
        node->all_seen = false;
        node_kill(world, false);
        return false;
    }
    return node->server->first_job != NULL || node->server->event_count > 0 ||
           !bh_list_empty(&node->server->sends);
}

static void drain(struct world *world)
{
    struct bh_server *server = world->node.server;
    struct bh_event event;
    struct bh_send send;
    struct bh_job *job;

    if (bh_server_next_event(server, &event)) {
        take_event(world, &event);
    } else if (bh_server_next_send(server, &send)) {
        reply(world, &send);
        bh_server_sent(server, &send);
    } else {
        job = bh_server_next_job(server);
        if (job != NULL)
            disk_take(world, job);
    }
}

void node_pump(struct world *world)
{
    const char *wrong;

    while (goes_on(world))
        drain(world);
    if (!world->node.up)
        return;
    if (world->node.stopping && bh_server_idle(world->node.server)) {
        stopped(world);
        return;
    }
    bring_random(world);
    if (world->node.calls %
            (world->drives ? INVARIANTS_EVERY / 16 : INVARIANTS_EVERY) !=
        0)
        return;
    world->stats.invariants++;
    layers_check(world);
    wrong = invariants_check(world->node.server);
    if (wrong != NULL)
        world_fail(world, "%s", wrong);
}

uint64_t node_call_begins(struct world *world)
{
    world->node.connecting = false;
    return call_begins(world);
}

bool node_call_ends(struct world *world, uint64_t stamp)
{
    if (call_ends(world, stamp))
        node_pump(world);
    return world->node.up;
}

void node_expire(struct world *world)
{
    uint64_t stamp = node_call_begins(world);

    bh_server_expire(world->node.server, world->now_ms);
    node_call_ends(world, stamp);
}

void node_reopen(struct world *world)
{
    disks_mended(world);
    if (!world->node.up)
        return;
    world->node.connecting = false;
    bh_admin_reopen(world->node.server, world->now_ms, NULL, NULL);
    node_pump(world);
}
