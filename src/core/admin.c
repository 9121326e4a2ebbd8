/* SPDX-License-Identifier: MIT */
#include "core/admin.h"

#include "core/internal.h"
#include "core/layer.h"

#include <string.h>

bool bh_admin_next_session(const struct bh_server *server, uint64_t now,
                           uint32_t *place, struct bh_admin_session *out)
{
    const struct bh_session *at;

    while (*place < server->config.session_count &&
           server->sessions[*place].state == BH_SESSION_FREE)
        ++*place;
    if (*place >= server->config.session_count)
        return false;
    at = &server->sessions[(*place)++];
    *out = (struct bh_admin_session){
        .id = at->id,
        .access = at->access,
        .exponent = at->exponent,
        .strict = at->window != NULL,
        .scratch = bh_layer_is(at->volume),
        .ending = at->state == BH_SESSION_ENDING,
        .requests = at->request_count,
        .carried_out = at->window != NULL ? at->window->highest : 0,
        .idle_ms = now - at->heard_ms,
        .number = at->volume->facts.number,
        .peer = at->peer};
    bh_text_copy(out->volume, sizeof out->volume, at->volume->facts.name);
    return true;
}

enum bh_admin_end bh_admin_disconnect(struct bh_server *server, uint64_t now,
                                      uint16_t id)
{
    const struct bh_id *entry = &server->ids.of[id];

    server->now = now;
    if (entry->state != BH_ID_PROVEN)
        return BH_ADMIN_UNKNOWN;
    bh_session_end(server, &server->sessions[entry->slot], BH_END_ADMIN);
    bh_settle(server);
    return entry->state == BH_ID_PROVEN ? BH_ADMIN_ENDING : BH_ADMIN_ENDED;
}

void bh_admin_volume(const struct bh_server *server,
                     const struct bh_volume_facts *facts,
                     struct bh_admin_volume *out)
{
    *out = (struct bh_admin_volume){0};
    BH_MEDIUM_EACH (at, server, facts) {
        out->poisoned |= at->poisoned;
        if (strcmp(at->facts.name, facts->name) != 0)
            continue;
        out->looks += at->holders[BH_ACCESS_LOOK];
        out->readers += at->holders[BH_ACCESS_READER];
        out->writers += at->holders[BH_ACCESS_WRITER];
    }
}

/* Whether it is meant: by the name of any volume on its medium, or as a medium.
 */
static bool is_meant(const struct bh_server *server,
                     const struct bh_volume *volume, const char *name,
                     const struct bh_volume_facts *facts)
{
    if (name == NULL ||
        (facts != NULL && bh_facts_same_medium(&volume->facts, facts)))
        return true;
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (strcmp(at->facts.name, name) == 0)
            return true;
    return false;
}

static void reopen(struct bh_server *server, struct bh_volume *volume)
{
    bh_volume_reopen(server, volume);
    BH_LIST_EACH (link, &volume->sessions)
        bh_session_end(server, BH_OWNER(link, struct bh_session, of_volume),
                       BH_END_STOPPED);
    bh_volume_unsettle(server, volume);
}

uint32_t bh_admin_reopen(struct bh_server *server, uint64_t now,
                         const char *name, const struct bh_volume_facts *facts)
{
    uint32_t count = 0;

    server->now = now;
    for (uint32_t i = 0; i < server->volumes_used; i++) {
        struct bh_volume *volume = &server->volumes[i];

        if (!volume->poisoned || !is_meant(server, volume, name, facts))
            continue;
        reopen(server, volume);
        count++;
    }
    bh_settle(server);
    return count;
}

uint64_t bh_admin_instance(const struct bh_server *server)
{
    return server->config.instance;
}

uint32_t bh_admin_session_max(const struct bh_server *server)
{
    return server->config.session_count;
}
