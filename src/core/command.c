/* SPDX-License-Identifier: MIT */
/*
 * COMMAND: from the datagram to a handler, in the order of checks that
 * docs/protocol.md fixes: header length, id and host, opcode, body length,
 * medium, rights, LSN.
 */
#include "core/internal.h"
#include "wire/identify.h"
#include "wire/opcode.h"

#include <assert.h>
#include <string.h>

/*
 * Handlers, one per row of wire/opcode.def. The checks have been made; each
 * either finishes the request or posts its job.
 */

/* Its sectors, each behind the header of its reply; cut to the limit. */
static void fill_span(struct bh_request *request, uint64_t limit)
{
    uint32_t sector_len = BH_SECTOR_LEN(request->session->exponent);
    uint32_t len = request->count * sector_len;
    struct bh_job *job = &request->job;

    job->offset = (uint64_t)request->command.lsn * sector_len;
    job->len =
        limit - job->offset < len ? (uint32_t)(limit - job->offset) : len;
    job->piece = sector_len;
    job->stride = bh_request_header_len(request) + sector_len;
}

/* The end of what may be written: a volume that may grow has room behind its
 * last byte. */
static uint64_t write_limit(const struct bh_volume *volume)
{
    const struct bh_volume_facts *facts = &volume->facts;

    return facts->grow_limit > facts->byte_count ? facts->grow_limit
                                                 : facts->byte_count;
}

static void handle_read(struct bh_server *server, struct bh_request *request)
{
    struct bh_volume *volume = request->session->volume;

    fill_span(request, volume->facts.byte_count);
    request->job.kind = BH_JOB_READ;
    request->job.data = request->buffer + bh_request_header_len(request);
    server->counters.reads += request->count;
    bh_queue_add(server, volume, request);
}

static void handle_read_run(struct bh_server *server,
                            struct bh_request *request)
{
    handle_read(server, request);
}

void bh_command_fit(struct bh_request *request)
{
    fill_span(request, request->session->volume->facts.byte_count);
}

static void handle_write(struct bh_server *server, struct bh_request *request)
{
    struct bh_volume *volume = request->session->volume;

    fill_span(request, write_limit(volume));
    request->job.kind = BH_JOB_WRITE;
    request->job.data = request->buffer + BH_COMMAND_HEADER_LEN;
    server->counters.writes++;
    bh_queue_add(server, volume, request);
}

static void handle_flush(struct bh_server *server, struct bh_request *request)
{
    request->job.kind = BH_JOB_SYNC;
    bh_queue_add(server, request->session->volume, request);
}

static uint32_t features(void)
{
    uint32_t bits = 0;

    for (uint8_t code = 0; code < 32; code++)
        if (bh_opcode_find(code) != NULL)
            bits |= (uint32_t)1 << code;
    return bits;
}

static struct bh_identify identify(const struct bh_server *server)
{
    return (struct bh_identify){.version = BH_IDENTIFY_VERSION,
                                .utc_seconds = server->utc_seconds,
                                .zone_minutes = server->zone_minutes,
                                .window = BH_WINDOW_MAX,
                                .preferred_run = 1,
                                .lease_seconds = BH_LEASE_MS / 1000,
                                .features = features(),
                                .heavy_len = BH_HEAVY_LEN,
                                .instance = server->config.instance};
}

/* The most sectors in a run: their replies leave together, each has a number,
 * and all of them are in the window. */
static uint32_t run_max(uint8_t exponent)
{
    uint32_t most =
        BH_RUN_MAX_LEN / (BH_STRICT_REPLY_HEADER_LEN + BH_SECTOR_LEN(exponent));

    return most < BH_WINDOW_MAX ? most : BH_WINDOW_MAX;
}

static uint16_t volume_flags(const struct bh_volume_facts *facts)
{
    unsigned flags = 0;

    if (facts->mode == BH_MODE_READ_ONLY)
        flags |= BH_VOLUME_READ_ONLY;
    if (facts->mode == BH_MODE_SHARED)
        flags |= BH_VOLUME_SHARED;
    if (facts->grow_limit > facts->byte_count)
        flags |= BH_VOLUME_MAY_GROW;
    return (uint16_t)flags;
}

static void handle_identify(struct bh_server *server,
                            struct bh_request *request)
{
    const struct bh_session *session = request->session;
    const struct bh_volume *volume = session->volume;
    struct bh_identify it = identify(server);
    uint32_t len;

