/* SPDX-License-Identifier: MIT */
/* TRIM, ZERO, CHECKSUM and CHECKPOINT: requests over many sectors. */
#include "core/internal.h"
#include "core/layer.h"
#include "wire/label.h"

/* The body stays, to be compared with that of a retransmission. */
#define BEHIND_BODY 512u

/* Where a storage has nothing better it writes these. */
static uint8_t zeros[BH_HEAVY_LEN];

_Static_assert(BEHIND_BODY + BH_HEAVY_LEN <= BH_REQUEST_BUFFER_LEN,
               "what CHECKSUM reads fits behind its body");

static void handle_zero(struct bh_server *server, struct bh_request *request,
                        bool trim)
{
    struct bh_job *job = &request->job;

    bh_request_fill_span(request, request->session->volume->facts.byte_count);
    job->kind = BH_JOB_ZERO;
    job->data = zeros;
    job->trim = trim;
    server->counters.writes++;
    bh_queue_add(server, request->session->volume, request);
}

void bh_handle_trim(struct bh_server *server, struct bh_request *request)
{
    handle_zero(server, request, true);
}

void bh_handle_zero(struct bh_server *server, struct bh_request *request)
{
    handle_zero(server, request, false);
}

void bh_handle_checksum(struct bh_server *server, struct bh_request *request)
{
    struct bh_job *job = &request->job;

    job->kind = BH_JOB_CHECKSUM;
    bh_command_fit(request);
    job->whole = request->count * BH_SECTOR_LEN(request->session->exponent);
    job->data = request->buffer + BEHIND_BODY;
    server->counters.reads++;
    bh_queue_add(server, request->session->volume, request);
}

void bh_handle_checkpoint(struct bh_server *server, struct bh_request *request)
{
    const uint8_t *body = request->buffer + BH_COMMAND_HEADER_LEN;
    char label[BH_LABEL_LEN + 1];

    if (bh_layer_is(request->session->volume)) {
        bh_command_finish(server, request, BH_ERR_NO_SPACE);
        return;
    }
    bh_label_clean((const char *)body + 1, body[0], label);
    request->job.kind = BH_JOB_CHECKPOINT;
    request->job.data = request->buffer + BEHIND_BODY;
    bh_text_copy((char *)request->job.data, sizeof label, label);
    server->checkpoint_count++;
    server->checkpoints++;
    bh_queue_add(server, request->session->volume, request);
}
