/* SPDX-License-Identifier: MIT */
/* IDENTIFY: what a volume is, or the server. */
#include "wire/identify.h"

#include "core/internal.h"
#include "wire/opcode.h"

#include <string.h>

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

uint32_t bh_run_max(uint8_t exponent)
{
    uint32_t most =
        BH_RUN_MAX_LEN / (BH_STRICT_REPLY_HEADER_LEN + BH_SECTOR_LEN(exponent));

    return most < BH_WINDOW_MAX ? most : BH_WINDOW_MAX;
}

static uint16_t volume_flags(const struct bh_server *server,
                             const struct bh_volume_facts *facts)
{
    unsigned flags = 0;

    if (facts->mode == BH_MODE_READ_ONLY)
        flags |= BH_VOLUME_READ_ONLY;
    if (facts->mode == BH_MODE_SHARED)
        flags |= BH_VOLUME_SHARED;
    if (facts->mode == BH_MODE_SCRATCH)
        flags |= BH_VOLUME_SCRATCH;
    if (facts->grow_limit > facts->byte_count)
        flags |= BH_VOLUME_MAY_GROW;
    if (facts->removable)
        flags |= BH_VOLUME_REMOVABLE;
    if (bh_slot_is_locked(server, facts))
        flags |= BH_VOLUME_LOCKED;
    return (uint16_t)flags;
}

void bh_handle_identify(struct bh_server *server, struct bh_request *request)
{
    const struct bh_session *session = request->session;
    const struct bh_volume *volume = session->volume;
    struct bh_identify it = identify(server);
    uint32_t len;

    if (session->window != NULL) {
        it.preferred_run = (uint16_t)bh_run_max(session->exponent);
    } else { /* a default session has neither */
        it.window = 1;
        it.lease_seconds = 0;
    }
    it.sector_exponent = session->exponent;
    it.flags = volume_flags(server, &volume->facts);
    it.sector_count = bh_volume_sectors(volume, session->exponent);
    it.change_counter = volume->change_counter;
    memcpy(it.name, volume->facts.name, sizeof it.name - 1);
    len = bh_request_put_header(request, 0, BH_OK);
    bh_identify_encode(request->buffer + len, &it);
    bh_session_request_over(server, request, BH_OK);
    bh_request_reply(server, request, len + BH_IDENTIFY_LEN);
}

void bh_identify_server(struct bh_server *server, const struct bh_path *path,
                        const struct bh_command *command, size_t len)
{
    uint8_t bytes[BH_REPLY_HEADER_LEN + BH_IDENTIFY_LEN];
    struct bh_identify it = identify(server);
    uint8_t status = BH_OK;
    size_t reply_len;

    if (bh_command_row(command, false) == NULL)
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
