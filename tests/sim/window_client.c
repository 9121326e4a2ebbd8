/* SPDX-License-Identifier: MIT */
/*
 * A strict client with a window, straight from docs/protocol.md and with
 * nothing of tiny in it. A request that it gives up stays under way: its pane
 * stays LEFT, and what it might have changed is not touched before the client
 * has connected anew.
 */
#include "drive.h"
#include "world.h"

#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/moment.h"
#include "wire/opcode.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#include <string.h>

#define WAIT_MS 150u
#define WAIT_MAX_MS 3000u
#define KEEP_MS 10000u /* a third of the lease */
#define RUN_MAX 9u
#define MOST_TRIES 80u /* to find something that may be under way, too */

static struct pane *pane_of(struct client *client, uint16_t number)
{
    return &client->panes[number % WINDOW];
}

/*
 * Out.
 */

/* Whether nothing of its run has been answered: then the run is sent again, and
 * else what is missing, by READs. */
static bool whole(const struct client *client, const struct pane *pane)
{
    for (uint16_t i = 0; i < pane->run; i++) {
        const struct pane *at =
            &client->panes[(uint16_t)(pane->first + i) % WINDOW];

        if (at->state != PANE_OUT || at->first != pane->first)
            return false;
    }
    return true;
}

static bool leads(const struct client *client, const struct pane *pane)
{
    return pane->run > 1 && pane->number == pane->first && whole(client, pane);
}

static uint16_t encode(struct world *world, const struct client *client,
                       const struct pane *pane, uint8_t *bytes)
{
    static const uint8_t opcodes[] = {[OP_READ] = BH_OP_READ,
                                      [OP_WRITE] = BH_OP_WRITE,
                                      [OP_IDENTIFY] = BH_OP_IDENTIFY,
                                      [OP_FLUSH] = BH_OP_FLUSH,
                                      [OP_TRIM] = BH_OP_TRIM,
                                      [OP_ZERO] = BH_OP_ZERO,
                                      [OP_CHECKSUM] = BH_OP_CHECKSUM,
                                      [OP_TIME] = BH_OP_TIME,
                                      [OP_CHECKPOINT] = BH_OP_CHECKPOINT,
                                      [OP_EJECT] = BH_OP_EJECT,
                                      [OP_LOCK] = BH_OP_LOCK,
                                      [OP_UNLOCK] = BH_OP_UNLOCK};
    const struct op *op = &pane->op;
    struct bh_discon discon = {.seq = (uint8_t)pane->number,
                               .session = client->id,
                               .pad = (uint8_t)(pane->number >> 8)};
    struct bh_command command = {
        .seq = discon.seq,
        .session = client->id,
        .pad = discon.pad,
        .lsn = op->kind == OP_IDENTIFY ? (uint32_t)BH_IDENTIFY_MAGIC : op->lsn};
    size_t len;

    if (op->kind == OP_DISCON)
        return (uint16_t)bh_strict_discon_encode(bytes, &discon);
    if (op->kind == OP_KEEP)
        return (uint16_t)bh_strict_keep_encode(bytes, &discon);
    command.opcode = opcodes[op->kind];
    if (leads(client, pane))
        command.opcode = BH_OP_READ_RUN;
    len = bh_command_encode(bytes, &command);
    if (command.opcode == BH_OP_READ_RUN)
        bytes[len++] = pane->run;
    return (uint16_t)(len + client_body(world, client, op, bytes + len));
}

static void send(struct world *world, struct client *client, struct pane *pane)
{
    struct datagram *d;

    pane->sent_ms = client->sent_ms = world->now_ms;
    pane->tries--;
    if (pane->run == 1 || leads(client, pane) || !whole(client, pane)) {
        d = client_datagram(world, client, pane->request, &pane->op);
        d->len = encode(world, client, pane, d->bytes);
        net_send(world, d, true);
    } /* else the first one speaks for it */
    if (world->now_ms + pane->wait_ms < client->due_ms)
        client->due_ms = world->now_ms + pane->wait_ms;
}

static void send_connect(struct world *world, struct client *client)
{
    struct pane *pane = &client->panes[0];
    struct bh_connect connect = {
        .seq = client->seq,
        .flags = (uint8_t)(client->access | client->exponent | BH_FLAG_STRICT),
        .name = client->name};
    struct datagram *d =
        client_datagram(world, client, pane->request, &client->op);

    d->len = (uint16_t)bh_connect_encode(d->bytes, &connect);
    pane->sent_ms = world->now_ms;
    pane->tries--;
    net_send(world, d, true);
    client_need(world, client, world->now_ms + pane->wait_ms);
}

