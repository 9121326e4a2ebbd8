/* SPDX-License-Identifier: MIT */
/* READ, READ_RUN, WRITE and FLUSH. */
#include "core/internal.h"

void bh_request_fill_span(struct bh_request *request, uint64_t limit)
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

uint64_t bh_write_limit(const struct bh_volume *volume)
{
    const struct bh_volume_facts *facts = &volume->facts;

    return facts->grow_limit > facts->byte_count ? facts->grow_limit
                                                 : facts->byte_count;
}

void bh_handle_read(struct bh_server *server, struct bh_request *request)
{
    struct bh_volume *volume = request->session->volume;

    bh_request_fill_span(request, volume->facts.byte_count);
    request->job.kind = BH_JOB_READ;
    request->job.data =
        request->buffer + request->job.stride - request->job.piece;
    server->counters.reads += request->count;
    bh_queue_add(server, volume, request);
}

void bh_handle_read_run(struct bh_server *server, struct bh_request *request)
{
    bh_handle_read(server, request);
}

void bh_command_fit(struct bh_request *request)
{
    bh_request_fill_span(request, request->session->volume->facts.byte_count);
}

void bh_handle_write(struct bh_server *server, struct bh_request *request)
{
    struct bh_volume *volume = request->session->volume;

    bh_request_fill_span(request, bh_write_limit(volume));
    request->job.kind = BH_JOB_WRITE;
    request->job.data = request->buffer + BH_COMMAND_HEADER_LEN;
    server->counters.writes++;
    bh_queue_add(server, volume, request);
}

void bh_handle_flush(struct bh_server *server, struct bh_request *request)
{
    request->job.kind = BH_JOB_SYNC;
    bh_queue_add(server, request->session->volume, request);
}
