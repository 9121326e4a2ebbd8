/* SPDX-License-Identifier: MIT */
/*
 * A request of a proven session: the checks of medium, rights and LSN, what its
 * opcode does, and its end.
 */
#include "core/internal.h"
#include "wire/bytes.h"
#include "wire/opcode.h"

#include <string.h>

static bh_handler *const handlers[] = {
#define BH_OPCODE(code, NAME, name, body, flags) [code] = bh_handle_##name,
#include "wire/opcode.def"
#undef BH_OPCODE
};

/*
 * Before the handlers, and after them.
 */

uint64_t bh_command_lsn(const struct bh_command *command)
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
        event->detail = bh_command_lsn(&request->command);
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

static uint8_t check(struct bh_server *server, const struct bh_request *request)
{
    const struct bh_session *session = request->session;
    const struct bh_volume *volume = session->volume;
    const struct bh_opcode_row *row = request->row;
    uint64_t end = row->flags & BH_OP_GROWS ? bh_write_limit(volume)
                                            : volume->facts.byte_count;

    if (session->refuse != BH_OK)
        return bh_session_refusal(server, request);
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

/* Whether it waits for the volume: not if its answer is no matter of what is in
 * the slot. */
BH_SLOW static bool waits(const struct bh_request *request)
{
    const struct bh_session *session = request->session;

    if (request->discon || session->refuse == BH_ERR_NO_MEDIUM)
        return !session->volume->facts.empty;
    return session->refuse != BH_ERR_CHANGED ||
           (session->told && !request->before &&
            request->row->code == BH_OP_IDENTIFY);
}

static bool is_parked(struct bh_request *request)
{
    struct bh_volume *volume = request->session->volume;

    if (bh_volume_open_for(volume, request->session->access) || !waits(request))
        return false;
    request->state = BH_REQUEST_PARKED;
    bh_list_append(&volume->parked, &request->link);
    return true;
}

void bh_command_admit(struct bh_server *server, struct bh_request *request)
{
    uint8_t status;

    if (is_parked(request))
        return;
    status = check(server, request);
    if (status != BH_OK)
        bh_command_finish(server, request, status);
    else
        handlers[request->command.opcode](server, request);
}

/* What the number of a strict request is by now: SEEN if it was a WRITE in
 * doubt and was examined while this retransmission was parked; OLD if its
 * client has had the answer to another one since, and has gone on. */
static enum bh_number number_by_now(const struct bh_request *request,
                                    uint8_t *status)
{
    if (!request->strict || request->again)
        return BH_NUMBER_NEW;
    return bh_window_check(request->session->window, request->number, status);
}

static bool is_left(const struct bh_server *server,
                    const struct bh_session *session)
{
    return session->state == BH_SESSION_ENDING &&
           session->reason == BH_END_STOPPED && bh_left_to_next(server);
}

static void resume(struct bh_server *server, struct bh_request *request)
{
    uint8_t status;

    switch (number_by_now(request, &status)) {
    case BH_NUMBER_OLD:
        bh_session_request_dropped(server, request);
        return;
    case BH_NUMBER_SEEN:
        request->again = true; /* it is not recorded twice */
        if (status == BH_OK && request->row->flags & BH_OP_DATA)
            break;
        bh_command_finish(server, request, status);
        return;
    default:
        break;
    }
    bh_command_admit(server, request);
}

void bh_command_resume(struct bh_server *server, struct bh_request *request)
{
    struct bh_session *session = request->session;

    if (!request->discon && is_left(server, session)) {
        bh_session_request_dropped(server, request);
        return;
    }
    if (is_parked(request))
        return;
    if (request->discon)
        bh_volume_commit(server, session->volume, request);
    else
        resume(server, request);
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

static void write_done(struct bh_server *server, struct bh_request *request,
                       uint8_t status)
{
    const struct bh_job *job = &request->job;
    struct bh_volume *volume = request->session->volume;

    bh_volume_dirtied(server, volume); /* before what waits for it runs */
    if (status == BH_OK && job->offset + job->len > volume->facts.byte_count)
        volume->facts.byte_count = job->offset + job->len;
    bh_queue_job_done(server, volume);
    if (status == BH_OK && volume->poisoned)
        status = BH_ERR_STORAGE;
    if (status == BH_OK && volume->facts.sync == BH_SYNC_WRITE)
        bh_volume_commit(server, volume, request);
    else
        bh_command_finish(server, request, status);
}

static void read_done(struct bh_server *server, struct bh_request *request,
                      uint8_t status)
{
    struct bh_volume *volume = request->session->volume;

    volume->running--;
    bh_queue_remove(server, volume, request);
    if (status == BH_OK && volume->poisoned)
        status = BH_ERR_STORAGE;
    if (status == BH_OK)
        reply_data(server, request);
    else
        bh_command_finish(server, request, status);
}

static void checksum_done(struct bh_server *server, struct bh_request *request,
                          uint8_t status)
{
    struct bh_volume *volume = request->session->volume;
    uint32_t len;

    volume->running--;
    bh_queue_remove(server, volume, request);
    if (status == BH_OK && volume->poisoned)
        status = BH_ERR_STORAGE;
    if (status != BH_OK) {
        bh_command_finish(server, request, status);
        return;
    }
    len = bh_request_put_header(request, 0, BH_OK);
    bh_put32(request->buffer + len, request->job.checksum);
    bh_session_request_over(server, request, BH_OK);
    bh_request_reply(server, request, len + BH_CHECKSUM_LEN);
}

BH_SLOW static void heavy_done(struct bh_server *server,
                               struct bh_request *request, uint8_t status)
{
    if (request->job.kind == BH_JOB_CHECKSUM) {
        checksum_done(server, request, status);
        return;
    }
    bh_queue_checkpoint_done(server, request->session->volume, request);
    /* What was poisoned meanwhile may lack bytes that were written. */
    if (status == BH_OK && request->session->volume->poisoned)
        status = BH_ERR_STORAGE;
    bh_command_finish(server, request, status);
}

void bh_command_done(struct bh_server *server, struct bh_request *request,
                     uint8_t status)
{
    if (request->job.kind == BH_JOB_READ)
        read_done(server, request, status);
    else if (request->job.kind <= BH_JOB_ZERO)
        write_done(server, request, status);
    else
        heavy_done(server, request, status);
}
