/* SPDX-License-Identifier: MIT */
/*
 * A share: many threads on one disk, against a small server in a thread of its
 * own, which loses datagrams if told to. What the threads write is theirs by
 * bytes, not by sectors: each has its own of every sector.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/blockhead.h"
#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

#define SECTOR_LEN 512u
#define SECTORS 64u
#define MEDIUM_LEN (SECTOR_LEN * SECTORS)
#define THREADS 8u
#define ROUNDS 150u

struct island {
    int fd;
    pthread_t thread;
    atomic_bool ending;
    atomic_uint lose; /* every so many datagrams; 0: none */
    atomic_uint keeps, flushes, discons;
    unsigned seen;
    uint16_t window, lease_seconds;
    uint8_t status[65536]; /* of each number, plus 1; at most once, as ever */
    uint8_t medium[SECTORS][SECTOR_LEN];
};

static struct island island;
static struct bh_disk *disk;
static struct bh_share *share;
static char error[200];

/*
 * The server.
 */

struct visit {
    struct sockaddr_in from;
    uint8_t bytes[2048], reply[2048];
    size_t reply_len;
};

static void send_reply(const struct visit *visit)
{
    sendto(island.fd, visit->reply, visit->reply_len, 0,
           (const struct sockaddr *)&visit->from, sizeof(visit->from));
}

static void head(struct visit *visit, uint8_t status)
{
    const uint8_t *bytes = visit->bytes;
    uint8_t *reply = visit->reply;

    reply[0] = BH_PACKET_REPLY;
    reply[1] = bytes[1];
    reply[2] = status;
    reply[3] = bytes[bytes[0] == BH_PACKET_COMMAND ? 9 : 4];
    memcpy(reply + 4, bytes + 2, 2);
    visit->reply_len = BH_STRICT_REPLY_HEADER_LEN;
}

static void describe(struct visit *visit)
{
    const struct bh_identify identify = {.version = 1,
                                         .sector_exponent = 2,
                                         .sector_count = SECTORS,
                                         .change_counter = 1,
                                         .window = island.window,
                                         .features = 0xF | 1u << BH_OP_TRIM |
                                                     1u << BH_OP_ZERO,
                                         .heavy_len = 65536,
                                         .lease_seconds = island.lease_seconds};

    bh_identify_encode(visit->reply + visit->reply_len, &identify);
    visit->reply_len += BH_IDENTIFY_LEN;
}

static bool is_there(uint32_t lsn, uint32_t count)
{
    return lsn < SECTORS && count <= SECTORS - lsn;
}

static bool changes(const struct visit *visit)
{
    uint8_t opcode = visit->bytes[4];

    return opcode == BH_OP_WRITE || opcode == BH_OP_TRIM ||
           opcode == BH_OP_ZERO;
}

static void carry_out(struct visit *visit)
{
    const uint8_t *body = visit->bytes + BH_COMMAND_HEADER_LEN;
    uint32_t lsn = BH_GET32(visit->bytes + 5);

    switch (visit->bytes[4]) {
    case BH_OP_IDENTIFY:
        describe(visit);
        return;
    case BH_OP_FLUSH:
        island.flushes++;
        return;
    case BH_OP_TRIM:
    case BH_OP_ZERO:
        if (is_there(lsn, BH_GET16(body)))
            memset(island.medium[lsn], 0, (size_t)BH_GET16(body) * SECTOR_LEN);
        else
            head(visit, BH_ERR_LSN);
        return;
    default:
        break;
    }
    if (!is_there(lsn, 1)) {
        head(visit, BH_ERR_LSN);
    } else if (visit->bytes[4] == BH_OP_WRITE) {
        memcpy(island.medium[lsn], body, SECTOR_LEN);
    } else {
        memcpy(visit->reply + visit->reply_len, island.medium[lsn], SECTOR_LEN);
        visit->reply_len += SECTOR_LEN;
    }
}

static void take_command(struct visit *visit)
{
    uint8_t *status = &island.status[visit->bytes[9] << 8 | visit->bytes[1]];

    if (*status != 0 && changes(visit)) {
        head(visit, (uint8_t)(*status - 1));
        return;
    }
    head(visit, BH_OK);
    carry_out(visit);
    *status = (uint8_t)(visit->reply[2] + 1);
}

static void answer(struct visit *visit)
{
    switch (visit->bytes[0]) {
    case BH_PACKET_CONNECT:
        memset(island.status, 0, sizeof(island.status));
        head(visit, BH_OK);
        bh_put16(visit->reply + 3, 0x1234);
        visit->reply_len = BH_CONNECT_REPLY_LEN;
        break;
    case BH_PACKET_COMMAND:
        take_command(visit);
        break;
    case BH_PACKET_KEEP:
        island.keeps++;
        head(visit, BH_OK);
        break;
    default:
        island.discons++;
        head(visit, BH_OK);
    }
    send_reply(visit);
}

