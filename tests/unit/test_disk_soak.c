/* SPDX-License-Identifier: MIT */
/*
 * A disk with a full window over a network that loses, doubles and reorders,
 * against a server that carries each number out once and forgets the session
 * now and then. Whatever happens, each READ brings what the last WRITE brought
 * that was started before it for that sector; no number is beyond the window;
 * and a datagram that is sent again is byte for byte the same.
 *
 * SEEDS=n runs n seeds, SEED=s that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/disk.h"
#include "rig.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#define SECTORS 12
#define SECTOR_LEN 512
#define REQUESTS 1000
#define FLYING_MAX 400
#define RUN_MAX 5 /* sectors of a request */

struct datagram {
    size_t len;
    uint8_t bytes[BH_COMMAND_HEADER_LEN + SECTOR_LEN];
};

struct flock { /* datagrams on their way in one direction */
    unsigned count;
    struct datagram flying[FLYING_MAX];
};

struct request {
    bool runs, writes;
    uint32_t lsn, count;
    uint32_t expected[RUN_MAX]; /* READ: what it has to bring */
    uint8_t data[RUN_MAX][SECTOR_LEN];
};

struct world {
    struct rig *rig;
    uint32_t random;
    unsigned window;
    struct flock up, down;
    /* the server */
    uint16_t session, pending, next_session;
    uint8_t connect_seq;
    struct datagram first[4000]; /* of each number, 0: none */
    bool done[4000], failed[4000];
    uint32_t lowest; /* that is not done */
    uint32_t sectors[SECTORS];
    /* the program */
    struct request requests[64];
    uint32_t written[SECTORS]; /* by the last WRITE that was started */
    uint32_t value;
    unsigned started, ended, forgotten;
};

static struct world world;

static uint32_t draw(uint32_t below)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 17;
    world.random ^= world.random << 5;
    return world.random % below;
}

static void fly(struct flock *flock, const void *bytes, size_t len)
{
    struct datagram *added = &flock->flying[flock->count];

    if (flock->count == FLYING_MAX || draw(100) < 8)
        return; /* lost */
    added->len = len;
    memcpy(added->bytes, bytes, len);
    flock->count++;
    if (draw(100) < 8)
        fly(flock, bytes, len);
}

/* Mostly the oldest, sometimes any. */
static struct datagram land(struct flock *flock)
{
    unsigned at = draw(100) < 70 ? 0 : draw(flock->count);
    struct datagram it = flock->flying[at];

    flock->count--;
    memmove(flock->flying + at, flock->flying + at + 1,
            (flock->count - at) * sizeof(it));
    return it;
}

/*
 * The server
 */

static void reply(const struct datagram *request, uint8_t status,
                  const void *data, size_t len)
{
    uint8_t bytes[BH_STRICT_REPLY_HEADER_LEN + SECTOR_LEN] = {
        BH_PACKET_REPLY, request->bytes[1], status,
        request->bytes[request->bytes[0] == BH_PACKET_COMMAND ? 9 : 4]};

    if (status == BH_ERR_SESSION) { /* of a session that is not known */
        fly(&world.down, bytes, BH_REPLY_HEADER_LEN);
        return;
    }
    memcpy(bytes + 4, request->bytes + 2, 2);
    if (len > 0)
        memcpy(bytes + BH_STRICT_REPLY_HEADER_LEN, data, len);
    fly(&world.down, bytes, BH_STRICT_REPLY_HEADER_LEN + len);
}

static void serve_connect(const struct datagram *request)
{
    uint8_t bytes[BH_CONNECT_REPLY_LEN] = {BH_PACKET_REPLY, request->bytes[1]};

    if (world.pending == 0 || world.connect_seq != request->bytes[1]) {
        world.pending = world.next_session++;
        world.connect_seq = request->bytes[1];
    }
    bh_put16(bytes + 3, world.pending);
    fly(&world.down, bytes, sizeof(bytes));
}

static void prove(void)
{
    world.session = world.pending;
    world.pending = 0;
    world.lowest = 1;
    world.rig->identify.change_counter++;
    memset(world.first, 0, sizeof(world.first));
    memset(world.done, 0, sizeof(world.done));
    memset(world.failed, 0, sizeof(world.failed));
}

static void carry_out(const struct datagram *request)
{
    uint32_t lsn = BH_GET32(request->bytes + 5);

    if (request->bytes[0] == BH_PACKET_COMMAND &&
        request->bytes[4] == BH_OP_WRITE)
        world.sectors[lsn] = BH_GET32(request->bytes + 10);
}

