/* SPDX-License-Identifier: MIT */
/*
 * What is going to happen, by time; what falls on the same millisecond, in the
 * order in which it was decided. A heap of four branches in fixed memory.
 */
#ifndef BH_SIM_QUEUE_H
#define BH_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_ROOM 65536u

struct event {
    uint64_t key;  /* time, then order */
    uint32_t what; /* of its kind: a datagram, a job, ... */
    uint16_t who;  /* of its kind: a client, a generation, ... */
    uint16_t kind;
};

struct queue {
    uint64_t order;
    uint32_t count;
    struct event heap[QUEUE_ROOM];
};

/* Dies when the queue is full: everything that is queued is bounded. */
void queue_push(struct queue *queue, uint64_t at_ms, uint16_t kind,
                uint16_t who, uint32_t what);

/* When the next one is due; UINT64_MAX: there is none. */
uint64_t queue_due_ms(const struct queue *queue);

/* Takes the next one; there is one. */
struct event queue_pop(struct queue *queue);

#endif
