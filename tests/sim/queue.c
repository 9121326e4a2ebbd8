/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <assert.h>

#define ORDER_BITS 20
#define BRANCHES 4u

void queue_push(struct queue *queue, uint64_t at_ms, uint16_t kind,
                uint16_t who, uint32_t what)
{
    uint64_t order = queue->order++ & (((uint64_t)1 << ORDER_BITS) - 1);
    struct event event = {at_ms << ORDER_BITS | order, what, who, kind};
    uint32_t at = queue->count++;

    assert(queue->count <= QUEUE_ROOM);
    while (at > 0) {
        uint32_t parent = (at - 1) / BRANCHES;

        if (queue->heap[parent].key <= event.key)
            break;
        queue->heap[at] = queue->heap[parent];
        at = parent;
    }
    queue->heap[at] = event;
}

uint64_t queue_due_ms(const struct queue *queue)
{
    return queue->count == 0 ? UINT64_MAX : queue->heap[0].key >> ORDER_BITS;
}

static uint32_t least_child(const struct queue *queue, uint32_t at)
{
    uint32_t first = at * BRANCHES + 1, best = first;

    for (uint32_t i = 1; i < BRANCHES && first + i < queue->count; i++)
        if (queue->heap[first + i].key < queue->heap[best].key)
            best = first + i;
    return best;
}

struct event queue_pop(struct queue *queue)
{
    struct event top = queue->heap[0];
    struct event last = queue->heap[--queue->count];
    uint32_t at = 0;

    while (at * BRANCHES + 1 < queue->count) {
        uint32_t child = least_child(queue, at);

        if (last.key <= queue->heap[child].key)
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = last;
    return top;
}