    if (session->window != NULL) {
        it.preferred_run = (uint16_t)run_max(session->exponent);
    } else { /* a default session has neither */
        it.window = 1;
        it.lease_seconds = 0;
    }
    it.sector_exponent = session->exponent;
    it.flags = volume_flags(&volume->facts);
    it.sector_count = bh_volume_sectors(volume, session->exponent);
    it.change_counter = volume->change_counter;
    memcpy(it.name, volume->facts.name, sizeof it.name - 1);
    len = bh_request_put_header(request, 0, BH_OK);
    bh_identify_encode(request->buffer + len, &it);
    bh_session_request_over(server, request, BH_OK);
    bh_request_reply(server, request, len + BH_IDENTIFY_LEN);
}

typedef void handler(struct bh_server *server, struct bh_request *request);

static handler *const handlers[] = {
#define BH_OPCODE(code, NAME, name, body, flags) [code] = handle_##name,
#include "wire/opcode.def"
#undef BH_OPCODE
};

/*
 * From arrival to the handler.
 */

/* What the log is told of the LSN field. */
static uint64_t lsn_of(const struct bh_command *command)
{
    const struct bh_opcode_row *row = bh_opcode_find(command->opcode);

    return row != NULL && row->flags & BH_OP_LSN ? command->lsn
                                                 : BH_EVENT_NO_LSN;
}

void bh_command_finish(struct bh_server *server, struct bh_request *request,
                       uint8_t status)
{
    struct bh_session *session = request->session;

    if (status != BH_OK) {
        struct bh_event *event =
            bh_event_note(server, BH_EVENT_REQUEST_REFUSED, &request->path.peer,
                          session != NULL ? session->volume : NULL);

        event->status = status;
        event->id = request->command.session;
        event->detail = lsn_of(&request->command);
        server->counters.refused++;
    }
    if (session != NULL) {
        if (request->queued)
            bh_queue_remove(server, session->volume, request);
        if (request->discon)
            session->end_status = status;
        bh_session_request_over(server, request, status);
    }
    bh_request_reply_status(server, request, status);
}

static uint8_t check(const struct bh_request *request)
{
    const struct bh_session *session = request->session;
    const struct bh_volume *volume = session->volume;
    const struct bh_opcode_row *row = request->row;
    uint64_t end = row->flags & BH_OP_CHANGES ? write_limit(volume)
                                              : volume->facts.byte_count;

    if (session->state == BH_SESSION_ENDING && session->closing == NULL)
        return BH_ERR_SESSION;
    if (volume->poisoned && row->code != BH_OP_IDENTIFY)
        return BH_ERR_STORAGE;
    if (row->flags & BH_OP_CHANGES && session->access != BH_ACCESS_WRITER)
        return BH_ERR_READ_ONLY;
    if (row->flags & BH_OP_LSN &&
        ((uint64_t)request->command.lsn + request->count - 1) *
                BH_SECTOR_LEN(session->exponent) >=
            end)
        return BH_ERR_LSN;
    return BH_OK;
}

/* What the number of a strict request that was parked is by now: SEEN if it was
 * a WRITE in doubt and was examined while this retransmission was parked; OLD
 * if its client has had the answer to another one since, and has gone on. */
static enum bh_number number_by_now(const struct bh_request *request,
                                    uint8_t *status)
{
    if (!request->strict || request->again ||
        request->state != BH_REQUEST_PARKED)
        return BH_NUMBER_NEW;
    return bh_window_check(request->session->window, request->number, status);
}

void bh_command_admit(struct bh_server *server, struct bh_request *request)
{
    const struct bh_session *session = request->session;
    struct bh_volume *volume = session->volume;
    enum bh_number number;
    uint8_t status;

    if (!bh_volume_open_for(volume, session->access)) {
        request->state = BH_REQUEST_PARKED;
        bh_list_append(&volume->parked, &request->link);
        return;
    }
    if (request->discon) {
        bh_volume_commit(server, volume, request);
        return;
    }
    if (session->state == BH_SESSION_ENDING && bh_left_to_next(server) &&
        session->reason == BH_END_STOPPED) {
        bh_session_request_dropped(server, request);
        return;
    }
    number = number_by_now(request, &status);
    if (number == BH_NUMBER_OLD) {
        bh_session_request_dropped(server, request);
        return;
    }
    if (number == BH_NUMBER_SEEN) {
        request->again = true; /* it is not recorded twice */
        if (status != BH_OK || request->command.opcode == BH_OP_WRITE) {
            bh_command_finish(server, request, status);
            return;
        }
    }
    status = check(request);
    if (status != BH_OK)
        bh_command_finish(server, request, status);
    else
        handlers[request->command.opcode](server, request);
}

