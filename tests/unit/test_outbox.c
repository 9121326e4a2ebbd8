/* SPDX-License-Identifier: MIT */
/* Datagrams that leave together, and how they arrive: two sockets on loopback.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/inbox.h"
#include "client/outbox.h"
#include "client/socket.h"
#include "net/segments.h"

static int from, to;
static struct bh_outbox outbox;
static struct bh_inbox *inbox;
static uint8_t body[20000];

static int set_up(void **state)
{
    struct bh_address address;
    socklen_t len;
    int room = 4 << 20;

    (void)state;
    bh_address_parse("127.0.0.1", 0, &address);
    to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    len = address.len;
    assert_int_equal(bind(to, &address.u.any, address.len), 0);
    setsockopt(to, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    getsockname(to, &address.u.any, &len);
    from = bh_socket_open(&address);
    bh_outbox_start(&outbox, from);
    inbox = bh_inbox_new();
    bh_inbox_start(inbox, to);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bh_inbox_free(inbox);
    close(from);
    close(to);
    return 0;
}

/* A datagram whose first byte is `mark`. */
static void add(uint8_t mark, size_t len, bool *too_long)
{
    struct bh_outgoing *added = bh_outbox_add(&outbox);

    assert_non_null(added);
    *added = (struct bh_outgoing){.head = {mark},
                                  .head_len = 10,
                                  .body = body,
                                  .body_len = len - 10,
                                  .too_long = too_long};
}

static void assert_arrives(uint8_t mark, size_t len)
{
    const uint8_t *bytes;

    assert_int_equal(bh_inbox_next(inbox, to, &bytes), len);
    assert_int_equal(bytes[0], mark);
}

static void assert_empty(void)
{
    const uint8_t *bytes;

    assert_int_equal(bh_inbox_next(inbox, to, &bytes), -EAGAIN);
    assert_false(bh_inbox_holds(inbox));
}

static const size_t lens[] = {522,   522,   522, 10,   10,   11,   10,  522,
                              16394, 16394, 10,  1034, 1034, 1034, 500, 522};
#define COUNT (sizeof(lens) / sizeof(lens[0]))

static void send_all_lengths(void)
{
    size_t i;

    for (i = 0; i < COUNT; i++)
        add((uint8_t)i, lens[i], NULL);
    assert_int_equal(bh_outbox_send(&outbox, from), 0);
    assert_int_equal(outbox.count, 0);
    for (i = 0; i < COUNT; i++)
        assert_arrives((uint8_t)i, lens[i]);
    assert_empty();
}

static void all_lengths_arrive_as_they_were_in_order(void **state)
{
    (void)state;
    send_all_lengths();
    assert_true(outbox.segments);
}

/* Without checksums the kernel does not cut. */
static void refusal_is_for_good_and_loses_nothing(void **state)
{
    int yes = 1;

    (void)state;
    setsockopt(from, SOL_SOCKET, SO_NO_CHECK, &yes, sizeof(yes));
    send_all_lengths();
    assert_false(outbox.segments);
    send_all_lengths();
    bh_outbox_start(&outbox, from); /* another socket, another chance */
    assert_true(outbox.segments);
}

static void kernel_that_merges_nothing_is_served_as_well(void **state)
{
    int no = 0;

    (void)state;
    setsockopt(to, IPPROTO_UDP, 104 /* UDP_GRO */, &no, sizeof(no));
    send_all_lengths();
}

static void more_than_a_batch_is_handed_out(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < BH_OUTBOX_MAX; i++)
        add((uint8_t)i, i % 2 == 0 ? 100 : 101, NULL);
    assert_null(bh_outbox_add(&outbox));
    assert_int_equal(bh_outbox_send(&outbox, from), 0);
    assert_arrives(0, 100);
    assert_true(bh_inbox_holds(inbox));
    for (i = 1; i < BH_OUTBOX_MAX; i++)
        assert_arrives((uint8_t)i, i % 2 == 0 ? 100 : 101);
    assert_empty();
}

/* The others leave, whoever stands beside it. */
static void what_is_too_long_is_said_of_it_alone(void **state)
{
    static uint8_t huge[70000];
    bool first = false, second = false, third = false;
    struct bh_outgoing *added;

    (void)state;
    add(1, 522, &first);
    added = bh_outbox_add(&outbox);
    *added = (struct bh_outgoing){.head = {2},
                                  .head_len = 10,
                                  .body = huge,
                                  .body_len = sizeof(huge),
                                  .too_long = &second};
    add(3, 522, &third);
    assert_int_equal(bh_outbox_send(&outbox, from), -EMSGSIZE);
    assert_true(outbox.too_long);
    assert_true(second);
    assert_false(first || third);
    assert_arrives(1, 522);
    assert_arrives(3, 522);
    assert_empty();
}

/* The first call after it reports the refusal, and sends nothing. */
static void reported_refusal_loses_nothing(void **state)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    int again;

    (void)state;
    getsockname(to, (struct sockaddr *)&at, &len);
    close(to);
    add(1, 522, NULL);
    bh_outbox_send(&outbox, from); /* nobody listens */
    again = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(again, (struct sockaddr *)&at, len), 0);
    to = again;
    add(2, 522, NULL);
    add(3, 522, NULL);
    bh_outbox_send(&outbox, from);
    assert_arrives(2, 522);
    assert_arrives(3, 522);
}

static void empty_datagrams_are_datagrams(void **state)
{
    const uint8_t *bytes;

    (void)state;
    assert_int_equal(send(from, "", 0, 0), 0);
    assert_int_equal(send(from, "x", 1, 0), 1);
    assert_int_equal(bh_inbox_next(inbox, to, &bytes), 0);
    assert_arrives('x', 1);
    assert_empty();
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(all_lengths_arrive_as_they_were_in_order),
        CLAIM(refusal_is_for_good_and_loses_nothing),
        CLAIM(kernel_that_merges_nothing_is_served_as_well),
        CLAIM(more_than_a_batch_is_handed_out),
        CLAIM(what_is_too_long_is_said_of_it_alone),
        CLAIM(reported_refusal_loses_nothing),
        CLAIM(empty_datagrams_are_datagrams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
