/* SPDX-License-Identifier: MIT */
/* DISCON: the orderly end of a session. */
#include "core/internal.h"

static struct bh_command as_command(const struct bh_discon *discon)
{
    return (struct bh_command){
        .seq = discon->seq, .pad = discon->pad, .session = discon->session};
}

static void reply(struct bh_server *server, const struct bh_path *path,
                  const struct bh_discon *discon, uint8_t status, bool strict)
{
    uint8_t bytes[BH_DISCON_REPLY_LEN];
    struct bh_command command = as_command(discon);

    if (strict)
        bh_strict_answer(server, path, &command, status);
    else
        bh_reply(server, path, bytes,
                 bh_discon_reply_encode(bytes, discon->seq, status));
}

static void close_session(struct bh_server *server, struct bh_session *session,
                          const struct bh_path *path,
                          const struct bh_discon *discon)
{
    struct bh_command command = as_command(discon);
    struct bh_request *request;
    uint64_t number = 0;
    bool again;

    if (session->closing != NULL) { /* the answer is on its way */
        server->counters.repeated++;
        return;
    }
    if (session->window != NULL &&
        !bh_number_passes(server, session, path, &command, false, &number,
                          &again))
        return;
    request = bh_request_new(server, path, session->host);
    if (request == NULL)
        return;
    request->discon = true;
    request->strict = session->window != NULL;
    request->number = number;
    request->command = command;
    if (session->window == NULL)
        bh_session_heard(server, session, &path->peer);
    bh_session_close(server, session, request);
}

/* Whether this peer's DISCON has ended the session: then it is a repetition. */
static bool ended_by(const struct bh_server *server, const struct bh_peer *peer,
                     uint16_t id)
{
    return bh_ids_state(&server->ids, id, server->now) == BH_ID_CLOSED &&
           server->ids.of[id].status != BH_ERR_SESSION &&
           server->ids.of[id].owner == bh_owner_of(server, peer);
}

void bh_discon_received(struct bh_server *server, const struct bh_path *path,
                        const uint8_t *bytes, size_t len)
{
    struct bh_discon discon;
    struct bh_session *session;
    struct bh_pending *pending;
    bool strict;

    if (bh_discon_decode(bytes, len, &discon) != BH_OK) {
        bh_malformed(server, path, len);
        discon.seq = len >= BH_DISCON_REPLY_LEN ? bytes[1] : 0;
        if (len >= BH_DISCON_REPLY_LEN) /* no reply outgrows its request */
            reply(server, path, &discon, BH_ERR_FORMAT, false);
        return;
    }
    strict =
        server->ids.of[discon.session].strict && len >= BH_STRICT_DISCON_LEN;
    session = bh_session_find(server, discon.session, &path->peer);
    pending = bh_pending_find(server, discon.session, &path->peer);
    if (!strict &&
        ((session != NULL && session->window != NULL) ||
         (pending != NULL && (pending->flags & BH_FLAG_STRICT) != 0))) {
        bh_malformed(server, path, len); /* its number is cut off */
        reply(server, path, &discon, BH_ERR_FORMAT, false);
    } else if (session != NULL && (session->state == BH_SESSION_PROVEN ||
                                   session->closing != NULL)) {
        close_session(server, session, path, &discon);
    } else if (pending != NULL) {
        bh_pending_end(server, pending, BH_OK);
        reply(server, path, &discon, BH_OK, strict);
    } else if (ended_by(server, &path->peer, discon.session)) {
        reply(server, path, &discon, server->ids.of[discon.session].status,
              strict);
    } else {
        struct bh_command command = as_command(&discon);

        bh_wrong_id(server, path, &command, true, len >= BH_STRICT_DISCON_LEN);
    }
}
