/* SPDX-License-Identifier: MIT */
#include "core/event.h"

#include "core/internal.h"

#include <string.h>

struct bh_event *bh_event_note(struct bh_server *server,
                               enum bh_event_kind kind,
                               const struct bh_peer *peer,
                               const struct bh_volume *volume)
{
    uint32_t at = BH_EVENTS_MAX; /* the spare one, if the ring is full */
    struct bh_event *event;

    if (server->event_count < BH_EVENTS_MAX)
        at = (server->event_first + server->event_count++) % BH_EVENTS_MAX;
    event = &server->events[at];
    memset(event, 0, sizeof *event);
    event->kind = (uint8_t)kind;
    if (peer != NULL)
        event->peer = *peer;
    if (volume != NULL)
        memcpy(event->volume, volume->facts.name, sizeof event->volume - 1);
    return event;
}

bool bh_server_next_event(struct bh_server *server, struct bh_event *out)
{
    if (server->event_count == 0)
        return false;
    *out = server->events[server->event_first];
    server->event_first = (server->event_first + 1) % BH_EVENTS_MAX;
    server->event_count--;
    return true;
}
