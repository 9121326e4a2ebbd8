/* SPDX-License-Identifier: MIT */
/*
 * A disk for several threads, each of which waits for its own request.
 *
 * One of the waiting threads leads: it waits for the network, for all of them,
 * and when its own request is over the next one leads. So a single thread meets
 * no other, and many share system calls. A thread of the share's own keeps the
 * lease while nobody asks for anything.
 *
 * Invariants
 *   1. The disk is touched under `lock` alone.
 *   2. `jobs` are those that the disk has not handed back; each lives on the
 *      stack of the thread that waits for it, and no longer than until its
 *      state is OVER.
 *   3. While there are jobs one of their threads leads, or has been appointed
 *      to and is waking up.
 *   4. A close runs alone, and whoever comes meanwhile waits until it is over.
 *   5. The leader sleeps until `due_ms` at most; whoever makes the disk's next
 *      time-out an earlier one, or its descriptor another one, wakes it, or
 *      takes the answer that it waits for.
 */
#include "client/share.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"

/* How often the keeper looks while others use the disk. */
#define LOOK_MS 1000

/* It waits for the network itself, if what is to be done is so near. */
#define NEAR_MS 2000

/* A thread that is told that its request is over needs no lock to see it: else
 * each would wake only to wait for the one who tells. */
enum { WAITING, APPOINTED, OVER };

struct job {
    _Atomic uint32_t state; /* a futex */
    int result;
    char *error; /* the caller's */
    size_t error_len;
    struct job *next, **at; /* in `jobs` */
};

struct bh_share {
    struct bh_disk *disk; /* borrowed */
    uint32_t sector_len;
    pthread_mutex_t lock;
    pthread_cond_t room; /* for a request */
    pthread_cond_t end;
    struct job *jobs;
    unsigned count;           /* of them */
    const struct job *leader; /* or who is appointed; NULL: nobody */
    bool leads;               /* the leader does so already */
    bool asleep;              /* and sleeps in poll() */
    uint64_t due_ms;          /* invariant 5 */
    int watched;              /* the descriptor that it sleeps for */
    unsigned closing;         /* threads that close it, or wait to */
    bool ending;
    int wake; /* an eventfd that wakes the leader */
    pthread_t keeper;
};

static void add(struct bh_share *share, struct job *job)
{
    job->next = share->jobs;
    job->at = &share->jobs;
    if (job->next != NULL)
        job->next->at = &job->next;
    share->jobs = job;
    share->count++;
}

static void take_out(struct bh_share *share, struct job *job)
{
    *job->at = job->next;
    if (job->next != NULL)
        job->next->at = job->at;
    share->count--;
}

static int fail(struct bh_share *share, struct job *job, int error)
{
    if (job->error != NULL)
        snprintf(job->error, job->error_len, "%s", bh_disk_error(share->disk));
    return error;
}

/* A token that is there already wakes as well. */
static void wake(struct bh_share *share)
{
    const uint64_t one = 1;

    if (write(share->wake, &one, sizeof(one)) < 0)
        return;
}

/*
 * Futexes: futex(2).
 */