void window_connect(struct world *world, struct client *client,
                    const struct op *op)
{
    client->op = *op;
    op_began(world, client, &client->op);
    client->seq++;
    client->panes[0] = (struct pane){.tries = client->tries,
                                     .request = ++client->request,
                                     .wait_ms = WAIT_MS};
    send_connect(world, client);
}

/*
 * The window.
 */

static bool touches(const struct op *a, const struct op *b)
{
    return (op_changes(a) || op_changes(b)) && a->at < b->at + b->count &&
           b->at < a->at + a->count;
}

/* Whether it would be under way together with what must not be. */
static bool clashes(const struct client *client, const struct op *op)
{
    for (uint16_t n = client->oldest; n != client->next; n++) {
        const struct pane *pane = &client->panes[n % WINDOW];

        if (pane->state != PANE_FREE && touches(op, &pane->op))
            return true;
    }
    return false;
}

static struct pane *open_pane(struct world *world, struct client *client,
                              const struct op *op)
{
    struct pane *pane = pane_of(client, client->next);

    *pane = (struct pane){.state = PANE_OUT,
                          .tries = client->tries,
                          .run = 1,
                          .first = client->next,
                          .number = client->next++,
                          .request = ++client->request,
                          .wait_ms = client->polite ? WAIT_MS : 8 * WAIT_MS,
                          .op = *op};
    world_note(world, "  client % takes number %, oldest is %", client->index,
               pane->number, client->oldest);
    op_began(world, client, &pane->op);
    client->out++;
    if (++client->numbers > world->stats.longest)
        world->stats.longest = client->numbers;
    return pane;
}

static void start(struct world *world, struct client *client,
                  const struct op *op)
{
    send(world, client, open_pane(world, client, op));
}

static bool room(const struct client *client)
{
    return client->out < client->depth &&
           (uint16_t)(client->next - client->oldest) < client->window;
}

/* The READ of the sector behind; false: there is none. */
static bool next_read(const struct world *world, const struct client *client,
                      struct op *op)
{
    const struct volume *volume = &world->disks.volumes[client->volume];
    uint32_t end = volume->first +
                   (drive_is(client->volume)
                        ? client_granules(world, client)
                        : (uint32_t)(volume->facts.byte_count / GRANULE_LEN));

    op->lsn++;
    op->at += op->count;
    return op->count == 1u << client->exponent && op->at + op->count <= end;
}

/* The sectors of a READ and of some behind it, asked for together. */
static void start_run(struct world *world, struct client *client,
                      const struct op *op)
{
    uint16_t first = client->next;
    uint32_t wanted = rng_between(&world->rng, 1, RUN_MAX);
    struct op at = *op;
    uint8_t run = 0;

    do {
        open_pane(world, client, &at);
        run++;
    } while (run < wanted && room(client) && !op->outside &&
             next_read(world, client, &at) && !clashes(client, &at));
    for (uint8_t i = 0; i < run; i++) {
        struct pane *pane = pane_of(client, (uint16_t)(first + i));

        pane->first = first;
        pane->run = run;
    }
    world->stats.runs += run > 1;
    for (uint8_t i = 0; i < run; i++)
        send(world, client, pane_of(client, (uint16_t)(first + i)));
}

/* The first request is a harmless one: docs/protocol.md 3.2. */
static void prove(struct world *world, struct client *client)
{
    struct op op = {.kind = OP_IDENTIFY};

    memset(client->panes, 0, sizeof client->panes);
    client->next = client->oldest = 1;
    client->window = 1;
    client->changed = false;
    client->numbers = 0;
    client->out = 0;
    client->due_ms = UINT64_MAX;
    start(world, client, &op);
}

static void stuck(struct world *world, struct client *client)
{
    client_forget(world, client);
    client_rest(world, client, 1);
}

static void fill_working(struct world *world, struct client *client)
{
    struct op op = {.kind = OP_IDENTIFY};

    if (client->changed && client->out == 0) {
        if (client->oldest == client->next)
            start(world, client, &op);
        else
            stuck(world, client); /* what it gave up is not answered */
    }
    if (client->changed)
        return;
    for (uint32_t tries = 0; room(client) && tries < MOST_TRIES; tries++) {
        wish(world, client, &op);
        if (clashes(client, &op))
            continue;
        if (op.kind == OP_IDENTIFY) { /* alone, as after a change */
            client->changed =
                client->out == (uint16_t)(client->next - client->oldest);
            if (client->changed && client->out == 0)
                start(world, client, &op);
            if (client->changed)
                break;
            continue;
        }
        if (op.kind == OP_READ)
            start_run(world, client, &op);
        else
            start(world, client, &op);
        client->hurried =
            op.kind == OP_EJECT && rng_hits(&world->rng, PERCENT(30));
        if (client->hurried) {
            client->phase = LEAVING;
            break;
        }
    }
}

