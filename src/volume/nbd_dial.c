/* SPDX-License-Identifier: MIT */
#include "volume/nbd_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bh_nbd_dial {
    pthread_mutex_t lock; /* over, dropped */
    bool over, dropped;
    atomic_bool cancelled;
    char *uri;
    unsigned limit_ms;
    int wake; /* a descriptor of its own */
    int error;
    struct bh_nbd_link *link;
    char cause[BH_CAUSE_LEN];
};

static void free_dial(struct bh_nbd_dial *dial)
{
    pthread_mutex_destroy(&dial->lock);
    if (dial->wake >= 0)
        close(dial->wake);
    free(dial->uri);
    free(dial);
}

/* Whoever comes second cleans up. */
static void come_to_an_end(struct bh_nbd_dial *dial)
{
    const uint64_t one = 1;
    bool dropped;

    pthread_mutex_lock(&dial->lock);
    dial->over = true;
    dropped = dial->dropped;
    if (!dropped) /* under the lock: it may be gone behind it */
        (void)!write(dial->wake, &one, sizeof one);
    pthread_mutex_unlock(&dial->lock);
    if (!dropped)
        return;
    if (dial->error == 0)
        bh_nbd_link_close(dial->link);
    free_dial(dial);
}

static void *dial_in_thread(void *argument)
{
    struct bh_nbd_dial *dial = argument;

    dial->error = bh_nbd_link_open(dial->uri, dial->limit_ms, &dial->cancelled,
                                   &dial->link, dial->cause);
    come_to_an_end(dial);
    return NULL;
}

/* Signals are for the loop's thread. */
static int start_thread(struct bh_nbd_dial *dial)
{
    pthread_t thread;
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, NULL, dial_in_thread, dial);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}

struct bh_nbd_dial *bh_nbd_dial_new(const char *uri, unsigned limit_ms,
                                    int wake)
{
    struct bh_nbd_dial *dial = calloc(1, sizeof *dial);

    if (dial == NULL)
        return NULL;
    pthread_mutex_init(&dial->lock, NULL);
    dial->limit_ms = limit_ms;
    dial->uri = strdup(uri);
    dial->wake = fcntl(wake, F_DUPFD_CLOEXEC, 0);
    if (dial->uri == NULL || dial->wake < 0 || start_thread(dial) != 0) {
        free_dial(dial);
        return NULL;
    }
    return dial;
}

int bh_nbd_dial_end(struct bh_nbd_dial *dial, struct bh_nbd_link **out,
                    char cause[BH_CAUSE_LEN])
{
    bool over;
    int error;

    pthread_mutex_lock(&dial->lock);
    over = dial->over;
    pthread_mutex_unlock(&dial->lock);
    if (!over)
        return -EAGAIN;
    error = dial->error == -EAGAIN ? -EIO : dial->error;
    *out = dial->link;
    memcpy(cause, dial->cause, BH_CAUSE_LEN);
    free_dial(dial);
    return error;
}

void bh_nbd_dial_drop(struct bh_nbd_dial *dial)
{
    bool over;

    dial->cancelled = true;
    pthread_mutex_lock(&dial->lock);
    over = dial->over;
    dial->dropped = true;
    pthread_mutex_unlock(&dial->lock);
    if (!over)
        return;
    if (dial->error == 0)
        bh_nbd_link_close(dial->link);
    free_dial(dial);
}