/* The sectors of a READ are there: what the volume does not have of the last
 * one is zero, and each becomes a reply. */
static void reply_data(struct bh_server *server, struct bh_request *request)
{
    const struct bh_job *job = &request->job;
    uint32_t last = request->count - 1u;
    uint32_t lacking = request->count * job->piece - job->len;

    if (lacking > 0)
        memset(bh_job_at(job, job->len), 0, lacking);
    for (uint32_t i = 0; i <= last; i++)
        bh_request_put_header(request, i, BH_OK);
    bh_session_request_over(server, request, BH_OK);
    bh_request_reply_run(server, request, job->stride, request->count);
}

void bh_command_done(struct bh_server *server, struct bh_request *request,
                     uint8_t status)
{
    struct bh_session *session = request->session;
    struct bh_volume *volume = session->volume;
    const struct bh_job *job = &request->job;

    if (job->kind == BH_JOB_WRITE) { /* before what waits for it runs */
        bh_volume_dirtied(server, volume);
        if (status == BH_OK &&
            job->offset + job->len > volume->facts.byte_count)
            volume->facts.byte_count = job->offset + job->len;
    }
    bh_queue_job_done(server, volume);
    if (status == BH_OK && volume->poisoned)
        status = BH_ERR_STORAGE;
    if (job->kind == BH_JOB_WRITE) {
        if (status == BH_OK && volume->facts.sync == BH_SYNC_WRITE)
            bh_volume_commit(server, volume, request);
        else
            bh_command_finish(server, request, status);
        return;
    }
    if (status != BH_OK) {
        bh_command_finish(server, request, status);
        return;
    }
    bh_queue_remove(server, volume, request);
    reply_data(server, request);
}

static void refuse(struct bh_server *server, const struct bh_path *path,
                   const struct bh_command *command, uint8_t status,
                   bool strict)
{
    uint8_t bytes[BH_REPLY_HEADER_LEN];
    struct bh_event *event =
        bh_event_note(server, BH_EVENT_REQUEST_REFUSED, &path->peer, NULL);

    event->status = status;
    event->id = command->session;
    event->detail = lsn_of(command);
    server->counters.refused++;
    if (strict)
        bh_strict_answer(server, path, command, status);
    else
        bh_reply(
            server, path, bytes,
            bh_command_reply_encode(bytes, command->seq, status, command->pad));
}

/* The row of a COMMAND's opcode; NULL: it is unknown. IDENTIFY has a magic
 * number where others have an LSN: whoever happens to use this opcode for
 * something else is told that it is unknown. */
static const struct bh_opcode_row *row_of(const struct bh_command *command,
                                          bool strict)
{
    const struct bh_opcode_row *row = bh_opcode_find(command->opcode);

    if (row == NULL || (row->flags & BH_OP_STRICT && !strict) ||
        (row->code == BH_OP_IDENTIFY && command->lsn != BH_IDENTIFY_MAGIC))
        return NULL;
    return row;
}

static size_t body_len(const struct bh_opcode_row *row, uint8_t exponent)
{
    return row->body_len == BH_BODY_SECTOR ? BH_SECTOR_LEN(exponent)
                                           : row->body_len;
}

/* Sectors and numbers that a COMMAND takes. */
static uint8_t count_of(const struct bh_command *command, const uint8_t *bytes)
{
    return command->opcode == BH_OP_READ_RUN ? bytes[BH_COMMAND_HEADER_LEN] : 1;
}

/* Opcode and body: what can be said of a COMMAND by itself. */
static uint8_t well_formed(const struct bh_opcode_row *row,
                           const uint8_t *bytes, size_t len, uint8_t exponent)
{
    uint32_t count;

    if (row == NULL)
        return BH_ERR_OPCODE;
    if (len - BH_COMMAND_HEADER_LEN < body_len(row, exponent))
        return BH_ERR_FORMAT;
    if (row->code != BH_OP_READ_RUN)
        return BH_OK;
    count = bytes[BH_COMMAND_HEADER_LEN];
    return count >= 1 && count <= run_max(exponent) ? BH_OK : BH_ERR_FORMAT;
}

