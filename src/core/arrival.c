/* SPDX-License-Identifier: MIT */
/*
 * COMMAND: from the datagram to a request, in the order of checks that
 * docs/protocol.md fixes: header length, id and host, number, opcode, body
 * length. command.c goes on with medium, rights and LSN.
 */
#include "core/internal.h"
#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/label.h"
#include "wire/opcode.h"

#include <string.h>

struct arrival {
    const struct bh_path *path;
    const uint8_t *bytes;
    size_t len;
    struct bh_command command;
    const struct bh_opcode_row *row; /* NULL: unknown in this session */
    uint16_t count;                  /* sectors */
    uint8_t numbers;                 /* strict: that it takes */
};

BH_COLD static void refuse(struct bh_server *server,
                           const struct arrival *arrival, uint8_t status,
                           bool strict)
{
    const struct bh_command *command = &arrival->command;
    uint8_t bytes[BH_REPLY_HEADER_LEN];
    struct bh_event *event = bh_event_note(server, BH_EVENT_REQUEST_REFUSED,
                                           &arrival->path->peer, NULL);

    event->status = status;
    event->id = command->session;
    event->detail = bh_command_lsn(command);
    server->counters.refused++;
    if (strict)
        bh_strict_answer(server, arrival->path, command, status);
    else
        bh_reply(
            server, arrival->path, bytes,
            bh_command_reply_encode(bytes, command->seq, status, command->pad));
}

const struct bh_opcode_row *bh_command_row(const struct bh_command *command,
                                           bool strict)
{
    const struct bh_opcode_row *row = bh_opcode_find(command->opcode);

    if (row == NULL || (row->flags & BH_OP_STRICT && !strict) ||
        (row->code == BH_OP_IDENTIFY && command->lsn != BH_IDENTIFY_MAGIC))
        return NULL;
    return row;
}

/* Bytes of a body that says itself what it is; of a label whose length has not
 * come the least. */
BH_SLOW static size_t special_len(const struct bh_opcode_row *row,
                                  const uint8_t *bytes, size_t len)
{
    if (row->body_len != BH_BODY_LABEL)
        return row->body_len;
    return 1u +
           (len > BH_COMMAND_HEADER_LEN ? bytes[BH_COMMAND_HEADER_LEN] : 0u);
}

static size_t body_len(const struct bh_opcode_row *row, const uint8_t *bytes,
                       size_t len, uint8_t exponent)
{
    if (row->body_len == 0)
        return 0;
    if (row->body_len == BH_BODY_SECTOR)
        return BH_SECTOR_LEN(exponent);
    return special_len(row, bytes, len);
}

/* How many sectors and numbers it takes, or what its label is: whether that can
 * be. */
BH_SLOW static bool is_sensible(struct arrival *arrival, uint8_t exponent)
{
    const uint8_t *body = arrival->bytes + BH_COMMAND_HEADER_LEN;
    const struct bh_opcode_row *row = arrival->row;
    char label[BH_LABEL_LEN + 1];

    if (row->body_len == BH_BODY_LABEL)
        return bh_label_clean((const char *)body + 1, body[0], label) == BH_OK;
    if (row->flags & BH_OP_COUNT) {
        arrival->count = BH_GET16(body);
        return arrival->count >= 1 &&
               arrival->count <= BH_HEAVY_LEN / BH_SECTOR_LEN(exponent);
    }
    arrival->count = arrival->numbers = body[0]; /* READ_RUN */
    return arrival->count >= 1 && arrival->count <= bh_run_max(exponent);
}

/* Opcode and body: what can be said of a COMMAND by itself. */
static uint8_t examine(struct arrival *arrival, bool strict, uint8_t exponent)
{
    const struct bh_opcode_row *row = bh_command_row(&arrival->command, strict);

    arrival->row = row;
    arrival->count = arrival->numbers = 1;
    if (row == NULL)
        return BH_ERR_OPCODE;
    if (row->body_len == 0)
        return BH_OK;
    if (arrival->len - BH_COMMAND_HEADER_LEN <
        body_len(row, arrival->bytes, arrival->len, exponent))
        return BH_ERR_FORMAT;
    return row->body_len == BH_BODY_SECTOR || is_sensible(arrival, exponent)
               ? BH_OK
               : BH_ERR_FORMAT;
}

/* A request slot with the command and its body in it, or NULL. */
static struct bh_request *take_request(struct bh_server *server,
                                       const struct arrival *arrival,
                                       struct bh_host *host, uint8_t exponent)
{
    const struct bh_opcode_row *row = arrival->row;
    struct bh_request *request = bh_request_new(server, arrival->path, host);