/* Once. */
static bool leaves(struct client *client)
{
    client->hurried = false;
    return room(client);
}

static bool held(const struct world *world, const struct client *client)
{
    return client->wake_ms > world->now_ms || client->waits;
}

void window_fill(struct world *world, struct client *client)
{
    struct op discon = {.kind = OP_DISCON}, keep = {.kind = OP_KEEP};

    client->waits =
        client->polite
            ? world->weather.calm && client->answered >= client_quota(client)
            : !world->weather.greedy;
    if (client->phase == WORKING && client->wake_ms > world->now_ms &&
        client->out == 0 && room(client) &&
        world->now_ms - client->sent_ms > KEEP_MS)
        start(world, client, &keep);
    if (client->phase == PROVING && client->id != 0 && client->next == 0)
        prove(world, client);
    else if (client->phase == WORKING && !held(world, client))
        fill_working(world, client);
    else if (client->phase == LEAVING &&
             (client->out == 0 || client->hurried) && leaves(client))
        start(world, client, &discon);
    if (client->out == 0 && client->phase != RESTING && !held(world, client))
        stuck(world, client);
    if (client->phase < PROVING)
        return;
    if (client->due_ms != UINT64_MAX)
        client_need(world, client, client->due_ms);
    if (client->wake_ms > world->now_ms)
        client_need(world, client,
                    client->wake_ms < world->now_ms + KEEP_MS
                        ? client->wake_ms
                        : world->now_ms + KEEP_MS + 1);
}

static void drop_pane(struct client *client, struct pane *pane)
{
    if (pane->state == PANE_OUT)
        client->out--;
    pane->state = PANE_FREE;
    while (client->oldest != client->next &&
           pane_of(client, client->oldest)->state == PANE_FREE)
        client->oldest++;
}

void window_forget(struct world *world, struct client *client)
{
    for (uint32_t i = 0; i < WINDOW; i++) {
        struct pane *pane = &client->panes[i];

        if (pane->state == PANE_OUT)
            op_given_up(world, client, &pane->op);
        pane->state = PANE_FREE;
    }
    client->out = 0;
    client->next = client->oldest = 0;
}

/*
 * Time.
 */

static void give_up(struct world *world, struct client *client,
                    struct pane *pane)
{
    struct op op = pane->op;

    pane->state = PANE_LEFT;
    client->out--;
    if (op.kind == OP_DISCON || client->phase == PROVING ||
        rng_hits(&world->rng, PERCENT(50))) {
        client_answered(world, client, &op, STATUS_SILENT, NULL);
        return;
    }
    op_given_up(world, client, &op); /* and goes on beside it */
    world->stats.operations += !world->weather.calm;
    world->stats.calm_operations += world->weather.calm;
}

static void again(struct world *world, struct client *client)
{
    client->due_ms = UINT64_MAX;
    for (uint16_t n = client->oldest; n != client->next; n++) {
        struct pane *pane = pane_of(client, n);
        uint64_t due = pane->sent_ms + pane->wait_ms;

        if (pane->state != PANE_OUT)
            continue;
        if (due <= world->now_ms && pane->tries == 0) {
            give_up(world, client, pane);
            if (client->phase < PROVING)
                return;
            continue;
        }
        if (due <= world->now_ms) {
            if (pane->wait_ms < WAIT_MAX_MS)
                pane->wait_ms *= 2;
            send(world, client, pane);
        } else if (due < client->due_ms) {
            client->due_ms = due;
        }
    }
}

static void connect_timer(struct world *world, struct client *client)
{
    struct pane *pane = &client->panes[0];
    uint64_t due = pane->sent_ms + pane->wait_ms;
    struct op op = client->op;

    if (due > world->now_ms) {
        client_need(world, client, due);
    } else if (pane->tries > 0) {
        if (pane->wait_ms < WAIT_MAX_MS)
            pane->wait_ms *= 2;
        send_connect(world, client);
    } else {
        client->op.kind = OP_NONE;
        client_answered(world, client, &op, STATUS_SILENT, NULL);
    }
}

void window_timer(struct world *world, struct client *client)
{
    if (client->op.kind == OP_CONNECT) {
        connect_timer(world, client);
        return;
    }
    if (client->due_ms <= world->now_ms)
        again(world, client);
    if (client->phase >= PROVING)
        window_fill(world, client);
}

/*
 * In.
 */

static bool fits(const struct client *client, uint16_t len, uint32_t wanted)
{
    return len == wanted || (client->padded && len > wanted);
}

