/* SPDX-License-Identifier: MIT */
#include "sessions.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "cli/target.h"
#include "failure.h"

/* How long an end may take that waits for a server. */
#define END_MS 5000u

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/*
 * One session.
 */

static unsigned flags_of(const struct settings *settings, bool read_only)
{
    if (settings->look)
        return BH_OPEN_LOOK;
    return read_only ? BH_OPEN_READ_ONLY : 0;
}

/* Who had the volume may be about to leave: an nbdkit that has just run a
 * command does not wait for its own end. */
static int open_patiently(struct session *session,
                          const struct settings *settings, const char *url)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    const unsigned flags = flags_of(settings, session->read_only);
    const uint64_t until = now_ms() + settings->wait_s * UINT64_C(1000);
    int rc;

    while ((rc = bh_disk_open_best(session->disk, url, flags)) == -EBUSY &&
           now_ms() < until)
        nanosleep(&pause, NULL);
    return rc;
}

static int connect_disk(struct session *session,
                        const struct settings *settings)
{
    char url[TARGET_URL_LEN];
    int rc;

    bh_disk_set_timeout(session->disk, settings->timeout_s * 1000u);
    target_url(&settings->url, session->image, settings->url.sector_len, url);
    nbdkit_debug("opening %s", url);
    rc = open_patiently(session, settings, url);
    if (rc < 0)
        return failure_tell(rc, bh_disk_error(session->disk));
    session->info = *bh_disk_info(session->disk);
    session->size = bh_disk_size(session->disk);
    if (session->info.features == 0)
        return failure_tell(-EOPNOTSUPP,
                            "the server is too old to tell an image's size");
    return 0;
}

/* -1 and nbdkit knows why. */
static int dial(struct session *session, const struct settings *settings)
{
    session->disk = bh_disk_new();
    if (session->disk == NULL)
        return failure_tell(-ENOMEM, "no memory");
    if (connect_disk(session, settings) < 0)
        return -1;
    session->share = bh_share_new(session->disk);
    if (session->share == NULL)
        return failure_tell(-ENOMEM, "no memory or thread for a session");
    nbdkit_debug("\"%s\": %llu bytes in sectors of %u, window %u",
                 session->image, (unsigned long long)session->size,
                 session->info.sector_len, session->info.window);
    return 0;
}

static void tell_counters(const struct session *session)
{
    struct bh_stats stats;

    bh_disk_stats(session->disk, &stats);
    nbdkit_debug("closing \"%s\" after %llu requests, %llu datagrams sent "
                 "again, %llu strays, %llu sessions lost and won again",
                 session->image, (unsigned long long)stats.requests,
                 (unsigned long long)stats.retransmissions,
                 (unsigned long long)stats.strays,
                 (unsigned long long)stats.reconnections);
}

/* Whether all is stable is told to nobody but the log: no client is left. */
static void hang_up(struct session *session, bool ending)
{
    bh_share_free(session->share);
    tell_counters(session);
    if (ending)
        bh_disk_set_timeout(session->disk, END_MS);
    if (bh_disk_close(session->disk) < 0)
        nbdkit_error("%s", bh_disk_error(session->disk));
}

static void drop(struct session *session)
{
    bh_disk_free(session->disk);
    free(session);
}

static struct session *make(const char *image, bool read_only)
{
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        failure_tell(-ENOMEM, "no memory");
        return NULL;
    }
    strcpy(session->image, image);
    session->read_only = read_only;
    session->users = 1;
    return session;
}

/*
 * All of them; with `lock` held.
 */

static void take_out(struct sessions *sessions, const struct session *session)
{
    struct session **at = &sessions->first;

    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    pthread_cond_broadcast(&sessions->changed);
}

static bool is_lost(const struct session *session)
{
    return session->state == SESSION_READY &&
           (session->ended || !bh_share_is_open(session->share));
}

static struct session *find(const struct sessions *sessions, const char *image,
                            bool read_only)
{
    struct session *session;

    for (session = sessions->first; session != NULL; session = session->next)
        if (strcmp(session->image, image) == 0 &&
            session->read_only == read_only && !is_lost(session))
            return session;
    return NULL;
}

/* Its connections are left without it, and the volume is free for another. The
 * lock is free meanwhile. */
static void end_early(struct sessions *sessions, struct session *session)
{
    char error[1024];

    session->state = SESSION_CLOSING;
    pthread_mutex_unlock(&sessions->lock);
    nbdkit_debug("ending the session of \"%s\": its medium was changed",
                 session->image);
    if (bh_share_close(session->share, error, sizeof(error)) < 0)
        nbdkit_error("%s", error);
    pthread_mutex_lock(&sessions->lock);
    session->state = SESSION_READY;
    session->ended = true;
    pthread_cond_broadcast(&sessions->changed);
}

static void leave(struct sessions *sessions, struct session *session)
{
    session->left_ms = now_ms();
    session->users--;
    pthread_cond_broadcast(&sessions->changed);
}

/* Whether it is as good as a new one: maybe its medium was changed, and nobody
 * has asked for anything since. The lock is free meanwhile; a user keeps it
 * from being closed. */