    if (request == NULL)
        return NULL;
    request->command = arrival->command;
    request->row = row;
    request->count = arrival->count;
    request->numbers = arrival->numbers;
    if (row->body_len > 0)
        memcpy(request->buffer + BH_COMMAND_HEADER_LEN,
               arrival->bytes + BH_COMMAND_HEADER_LEN,
               body_len(row, arrival->bytes, arrival->len, exponent));
    return request;
}

static bool same_request(const struct bh_request *request,
                         const struct arrival *arrival)
{
    const struct bh_command *old = &request->command;
    const struct bh_command *command = &arrival->command;

    if (request->discon || old->opcode != command->opcode ||
        old->lsn != command->lsn || old->pad != command->pad)
        return false;
    /* A body of no bytes compares equal: a READ's buffer is not looked at. */
    return memcmp(request->buffer + BH_COMMAND_HEADER_LEN,
                  arrival->bytes + BH_COMMAND_HEADER_LEN,
                  body_len(arrival->row, arrival->bytes, arrival->len,
                           request->session->exponent)) == 0;
}

/* Whether the same request is still under way: then this one is its
 * retransmission, and one answer is enough. Another request with its number
 * has taken its place: only that one's answer is sent. */
static bool repeated(const struct bh_session *session,
                     const struct arrival *arrival)
{
    BH_LIST_EACH (link, &session->requests) {
        struct bh_request *request =
            BH_OWNER(link, struct bh_request, of_session);

        if (request->command.seq != arrival->command.seq)
            continue;
        if (!request->mute && same_request(request, arrival))
            return true;
        request->mute = true;
    }
    return false;
}

/* Whether a request that was its session's newest is still under way. Copies of
 * answered ones, which the network made, say nothing about the client. */
static bool newest_unanswered(const struct bh_session *session)
{
    BH_LIST_EACH (link, &session->requests)
        if (!BH_OWNER(link, struct bh_request, of_session)->late)
            return true;
    return false;
}

static void start(struct bh_server *server, struct bh_session *session,
                  struct bh_request *request)
{
    bh_session_request_began(session, request);
    bh_command_admit(server, request);
}

/* Whether the numbers behind the first are in the window, too. */
static bool run_fits(const struct bh_session *session, uint64_t number,
                     uint8_t count)
{
    uint8_t status;

    return count == 1 || bh_window_check(session->window, number + count - 1,
                                         &status) != BH_NUMBER_AHEAD;
}

/* A command of a strict session. */
static void strict_received(struct bh_server *server,
                            struct bh_session *session, struct arrival *arrival)
{
    uint8_t status = examine(arrival, true, session->exponent);
    const struct bh_opcode_row *row = arrival->row;
    struct bh_request *request;
    uint64_t number;
    bool again;

    if (!bh_number_passes(server, session, arrival->path, &arrival->command,
                          row != NULL && row->flags & BH_OP_DATA, &number,
                          &again))
        return;
    if (status == BH_OK && !run_fits(session, number, arrival->numbers))
        status = BH_ERR_AHEAD;
    if (status != BH_OK) {
        if (status == BH_ERR_OPCODE && !again) /* a format can be mended */
            bh_session_record(server, session, number, 1, status, true);
        refuse(server, arrival, status, true);
        return;
    }
    request = take_request(server, arrival, session->host, session->exponent);
    if (request == NULL)
        return;
    request->strict = true;
    request->number = number;
    request->again = again;
    start(server, session, request);
}

static void carry_out(struct bh_server *server, struct bh_session *session,
                      const struct arrival *arrival, bool late)
{
    struct bh_request *request =
        take_request(server, arrival, session->host, session->exponent);

    if (request == NULL)
        return;
    request->late = late;
    start(server, session, request);
}

/* A command of a default session. */
static void default_received(struct bh_server *server,
                             struct bh_session *session,
                             struct arrival *arrival)
{
    uint8_t status = examine(arrival, false, session->exponent);
    uint8_t newest = session->count.highest;
    bool changes;

    if (status != BH_OK) {
        refuse(server, arrival, status, false);
        return;
    }
    changes = arrival->row->flags & BH_OP_CHANGES;
    bh_session_heard(server, session, &arrival->path->peer);
    if (session->request_count > 0 && repeated(session, arrival)) {
        server->counters.repeated++;
        return;
    }
    switch (bh_count_check(&session->count, arrival->command.seq, changes,
                           newest_unanswered(session), server->now)) {
    case BH_COUNT_NEXT:
        bh_session_keep_numbers(server, session, 1, changes);
        carry_out(server, session, arrival, false);
        break;
    case BH_COUNT_RUN:
        bh_session_keep_numbers(server, session, 1, true);
        carry_out(server, session, arrival, session->count.highest == newest);
        break;
    case BH_COUNT_LOST:
        bh_session_end(server, session, BH_END_LOST);
        refuse(server, arrival, BH_ERR_SESSION, false);
        break;
    default: /* BH_COUNT_DROP */
        server->counters.repeated++;
        break;
    }
}