static bool is_lost(void)
{
    unsigned lose = island.lose;

    return lose != 0 && ++island.seen % lose == 0;
}

static void *serve(void *context)
{
    struct pollfd event = {.fd = island.fd, .events = POLLIN};
    struct visit visit;
    socklen_t len;

    while (!island.ending) {
        len = sizeof(visit.from);
        if (poll(&event, 1, 20) == 1 &&
            recvfrom(island.fd, visit.bytes, sizeof(visit.bytes), 0,
                     (struct sockaddr *)&visit.from, &len) > 0 &&
            !is_lost())
            answer(&visit);
    }
    return context;
}

/*
 * Fixtures.
 */

static void begin(uint16_t window, uint16_t lease_seconds)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    char url[80];

    memset(&island, 0, sizeof(island));
    island.window = window;
    island.lease_seconds = lease_seconds;
    island.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(island.fd, (struct sockaddr *)&at, len), 0);
    getsockname(island.fd, (struct sockaddr *)&at, &len);
    assert_int_equal(pthread_create(&island.thread, NULL, serve, NULL), 0);
    snprintf(url, sizeof(url), "blockhead://127.0.0.1:%u/a.img",
             ntohs(at.sin_port));
    disk = bh_disk_new();
    assert_int_equal(bh_disk_open(disk, url, 0), 0);
    share = bh_share_new(disk);
    assert_non_null(share);
    error[0] = 0;
}

static int set_up(void **state)
{
    (void)state;
    begin(64, 30);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bh_share_free(share);
    assert_int_equal(bh_disk_close(disk), 0);
    bh_disk_free(disk);
    island.ending = true;
    pthread_join(island.thread, NULL);
    close(island.fd);
    return 0;
}

/*
 * Claims.
 */

static void one_thread_reads_what_it_wrote(void **state)
{
    uint8_t in[2000], out[2000];

    (void)state;
    memset(out, 0x5A, sizeof(out));
    assert_int_equal(bh_share_pwrite(share, 100, 2000, out, NULL, 0), 0);
    assert_int_equal(bh_share_flush(share, NULL, 0), 0);
    assert_int_equal(bh_share_pread(share, 100, 2000, in, NULL, 0), 0);
    assert_memory_equal(in, out, 2000);
    assert_int_equal(island.medium[0][99], 0);
    assert_int_equal(island.flushes, 1);
    assert_int_equal(bh_share_pread(share, 0, 0, in, NULL, 0), 0);
    assert_int_equal(bh_share_is_open(share), 1);
}

/* Bytes of the medium that are this thread's: a 40th of each sector and more,
 * here and there. */
struct worker {
    pthread_t thread;
    unsigned number;
    bool good;
};

static void *work(void *context)
{
    struct worker *worker = context;
    const size_t own = SECTOR_LEN / THREADS;
    uint8_t in[SECTOR_LEN], out[SECTOR_LEN];
    uint64_t offset;
    unsigned i;

    worker->good = true;
    for (i = 0; i < ROUNDS && worker->good; i++) {
        offset =
            (uint64_t)(i * 7 % SECTORS) * SECTOR_LEN + worker->number * own;
        memset(out, (int)(worker->number * 31 + i), own);
        worker->good = bh_share_pwrite(share, offset, own, out, NULL, 0) == 0 &&
                       bh_share_pread(share, offset, own, in, NULL, 0) == 0 &&
                       memcmp(in, out, own) == 0;
        if (i % 50 == 0)
            worker->good = worker->good && bh_share_flush(share, NULL, 0) == 0;
    }
    return NULL;
}

/* What work() leaves: the last round that came to a sector. */
static void assert_all_is_there(void)
{
    const size_t own = SECTOR_LEN / THREADS;
    unsigned i, number;
    size_t at;

    for (i = ROUNDS - SECTORS; i < ROUNDS; i++)
        for (number = 0; number < THREADS; number++)
            for (at = 0; at < own; at++)
                assert_int_equal(
                    island.medium[i * 7 % SECTORS][number * own + at],
                    (uint8_t)(number * 31 + i));
}

static void run_workers(void)
{
    struct worker workers[THREADS];
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        workers[i].number = i;
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (i = 0; i < THREADS; i++)
        assert_true(workers[i].good);
    assert_all_is_there();
}

static void threads_keep_each_others_bytes_of_a_sector(void **state)
{
    (void)state;
    run_workers();
}

static void threads_do_not_notice_what_is_lost(void **state)
{
    (void)state;
    island.lose = 23;
    run_workers();
    island.lose = 0;
}