static void answer_again(const struct datagram *request)
{
    uint8_t data[SECTOR_LEN] = {0};

    if (request->bytes[0] != BH_PACKET_COMMAND) {
        reply(request, BH_OK, NULL, 0);
    } else if (request->bytes[4] == BH_OP_IDENTIFY) {
        bh_identify_encode(data, &world.rig->identify);
        reply(request, BH_OK, data, BH_IDENTIFY_LEN);
    } else if (request->bytes[4] == BH_OP_READ) {
        bh_put32(data, world.sectors[BH_GET32(request->bytes + 5)]);
        reply(request, BH_OK, data, sizeof(data));
    } else {
        reply(request, BH_OK, NULL, 0);
    }
}

static unsigned number_in(const struct datagram *request)
{
    unsigned high =
        request->bytes[request->bytes[0] == BH_PACKET_COMMAND ? 9 : 4];

    return high << 8 | request->bytes[1];
}

static bool is_run(const struct datagram *request)
{
    return request->bytes[0] == BH_PACKET_COMMAND &&
           request->bytes[4] == BH_OP_READ_RUN;
}

/* A READ of a number of a run that has been answered may follow the run. */
static void check_same(const struct datagram *request, unsigned number)
{
    const struct datagram *first = &world.first[number];

    if (first->len == 0)
        return;
    if (is_run(first) && !is_run(request)) {
        assert_true(world.done[number]);
        assert_int_equal(request->bytes[4], BH_OP_READ);
        assert_int_equal(BH_GET32(request->bytes + 5) - number,
                         BH_GET32(first->bytes + 5) - number_in(first));
        return;
    }
    assert_int_equal(first->len, request->len);
    assert_memory_equal(first->bytes, request->bytes, request->len);
}

static void serve_number(const struct datagram *request)
{
    unsigned number = number_in(request);

    assert_in_range(number, 1, world.lowest + world.window - 1);
    assert_in_range(number, 1, 3999);
    check_same(request, number);
    if (world.first[number].len == 0)
        world.first[number] = *request;
    if (number + world.window < world.lowest)
        return; /* old */
    if (!world.done[number])
        carry_out(request);
    world.done[number] = true;
    while (world.done[world.lowest])
        world.lowest++;
    answer_again(request);
}

/* All of it, or nothing: sometimes nothing, which is then said of all. */
static void serve_run(const struct datagram *request)
{
    unsigned first = number_in(request), count = request->bytes[10], i;
    bool fails = !world.done[first] && draw(20) == 0;
    struct datagram one = *request;

    assert_int_equal(request->len, BH_READ_RUN_LEN);
    assert_in_range(first + count - 1, 1, world.lowest + world.window - 1);
    assert_in_range(first + count - 1, 1, 3999);
    for (i = 0; i < count; i++) {
        if (i > 0 && world.first[first + i].len == 0)
            assert_int_equal(world.done[first + i], 0);
        check_same(request, first + i);
        world.first[first + i] = *request;
        world.failed[first + i] =
            fails || (world.done[first + i] && world.failed[first + i]);
        world.done[first + i] = true;
    }
    while (world.done[world.lowest])
        world.lowest++;
    if (world.failed[first]) {
        reply(request, BH_ERR_STORAGE, NULL, 0);
        return;
    }
    one.bytes[4] = BH_OP_READ;
    for (i = 0; i < count; i++) {
        one.bytes[1] = (uint8_t)(first + i);
        one.bytes[9] = (uint8_t)((first + i) >> 8);
        bh_put32(one.bytes + 5, BH_GET32(request->bytes + 5) + i);
        answer_again(&one);
    }
}

static void serve(const struct datagram *request)
{
    uint16_t session = BH_GET16(request->bytes + 2);

    if (request->bytes[0] == BH_PACKET_CONNECT) {
        serve_connect(request);
        return;
    }
    if (session == world.pending && request->bytes[0] == BH_PACKET_COMMAND)
        prove();
    if (session == world.session && is_run(request))
        serve_run(request);
    else if (session == world.session)
        serve_number(request);
    else
        reply(request, BH_ERR_SESSION, NULL, 0);
}

/*
 * The program
 */

