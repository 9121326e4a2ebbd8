/* SPDX-License-Identifier: MIT */
#include "daemon/remote.h"

#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/storage.h"
#include "volume/nbd.h"

#include <stdlib.h>
#include <string.h>

struct bh_remote {
    struct bh_remote *next;
    struct bh_driver *driver;
    struct bh_medium *medium; /* NULL: it was let go of */
    uint64_t device, inode, first;
    char name[BH_VOLUME_NAME_LEN + 1];
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles; /* that are open */
};

static struct bh_remote *find(const struct bh_driver *driver,
                              const struct bh_medium *medium)
{
    struct bh_remote *remote = driver->remotes;

    while (remote != NULL && remote->medium != medium)
        remote = remote->next;
    return remote;
}

static void forget(struct bh_remote *remote)
{
    struct bh_remote **at = &remote->driver->remotes;

    while (*at != remote)
        at = &(*at)->next;
    *at = remote->next;
    free(remote);
}

static void handle_closed(uv_handle_t *handle)
{
    struct bh_remote *remote = handle->data;

    if (--remote->handles == 0)
        forget(remote);
}

static void let_go(struct bh_remote *remote)
{
    uv_poll_stop(&remote->poll); /* its descriptor goes with the medium */
    remote->medium->ops->close(remote->medium);
    remote->medium = NULL;
    uv_close((uv_handle_t *)&remote->poll, handle_closed);
    uv_close((uv_handle_t *)&remote->timer, handle_closed);
}

static void finished(void *context, struct bh_job *job, int error,
                     const char *cause)
{
    struct bh_remote *remote = context;
    struct bh_driver *driver = remote->driver;

    if (error == 0)
        bh_storage_complete(job);
    if (job->kind == BH_JOB_DETACH)
        let_go(remote);
    bh_log_storage(&driver->log, driver->now, job, cause);
    bh_server_finish(driver->server, driver->now, job,
                     bh_storage_status(error));
}

static void news(void *context, const char *sentence)
{
    struct bh_remote *remote = context;
    struct bh_driver *driver = remote->driver;
    char name[4 * sizeof remote->name];

    if (bh_log_may(&driver->log, driver->now, BH_LOG_STORAGE))
        bh_log_say("'%s': %s", bh_log_clean(remote->name, name, sizeof name),
                   sentence);
}

static void timer_due(uv_timer_t *uv);

/* Whatever it was woken for. The remote's handles outlive a DETACH. */
static void process(struct bh_remote *remote)
{
    uint64_t deadline, now = remote->driver->now;

    bh_nbd_process(remote->medium, now);
    if (remote->medium == NULL)
        return;
    deadline = bh_nbd_deadline(remote->medium);
    if (deadline == UINT64_MAX)
        uv_timer_stop(&remote->timer);
    else
        uv_timer_start(&remote->timer, timer_due,
                       deadline > now ? deadline - now : 0, 0);
}

static void wake(struct bh_remote *remote)
{
    struct bh_driver *driver = remote->driver;

    driver->now = bh_clock_ms();
    process(remote);
    bh_driver_pump(driver);
}

static void timer_due(uv_timer_t *uv)
{
    wake(uv->data);
}

static void readable(uv_poll_t *uv, int status, int events)
{
    (void)status;
    (void)events;
    wake(uv->data);
}

static void look_after(struct bh_remote *remote)
{
    struct bh_driver *driver = remote->driver;

    uv_poll_init(&driver->loop, &remote->poll, bh_nbd_fd(remote->medium));
    uv_timer_init(&driver->loop, &remote->timer);
    remote->poll.data = remote->timer.data = remote;
    remote->handles = 2;
    uv_poll_start(&remote->poll, UV_READABLE, readable);
    bh_nbd_drive(remote->medium, finished, news, remote);
    if (driver->stopping)
        bh_nbd_stop(remote->medium);
    process(remote);
}

void bh_remote_adopt(struct bh_driver *driver, const struct bh_job *job)
{
    struct bh_remote *remote;

    if (job->kind != BH_JOB_ATTACH || !bh_nbd_is(job->medium) ||
        find(driver, job->medium) != NULL)
        return;
    remote = calloc(1, sizeof *remote);
    if (remote == NULL) {
        bh_log_say("out of memory");
        abort();
    }
    remote->driver = driver;
    remote->medium = job->medium;
    remote->device = job->facts->device;
    remote->inode = job->facts->inode;
    remote->first = job->facts->first;
    memcpy(remote->name, job->facts->name, sizeof remote->name);
    remote->next = driver->remotes;
    driver->remotes = remote;
    look_after(remote);
}

/* The others are a thread's. A DETACH may have no medium. */
static bool is_ours(const struct bh_job *job)
{
    switch (job->kind) {
    case BH_JOB_READ:
    case BH_JOB_WRITE:
    case BH_JOB_ZERO:
    case BH_JOB_CHECKSUM:
    case BH_JOB_SYNC:
    case BH_JOB_DETACH:
        return job->medium != NULL && bh_nbd_is(job->medium);
    default:
        return false;
    }
}

bool bh_remote_begin(struct bh_driver *driver, struct bh_job *job)
{
    struct bh_remote *remote;

    if (driver->remotes == NULL || !is_ours(job))
        return false;
    remote = find(driver, job->medium);
    bh_nbd_start(remote->medium, job, driver->now);
    process(remote);
    return true;
}

void bh_remotes_stop(struct bh_driver *driver)
{
    bh_catalogue_stop(driver->catalogue);
    for (struct bh_remote *at = driver->remotes; at != NULL; at = at->next)
        if (at->medium != NULL)
            bh_nbd_stop(at->medium);
}

bool bh_remote_find(const struct bh_driver *driver,
                    const struct bh_volume_facts *facts, bool *connected)
{
    for (struct bh_remote *at = driver->remotes; at != NULL; at = at->next) {
        if (at->medium == NULL || at->device != facts->device ||
            at->inode != facts->inode || at->first != facts->first)
            continue;
        *connected = bh_nbd_is_connected(at->medium);
        return true;
    }
    return false;
}

void bh_remotes_free(struct bh_driver *driver)
{
    while (driver->remotes != NULL) {
        struct bh_remote *remote = driver->remotes;

        driver->remotes = remote->next;
        if (remote->medium != NULL)
            remote->medium->ops->close(remote->medium);
        free(remote);
    }
}
