/* SPDX-License-Identifier: MIT */
#include "core/internal.h"

#include <string.h>

struct bh_request *bh_request_new(struct bh_server *server,
                                  const struct bh_path *path,
                                  struct bh_host *host)
{
    struct bh_request *request;

    if (bh_list_empty(&server->free_requests) ||
        host->request_count >= server->config.request_count / 2) {
        server->counters.overloaded++;
        bh_event_note(server, BH_EVENT_OVERLOADED, &path->peer, NULL);
        return NULL;
    }
    request =
        BH_OWNER(bh_list_take(&server->free_requests), struct bh_request, link);
    bh_host_own(host);
    host->request_count++;
    request->host = host;
    request->session = NULL;
    request->path = *path;
    request->numbers = 1;
    request->count = 1;
    request->discon = false;
    request->strict = false;
    request->again = false;
    request->queued = false;
    request->mute = false;
    request->before = false;
    request->late = false;
    return request;
}

void bh_request_free(struct bh_server *server, struct bh_request *request)
{
    request->host->request_count--;
    bh_host_disown(&server->hosts, request->host);
    request->state = BH_REQUEST_FREE;
    /* To the front: the slot used last is the one in the cache. */
    bh_list_append(server->free_requests.next, &request->link);
}

void bh_request_reply(struct bh_server *server, struct bh_request *request,
                      uint32_t len)
{
    bh_request_reply_run(server, request, len, 1);
}

void bh_request_reply_run(struct bh_server *server, struct bh_request *request,
                          uint32_t len, uint32_t count)
{
    if (request->mute) {
        bh_request_free(server, request);
        return;
    }
    request->state = BH_REQUEST_REPLYING;
    request->reply_len = len;
    request->reply_count = count;
    bh_list_append(&server->sends, &request->link);
}

uint32_t bh_request_header_len(const struct bh_request *request)
{
    return request->strict ? BH_STRICT_REPLY_HEADER_LEN : BH_REPLY_HEADER_LEN;
}

/* A strict one's number is that of the request and `i` more. */
static uint32_t put_strict_header(struct bh_request *request, uint32_t i,
                                  uint8_t status)
{
    uint16_t number = (uint16_t)(request->number + i);
    uint8_t *at = request->buffer;

    if (i > 0)
        at += (size_t)i * request->job.stride;
    return (uint32_t)bh_strict_reply_encode(at, (uint8_t)number, status,
                                            (uint8_t)(number >> 8),
                                            request->command.session);
}

uint32_t bh_request_put_header(struct bh_request *request, uint32_t i,
                               uint8_t status)
{
    const struct bh_command *command = &request->command;
    uint8_t *at = request->buffer;

    if (request->strict)
        return put_strict_header(request, i, status);
    if (request->discon)
        return (uint32_t)bh_discon_reply_encode(at, command->seq, status);
    return (uint32_t)bh_command_reply_encode(at, command->seq, status,
                                             command->pad);
}

void bh_request_reply_status(struct bh_server *server,
                             struct bh_request *request, uint8_t status)
{
    bh_request_reply(server, request,
                     bh_request_put_header(request, 0, status));
}

void bh_reply(struct bh_server *server, const struct bh_path *path,
              const uint8_t *bytes, size_t len)
{
    struct bh_request *request =
        bh_request_new(server, path, bh_host_find(&server->hosts, &path->peer));

    if (request == NULL)
        return;
    memcpy(request->buffer, bytes, len);
    bh_request_reply(server, request, (uint32_t)len);
}
