/* SPDX-License-Identifier: MIT */
#include "volume/nbd_internal.h"

#include "volume/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A server that admits one connection may not have noticed that its last client
 * is gone: so long we try, and with such pauses. */
#define INSIST_ASK_MS 500u
#define INSIST_OPEN_MS                                                         \
    3000u /* and it may still be at work on its last writes */
#define PAUSE_MS 50

/* For so long a second connection may take to be admitted, and three times as
 * long as the first one took. */
#define SECOND_MS 300u

static struct bh_nbd *nbd_of(struct bh_medium *medium)
{
    return (struct bh_nbd *)(void *)medium;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int insist(const char *uri, unsigned limit_ms,
                  const atomic_bool *cancelled, struct bh_nbd_link **out,
                  char cause[BH_CAUSE_LEN])
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    const uint64_t until = now_ms() + limit_ms;
    int error = bh_nbd_link_open(uri, BH_NBD_CONNECT_MS, cancelled, out, cause);

    while (error != 0 && error != -ENOTSUP && now_ms() < until &&
           (cancelled == NULL || !*cancelled)) {
        nanosleep(&pause, NULL);
        error = bh_nbd_link_open(uri, BH_NBD_CONNECT_MS, cancelled, out, cause);
    }
    return error;
}

int bh_nbd_ask(const char *uri, const atomic_bool *cancelled,
               struct bh_nbd_info *info, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_link *link = NULL;
    int error = insist(uri, INSIST_ASK_MS, cancelled, &link, cause);

    if (error != 0)
        return error;
    *info = *bh_nbd_link_info(link);
    bh_nbd_link_close(link);
    return 0;
}

/* Whether the server lets somebody in beside us. */
static int check_alone(struct bh_nbd *nbd, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_link *second;

    if (nbd->alone)
        return 0;
    if (bh_nbd_link_open(nbd->uri, nbd->second_ms, NULL, &second, cause) == 0) {
        bh_nbd_link_close(second);
        snprintf(cause, BH_CAUSE_LEN,
                 "its NBD server admits several connections at once, and "
                 "writes of a lost one could come late; let it admit one "
                 "(docs/nbd.md), or serve the volume read-only");
        return -EBUSY;
    }
    nbd->alone = true;
    return 0;
}

/* Only what the server said is looked at: its lock is the one connection. */
static int nbd_lock(struct bh_medium *medium, uint8_t access,
                    char cause[BH_CAUSE_LEN])
{
    struct bh_nbd *nbd = nbd_of(medium);
    int error = 0;

    if (access == BH_ACCESS_WRITER && nbd->info.read_only) {
        snprintf(cause, BH_CAUSE_LEN, "the export is read-only");
        error = -EROFS;
    } else if (access == BH_ACCESS_WRITER && !nbd->info.can_flush &&
               !nbd->info.can_fua) {
        snprintf(cause, BH_CAUSE_LEN,
                 "its NBD server knows neither FLUSH nor FUA, so that nothing "
                 "could be made stable; serve the volume read-only");
        error = -ENOTSUP;
    } else if (access == BH_ACCESS_WRITER) {
        error = check_alone(nbd, cause);
    }
    if (error == 0)
        nbd->writer = access == BH_ACCESS_WRITER;
    return error;
}

static void nbd_close(struct bh_medium *medium)
{
    struct bh_nbd *nbd = nbd_of(medium);

    if (nbd->dial != NULL)
        bh_nbd_dial_drop(nbd->dial);
    if (nbd->link != NULL)
        bh_nbd_link_close(nbd->link);
    bh_nbd_queue_done(&nbd->queue);
    if (nbd->epoll >= 0)
        close(nbd->epoll);
    if (nbd->wake >= 0)
        close(nbd->wake);
    free(nbd->uri);
    free(nbd);
}

static const struct bh_medium_ops nbd_ops = {
    .lock = nbd_lock,
    .close = nbd_close,
};

bool bh_nbd_is(const struct bh_medium *medium)
{
    return medium->ops == &nbd_ops;
}

/* The descriptors that it is polled by. */
static int prepare(struct bh_nbd *nbd)
{
    struct epoll_event event = {.events = EPOLLIN};

    nbd->epoll = epoll_create1(EPOLL_CLOEXEC);
    nbd->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (nbd->epoll < 0 || nbd->wake < 0 ||
        epoll_ctl(nbd->epoll, EPOLL_CTL_ADD, nbd->wake, &event) != 0)
        return -errno;
    return 0;
}

static int make(struct bh_nbd *nbd, const char *uri, char cause[BH_CAUSE_LEN])
{
    int error = prepare(nbd);

    nbd->uri = strdup(uri);
    if (error != 0 || nbd->uri == NULL)
        return error != 0 ? error : -ENOMEM;
    error = insist(uri, INSIST_OPEN_MS, NULL, &nbd->link, cause);
    if (error != 0)
        return error;
    nbd->info = *bh_nbd_link_info(nbd->link);
    nbd->second_ms = SECOND_MS + 3 * nbd->info.took_ms;
    nbd->queue.keeps_log = nbd->info.can_flush;
    return 0;
}

int bh_nbd_open(const char *uri, const struct bh_volume_facts *facts,
                uint64_t timeout_ms, struct bh_medium **out,
                struct bh_nbd_info *info, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd *nbd = calloc(1, sizeof *nbd);
    int error;

    if (nbd == NULL)
        return -ENOMEM;
    nbd->medium.ops = &nbd_ops;
    nbd->epoll = nbd->wake = -1;
    nbd->first = facts->first;
    nbd->timeout_ms = timeout_ms;
    bh_nbd_queue_init(&nbd->queue);
    error = make(nbd, uri, cause);
    if (error == 0)
        error =
            bh_file_span(facts, nbd->info.size, &nbd->medium.byte_count, cause);
    if (error != 0) {
        nbd_close(&nbd->medium);
        return error;
    }
    *info = nbd->info;
    *out = &nbd->medium;
    return 0;
}