static void sleep_while(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/* Whoever has read the value may have gone, and the word with him: to wake
 * nobody, or somebody who then looks again, does no harm. */
static void set(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/*
 * The leader.
 */

static bool is_over(struct job *job)
{
    return atomic_load(&job->state) == OVER;
}

static void tell(struct bh_share *share, struct job *job)
{
    if (job == share->leader && share->leads) { /* it sleeps elsewhere */
        atomic_store(&job->state, OVER);
        if (share->asleep)
            wake(share);
        return;
    }
    if (job == share->leader)
        share->leader = NULL;
    set(&job->state, OVER);
}

/* Lets the disk go on, and tells those whose requests are over. */
static void step(struct bh_share *share)
{
    struct bh_done done;
    struct job *job;
    bool any = false;

    bh_disk_process(share->disk);
    while (bh_disk_next(share->disk, &done)) {
        job = done.tag;
        job->result = done.result < 0 ? fail(share, job, done.result) : 0;
        take_out(share, job);
        tell(share, job);
        any = true;
    }
    if (any)
        pthread_cond_broadcast(&share->room);
}

static uint64_t now_ms(void)
{
    return bh_clock_us() / 1000;
}

static int wait_ms(const struct bh_share *share)
{
    int wait = bh_disk_wait_ms(share->disk);

    return wait >= 0 && wait < LOOK_MS ? wait : LOOK_MS;
}

/* Waits for the network or `wait` milliseconds, and lets others in meanwhile.
 * The keeper leaves the leader what wakes it. */
static void doze(struct bh_share *share, int wait, bool leads)
{
    struct pollfd events[2] = {
        {.fd = bh_disk_fd(share->disk), .events = POLLIN},
        {.fd = share->wake, .events = POLLIN}};
    uint64_t drained;

    share->asleep = share->asleep || leads;
    if (leads)
        share->watched = events[0].fd;
    pthread_mutex_unlock(&share->lock);
    poll(events, 2, wait);
    pthread_mutex_lock(&share->lock);
    share->asleep = share->asleep && !leads;
    if (events[1].revents != 0 && (leads || share->leader == NULL) &&
        read(share->wake, &drained, sizeof(drained)) < 0)
        return; /* another has taken it */
}

/* Somebody else, if anybody still waits. */
static void appoint(struct bh_share *share)
{
    if (share->leader != NULL || share->jobs == NULL)
        return;
    share->leader = share->jobs;
    set(&share->jobs->state, APPOINTED);
}

static void lead(struct bh_share *share, struct job *job)
{
    int wait;

    share->leader = job;
    share->leads = true;
    while (!is_over(job)) {
        wait = wait_ms(share);
        share->due_ms = now_ms() + (uint64_t)wait;
        if (wait > 0)
            doze(share, wait, true);
        step(share);
    }
    share->leads = false;
    share->leader = NULL;
}

/* A line or connection that was lost may have come back as another one. */
static void wake_leader(struct bh_share *share)
{
    if (share->asleep && (bh_disk_fd(share->disk) != share->watched ||
                          now_ms() + (uint64_t)wait_ms(share) < share->due_ms))
        wake(share);
}

/* With the lock, which it gives back. */
static void wait_for(struct bh_share *share, struct job *job)
{
    wake_leader(share);
    if (!is_over(job) && share->leader != NULL) {
        pthread_mutex_unlock(&share->lock);
        while (atomic_load(&job->state) == WAITING)
            sleep_while(&job->state, WAITING);
        if (is_over(job))
            return;
        pthread_mutex_lock(&share->lock);
    }
    if (!is_over(job))
        lead(share, job);
    appoint(share);
    pthread_mutex_unlock(&share->lock);
}

static bool must_wait(const struct bh_share *share, const struct bh_wish *wish)
{
    return wish->alone ? share->count > 0 : share->closing > 0;
}

/* Starts it as soon as there is room for one more. */
static int start(struct bh_share *share, const struct bh_wish *wish,
                 struct job *job)
{
    int rc;

    for (;;) {
        while (must_wait(share, wish))
            pthread_cond_wait(&share->room, &share->lock);
        rc = wish->start(share->disk, wish, job);
        if (rc != -EBUSY || share->count < bh_disk_info(share->disk)->window ||
            !bh_disk_is_open(share->disk))
            return rc;
        pthread_cond_wait(&share->room, &share->lock);
    }
}

int bh_share_grant(struct bh_share *share, const struct bh_wish *wish,
                   char *error, size_t error_len)
{
    struct job job = {.error = error_len > 0 ? error : NULL,
                      .error_len = error_len};

    pthread_mutex_lock(&share->lock);
    job.result = start(share, wish, &job);
    if (job.result < 0) {
        fail(share, &job, job.result);
        pthread_mutex_unlock(&share->lock);
        return job.result;
    }
    add(share, &job);
    step(share); /* it leaves */
    wait_for(share, &job);
    return job.result;
}

static int start_close(struct bh_disk *disk, const struct bh_wish *wish,
                       void *tag)
{
    (void)wish;
    return bh_disk_start_close(disk, tag);
}

static void note_closing(struct bh_share *share, unsigned more)
{
    pthread_mutex_lock(&share->lock);
    share->closing += more;
    pthread_cond_broadcast(&share->room);
    pthread_mutex_unlock(&share->lock);
}

int bh_share_close(struct bh_share *share, char *error, size_t error_len)
{
    static const struct bh_wish wish = {.start = start_close, .alone = true};
    int rc;

    note_closing(share, 1);
    rc = bh_share_grant(share, &wish, error, error_len);
    note_closing(share, -1u);
    return rc;
}

/*
 * The keeper.
 */

static void sleep_until_end(struct bh_share *share, int wait)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait / 1000;
    pthread_cond_timedwait(&share->end, &share->lock, &until);
}

static void keep_once(struct bh_share *share)
{
    int wait = share->count > 0 ? -1 : bh_disk_wait_ms(share->disk);

    if (wait < 0)
        sleep_until_end(share, LOOK_MS);
    else if (wait > NEAR_MS)
        sleep_until_end(share, wait - NEAR_MS + 1000);
    else
        doze(share, wait, false);
    if (share->count == 0)
        step(share);
}

static void *keep(void *context)
{
    struct bh_share *share = context;

    pthread_mutex_lock(&share->lock);
    while (!share->ending)
        keep_once(share);
    pthread_mutex_unlock(&share->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_keeper(struct bh_share *share)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&share->keeper, NULL, keep, share);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

struct bh_share *bh_share_new(struct bh_disk *disk)
{
    struct bh_share *share = calloc(1, sizeof(*share));
    pthread_condattr_t monotonic;

    if (share == NULL)
        return NULL;
    share->disk = disk;
    share->sector_len = bh_disk_info(disk)->sector_len;
    share->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&share->lock, NULL);
    pthread_cond_init(&share->room, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&share->end, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (share->wake >= 0 && start_keeper(share) == 0)
        return share;
    if (share->wake >= 0)
        close(share->wake);
    free(share);
    return NULL;
}

void bh_share_free(struct bh_share *share)
{
    if (share == NULL)
        return;
    pthread_mutex_lock(&share->lock);
    share->ending = true;
    pthread_cond_signal(&share->end);
    pthread_mutex_unlock(&share->lock);
    wake(share);
    pthread_join(share->keeper, NULL);
    pthread_cond_destroy(&share->end);
    pthread_cond_destroy(&share->room);
    pthread_mutex_destroy(&share->lock);
    close(share->wake);
    free(share);
}

int bh_share_is_open(struct bh_share *share)
{
    int open;

    pthread_mutex_lock(&share->lock);
    open = bh_disk_is_open(share->disk);
    pthread_mutex_unlock(&share->lock);
    return open;
}

uint32_t bh_share_sector_len(const struct bh_share *share)
{
    return share->sector_len;
}
