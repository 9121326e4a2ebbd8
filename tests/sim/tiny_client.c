/* SPDX-License-Identifier: MIT */
/* Clients with the tiny client inside: one request at a time. */
#include "drive.h"
#include "world.h"

#include "tiny_form.h"

#include "wire/bytes.h"
#include "wire/protocol.h"

static const struct tiny_form *form_of(const struct client *client)
{
    return client->kind == CLIENT_STRICT ? &tiny_strict : &tiny_default;
}

void tiny_restart(struct world *world, struct client *client)
{
    form_of(client)->start(client->tiny, (uint8_t)rng_next(&world->rng),
                           client->padded);
}

static struct tiny_question question_of(const struct client *client)
{
    static const enum tiny_request requests[] = {
        [OP_CONNECT] = TINY_CONNECT, [OP_READ] = TINY_READ,
        [OP_WRITE] = TINY_WRITE,     [OP_IDENTIFY] = TINY_IDENTIFY,
        [OP_FLUSH] = TINY_FLUSH,     [OP_KEEP] = TINY_KEEP,
        [OP_DISCON] = TINY_DISCON,   [OP_TRIM] = TINY_TRIM,
        [OP_ZERO] = TINY_ZERO,       [OP_CHECKSUM] = TINY_CHECKSUM,
        [OP_TIME] = TINY_TIME,       [OP_CHECKPOINT] = TINY_CHECKPOINT,
        [OP_EJECT] = TINY_EJECT,     [OP_LOCK] = TINY_LOCK,
        [OP_UNLOCK] = TINY_UNLOCK};

    return (struct tiny_question){
        .kind = requests[client->op.kind],
        .flags = (uint8_t)(client->access | client->exponent |
                           (client->strict ? BH_FLAG_STRICT : 0)),
        .name = client->name,
        .lsn = client->op.lsn,
        .sector_len = (uint16_t)BH_SECTOR_LEN(client->exponent),
        .body = client->body};
}

static void go_on(struct world *world, struct client *client)
{
    const struct tiny_form *form = form_of(client);
    uint32_t next_ms;

    if (form->due(client->tiny, world->now_ms, &next_ms)) {
        struct datagram *d =
            client_datagram(world, client, client->request, &client->op);

        d->len = form->datagram(client->tiny, d->bytes);
        net_send(world, d, true);
    }
    if (form->status(client->tiny) == STATUS_SILENT) {
        struct op op = client->op;

        if (client->kind == CLIENT_STRICT && op.kind != OP_CONNECT &&
            rng_hits(&world->rng, PERCENT(50))) {
            form->again(client->tiny);
            client_need(world, client, world->now_ms + 1);
            return;
        }
        client->op.kind = OP_NONE;
        client_answered(world, client, &op, STATUS_SILENT, NULL);
        return;
    }
    client_need(world, client, world->now_ms + next_ms);
}

void tiny_begin(struct world *world, struct client *client, const struct op *op)
{
    const struct tiny_form *form = form_of(client);
    struct tiny_question question;

    client->op = *op;
    client->request++;
    op_began(world, client, &client->op);
    client_body(world, client, &client->op, client->body);
    question = question_of(client);
    form->ask(client->tiny, &question);
    form->set_tries(client->tiny, client->tries);
    if (client->kind == CLIENT_CONSTANT)
        form->set_seq(client->tiny, 7);
    else if (client->kind == CLIENT_RANDOM)
        form->set_seq(client->tiny, (uint8_t)rng_next(&world->rng));
    go_on(world, client);
}

void tiny_timer(struct world *world, struct client *client)
{
    go_on(world, client);
}

void tiny_received(struct world *world, struct client *client,
                   const struct datagram *datagram)
{
    const struct tiny_form *form = form_of(client);
    struct op op = client->op;
    uint16_t data;

    op_drive_from(world, client, &op, datagram->disk);

    if (op.kind == OP_NONE ||
        !form->received(client->tiny, datagram->bytes, datagram->len, &data))
        return;
    client->op.kind = OP_NONE;
    if (op.kind == OP_CONNECT && form->status(client->tiny) == BH_OK)
        client_given(world, client, form->session(client->tiny));
    client_answered(world, client, &op, form->status(client->tiny),
                    datagram->bytes + data);
}
