/* SPDX-License-Identifier: MIT */
#include "volume/nbd_known.h"

#include "volume/nbd.h"
#include "volume/nbd_uri.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_MS 1000u /* after a failure */

struct export
{
    struct export *next;
    uint64_t inode; /* whatever URI leads to it */
    bool told, asking;
    struct bh_nbd_info info; /* if told */
    uint64_t failed_ms;      /* when, plus 1; 0: never */
    int error;               /* of that failure */
    char cause[BH_CAUSE_LEN];
};

/* As many as the administrator has ever configured. */
struct bh_nbd_known {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct export *first;
    unsigned asking; /* threads that ask or wait */
    atomic_bool stopped;
};

static void start(struct bh_nbd_known *known)
{
    pthread_mutex_init(&known->lock, NULL);
    pthread_cond_init(&known->answered, NULL);
}

struct bh_nbd_known *bh_nbd_known_new(void)
{
    struct bh_nbd_known *known = calloc(1, sizeof *known);

    if (known != NULL)
        start(known);
    return known;
}

void bh_nbd_known_free(struct bh_nbd_known *known)
{
    struct export *export, *next;

    if (known == NULL)
        return;
    for (export = known->first; export != NULL; export = next) {
        next = export->next;
        free(export);
    }
    pthread_cond_destroy(&known->answered);
    pthread_mutex_destroy(&known->lock);
    free(known);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* With the lock held. NULL: there is no memory. */
static struct export *export_of(struct bh_nbd_known *known, const char *uri)
{
    const uint64_t inode = bh_nbd_uri_inode(uri);
    struct export *export = known->first;

    while (export != NULL && export->inode != inode)
        export = export->next;
    if (export != NULL)
        return export;
    export = calloc(1, sizeof *export);
    if (export == NULL)
        return NULL;
    export->inode = inode;
    export->next = known->first;
    known->first = export;
    return export;
}

bool bh_nbd_known_get(struct bh_nbd_known *known, const char *uri,
                      struct bh_nbd_info *info)
{
    const struct export *export;
    bool told;

    pthread_mutex_lock(&known->lock);
    export = export_of(known, uri);
    told = export != NULL && export->told;
    if (told)
        *info = export->info;
    pthread_mutex_unlock(&known->lock);
    return told;
}

static void learn(struct export *export, const struct bh_nbd_info *info)
{
    export->told = true;
    export->info = *info;
    export->failed_ms = 0;
}

void bh_nbd_known_learn(struct bh_nbd_known *known, const char *uri,
                        const struct bh_nbd_info *info)
{
    struct export *export;

    pthread_mutex_lock(&known->lock);
    export = export_of(known, uri);
    if (export != NULL)
        learn(export, info);
    pthread_mutex_unlock(&known->lock);
}

/* With the lock held: whether this caller may ask, or wait for who does. */
static int may_ask(const struct bh_nbd_known *known,
                   const struct export *export, char cause[BH_CAUSE_LEN])
{
    if (export == NULL)
        return -ENOMEM;
    if (export->failed_ms != 0 && now_ms() - export->failed_ms < PAUSE_MS) {
        memcpy(cause, export->cause, BH_CAUSE_LEN);
        return export->error;
    }
    if (known->asking < BH_NBD_ASKING_MAX && !known->stopped)
        return 0;
    snprintf(cause, BH_CAUSE_LEN, "%s",
             known->stopped ? "the server is stopping"
                            : "too many NBD servers do not answer");
    return -EIO;
}

/* With the lock held, but for the time of the question. */
static void ask(struct bh_nbd_known *known, struct export *export,
                const char *uri)
{
    struct bh_nbd_info info;
    char cause[BH_CAUSE_LEN] = "";
    int error;

    export->asking = true;
    pthread_mutex_unlock(&known->lock);
    error = bh_nbd_ask(uri, &known->stopped, &info, cause);
    pthread_mutex_lock(&known->lock);
    export->asking = false;
    if (error == 0) {
        learn(export, &info);
    } else {
        export->failed_ms = now_ms();
        export->error = error;
        memcpy(export->cause, cause, BH_CAUSE_LEN);
    }
    pthread_cond_broadcast(&known->answered);
}

/* Nothing is ever forgotten: an export is there as long as the table. */
int bh_nbd_known_ask(struct bh_nbd_known *known, const char *uri,
                     char cause[BH_CAUSE_LEN])
{
    struct export *export;
    int error;

    pthread_mutex_lock(&known->lock);
    export = export_of(known, uri);
    error = may_ask(known, export, cause);
    if (error == 0) {
        known->asking++;
        if (!export->asking)
            ask(known, export, uri);
        while (export->asking)
            pthread_cond_wait(&known->answered, &known->lock);
        known->asking--;
        if (export->failed_ms != 0) {
            memcpy(cause, export->cause, BH_CAUSE_LEN);
            error = export->error;
        }
    }
    pthread_mutex_unlock(&known->lock);
    return error;
}

void bh_nbd_known_stop(struct bh_nbd_known *known)
{
    known->stopped = true;
}

bool bh_nbd_known_is_stopped(const struct bh_nbd_known *known)
{
    return known->stopped;
}