static bool is_good(struct sessions *sessions, struct session *session)
{
    char byte;
    int rc;

    pthread_mutex_unlock(&sessions->lock);
    rc = bh_share_pread(session->share, 0, 1, &byte, NULL, 0);
    pthread_mutex_lock(&sessions->lock);
    if (sessions_is_stale(rc))
        session->stale = true;
    return session->state == SESSION_READY && !session->stale &&
           !is_lost(session);
}

/* With a user more. Waits for whoever opens or closes it. */
static struct session *find_good(struct sessions *sessions, const char *image,
                                 bool read_only)
{
    struct session *session;

    while ((session = find(sessions, image, read_only)) != NULL) {
        if (session->state != SESSION_READY) {
            pthread_cond_wait(&sessions->changed, &sessions->lock);
            continue;
        }
        session->users++;
        if (is_good(sessions, session))
            return session;
        leave(sessions, session);
        if (session->state == SESSION_READY && !is_lost(session))
            end_early(sessions, session);
    }
    return NULL;
}

/* The lock is free meanwhile. */
static struct session *open_new(struct sessions *sessions, const char *image,
                                bool read_only)
{
    struct session *session = make(image, read_only);
    int rc;

    if (session == NULL)
        return NULL;
    session->next = sessions->first;
    sessions->first = session;
    pthread_mutex_unlock(&sessions->lock);
    rc = dial(session, sessions->settings);
    pthread_mutex_lock(&sessions->lock);
    session->state = SESSION_READY;
    if (rc == 0) {
        pthread_cond_broadcast(&sessions->changed);
        return session;
    }
    take_out(sessions, session);
    drop(session);
    return NULL;
}

static void close_one(struct sessions *sessions, struct session *session)
{
    bool ending = sessions->ending;

    session->state = SESSION_CLOSING;
    pthread_mutex_unlock(&sessions->lock);
    hang_up(session, ending);
    pthread_mutex_lock(&sessions->lock);
    take_out(sessions, session);
    drop(session);
}

/* At the end nobody does, whatever the count says: nbdkit, once told to end,
 * does not call close() for connections that go. */
static bool is_used(const struct sessions *sessions,
                    const struct session *session)
{
    return session->users > 0 && !sessions->ending;
}

/* One that nobody uses any more, its time being over; or NULL, and when the
 * next one's is: at most an hour from now. */
static struct session *find_due(const struct sessions *sessions,
                                uint64_t *due_ms)
{
    const uint64_t linger_ms = sessions->settings->linger_s * UINT64_C(1000);
    const uint64_t now = now_ms();
    struct session *session;

    *due_ms = now + 3600000u;
    for (session = sessions->first; session != NULL; session = session->next) {
        if (is_used(sessions, session) || session->state != SESSION_READY)
            continue;
        if (sessions->ending || is_lost(session) ||
            now - session->left_ms >= linger_ms)
            return session;
        if (session->left_ms + linger_ms < *due_ms)
            *due_ms = session->left_ms + linger_ms;
    }
    return NULL;
}

static void *close_what_nobody_uses(void *context)
{
    struct sessions *sessions = context;
    struct session *session;
    struct timespec until;
    uint64_t due_ms;

    pthread_mutex_lock(&sessions->lock);
    for (;;) {
        session = find_due(sessions, &due_ms);
        if (session != NULL) {
            close_one(sessions, session);
            continue;
        }
        if (sessions->ending)
            break;
        until.tv_sec = (time_t)(due_ms / 1000u);
        until.tv_nsec = (long)(due_ms % 1000u) * 1000000;
        pthread_cond_timedwait(&sessions->changed, &sessions->lock, &until);
    }
    pthread_mutex_unlock(&sessions->lock);
    return NULL;
}

/*
 * What the plugin calls.
 */

/* Signals are nbdkit's. */
static int start_closer(struct sessions *sessions)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&sessions->closer, NULL, close_what_nobody_uses,
                        sessions);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : failure_tell(-rc, "no thread for the sessions");
}

int sessions_start(struct sessions *sessions, const struct settings *settings)
{
    pthread_condattr_t monotonic;

    sessions->settings = settings;
    pthread_mutex_init(&sessions->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sessions->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_closer(sessions) < 0)
        return -1;
    sessions->runs = true;
    return 0;
}

void sessions_end(struct sessions *sessions)
{
    if (!sessions->runs)
        return;
    pthread_mutex_lock(&sessions->lock);
    sessions->ending = true;
    pthread_cond_broadcast(&sessions->changed);
    pthread_mutex_unlock(&sessions->lock);
    pthread_join(sessions->closer, NULL);
    sessions->runs = false;
}

struct session *sessions_enter(struct sessions *sessions, const char *image,
                               bool read_only)
{
    struct session *session;

    pthread_mutex_lock(&sessions->lock);
    session = find_good(sessions, image, read_only);
    if (session == NULL)
        session = open_new(sessions, image, read_only);
    pthread_mutex_unlock(&sessions->lock);
    return session;
}

bool sessions_is_stale(int rc)
{
    return rc == -ESTALE || rc == -ENOMEDIUM;
}

void sessions_note_stale(struct sessions *sessions, struct session *session)
{
    pthread_mutex_lock(&sessions->lock);
    session->stale = true;
    pthread_mutex_unlock(&sessions->lock);
}

void sessions_leave(struct sessions *sessions, struct session *session)
{
    pthread_mutex_lock(&sessions->lock);
    leave(sessions, session);
    pthread_mutex_unlock(&sessions->lock);
}
