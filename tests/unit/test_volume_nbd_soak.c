/* SPDX-License-Identifier: MIT */
/*
 * The queue against a server that is as bad as the NBD protocol lets it be: it
 * answers in any order, a FLUSH covers only what was answered before it was
 * sent, and in a crash it forgets any part of the rest, or carries out what it
 * has not answered. What was acknowledged has to be read, and to be stable
 * after a FLUSH. SEED=N repeats a run, SEEDS=N makes so many.
 */
#include "volume/nbd_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECTOR 128u
#define SECTORS 48u
#define JOBS 24u
#define STEPS 20000u

struct task {
    struct bh_job job;
    bool free;
    uint32_t sector;
    uint8_t value;
    uint8_t kind;
    uint32_t acknowledged; /* FLUSH: writes before it */
};

struct sent {
    struct bh_nbd_request *request;
    uint32_t after; /* FLUSH: answers before it was sent */
};

static struct world {
    struct bh_nbd_queue queue;
    uint64_t random;
    uint32_t block;
    uint8_t cache[SECTORS], stable[SECTORS]; /* the server's */
    uint32_t answered[SECTORS]; /* when the cached value was; 0: not */
    uint32_t answers;
    struct sent sent[BH_NBD_SENT_MAX];
    size_t sent_count;
    struct task tasks[JOBS];
    uint8_t model[SECTORS];    /* acknowledged */
    uint32_t written[SECTORS]; /* the number of the write that was */
    uint32_t flushed[SECTORS]; /* and of the last that has to be stable */
    uint32_t writes;
    uint8_t last;
} w;

static uint32_t chance(uint32_t limit)
{
    w.random ^= w.random << 13;
    w.random ^= w.random >> 7;
    w.random ^= w.random << 17;
    return (uint32_t)(w.random >> 20) % limit;
}

/* What the core does: nothing that overlaps is under way together. */
static bool is_busy(uint32_t sector)
{
    for (size_t i = 0; i < JOBS; i++)
        if (!w.tasks[i].free && w.tasks[i].kind != BH_NBD_FLUSH &&
            w.tasks[i].sector == sector)
            return true;
    return false;
}

static void begin(struct task *task)
{
    static const uint8_t kinds[] = {BH_NBD_READ, BH_NBD_WRITE, BH_NBD_WRITE,
                                    BH_NBD_ZERO, BH_NBD_FLUSH};
    uint8_t kind = kinds[chance(chance(8) == 0 ? 5 : 4)];
    uint32_t sector = chance(SECTORS);
    struct bh_nbd_request *request;

    if (kind != BH_NBD_FLUSH && is_busy(sector))
        return;
    *task = (struct task){.kind = kind, .sector = sector, .value = 0};
    if (kind == BH_NBD_WRITE)
        task->value = ++w.last;
    if (kind == BH_NBD_FLUSH)
        request = bh_nbd_request_new(kind, 0, 0, 1);
    else
        request = bh_nbd_request_new(kind, sector * SECTOR, SECTOR, w.block);
    assert_non_null(request);
    if (kind == BH_NBD_WRITE)
        request->own[0] = task->value;
    request->job = &task->job;
    task->acknowledged = w.writes;
    bh_nbd_queue_add(&w.queue, request);
}

/* The server changes what the request is for, and with a short block reads and
 * writes what is beside it. */
static void carry_out(const struct bh_nbd_request *request, bool answered)
{
    uint32_t sector = (uint32_t)(request->offset / SECTOR);

    w.cache[sector] = request->kind == BH_NBD_ZERO ? 0 : request->own[0];
    w.answered[sector] = answered ? w.answers : UINT32_MAX;
}

static void flush(uint32_t after)
{
    for (uint32_t i = 0; i < SECTORS; i++)
        if (w.answered[i] <= after)
            w.stable[i] = w.cache[i];
}

static void acknowledge(struct task *task)
{
    if (task->kind == BH_NBD_WRITE || task->kind == BH_NBD_ZERO) {
        w.model[task->sector] = task->value;
        w.written[task->sector] = ++w.writes;
    } else if (task->kind == BH_NBD_FLUSH) {
        for (uint32_t i = 0; i < SECTORS; i++)
            if (w.written[i] <= task->acknowledged)
                w.flushed[i] = w.written[i];
    }
    task->free = true;
}

