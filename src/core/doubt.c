/* SPDX-License-Identifier: MIT */
#include "core/doubt.h"

#include "core/internal.h"

static uint64_t bit(unsigned at)
{
    return (uint64_t)1 << at;
}

void bh_doubts_begin(struct bh_server *server, struct bh_session *session)
{
    const struct bh_intents *intents = bh_kept_intents(server, session);
    uint8_t status;

    if (session->window == NULL || intents == NULL)
        return;
    for (unsigned at = 0; at < BH_INTENTS_MAX; at++) {
        uint64_t number = bh_window_widen(session->window, intents->number[at]);

        if (intents->number[at] != 0 &&
            bh_window_check(session->window, number, &status) == BH_NUMBER_NEW)
            session->doubts |= bit(at);
    }
    if (session->doubts != 0)
        session->volume->doubtful = true;
}

static struct bh_request *waiting(const struct bh_session *session,
                                  uint64_t number)
{
    BH_LIST_EACH (link, &session->requests) {
        struct bh_request *request =
            BH_OWNER(link, struct bh_request, of_session);

        if (request->number == number)
            return request;
    }
    return NULL;
}

/* It is answered now if it has been sent again, and else when it is. What runs
 * under its number is no such WRITE, and answers for itself. */
static void settle(struct bh_server *server, struct bh_session *session,
                   uint64_t number, uint8_t status)
{
    struct bh_request *request = waiting(session, number);

    if (request == NULL) {
        bh_session_record(server, session, number, status);
    } else if (request->state == BH_REQUEST_WAITING) {
        bh_queue_drop(session->volume, request);
        bh_session_request_over(server, request, status);
        bh_request_reply_status(server, request, status);
    }
}

/* Settles the doubts of one session that the job's bytes touch. */
static void settle_session(struct bh_server *server, struct bh_session *session,
                           const struct bh_job *job)
{
    const struct bh_intents intents = *bh_kept_intents(server, session);
    uint64_t len = BH_SECTOR_LEN(session->exponent);

    for (unsigned at = 0; at < BH_INTENTS_MAX; at++) {
        uint64_t first = intents.lsn[at] * len;

        if ((session->doubts & bit(at)) == 0 ||
            first >= job->offset + job->len || job->offset >= first + len)
            continue;
        settle(server, session,
               bh_window_widen(session->window, intents.number[at]),
               job->offset <= first && first + len <= job->offset + job->len
                   ? BH_OK
                   : BH_ERR_STORAGE);
    }
}

void bh_doubts_settle(struct bh_server *server,
                      const struct bh_request *request)
{
    struct bh_volume *volume = request->session->volume;
    bool left = false;

    if (!volume->doubtful)
        return;
    BH_LIST_EACH (link, &volume->sessions) {
        struct bh_session *session =
            BH_OWNER(link, struct bh_session, of_volume);

        left |= session->doubts != 0;
        if (session != request->session && session->doubts != 0)
            settle_session(server, session, &request->job);
    }
    volume->doubtful = left;
}