static void start_one(struct request *request)
{
    struct bh_disk *disk = world.rig->disk;
    uint32_t i, lsn;

    request->runs = true;
    request->writes = draw(2) == 0;
    request->lsn = draw(SECTORS);
    request->count = 1 + draw(RUN_MAX);
    if (request->count > SECTORS - request->lsn)
        request->count = SECTORS - request->lsn;
    for (i = 0; i < request->count; i++) {
        lsn = request->lsn + i;
        request->expected[i] = world.written[lsn];
        if (!request->writes)
            continue;
        world.written[lsn] = ++world.value;
        bh_put32(request->data[i], world.value);
    }
    if (request->writes)
        assert_int_equal(bh_disk_start_write_run(disk, request->lsn,
                                                 request->count, request->data,
                                                 request),
                         0);
    else
        assert_int_equal(bh_disk_start_read_run(disk, request->lsn,
                                                request->count, request->data,
                                                request),
                         0);
    world.started++;
}

static void start_some(void)
{
    unsigned i;

    for (i = 0; i < world.window && world.started < REQUESTS; i++)
        if (!world.requests[i].runs && draw(3) == 0)
            start_one(&world.requests[i]);
}

static void hand_back(void)
{
    struct bh_done done;
    struct request *request;
    uint32_t i;

    while (bh_disk_next(world.rig->disk, &done)) {
        request = done.tag;
        if (done.result != 0)
            fail_msg("%s", bh_disk_error(world.rig->disk));
        for (i = 0; i < request->count && !request->writes; i++)
            assert_int_equal(BH_GET32(request->data[i]), request->expected[i]);
        request->runs = false;
        world.ended++;
    }
}

/*
 * Both
 */

static void pick_up(void)
{
    struct rig *rig = world.rig;

    while (readable(rig->fd, 0) == 1) {
        take(rig);
        fly(&world.up, rig->request, rig->request_len);
    }
}

/* Not before the program has seen that the session was proven: it could not
 * tell its own proof from somebody else's writing session. */
static void forget(void)
{
    if (world.first[2].len == 0)
        return;
    world.session = 0;
    world.forgotten++;
}

static void step(void)
{
    struct datagram it;
    int wait_ms;

    start_some();
    pick_up();
    if (world.up.count > 0 && draw(2) == 0) {
        it = land(&world.up);
        serve(&it);
    } else if (world.down.count > 0) {
        it = land(&world.down);
        answer(world.rig, it.bytes, it.len);
        bh_disk_process(world.rig->disk);
    } else if (world.up.count == 0) {
        wait_ms = bh_disk_wait_ms(world.rig->disk);
        world.rig->now_us += 1000u * (uint64_t)(wait_ms > 0 ? wait_ms : 0);
        bh_disk_process(world.rig->disk);
    }
    if (draw(500) == 0)
        forget();
    hand_back();
}

static void run(struct rig *rig, uint32_t seed)
{
    memset(&world, 0, sizeof(world));
    world.rig = rig;
    world.random = seed * 2654435761u + 1;
    world.window = (unsigned[]){64, 1, 2, 3, 8, 33}[seed % 6];
    world.next_session = 1;
    rig->identify.window = (uint16_t)world.window;
    rig->identify.lease_seconds = 0;
    rig->identify.features = 0x1F8F;
    rig->identify.preferred_run = (uint16_t)(seed % 3 == 0 ? 1 : 40);
    bh_disk_set_timeout(rig->disk, 1000000000);
    assert_int_equal(
        bh_disk_start_open(rig->disk, rig->url, 0, &world.requests[0]), 0);
    world.requests[0].runs = world.requests[0].writes = true;
    world.started = REQUESTS; /* none before it is open */
    while (world.ended < 1)
        step();
    world.started = 0;
    while (world.ended < REQUESTS + 1)
        step();
    assert_memory_equal(world.sectors, world.written, sizeof(world.sectors));
}

static void run_seed(uint32_t seed)
{
    void *state;

    print_message("seed %u\n", seed);
    set_up(&state);
    run(state, seed);
    tear_down(&state);
}

static uint32_t number_from(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static void sectors_are_as_if_requests_ran_in_order(void **state)
{
    uint32_t one = number_from("SEED", 0), seeds = number_from("SEEDS", 24);
    uint32_t seed;

    (void)state;
    for (seed = one; one == 0 && seed < seeds; seed++)
        run_seed(seed);
    if (one != 0)
        run_seed(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sectors_are_as_if_requests_ran_in_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
