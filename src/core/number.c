/* SPDX-License-Identifier: MIT */
/* What the number of a strict request leads to: see core/window.h. */
#include "core/internal.h"

uint16_t bh_number_low(const struct bh_command *command)
{
    return (uint16_t)(command->pad << 8 | command->seq);
}

void bh_strict_answer(struct bh_server *server, const struct bh_path *path,
                      const struct bh_command *command, uint8_t status)
{
    uint8_t bytes[BH_STRICT_REPLY_HEADER_LEN];

    bh_reply(server, path, bytes,
             bh_strict_reply_encode(bytes, command->seq, status, command->pad,
                                    command->session));
}

bool bh_number_runs(const struct bh_session *session, uint64_t number)
{
    BH_LIST_EACH (link, &session->requests) {
        const struct bh_request *request =
            BH_OWNER(link, struct bh_request, of_session);

        if (number - request->number < request->numbers)
            return true;
    }
    return false;
}

/* It has been carried out, or is being so, or is not to be. */
BH_COLD static bool brings_data(struct bh_server *server,
                                struct bh_session *session,
                                const struct bh_path *path,
                                const struct bh_command *command, bool data,
                                uint64_t number)
{
    uint8_t status = BH_OK;
    bool again = false;

    switch (bh_window_check(session->window, number, &status)) {
    case BH_NUMBER_NEW: /* it runs */
        bh_session_heard(server, session, &path->peer);
        break;
    case BH_NUMBER_AHEAD:
        bh_strict_answer(server, path, command, BH_ERR_AHEAD);
        return false;
    case BH_NUMBER_SEEN:
        bh_session_heard(server, session, &path->peer);
        if (data && number < session->base && status == BH_OK)
            status = BH_ERR_CHANGED; /* perhaps nobody waits for it: not told */
        again = data && status == BH_OK && !bh_number_runs(session, number);
        if (!data || status != BH_OK)
            bh_strict_answer(server, path, command, status);
        break;
    default: /* BH_NUMBER_OLD: the client has had its answer */
        break;
    }
    server->counters.repeated++;
    return again;
}

bool bh_number_passes(struct bh_server *server, struct bh_session *session,
                      const struct bh_path *path,
                      const struct bh_command *command, bool data,
                      uint64_t *number, bool *again)
{
    uint64_t n = bh_window_infer(session->window, bh_number_low(command));
    uint8_t status;

    *number = n;
    *again = false;
    if (bh_window_check(session->window, n, &status) == BH_NUMBER_NEW &&
        !bh_number_runs(session, n)) {
        bh_session_heard(server, session, &path->peer);
        return true;
    }
    *again = brings_data(server, session, path, command, data, n);
    return *again;
}

bool bh_strict_owner(const struct bh_server *server, const struct bh_peer *peer,
                     uint16_t id)
{
    enum bh_id_state state = bh_ids_state(&server->ids, id, server->now);

    return (state == BH_ID_CLOSED || state == BH_ID_PROVEN) &&
           server->ids.of[id].strict &&
           server->ids.of[id].owner == bh_owner_of(server, peer);
}