/* Whether a strict session's number may be its first; an unknown opcode is
 * answered for good here too, and its number remembered. */
static bool first_number(struct bh_server *server, struct bh_pending *pending,
                         const struct arrival *arrival, uint8_t status)
{
    const struct bh_command *command = &arrival->command;
    uint16_t number = bh_number_low(command);
    uint64_t bit;

    if (number == 0 || number > BH_WINDOW_MAX) {
        bh_strict_answer(server, arrival->path, command, BH_ERR_AHEAD);
        return false;
    }
    bit = (uint64_t)1 << (number - 1);
    if (pending->unknown & bit) { /* a final status does not change */
        bh_strict_answer(server, arrival->path, command, BH_ERR_OPCODE);
        return false;
    }
    if (status == BH_ERR_OPCODE) {
        pending->unknown |= bit;
        bh_keep_pending(server, pending);
    }
    return true;
}

BH_COLD static void pending_received(struct bh_server *server,
                                     struct bh_pending *pending,
                                     struct arrival *arrival)
{
    uint8_t exponent = pending->flags & BH_FLAG_SECTOR_MASK;
    bool strict = (pending->flags & BH_FLAG_STRICT) != 0;
    uint16_t number = bh_number_low(&arrival->command);
    uint8_t status = examine(arrival, strict, exponent);
    struct bh_request *request;

    if (strict && pending->request != NULL) { /* its number is not recorded */
        server->counters.repeated++;
        return;
    }
    if (strict && !first_number(server, pending, arrival, status))
        return;
    if (strict && status == BH_OK &&
        number + arrival->numbers - 1u > BH_WINDOW_MAX)
        status = BH_ERR_AHEAD;
    if (status != BH_OK) {
        refuse(server, arrival, status, strict);
        return;
    }
    if (pending->request != NULL) {
        server->counters.repeated++;
        return;
    }
    request = take_request(server, arrival, pending->host, exponent);
    if (request == NULL)
        return;
    request->strict = strict;
    request->number = number;
    bh_pending_prove(server, pending, request);
}

BH_COLD static void malformed(struct bh_server *server,
                              const struct arrival *arrival)
{
    uint8_t reply[BH_REPLY_HEADER_LEN];

    bh_malformed(server, arrival->path, arrival->len);
    if (arrival->len >= BH_REPLY_HEADER_LEN) /* none outgrows its request */
        bh_reply(server, arrival->path, reply,
                 bh_command_reply_encode(reply, arrival->bytes[1],
                                         BH_ERR_FORMAT, 0));
}

/* `session`, if there is one, is ending. */
BH_COLD static void unproven_received(struct bh_server *server,
                                      const struct bh_session *session,
                                      struct arrival *arrival)
{
    const struct bh_command *command = &arrival->command;
    struct bh_pending *pending;

    if (session != NULL && session->window != NULL &&
        bh_number_runs(session, bh_window_infer(session->window,
                                                bh_number_low(command)))) {
        server->counters.repeated++; /* this one's answer comes */
        return;
    }
    pending = bh_pending_find(server, command->session, &arrival->path->peer);
    if (pending != NULL)
        pending_received(server, pending, arrival);
    else
        bh_wrong_id(server, arrival->path, command, false, true);
}

void bh_command_received(struct bh_server *server, const struct bh_path *path,
                         const uint8_t *bytes, size_t len)
{
    struct arrival arrival;
    const struct bh_command *command = &arrival.command;
    struct bh_session *session;

    arrival.path = path;
    arrival.bytes = bytes;
    arrival.len = len;
    if (bh_command_decode(bytes, len, &arrival.command) != BH_OK) {
        malformed(server, &arrival);
        return;
    }
    if (command->session == 0 && command->opcode == BH_OP_IDENTIFY) {
        bh_identify_server(server, path, command, len);
        return;
    }
    session = bh_session_find(server, command->session, &path->peer);
    if (session == NULL || session->state != BH_SESSION_PROVEN)
        unproven_received(server, session, &arrival);
    else if (session->window != NULL)
        strict_received(server, session, &arrival);
    else
        default_received(server, session, &arrival);
}