static void threads_wait_for_room_in_the_window(void **state)
{
    tear_down(state);
    begin(3, 30);
    run_workers();
}

static void failure_says_so_to_its_own_thread(void **state)
{
    uint8_t in[10];

    (void)state;
    assert_int_equal(
        bh_share_pread(share, MEDIUM_LEN, 10, in, error, sizeof(error)),
        -ERANGE);
    assert_non_null(strstr(error, "cannot read sector 64 of blockhead://"));
    assert_int_equal(
        bh_share_pwrite(share, UINT64_MAX, 2, in, error, sizeof(error)),
        -ERANGE);
    assert_int_equal(bh_share_trim(share, MEDIUM_LEN, 512, NULL, 0), -ERANGE);
    assert_int_equal(bh_share_zero(share, UINT64_MAX, 2, 0, NULL, 0), -ERANGE);
    assert_int_equal(bh_share_pread(share, 0, 10, in, NULL, 0), 0);
}

static void assert_zero(size_t from, size_t end)
{
    const uint8_t *bytes = island.medium[0];
    size_t i;

    for (i = 0; i < MEDIUM_LEN; i++)
        assert_int_equal(bytes[i], i >= from && i < end ? 0 : 0xAA);
}

static void trim_leaves_what_lies_in_sectors_that_are_not_whole(void **state)
{
    static const size_t rows[][4] = {
        {0, 512, 0, 512},       {0, 511, 0, 0},
        {1, 511, 0, 0},         {100, 2000, 512, 2048},
        {512, 1536, 512, 2048}, {100, 100, 0, 0},
        {512, 0, 0, 0},         {0, MEDIUM_LEN, 0, MEDIUM_LEN},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(island.medium, 0xAA, sizeof(island.medium));
        assert_int_equal(bh_share_trim(share, rows[i][0], rows[i][1], NULL, 0),
                         0);
        assert_zero(rows[i][2], rows[i][3]);
    }
}

static void zero_clears_every_byte_and_no_other(void **state)
{
    static const size_t rows[][2] = {
        {0, 512},   {0, 511},   {1, 511},    {100, 2000},     {512, 1536},
        {100, 100}, {512, 0},   {511, 2},    {0, MEDIUM_LEN}, {1, 1},
        {600, 424}, {300, 212}, {300, 1236},
    };
    size_t i;

    (void)state;
    for (i = 0; i < 2 * (sizeof(rows) / sizeof(rows[0])); i++) {
        const size_t *row = rows[i / 2];

        memset(island.medium, 0xAA, sizeof(island.medium));
        assert_int_equal(bh_share_zero(share, row[0], row[1],
                                       i % 2 ? BH_ZERO_MAY_TRIM : 0, NULL, 0),
                         0);
        assert_zero(row[0], row[0] + row[1]);
    }
}

static void *read_until_it_fails(void *context)
{
    struct worker *worker = context;
    uint8_t in[4 * SECTOR_LEN];
    int rc;

    do
        rc = bh_share_pread(share, 0, sizeof(in), in, NULL, 0);
    while (rc == 0);
    worker->good = rc == -ENOTCONN;
    return NULL;
}

static void close_lets_what_runs_end_and_refuses_the_rest(void **state)
{
    struct worker workers[THREADS];
    unsigned i;

    (void)state;
    for (i = 0; i < THREADS; i++)
        pthread_create(&workers[i].thread, NULL, read_until_it_fails,
                       &workers[i]);
    usleep(1000);
    assert_int_equal(bh_share_close(share, error, sizeof(error)), 0);
    for (i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (i = 0; i < THREADS; i++)
        assert_true(workers[i].good);
    assert_int_equal(bh_share_is_open(share), 0);
    assert_int_equal(island.discons, 1);
    assert_int_equal(bh_share_close(share, NULL, 0), 0);
    assert_int_equal(island.discons, 1);
}

/* Patience of ten seconds; never waited out when all is well. */
static void lease_is_kept_while_nobody_asks(void **state)
{
    int i;

    tear_down(state);
    begin(64, 1);
    for (i = 0; i < 1000 && island.keeps < 3; i++)
        usleep(10000);
    assert_true(island.keeps >= 3);
}

int main(void)
{
#define SHARE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SHARE(one_thread_reads_what_it_wrote),
        SHARE(threads_keep_each_others_bytes_of_a_sector),
        SHARE(threads_do_not_notice_what_is_lost),
        SHARE(threads_wait_for_room_in_the_window),
        SHARE(failure_says_so_to_its_own_thread),
        SHARE(trim_leaves_what_lies_in_sectors_that_are_not_whole),
        SHARE(zero_clears_every_byte_and_no_other),
        SHARE(close_lets_what_runs_end_and_refuses_the_rest),
        SHARE(lease_is_kept_while_nobody_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
