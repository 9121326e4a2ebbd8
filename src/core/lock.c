/* SPDX-License-Identifier: MIT */
/*
 * The lock is on the medium, not on a name: all volumes whose bytes overlap
 * are looked at together.
 *
 *   newcomer \ holder   look   reader           writer
 *   look                -      -                -
 *   reader              -      -                conflict
 *   writer              -      conflict         conflict
 *
 * Sessions of one shared volume never conflict with each other. A writer of a
 * scratch volume is a reader here. A conflict is resolved in the newcomer's
 * favour if the holder yields.
 */
#include "core/lock.h"

#include "core/internal.h"

static bool conflict(const struct bh_volume *volume, uint8_t access,
                     const struct bh_session *holder)
{
    if (volume->facts.empty || holder->volume->facts.empty)
        return false; /* there is nothing to have */
    if (access == BH_ACCESS_LOOK || holder->access == BH_ACCESS_LOOK ||
        !bh_volume_overlaps(holder->volume, volume))
        return false;
    if (volume == holder->volume && volume->facts.mode == BH_MODE_SHARED)
        return false;
    if (volume->facts.mode == BH_MODE_SCRATCH)
        access = BH_ACCESS_READER;
    if (holder->volume->facts.mode == BH_MODE_SCRATCH)
        return access == BH_ACCESS_WRITER;
    return access == BH_ACCESS_WRITER || holder->access == BH_ACCESS_WRITER;
}

bool bh_lock_access(uint8_t flags, const struct bh_volume_facts *facts,
                    uint8_t *access)
{
    if (facts->exponent != BH_ANY_EXPONENT &&
        facts->exponent != (flags & BH_FLAG_SECTOR_MASK))
        return false;
    switch (flags & BH_FLAG_LOOK) {
    case BH_FLAG_LOOK:
        *access = BH_ACCESS_LOOK;
        return true;
    case BH_FLAG_READ_ONLY:
        *access = BH_ACCESS_READER;
        return true;
    case BH_FLAG_SHARED:
        if (facts->mode != BH_MODE_SHARED && !facts->empty)
            return false;
        break;
    default:
        break;
    }
    *access =
        facts->mode == BH_MODE_READ_ONLY ? BH_ACCESS_READER : BH_ACCESS_WRITER;
    return true;
}

bool bh_lock_is_free(const struct bh_server *server,
                     const struct bh_volume *volume, uint8_t access)
{
    BH_MEDIUM_EACH (held, server, &volume->facts) {
        if (held != volume && held->held & BH_HELD_BY_SLOT)
            continue; /* they are to move, too */
        BH_LIST_EACH (link, &held->sessions)
            if (conflict(volume, access,
                         BH_OWNER(link, struct bh_session, of_volume)))
                return false;
    }
    return true;
}

/* Whether a third peer of the holder's host was heard of late: then several
 * machines share the address, and silence means little. */
static bool crowded(const struct bh_server *server,
                    const struct bh_session *holder,
                    const struct bh_peer *newcomer)
{
    BH_LIST_EACH (link, &holder->host->sessions) {
        const struct bh_session *other =
            BH_OWNER(link, struct bh_session, of_host);

        if (bh_peer_same_host(&other->peer, newcomer) &&
            !bh_peer_same(&other->peer, newcomer) &&
            !bh_peer_same(&other->peer, &holder->peer) &&
            server->now - other->heard_ms < BH_SILENCE_CROWDED_MS)
            return true;
    }
    return false;
}

static bool yields(const struct bh_server *server,
                   const struct bh_session *holder, const struct bh_peer *peer)
{
    const struct bh_volume_facts *facts = &holder->volume->facts;
    uint64_t silence_ms = server->now - holder->heard_ms;

    if (facts->takeover == BH_TAKEOVER_NEVER)
        return false;
    if (bh_peer_same(&holder->peer, peer))
        return true;
    if (holder->window != NULL)
        return silence_ms >= BH_LEASE_MS;
    if (bh_peer_same_host(&holder->peer, peer) &&
        facts->takeover == BH_TAKEOVER_HOST)
        return silence_ms >= (crowded(server, holder, peer)
                                  ? BH_SILENCE_CROWDED_MS
                                  : BH_SILENCE_MS);
    return facts->idle_ms != 0 && silence_ms >= facts->idle_ms;
}

static enum bh_verdict decide_on(const struct bh_server *server,
                                 const struct bh_volume *held,
                                 const struct bh_volume *volume, uint8_t access,
                                 const struct bh_peer *peer)
{
    enum bh_verdict verdict = BH_GRANTED;

    BH_LIST_EACH (link, &held->sessions) {
        const struct bh_session *holder =
            BH_OWNER(link, struct bh_session, of_volume);

        if (!conflict(volume, access, holder))
            continue;
        if (holder->state == BH_SESSION_ENDING)
            verdict = BH_WAIT;
        else if (!yields(server, holder, peer))
            return BH_REFUSED;
    }
    return verdict;
}

enum bh_verdict bh_lock_decide(const struct bh_server *server,
                               const struct bh_volume *volume, uint8_t access,
                               const struct bh_peer *peer)
{
    enum bh_verdict verdict = BH_GRANTED;

    BH_MEDIUM_EACH (held, server, &volume->facts) {
        enum bh_verdict here = decide_on(server, held, volume, access, peer);

        if (here > verdict)
            verdict = here;
    }
    return verdict;
}

/* Whether the proof of the newcomer ends this session. */
static bool displaced(const struct bh_session *holder,
                      const struct bh_volume *volume, uint8_t access,
                      uint8_t flags, const struct bh_peer *peer)
{
    bool own = bh_peer_same(&holder->peer, peer) &&
               bh_volume_overlaps(holder->volume, volume);

    return (own && ((holder->flags ^ flags) & BH_FLAG_LOOK) == 0) ||
           conflict(volume, access, holder);
}

bool bh_lock_displaces(const struct bh_server *server,
                       const struct bh_volume *volume, uint8_t access,
                       uint8_t flags, const struct bh_peer *peer)
{
    BH_MEDIUM_EACH (held, server, &volume->facts)
        BH_LIST_EACH (link, &held->sessions)
            if (displaced(BH_OWNER(link, struct bh_session, of_volume), volume,
                          access, flags, peer))
                return true;
    return false;
}

void bh_lock_displace(struct bh_server *server, const struct bh_volume *volume,
                      uint8_t access, uint8_t flags, const struct bh_peer *peer)
{
    BH_MEDIUM_EACH (held, server, &volume->facts) {
        BH_LIST_EACH (link, &held->sessions) {
            struct bh_session *holder =
                BH_OWNER(link, struct bh_session, of_volume);
            bool own = bh_peer_same(&holder->peer, peer);

            if (displaced(holder, volume, access, flags, peer))
                bh_session_end(server, holder,
                               own ? BH_END_RESET : BH_END_TAKEOVER);
        }
    }
}