/* Session id 0: the server itself is asked. */
static void identify_server(struct bh_server *server,
                            const struct bh_path *path,
                            const struct bh_command *command, size_t len)
{
    uint8_t bytes[BH_REPLY_HEADER_LEN + BH_IDENTIFY_LEN];
    struct bh_identify it = identify(server);
    uint8_t status = BH_OK;
    size_t reply_len;

    if (row_of(command, false) == NULL)
        status = BH_ERR_OPCODE;
    else if (len < BH_IDENTIFY_SERVER_REQUEST_LEN)
        status = BH_ERR_FORMAT;
    reply_len =
        bh_command_reply_encode(bytes, command->seq, status, command->pad);
    if (status == BH_OK) {
        memcpy(it.name, server->config.name, sizeof it.name);
        bh_identify_encode(bytes + reply_len, &it);
        reply_len += BH_IDENTIFY_LEN;
    }
    bh_reply(server, path, bytes, reply_len);
}

/* A request slot with the command and its body in it, or NULL. */
static struct bh_request *take_request(struct bh_server *server,
                                       const struct bh_path *path,
                                       struct bh_host *host,
                                       const struct bh_command *command,
                                       const struct bh_opcode_row *row,
                                       const uint8_t *bytes, uint8_t exponent)
{
    struct bh_request *request = bh_request_new(server, path, host);

    if (request == NULL)
        return NULL;
    request->command = *command;
    request->row = row;
    request->count = count_of(command, bytes);
    if (row->body_len > 0)
        memcpy(request->buffer + BH_COMMAND_HEADER_LEN,
               bytes + BH_COMMAND_HEADER_LEN, body_len(row, exponent));
    return request;
}

static bool same_request(const struct bh_request *request,
                         const struct bh_command *command, const uint8_t *bytes)
{
    const struct bh_command *old = &request->command;

    if (request->discon || old->opcode != command->opcode ||
        old->lsn != command->lsn || old->pad != command->pad)
        return false;
    /* A body of no bytes compares equal: a READ's buffer is not looked at. */
    return memcmp(request->buffer + BH_COMMAND_HEADER_LEN,
                  bytes + BH_COMMAND_HEADER_LEN,
                  body_len(request->row, request->session->exponent)) == 0;
}

/* Whether the same request is still under way: then this one is its
 * retransmission, and one answer is enough. Another request with its number
 * has taken its place: only that one's answer is sent. */
