/* SPDX-License-Identifier: MIT */
#include "core/doubt.h"

#include "core/hash.h"
#include "core/internal.h"

#include <string.h>

static uint64_t bit(unsigned at)
{
    return (uint64_t)1 << at;
}

uint64_t bh_doubt_hash(const struct bh_server *server, const struct bh_job *job)
{
    return bh_hash(server->config.hash_key, job->data, job->len);
}

void bh_doubt_begin(struct bh_server *server, struct bh_session *session)
{
    const struct bh_intents *intents = bh_kept_intents(server, session);
    uint8_t status;

    if (session->window == NULL || intents == NULL)
        return;
    for (unsigned at = 0; at < BH_WINDOW_MAX; at++) {
        uint32_t low = intents->of[at].number;
        uint64_t number = bh_window_widen(session->window, low);

        if (low != 0 &&
            bh_window_check(session->window, number, &status) == BH_NUMBER_NEW)
            session->doubts |= bit(at);
    }
    if (session->doubts != 0)
        session->volume->doubtful = true;
}

/* A session of the volume that has a WRITE in doubt, and may do it yet: one
 * that a DISCON ends does what has come before that. */
static struct bh_session *next_session(const struct bh_volume *volume)
{
    BH_LIST_EACH (link, &volume->sessions) {
        struct bh_session *session =
            BH_OWNER(link, struct bh_session, of_volume);

        if (session->doubts != 0 &&
            (session->state == BH_SESSION_PROVEN || session->closing != NULL))
            return session;
    }
    return NULL;
}

/* Its sectors; no bytes if the volume ends before them. */
static void fill_job(struct bh_doubt *doubt, const struct bh_volume *volume,
                     uint64_t offset, uint64_t len)
{
    uint64_t end = volume->facts.byte_count;

    if (offset >= end)
        len = 0;
    else if (len > end - offset)
        len = end - offset;
    doubt->job = (struct bh_job){.kind = BH_JOB_READ,
                                 .medium = volume->medium,
                                 .offset = offset,
                                 .len = (uint32_t)len,
                                 .data = doubt->bytes,
                                 .piece = (uint32_t)len};
}

/* Somebody may need the medium as it is: a ZERO may have to be finished. */
static bool may_change(const struct bh_server *server,
                       const struct bh_volume *volume)
{
    if (bh_hold_covers(server, &volume->facts, BH_HOLD_CHANGES))
        return false;
    BH_MEDIUM_EACH (at, server, &volume->facts)
        if (bh_queue_copies(at))
            return false;
    return true;
}

bool bh_doubt_examine(struct bh_server *server, struct bh_volume *volume)
{
    struct bh_doubt *doubt = &server->doubt;
    struct bh_session *session = next_session(volume);
    const struct bh_intents *intents;

    if (session == NULL) {
        volume->doubtful = false;
        return false;
    }
    if (doubt->volume != NULL || !may_change(server, volume))
        return true; /* the end of that comes back to this volume */
    doubt->volume = volume;
    doubt->session = session->id;
    doubt->at = (unsigned)__builtin_ctzll(session->doubts);
    intents = bh_kept_intents(server, session);
    fill_job(doubt, volume,
             (uint64_t)intents->of[doubt->at].lsn *
                 BH_SECTOR_LEN(session->exponent),
             intents->of[doubt->at].len);
    doubt->job.facts = &volume->facts;
    volume->service_runs = true; /* nothing else is done to it */
    if (doubt->job.len == 0)
        bh_doubt_examined(server, BH_OK); /* nothing is what is there */
    else
        bh_job_post(server, &doubt->job);
    return true;
}

/* Of a ZERO a part may be done, and have been seen. What it was to leave is
 * known, so it is carried out to its end before anything else is: its client
 * would do that later, and undo what others write in the meantime. */
static bool redo(struct bh_server *server, const struct bh_session *session,
                 uint8_t status)
{
    struct bh_doubt *doubt = &server->doubt;
    uint64_t hash = bh_kept_intents(server, session)->of[doubt->at].hash;

    if (doubt->job.kind != BH_JOB_READ || status != BH_OK ||
        hash == bh_doubt_hash(server, &doubt->job))
        return false;
    memset(doubt->bytes, 0, doubt->job.len);
    if (hash != bh_doubt_hash(server, &doubt->job))
        return false;
    doubt->job.kind = BH_JOB_ZERO;
    doubt->volume->service_runs = true;
    bh_job_post(server, &doubt->job);
    return true;
}

/* Whether it was carried out just now, and is to be stable before it is
 * recorded: then it is examined once more after that. */
static bool waits_for_sync(struct bh_server *server, uint8_t status)
{
    const struct bh_doubt *doubt = &server->doubt;

    if (doubt->job.kind != BH_JOB_ZERO)
        return false;
    bh_volume_dirtied(server, doubt->volume);
    if (status != BH_OK || doubt->volume->facts.sync != BH_SYNC_WRITE)
        return false;
    doubt->volume->sync_wanted = true;
    return true;
}

/* What was read tells whether the WRITE was carried out. If nothing could be
 * read nobody knows, and that is what its client is told. */
static void settle(struct bh_server *server, struct bh_session *session,
                   uint8_t status)
{
    const struct bh_doubt *doubt = &server->doubt;
    const struct bh_intents *intents = bh_kept_intents(server, session);
    uint64_t number =
        bh_window_widen(session->window, intents->of[doubt->at].number);

    session->doubts &= ~bit(doubt->at);
    if (status == BH_OK &&
        intents->of[doubt->at].hash == bh_doubt_hash(server, &doubt->job))
        bh_session_record(server, session, number, 1, BH_OK, true);
    else if (status != BH_OK)
        bh_session_record(server, session, number, 1, BH_ERR_STORAGE, true);
}

void bh_doubt_examined(struct bh_server *server, uint8_t status)
{
    struct bh_doubt *doubt = &server->doubt;
    const struct bh_id *entry = &server->ids.of[doubt->session];
    struct bh_session *session = &server->sessions[entry->slot];

    struct bh_volume *volume = doubt->volume;
    bool later = waits_for_sync(server, status);

    volume->service_runs = false;
    if (entry->state == BH_ID_PROVEN &&
        (session->doubts & bit(doubt->at)) != 0 && !volume->poisoned) {
        if (redo(server, session, status))
            return;
        if (!later)
            settle(server, session, status);
    } else if (entry->state == BH_ID_PROVEN) {
        session->doubts = 0; /* poisoned: every request gets 12 */
    }
    doubt->volume = NULL;
    BH_MEDIUM_EACH (at, server, &volume->facts)
        bh_queue_wake(server, at); /* a CHECKPOINT may wait */
    for (uint32_t i = 0; i < server->volumes_used; i++)
        if (server->volumes[i].doubtful)
            bh_volume_unsettle(server, &server->volumes[i]);
}
