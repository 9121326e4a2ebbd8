/* SPDX-License-Identifier: MIT */
#include "client/requests.h"

#include <string.h>

void bh_requests_init(struct bh_requests *requests)
{
    unsigned i;

    requests->count = 0;
    for (i = 0; i < BH_REQUESTS_MAX; i++)
        requests->order[i] = (uint8_t)i;
}

struct bh_request *bh_requests_at(struct bh_requests *requests, unsigned place)
{
    return &requests->slots[requests->order[place]];
}

const struct bh_request *bh_requests_look(const struct bh_requests *requests,
                                          unsigned place)
{
    return &requests->slots[requests->order[place]];
}

struct bh_request *bh_requests_add(struct bh_requests *requests,
                                   const struct bh_request *wanted)
{
    struct bh_request *added = bh_requests_at(requests, requests->count++);

    *added = *wanted;
    added->state = BH_REQUEST_WAITING;
    return added;
}

void bh_requests_remove(struct bh_requests *requests, unsigned place)
{
    uint8_t slot = requests->order[place];

    requests->count--;
    memmove(requests->order + place, requests->order + place + 1,
            requests->count - place);
    requests->order[requests->count] = slot;
}

unsigned bh_requests_in(const struct bh_requests *requests,
                        enum bh_request_state state)
{
    unsigned i, found = 0;

    for (i = 0; i < requests->count; i++)
        found += bh_requests_look(requests, i)->state == state;
    return found;
}

/* Invariants 1 and 2. */
static bool conflict(const struct bh_request *older,
                     const struct bh_request *younger)
{
    bool older_writes = older->kind == BH_REQUEST_WRITE;

    if (younger->kind == BH_REQUEST_FLUSH)
        return older_writes;
    if (younger->kind == BH_REQUEST_WRITE)
        return (older_writes || older->kind == BH_REQUEST_READ) &&
               older->lsn == younger->lsn;
    return younger->kind == BH_REQUEST_READ && older_writes &&
           older->lsn == younger->lsn;
}

bool bh_requests_must_wait(const struct bh_requests *requests, unsigned place)
{
    const struct bh_request *younger = bh_requests_look(requests, place);
    const struct bh_request *older;
    unsigned i;

    for (i = 0; i < place; i++) {
        older = bh_requests_look(requests, i);
        if (older->state != BH_REQUEST_OVER && conflict(older, younger))
            return true;
    }
    return false;
}