static void connect_answered(struct world *world, struct client *client,
                             const struct datagram *d)
{
    struct op op = client->op;

    if (d->bytes[0] != BH_PACKET_REPLY || d->bytes[1] != client->seq ||
        !fits(client, d->len, BH_CONNECT_REPLY_LEN))
        return;
    client->op.kind = OP_NONE;
    client_given(world, client, BH_GET16(d->bytes + 3));
    client->next = client->oldest = 0;
    client_answered(world, client, &op, d->bytes[2], NULL);
}

/* The pane that waits for this number; NULL: none. */
static struct pane *waiting(struct client *client, uint16_t number)
{
    struct pane *pane = pane_of(client, number);

    return pane->state != PANE_FREE && pane->number == number ? pane : NULL;
}

static uint32_t data_len(const struct client *client, const struct op *op)
{
    switch (op->kind) {
    case OP_READ:
        return BH_SECTOR_LEN(client->exponent);
    case OP_IDENTIFY:
        return BH_IDENTIFY_LEN;
    case OP_CHECKSUM:
        return BH_CHECKSUM_LEN;
    case OP_TIME:
        return BH_MOMENT_LEN;
    default:
        return 0;
    }
}

/* Whether it is the answer of a server that does not know the id. */
static bool unknown_id(const struct client *client, const struct pane *pane,
                       const struct datagram *d)
{
    if (d->bytes[2] != BH_ERR_SESSION)
        return false;
    if (pane->op.kind == OP_DISCON)
        return fits(client, d->len, BH_DISCON_REPLY_LEN);
    return fits(client, d->len, BH_REPLY_HEADER_LEN);
}

static bool is_answer(const struct client *client, const struct pane *pane,
                      const struct datagram *d)
{
    uint32_t len = BH_STRICT_REPLY_HEADER_LEN;

    if (unknown_id(client, pane, d))
        return true;
    if (d->bytes[2] == BH_OK)
        len += data_len(client, &pane->op);
    return fits(client, d->len, len) && BH_GET16(d->bytes + 4) == client->id;
}

/* Where the path pads, a late answer to a request of an earlier session may
 * have passed for that to the CONNECT. */
static bool is_mine(const struct client *client, const uint8_t *data)
{
    return strcmp((const char *)data + BH_IDENTIFY_AT_NAME, client->name) == 0;
}

static void answered(struct world *world, struct client *client,
                     struct pane *pane, const struct datagram *d)
{
    struct op op = pane->op;
    bool left = pane->state == PANE_LEFT;

    op_drive_from(world, client, &op, d->disk);

    if (left && d->bytes[2] == BH_ERR_SESSION)
        return; /* it may be of an earlier session, and takes no number */
    drop_pane(client, pane);
    if (left) { /* it was not waited for any more, but makes room */
        window_fill(world, client);
        return;
    }
    if (op.kind == OP_IDENTIFY && d->bytes[2] == BH_OK &&
        !is_mine(client, d->bytes + BH_STRICT_REPLY_HEADER_LEN)) {
        op_given_up(world, client, &op);
        stuck(world, client);
        return;
    }
    if (op.kind == OP_IDENTIFY && d->bytes[2] == BH_OK)
        client->window = BH_GET16(d->bytes + BH_STRICT_REPLY_HEADER_LEN +
                                  BH_IDENTIFY_AT_WINDOW);
    client_answered(world, client, &op, d->bytes[2],
                    d->bytes + BH_STRICT_REPLY_HEADER_LEN);
}

/* An error answers all of a run, if nothing of it has come before. */
static void run_answered(struct world *world, struct client *client,
                         const struct pane *pane, const struct datagram *d)
{
    uint16_t first = pane->first;
    uint8_t run = pane->run;

    if (d->bytes[2] == BH_OK || !leads(client, pane))
        run = 1;
    for (uint16_t i = 0; i < run; i++) {
        struct pane *at =
            waiting(client, run == 1 ? pane->number : (uint16_t)(first + i));

        if (at != NULL)
            answered(world, client, at, d);
    }
}

void window_received(struct world *world, struct client *client,
                     const struct datagram *d)
{
    struct pane *pane;

    if (client->op.kind == OP_CONNECT) {
        connect_answered(world, client, d);
        return;
    }
    if (client->phase < PROVING || d->len < BH_DISCON_REPLY_LEN ||
        d->bytes[0] != BH_PACKET_REPLY)
        return;
    if (d->len == BH_DISCON_REPLY_LEN) /* to the last of all requests */
        pane = waiting(client, (uint16_t)(client->next - 1));
    else
        pane = waiting(client, (uint16_t)(d->bytes[1] | d->bytes[3] << 8));
    if (pane == NULL || !is_answer(client, pane, d))
        return;
    /* An id that nobody knows may be an earlier one of this client: what is
     * not waited for any more is not answered by that. */
    if (pane->state == PANE_OUT || d->bytes[2] != BH_ERR_SESSION)
        run_answered(world, client, pane, d);
}
