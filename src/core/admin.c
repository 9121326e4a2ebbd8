/* SPDX-License-Identifier: MIT */
#include "core/admin.h"

#include "core/internal.h"

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
        .ending = at->state == BH_SESSION_ENDING,
        .requests = at->request_count,
        .carried_out = at->window != NULL ? at->window->highest : 0,
        .idle_ms = now - at->heard_ms,
        .number = at->volume->facts.number,
        .peer = at->peer};
    bh_text_copy(out->volume, sizeof out->volume, at->volume->facts.name);
    return true;
}

/* What the call has made possible elsewhere is done at its end. */
static void settle(struct bh_server *server)
{
    bh_server_expire(server, server->now);
}

enum bh_admin_end bh_admin_disconnect(struct bh_server *server, uint64_t now,
                                      uint16_t id)
{
    const struct bh_id *entry = &server->ids.of[id];

    server->now = now;
    if (entry->state != BH_ID_PROVEN)
        return BH_ADMIN_UNKNOWN;
    bh_session_end(server, &server->sessions[entry->slot], BH_END_ADMIN);
    settle(server);
    return entry->state == BH_ID_PROVEN ? BH_ADMIN_ENDING : BH_ADMIN_ENDED;
}

static bool same_medium(const struct bh_volume *volume,
                        const struct bh_volume_facts *facts)
{
    return volume->facts.device == facts->device &&
           volume->facts.inode == facts->inode;
}

void bh_admin_volume(const struct bh_server *server,
                     const struct bh_volume_facts *facts,
                     struct bh_admin_volume *out)
{
    const struct bh_volume *at = bh_volume_chain(server, facts);

    *out = (struct bh_admin_volume){0};
    for (; at != NULL; at = at->chain) {
        if (!same_medium(at, facts))
            continue;
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
    const struct bh_volume *at = bh_volume_chain(server, &volume->facts);

    if (name == NULL || (facts != NULL && same_medium(volume, facts)))
        return true;
    for (; at != NULL; at = at->chain)
        if (same_medium(at, &volume->facts) &&
            strcmp(at->facts.name, name) == 0)
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
    settle(server);
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
