/* SPDX-License-Identifier: MIT */
#include "client/requests.h"

#include <string.h>

void bh_requests_init(struct bh_requests *requests)
{
    unsigned i;

    requests->count = 0;
    requests->over = 0;
    requests->holding = 0;
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

bool bh_request_changes(const struct bh_request *request)
{
    return request->kind == BH_REQUEST_WRITE ||
           request->kind == BH_REQUEST_TRIM || request->kind == BH_REQUEST_ZERO;
}

/* Invariant 3. An IDENTIFY tells the server that what comes is for the medium
 * that is there now: nothing that was meant for another may be on its way. */
static bool is_alone(const struct bh_request *request)
{
    return request->kind == BH_REQUEST_IDENTIFY ||
           request->kind >= BH_REQUEST_EJECT;
}

static bool holds_others(const struct bh_request *request)
{
    return bh_request_changes(request) ||
           request->kind == BH_REQUEST_CHECKPOINT || is_alone(request);
}

uint32_t bh_request_lsn(const struct bh_request *request, uint32_t at)
{
    return request->lsn + (request->unit != 0 ? at * request->unit
                                              : bh_edges_sector(request, at));
}

struct bh_request *bh_requests_add(struct bh_requests *requests,
                                   const struct bh_request *wanted)
{
    struct bh_request *added = bh_requests_at(requests, requests->count++);

    *added = *wanted;
    requests->holding += holds_others(added);
    return added;
}

void bh_requests_remove(struct bh_requests *requests, unsigned place)
{
    uint8_t slot = requests->order[place];

    bh_requests_end(requests, bh_requests_at(requests, place));
    requests->over--;
    requests->count--;
    memmove(requests->order + place, requests->order + place + 1,
            requests->count - place);
    requests->order[requests->count] = slot;
}

unsigned bh_requests_slot(const struct bh_requests *requests,
                          const struct bh_request *request)
{
    return (unsigned)(request - requests->slots);
}

void bh_requests_end(struct bh_requests *requests, struct bh_request *request)
{
    if (request->over)
        return;
    request->over = true;
    requests->over++;
    requests->holding -= holds_others(request);
}

static bool touches_sectors(const struct bh_request *request)
{
    return request->kind == BH_REQUEST_READ ||
           request->kind == BH_REQUEST_CHECKSUM || bh_request_changes(request);
}

static uint32_t span_of(const struct bh_request *request)
{
    return request->span != 0 ? request->span : request->count;
}

static bool overlap(const struct bh_request *a, const struct bh_request *b)
{
    return a->lsn <= b->lsn ? b->lsn - a->lsn < span_of(a)
                            : a->lsn - b->lsn < span_of(b);
}

/* Invariants 1 to 3. */
static bool conflict(const struct bh_request *older,
                     const struct bh_request *younger)
{
    bool older_changes = bh_request_changes(older);

    if (is_alone(older) || is_alone(younger))
        return true;
    if (younger->kind == BH_REQUEST_FLUSH ||
        younger->kind == BH_REQUEST_CHECKPOINT)
        return older_changes;
    if (older->kind == BH_REQUEST_CHECKPOINT)
        return bh_request_changes(younger);
    return touches_sectors(older) && touches_sectors(younger) &&
           (older_changes || bh_request_changes(younger)) &&
           overlap(older, younger);
}

bool bh_requests_must_wait(const struct bh_requests *requests, unsigned place)
{
    const struct bh_request *younger = bh_requests_look(requests, place);
    const struct bh_request *older;
    unsigned i;

    if (requests->holding == 0)
        return false;
    for (i = 0; i < place; i++) {
        older = bh_requests_look(requests, i);
        if (!older->over && conflict(older, younger))
            return true;
    }
    return false;
}
