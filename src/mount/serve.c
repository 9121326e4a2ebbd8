/* SPDX-License-Identifier: MIT */
#include "mount/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/detach.h"
#include "mount/io.h"
#include "mount/tell.h"

/* How often an idle mount looks whether the medium is still there. */
#define WATCH_MS 5000

/* Requests that are read at a time, and that may wait for the disk. */
#define TURN_MAX 32u
#define CALLS_MAX 256u

struct serving {
    struct served *served;
    struct interrupt *interrupt;
    const char *directory; /* where it is mounted */
    struct detach detach;
    bool leaving;
    uint64_t asked;    /* calls, when it was looked last */
    uint64_t watch_ms; /* when the disk is to be watched, if nothing is asked */
};

/*
 * The kernel's requests.
 */

static bool has_room(const struct served *served)
{
    return served->calls.waiting + served->calls.started < CALLS_MAX;
}

static bool receive_one(struct served *served)
{
    struct fuse_buf *request = &served->request;
    int rc;

    if (request->mem == NULL && served->spare_count > 0)
        request->mem = served->spares[--served->spare_count];
    rc = fuse_session_receive_buf(served->session, request);
    if (rc > 0)
        fuse_session_process_buf(served->session, request);
    return rc > 0;
}

static void receive(struct served *served)
{
    for (unsigned i = 0; i < TURN_MAX && has_room(served); i++)
        if (!receive_one(served))
            return;
}

/*
 * The ways to leave.
 */

static void leave(struct serving *serving)
{
    int error;

    if (serving->leaving)
        return;
    serving->leaving = true;
    error = detach_begin(&serving->detach, serving->directory,
                         serving->served->session,
                         serving->served->calls.lost != 0);
    if (error != 0)
        tell(serving->served->calls.to_log, "cannot unmount %s: %s",
             serving->directory, strerror(-error));
}

/* Whether it is over. */
static bool check(struct serving *serving)
{
    const struct served *served = serving->served;

    if (fuse_session_exited(served->session))
        return true;
    if (serving->interrupt->signal != 0 || served->calls.lost != 0)
        leave(serving);
    return serving->leaving && serving->detach.fd < 0 &&
           serving->interrupt->signal != 0;
}

/* A second signal says nothing new. */
static void take_signal(struct serving *serving)
{
    struct interrupt again = {.fd = serving->interrupt->fd};

    if (serving->interrupt->signal == 0)
        interrupt_came(serving->interrupt);
    else
        interrupt_came(&again);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until the disk wants something, or is to be watched. */
static int wait_ms(const struct serving *serving)
{
    const int wait = bh_disk_wait_ms(serving->served->disk);
    const uint64_t now = now_ms();
    const int left =
        now < serving->watch_ms ? (int)(serving->watch_ms - now) : 0;

    return wait >= 0 && wait < left ? wait : left;
}

/* Whether the kernel has asked for something. */
static bool wait_for_any(struct serving *serving)
{
    const struct served *served = serving->served;
    struct pollfd fds[] = {
        {.fd = has_room(served) ? fuse_session_fd(served->session) : -1,
         .events = POLLIN},
        {.fd = bh_disk_fd(served->disk), .events = POLLIN},
        {.fd = serving->interrupt->fd, .events = POLLIN},
        {.fd = serving->detach.fd, .events = POLLIN}};

    poll(fds, sizeof(fds) / sizeof(fds[0]), wait_ms(serving));
    if (fds[2].revents != 0)
        take_signal(serving);
    if (fds[3].revents != 0)
        detach_end(&serving->detach);
    return fds[0].revents != 0;
}

/* A disk that was not asked for anything for a while is asked for a sector. */
static void watch(struct serving *serving)
{
    struct served *served = serving->served;
    const uint64_t now = now_ms();
    const bool asked = served->calls.asked != serving->asked;

    serving->asked = served->calls.asked;
    if (!asked && now < serving->watch_ms)
        return;
    if (!asked && calls_idle(&served->calls))
        io_watch(served);
    serving->watch_ms = now + WATCH_MS;
}

static void serve_requests(struct serving *serving)
{
    struct served *served = serving->served;

    while (!check(serving)) {
        if (wait_for_any(serving))
            receive(served);
        watch(serving);
        calls_step(&served->calls);
    }
    fuse_session_exit(served->session);
}

/*
 * The end.
 */

struct last {
    struct call call; /* first */
    bool over;
    int result;
};

static int start_close(struct bh_disk *disk, struct call *call)
{
    return bh_disk_start_close(disk, call);
}

static int start_flush(struct bh_disk *disk, struct call *call)
{
    return bh_disk_start_flush(disk, call);
}

static void finish_last(struct call *call, int result)
{
    struct last *last = (struct last *)call;

    last->over = true;
    last->result = result;
}

/* Until all calls are over. That takes no longer than the disk is patient. */
static void settle(struct serving *serving)
{
    struct calls *calls = &serving->served->calls;
    struct pollfd fd = {.events = POLLIN};

    calls_step(calls);
    while (!calls_idle(calls)) {
        fd.fd = bh_disk_fd(serving->served->disk);
        poll(&fd, 1, bh_disk_wait_ms(serving->served->disk));
        calls_step(calls);
    }
}

static bool ask_last(struct serving *serving,
                     int (*start)(struct bh_disk *, struct call *))
{
    struct last last = {.call = {.start = start, .finish = finish_last}};

    calls_ask(&serving->served->calls, &last.call);
    settle(serving);
    return last.over && last.result == 0;
}

/* A FLUSH before the session's end, as it can be asked again if the server has
 * lost the session just now. */
static bool make_stable(struct serving *serving)
{
    struct served *served = serving->served;

    settle(serving);
    if (served->calls.lost != 0)
        return false;
    if (served->stable != served->changes && !ask_last(serving, start_flush))
        return false;
    return ask_last(serving, start_close);
}

bool serve(struct served *served, const char *directory,
           struct interrupt *interrupt)
{
    struct serving serving = {.served = served,
                              .interrupt = interrupt,
                              .directory = directory,
                              .detach = DETACH_NONE};
    bool stable;

    fcntl(fuse_session_fd(served->session), F_SETFL, O_NONBLOCK);
    io_scan(served);
    settle(&serving); /* nobody sees the directory without its partitions */
    serve_requests(&serving);
    stable = make_stable(&serving);
    if (!stable && served->calls.lost == 0)
        tell(served->calls.to_log,
             "%s: what was written last may not be on the server's disk",
             directory);
    while (served->spare_count > 0)
        free(served->spares[--served->spare_count]);
    free(served->request.mem);
    return stable;
}
