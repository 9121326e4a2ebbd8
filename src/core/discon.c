/* SPDX-License-Identifier: MIT */
/* DISCON: the orderly end of a session. */
#include "core/internal.h"

static void reply(struct bh_server *server, const struct bh_path *path,
                  uint8_t seq, uint8_t status)
{
    uint8_t bytes[BH_DISCON_REPLY_LEN];

    bh_reply(server, path, bytes, bh_discon_reply_encode(bytes, seq, status));
}

static void wrong_id(struct bh_server *server, const struct bh_path *path,
                     const struct bh_discon *discon)
{
    uint8_t bytes[BH_DISCON_REPLY_LEN];

    bh_wrong_id(server, path, discon->session, bytes,
                bh_discon_reply_encode(bytes, discon->seq, BH_ERR_SESSION));
}

static void close_session(struct bh_server *server, struct bh_session *session,
                          const struct bh_path *path,
                          const struct bh_discon *discon)
{
    struct bh_request *request;

    if (session->closing != NULL) { /* the answer is on its way */
        server->counters.repeated++;
        return;
    }
    request = bh_request_new(server, path);
    if (request == NULL)
        return;
    request->discon = true;
    request->command =
        (struct bh_command){.seq = discon->seq, .session = discon->session};
    bh_session_heard(session, &path->peer, server->now);
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

    if (bh_discon_decode(bytes, len, &discon) != BH_OK) {
        bh_malformed(server, path, len);
        if (len >= BH_DISCON_REPLY_LEN) /* no reply outgrows its request */
            reply(server, path, bytes[1], BH_ERR_FORMAT);
        return;
    }
    session = bh_session_find(server, discon.session, &path->peer);
    pending = bh_pending_find(server, discon.session, &path->peer);
    if (session != NULL &&
        (session->state == BH_SESSION_PROVEN || session->closing != NULL)) {
        close_session(server, session, path, &discon);
    } else if (pending != NULL) {
        bh_pending_end(server, pending, BH_OK);
        reply(server, path, discon.seq, BH_OK);
    } else if (ended_by(server, &path->peer, discon.session)) {
        reply(server, path, discon.seq, server->ids.of[discon.session].status);
    } else {
        wrong_id(server, path, &discon);
    }
}