/* Of a sector that nobody writes to, a FLUSH that was answered says all. */
static void check_stable(void)
{
    for (uint32_t i = 0; i < SECTORS; i++)
        if (w.written[i] != 0 && w.flushed[i] == w.written[i] && !is_busy(i))
            assert_int_equal(w.stable[i], w.model[i]);
}

static void answer(size_t index)
{
    struct sent sent = w.sent[index];
    struct bh_nbd_request *request = sent.request;
    struct task *task = (struct task *)(void *)request->job;

    w.sent[index] = w.sent[--w.sent_count];
    w.answers++;
    if (request->kind == BH_NBD_FLUSH)
        flush(sent.after);
    else if (request->kind != BH_NBD_READ)
        carry_out(request, true);
    else if (task != NULL)
        assert_int_equal(w.cache[task->sector], w.model[task->sector]);
    bh_nbd_queue_answered(&w.queue, request, 0);
    if (task != NULL)
        acknowledge(task);
    check_stable();
}

static void crash(void)
{
    for (size_t i = 0; i < w.sent_count; i++) {
        const struct bh_nbd_request *request = w.sent[i].request;

        if (request->kind != BH_NBD_FLUSH && request->kind != BH_NBD_READ &&
            chance(2) == 0)
            carry_out(request, false);
    }
    for (uint32_t i = 0; i < SECTORS; i++)
        if (chance(2) == 0)
            w.stable[i] = w.cache[i];
    memcpy(w.cache, w.stable, sizeof w.cache);
    memset(w.answered, 0, sizeof w.answered);
    w.sent_count = 0;
    bh_nbd_queue_lost(&w.queue);
}

static void send_next(void)
{
    struct bh_nbd_request *request = bh_nbd_queue_next(&w.queue);

    if (request == NULL)
        return;
    for (size_t i = 0; i < w.sent_count; i++)
        if (w.sent[i].request->kind != BH_NBD_FLUSH &&
            request->kind != BH_NBD_FLUSH &&
            (request->kind != BH_NBD_READ ||
             w.sent[i].request->kind != BH_NBD_READ))
            assert_true(request->end <= w.sent[i].request->first ||
                        w.sent[i].request->end <= request->first);
    w.sent[w.sent_count++] = (struct sent){request, w.answers};
}

static void step(void)
{
    uint32_t what = chance(1000);

    if (what < 2)
        crash();
    else if (what < 300)
        send_next();
    else if (what < 600 && w.sent_count > 0)
        answer(chance((uint32_t)w.sent_count));
    else if (w.tasks[what % JOBS].free)
        begin(&w.tasks[what % JOBS]);
}

static void run(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.random = seed * 0x9E3779B97F4A7C15u + 1;
    w.block = 128u << chance(4);
    bh_nbd_queue_init(&w.queue);
    w.queue.keeps_log = true;
    for (size_t i = 0; i < JOBS; i++)
        w.tasks[i].free = true;
    for (unsigned i = 0; i < STEPS; i++)
        step();
    for (unsigned i = 0; i < STEPS; i++) {
        send_next();
        if (w.sent_count > 0)
            answer(0);
    }
    for (size_t i = 0; i < JOBS; i++)
        assert_true(w.tasks[i].free); /* each was answered */
    assert_memory_equal(w.cache, w.model, SECTORS);
    assert_int_equal(w.queue.lost, 0);
    bh_nbd_queue_done(&w.queue);
}

static void what_was_acknowledged_is_there(void **state)
{
    const char *one = getenv("SEED"), *many = getenv("SEEDS");
    unsigned long first = one != NULL ? strtoul(one, NULL, 10) : 1;
    unsigned long count = one != NULL    ? 1
                          : many != NULL ? strtoul(many, NULL, 10)
                                         : 40;

    (void)state;
    for (unsigned long seed = first; seed < first + count; seed++) {
        fprintf(stderr, "%sseed %lu", seed == first ? "" : "\r", seed);
        run(seed);
    }
    fprintf(stderr, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
