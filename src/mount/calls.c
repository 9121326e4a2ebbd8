/* SPDX-License-Identifier: MIT */
#include "mount/calls.h"

#include <errno.h>

#include "client/blockhead.h"
#include "mount/tell.h"

void calls_begin(struct calls *calls, struct bh_disk *disk)
{
    *calls = (struct calls){.disk = disk, .end = &calls->first};
}

void calls_ask(struct calls *calls, struct call *call)
{
    call->next = NULL;
    *calls->end = call;
    calls->end = &call->next;
    calls->waiting++;
    calls->asked++;
}

static struct call *take_first(struct calls *calls)
{
    struct call *call = calls->first;

    calls->first = call->next;
    if (calls->first == NULL)
        calls->end = &calls->first;
    calls->waiting--;
    return call;
}

/* The medium is another one or gone, or the session is. */
static bool is_lasting(const struct calls *calls, int result)
{
    return result == -ESTALE || result == -ENOMEDIUM ||
           !bh_disk_is_open(calls->disk);
}

/* Programs are told an errno; a person reads the sentence, once. */
static void note_failure(struct calls *calls, int result)
{
    if (calls->lost != 0)
        return;
    if (result != calls->told)
        tell(calls->to_log, "%s", bh_disk_error(calls->disk));
    calls->told = result;
    if (is_lasting(calls, result))
        calls->lost = result;
}

static void finish(struct calls *calls, struct call *call, int result)
{
    if (result < 0)
        note_failure(calls, result);
    else
        calls->told = 0;
    call->finish(call, result);
}

/* False: there is no room for the first as yet. */
static bool start_first(struct calls *calls)
{
    int rc = calls->lost;

    if (rc == 0)
        rc = calls->first->start(calls->disk, calls->first);
    if (rc == -EBUSY && calls->lost == 0 && calls->started > 0)
        return false;
    if (rc == 0) {
        take_first(calls);
        calls->started++;
    } else {
        finish(calls, take_first(calls), rc);
    }
    return true;
}

static bool finish_one(struct calls *calls)
{
    struct bh_done done;

    if (!bh_disk_next(calls->disk, &done))
        return false;
    calls->started--;
    finish(calls, done.tag, done.result);
    return true;
}

void calls_step(struct calls *calls)
{
    bool any;

    do {
        any = false;
        while (calls->first != NULL && start_first(calls))
            ;
        bh_disk_process(calls->disk);
        while (finish_one(calls))
            any = true;
    } while (any && calls->first != NULL);
}
