/* SPDX-License-Identifier: MIT */
#include "daemon/control.h"

#include "daemon/caller.h"
#include "daemon/door.h"
#include "daemon/internal.h"
#include "daemon/order.h"
#include "daemon/where.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ACCEPTS_AT_ONCE 4u
#define CALM_MS 3u
#define REST_MS 1000u /* when there are no descriptors left */

struct bh_control {
    struct bh_driver *driver;
    struct bh_door door;
    uv_poll_t uv;
    uv_timer_t rest;
    uv_timer_t calm;          /* until what `holder` holds is still */
    struct bh_caller *holder; /* of those whose order the thread has */
    uint64_t turns;
    bool working; /* the thread has an order */
    struct bh_caller callers[BH_CONTROL_CALLERS];
};

struct bh_driver *bh_control_driver(struct bh_control *control)
{
    return control->driver;
}

uint64_t bh_control_turn(struct bh_control *control)
{
    return ++control->turns;
}

/* The one that was here first among those that wait. */
static struct bh_caller *next_waiting(struct bh_control *control)
{
    struct bh_caller *best = NULL;

    for (size_t i = 0; i < BH_CONTROL_CALLERS; i++) {
        struct bh_caller *caller = &control->callers[i];

        if (caller->used && caller->waits &&
            !uv_is_closing((uv_handle_t *)&caller->pipe) &&
            (best == NULL || caller->turn < best->turn))
            best = caller;
    }
    return best;
}

void bh_control_worked(struct bh_control *control, bool free)
{
    struct bh_caller *caller;

    if (free)
        control->working = false;
    caller = control->working ? NULL : next_waiting(control);
    if (caller == NULL)
        return;
    control->working = true;
    bh_caller_work(caller);
}

static void look_whether_calm(uv_timer_t *calm)
{
    struct bh_control *control = calm->data;

    uv_timer_stop(calm);
    if (!bh_caller_go_on(control->holder))
        bh_control_wait(control, control->holder);
}

void bh_control_wait(struct bh_control *control, struct bh_caller *caller)
{
    control->holder = caller;
    if (!uv_is_closing((uv_handle_t *)&control->calm))
        uv_timer_start(&control->calm, look_whether_calm, CALM_MS, 0);
}

/*
 * Connections.
 */

static struct bh_caller *free_place(struct bh_control *control)
{
    for (size_t i = 0; i < BH_CONTROL_CALLERS; i++)
        if (!control->callers[i].used)
            return &control->callers[i];
    return NULL;
}

/* Whether `a` is to go rather than `b`, which may be NULL: it does not wait for
 * the thread, or has said nothing for longer. */
static bool goes_before(const struct bh_caller *a, const struct bh_caller *b)
{
    if (b == NULL || a->waits != b->waits)
        return b == NULL || b->waits;
    return a->turn < b->turn;
}

/* Not the one whose order the thread has: it is about to be answered. */
static void make_place(struct bh_control *control)
{
    struct bh_caller *victim = NULL;

    for (size_t i = 0; i < BH_CONTROL_CALLERS; i++) {
        struct bh_caller *caller = &control->callers[i];

        if (!caller->working && goes_before(caller, victim))
            victim = caller;
    }
    if (victim != NULL)
        bh_caller_end(victim);
    uv_poll_stop(&control->uv); /* until the place is free */
}

static void knocked(uv_poll_t *uv, int status, int events);

static void listen_again(struct bh_control *control)
{
    if (!uv_is_closing((uv_handle_t *)&control->uv))
        uv_poll_start(&control->uv, UV_READABLE, knocked);
}

static void rested(uv_timer_t *rest)
{
    listen_again(rest->data);
}

void bh_control_place_free(struct bh_control *control)
{
    if (!uv_is_active((uv_handle_t *)&control->rest))
        listen_again(control);
}

/* The next connection gets this place. False: there is none now. */
static bool accept_one(struct bh_control *control, struct bh_caller *caller)
{
    int fd = accept4(control->door.file.fd, NULL, NULL,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        bh_caller_begin(caller, fd);
        return true;
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        uv_poll_stop(&control->uv);
        uv_timer_start(&control->rest, rested, REST_MS, 0);
    }
    return false;
}

static void knocked(uv_poll_t *uv, int status, int events)
{
    struct bh_control *control = uv->data;
    struct bh_caller *caller = free_place(control);

    (void)status;
    (void)events;
    if (caller == NULL)
        make_place(control);
    for (unsigned i = 0; i < ACCEPTS_AT_ONCE && caller != NULL; i++)
        caller = accept_one(control, caller) ? free_place(control) : NULL;
}

/*
 * Beginning and end.
 */

/* Where it is if nobody has said it; NULL: there is none, since nobody would
 * find one whose port was any free one. */
static char *default_path(const struct bh_driver *driver)
{
    const struct bh_place *wanted = &driver->config->listen[0];

    if (!bh_place_lasts(wanted))
        return NULL;
    return bh_where_server(bh_where_controls(), wanted, BH_CONTROL_SUFFIX);
}

static int open_default(struct bh_control *control, char *problem)
{
    char *path = default_path(control->driver);
    char *copy = path == NULL ? NULL : strdup(path);
    int error = -ENOENT;

    if (copy != NULL) {
        bh_where_make(dirname(copy)); /* if not, the next call says why */
        error = bh_door_open(&control->door, path, problem);
        if (error != 0)
            bh_log_say("%s", problem);
    }
    free(copy);
    free(path);
    return error;
}

/* One that was asked for must be had; the default one is a favour. */
int bh_control_open(struct bh_driver *driver, char problem[BH_PROBLEM_LEN])
{
    const char *wanted = driver->config->control;
    struct bh_control *control;
    int error;

    if (wanted != NULL && strcmp(wanted, "none") == 0)
        return 0;
    control = calloc(1, sizeof *control);
    if (control == NULL) {
        snprintf(problem, BH_PROBLEM_LEN, "out of memory");
        return -ENOMEM;
    }
    control->driver = driver;
    error = wanted == NULL ? open_default(control, problem)
                           : bh_door_open(&control->door, wanted, problem);
    if (error != 0) {
        free(control);
        return wanted == NULL ? 0 : error;
    }
    bh_order_prepare();
    driver->control = control;
    return 0;
}

void bh_control_start(struct bh_control *control)
{
    uv_loop_t *loop = &control->driver->loop;

    for (size_t i = 0; i < BH_CONTROL_CALLERS; i++)
        control->callers[i].control = control;
    uv_timer_init(loop, &control->rest);
    uv_poll_init(loop, &control->uv, control->door.file.fd);
    uv_timer_init(loop, &control->calm);
    control->rest.data = control->uv.data = control->calm.data = control;
    listen_again(control);
}

void bh_control_free(struct bh_control *control)
{
    if (control == NULL)
        return;
    for (size_t i = 0; i < BH_CONTROL_CALLERS; i++)
        bh_order_free(control->callers[i].order);
    bh_door_close(&control->door);
    free(control);
}