static bool repeated(const struct bh_session *session,
                     const struct bh_command *command, const uint8_t *bytes)
{
    BH_LIST_EACH (link, &session->requests) {
        struct bh_request *request =
            BH_OWNER(link, struct bh_request, of_session);

        if (request->command.seq != command->seq)
            continue;
        if (!request->mute && same_request(request, command, bytes))
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
    if (request == NULL)
        return;
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
                            struct bh_session *session,
                            const struct bh_path *path,
                            const struct bh_command *command,
                            const uint8_t *bytes, size_t len)
{
    const struct bh_opcode_row *row = row_of(command, true);
    uint8_t status = well_formed(row, bytes, len, session->exponent);
    struct bh_request *request;
    uint64_t number;
    bool again;

    if (!bh_number_passes(server, session, path, command,
                          row != NULL && row->flags & BH_OP_DATA, &number,
                          &again))
        return;
    if (status == BH_OK && !run_fits(session, number, count_of(command, bytes)))
        status = BH_ERR_AHEAD;
    if (status != BH_OK) {
        if (status == BH_ERR_OPCODE && !again) /* a format can be mended */
            bh_session_record(server, session, number, 1, status);
        refuse(server, path, command, status, true);
        return;
    }
    request = take_request(server, path, session->host, command, row, bytes,
                           session->exponent);
    if (request != NULL) {
        request->strict = true;
        request->number = number;
        request->again = again;
    }
    start(server, session, request);
}

/* A command of a default session. */
static void default_received(struct bh_server *server,
                             struct bh_session *session,
                             const struct bh_path *path,
                             const struct bh_command *command,
                             const uint8_t *bytes, size_t len)
{
    const struct bh_opcode_row *row = row_of(command, false);
    uint8_t status = well_formed(row, bytes, len, session->exponent);
    uint8_t newest = session->count.highest;
    struct bh_request *request;

    if (status != BH_OK) {
        refuse(server, path, command, status, false);
        return;
    }
    bh_session_heard(server, session, &path->peer);
    if (session->request_count > 0 && repeated(session, command, bytes)) {
        server->counters.repeated++;
        return;
    }
    switch (bh_count_check(&session->count, command->seq,
                           row->flags & BH_OP_CHANGES,
                           newest_unanswered(session), server->now)) {
    case BH_COUNT_RUN:
        bh_keep_numbers(server, session);
        request = take_request(server, path, session->host, command, row, bytes,
                               session->exponent);
        if (request != NULL)
            request->late = session->count.highest == newest;
        start(server, session, request);
        break;
    case BH_COUNT_LOST:
        bh_session_end(server, session, BH_END_LOST);
        refuse(server, path, command, BH_ERR_SESSION, false);
        break;
    default: /* BH_COUNT_DROP */
        server->counters.repeated++;
        break;
    }
}

/* Whether a strict session's number may be its first; an unknown opcode is
 * answered for good here too, and its number remembered. */
static bool first_number(struct bh_server *server, struct bh_pending *pending,
                         const struct bh_path *path,
                         const struct bh_command *command, uint8_t status)
{
    uint16_t number = bh_number_low(command);
    uint64_t bit;

    if (number == 0 || number > BH_WINDOW_MAX) {
        bh_strict_answer(server, path, command, BH_ERR_AHEAD);
        return false;
    }
    bit = (uint64_t)1 << (number - 1);
    if (pending->unknown & bit) { /* a final status does not change */
        bh_strict_answer(server, path, command, BH_ERR_OPCODE);
        return false;
    }
    if (status == BH_ERR_OPCODE) {
        pending->unknown |= bit;
        bh_keep_pending(server, pending);
    }
    return true;
}

static void pending_received(struct bh_server *server,
                             struct bh_pending *pending,
                             const struct bh_path *path,
                             const struct bh_command *command,
                             const uint8_t *bytes, size_t len)
{
    uint8_t exponent = pending->flags & BH_FLAG_SECTOR_MASK;
    bool strict = (pending->flags & BH_FLAG_STRICT) != 0;
    const struct bh_opcode_row *row = row_of(command, strict);
    uint8_t status = well_formed(row, bytes, len, exponent);
    struct bh_request *request;

    if (strict && pending->request != NULL) { /* its number is not recorded */
        server->counters.repeated++;
        return;
    }
    if (strict && !first_number(server, pending, path, command, status))
        return;
    if (strict && status == BH_OK &&
        bh_number_low(command) + count_of(command, bytes) - 1u > BH_WINDOW_MAX)
        status = BH_ERR_AHEAD;
    if (status != BH_OK) {
        refuse(server, path, command, status, strict);
        return;
    }
    if (pending->request != NULL) {
        server->counters.repeated++;
        return;
    }
    request = take_request(server, path, pending->host, command, row, bytes,
                           exponent);
    if (request == NULL)
        return;
    request->strict = strict;
    request->number = bh_number_low(command);
    bh_pending_prove(server, pending, request);
}

void bh_command_received(struct bh_server *server, const struct bh_path *path,
                         const uint8_t *bytes, size_t len)
{
    struct bh_command command;
    struct bh_session *session;
    struct bh_pending *pending;

    if (bh_command_decode(bytes, len, &command) != BH_OK) {
        uint8_t reply[BH_REPLY_HEADER_LEN];

        bh_malformed(server, path, len);
        if (len >= BH_REPLY_HEADER_LEN) /* no reply outgrows its request */
            bh_reply(
                server, path, reply,
                bh_command_reply_encode(reply, bytes[1], BH_ERR_FORMAT, 0));
        return;
    }
    if (command.session == 0 && command.opcode == BH_OP_IDENTIFY) {
        identify_server(server, path, &command, len);
        return;
    }
    session = bh_session_find(server, command.session, &path->peer);
    if (session != NULL && session->state == BH_SESSION_PROVEN) {
        if (session->window != NULL)
            strict_received(server, session, path, &command, bytes, len);
        else
            default_received(server, session, path, &command, bytes, len);
        return;
    }
    if (session != NULL && session->window != NULL &&
        bh_number_runs(session, bh_window_infer(session->window,
                                                bh_number_low(&command)))) {
        server->counters.repeated++; /* ending, but this one's answer comes */
        return;
    }
    pending = bh_pending_find(server, command.session, &path->peer);
    if (pending != NULL)
        pending_received(server, pending, path, &command, bytes, len);
    else
        bh_wrong_id(server, path, &command, false, true);
}
