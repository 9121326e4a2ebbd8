/* SPDX-License-Identifier: MIT */
#include "daemon/log.h"

#include "core/job.h"
#include "daemon/peer.h"
#include "net/address.h"
#include "wire/status.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void bh_log_say(const char *format, ...)
{
    /* A reader that has stopped reading must not stop the server. */
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (poll(&log, 1, 0) == 1 && (log.revents & POLLOUT) != 0)
        fprintf(stderr, "blockheadd: %s\n", line); /* one write, one line */
}

const char *bh_log_clean(const char *text, char *out, size_t len)
{
    size_t used = 0;

    for (; *text != '\0' && used + 5 < len; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= ' ' && c < 0x7F)
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, len - used, "\\x%02x", c);
    }
    out[used] = '\0';
    return out;
}

static void say_left_out(struct bh_log *log, unsigned kind)
{
    if (log->kinds[kind].left_out > 0)
        bh_log_say("... and %u more like this",
                   (unsigned)log->kinds[kind].left_out);
    log->kinds[kind].left_out = 0;
    log->kinds[kind].lines = 0;
}

void bh_log_flush(struct bh_log *log, uint64_t now)
{
    for (unsigned kind = 0; kind < BH_LOG_KINDS; kind++)
        if (now - log->kinds[kind].since_ms >= BH_LOG_PERIOD_MS)
            say_left_out(log, kind);
}

bool bh_log_may(struct bh_log *log, uint64_t now, unsigned kind)
{
    if (now - log->kinds[kind].since_ms >= BH_LOG_PERIOD_MS) {
        say_left_out(log, kind);
        log->kinds[kind].since_ms = now;
    }
    if (log->kinds[kind].lines >= BH_LOG_BURST) {
        log->kinds[kind].left_out++;
        return false;
    }
    log->kinds[kind].lines++;
    return true;
}

static void say_event(const struct bh_event *event, const char *peer,
                      const char *volume)
{
    static const char *const accesses[] = {"nothing", "a look", "reading",
                                           "writing"};
    static const char *const reasons[] = {
        "the client disconnected",
        "another client took the volume over",
        "the same client connected again",
        "it was idle and its place was needed",
        "the image could not be opened",
        "the client lost count of its requests",
        "the administrator ended it",
        "the administrator disconnected it",
        "its medium was changed"};
    unsigned id = event->id;
    unsigned long long detail = event->detail;
    const char *status = bh_status_text(event->status);
    char sector[40] = "";

    switch (event->kind) {
    case BH_EVENT_DATAGRAM_MALFORMED:
        bh_log_say("%s sent a malformed datagram of %llu bytes", peer, detail);
        break;
    case BH_EVENT_ID_UNKNOWN:
        bh_log_say("%s used session id %u, which is not its", peer, id);
        break;
    case BH_EVENT_CONNECT_REFUSED:
        bh_log_say("%s may not connect to '%s': %s", peer, volume, status);
        break;
    case BH_EVENT_SESSION_PROVEN:
        bh_log_say("%s opened %s for %s, session %u", peer, volume,
                   accesses[event->access], id);
        break;
    case BH_EVENT_SESSION_ENDED:
        bh_log_say("session %u of %s on %s has ended: %s", id, peer, volume,
                   reasons[detail]);
        break;
    case BH_EVENT_REQUEST_REFUSED:
        if (event->detail != BH_EVENT_NO_LSN)
            snprintf(sector, sizeof sector, " for sector %llu", detail);
        bh_log_say("%s got error %u (%s)%s, session %u%s%s", peer,
                   (unsigned)event->status, status, sector, id,
                   volume[0] == '\0' ? "" : " on ", volume);
        break;
    case BH_EVENT_ATTACH_FAILED:
        bh_log_say("%s cannot be opened: %s", volume, status);
        break;
    case BH_EVENT_SYNC_FAILED:
        bh_log_say("%s could not be made stable: every request to it gets "
                   "error 12 until you have checked the disk and sent SIGHUP",
                   volume);
        break;
    case BH_EVENT_MEDIUM_CHANGED:
        bh_log_say(detail != 0 ? "slot %s is empty now"
                               : "slot %s has another medium now",
                   volume);
        break;
    default:
        bh_log_say("overloaded: a datagram of %s was dropped", peer);
        break;
    }
}

/* Looks come and go, three with each `blockhead get`, and hold nothing. */
static bool is_look(const struct bh_event *event)
{
    return event->access == BH_ACCESS_LOOK &&
           (event->kind == BH_EVENT_SESSION_PROVEN ||
            event->kind == BH_EVENT_SESSION_ENDED);
}

void bh_log_event(struct bh_log *log, uint64_t now,
                  const struct bh_event *event)
{
    char peer[BH_PEER_TEXT_LEN];
    char volume[4 * BH_EVENT_NAME_LEN];

    if (is_look(event))
        return;
    if (bh_log_may(log, now, event->kind))
        say_event(event, bh_peer_print(&event->peer, peer),
                  bh_log_clean(event->volume, volume, sizeof volume));
}

void bh_log_storage(struct bh_log *log, uint64_t now, const struct bh_job *job,
                    const char *cause)
{
    static const char *const deeds[] = {
        [BH_JOB_LOOKUP] = "served",    [BH_JOB_ATTACH] = "opened",
        [BH_JOB_DETACH] = "closed",    [BH_JOB_READ] = "read",
        [BH_JOB_WRITE] = "written",    [BH_JOB_ZERO] = "zeroed",
        [BH_JOB_CHECKSUM] = "read",    [BH_JOB_CHECKPOINT] = "copied",
        [BH_JOB_SYNC] = "made stable", [BH_JOB_SWAP] = "given another medium"};
    char name[4 * sizeof job->facts->name], place[40] = "";
    bool lookup = job->kind == BH_JOB_LOOKUP;

    if (cause[0] == '\0' || !bh_log_may(log, now, BH_LOG_STORAGE))
        return;
    if (job->kind >= BH_JOB_READ && job->kind <= BH_JOB_CHECKSUM)
        snprintf(place, sizeof place, " at byte %llu",
                 (unsigned long long)job->offset);
    bh_log_say(
        "'%s' cannot be %s%s: %s",
        bh_log_clean(lookup ? job->name : job->facts->name, name, sizeof name),
        deeds[job->kind], place, cause);
}
