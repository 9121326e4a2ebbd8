/* SPDX-License-Identifier: MIT */
/* Addresses as the core's peers. */
#include "fixture.h"

#include "daemon/peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static struct bh_path path_of(const char *address, uint32_t scope,
                              uint16_t port)
{
    struct bh_udp_route route;

    memset(&route, 0x5A, sizeof route); /* the rest has no say in it */
    route.scope = scope;
    route.port = port;
    assert_int_equal(inet_pton(AF_INET6, address, &route.peer), 1);
    return bh_path_make(3, &route);
}

static void hosts_are_addresses_and_peers_have_ports(void **state)
{
    static const struct {
        const char *a, *b;
        uint32_t a_scope, b_scope;
        uint16_t a_port, b_port;
        bool same_host, same;
    } rows[] = {
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", 0, 0, 1, 1, true, true},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", 0, 0, 1, 257, true, false},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", 0, 0, 1, 1, false, false},
        {"2001:db8::1", "2001:db8::1", 0, 0, 9, 9, true, true},
        {"2001:db8::1", "2001:db8::2", 0, 0, 9, 9, false, false},
        {"fe80::1", "fe80::1", 2, 2, 9, 9, true, true},
        {"fe80::1", "fe80::1", 2, 3, 9, 9, false, false}, /* two wires */
        {"fe80::1", "fe80::1", 0x10002, 2, 9, 9, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_path a = path_of(rows[i].a, rows[i].a_scope, rows[i].a_port),
                       b = path_of(rows[i].b, rows[i].b_scope, rows[i].b_port);

        if (bh_peer_same_host(&a.peer, &b.peer) != rows[i].same_host ||
            bh_peer_same(&a.peer, &b.peer) != rows[i].same)
            fail_msg("row %zu", i);
    }
}

static void the_route_comes_back(void **state)
{
    struct bh_udp_route udp;
    struct bh_path path;
    struct bh_route route;

    (void)state;
    memset(&udp, 0, sizeof udp);
    inet_pton(AF_INET6, "2001:db8::1", &udp.peer);
    inet_pton(AF_INET6, "2001:db8::2", &udp.local);
    udp.scope = 7;
    udp.port = 4444;
    udp.has_local = 1;
    path = bh_path_make(5, &udp);
    route = bh_path_route(path.route);
    assert_int_equal(route.listener, 5);
    assert_memory_equal(&route.to.udp, &udp, sizeof udp);
}

static struct bh_local_name name_of(const char *text)
{
    struct bh_local_name name = {.len = (uint8_t)strlen(text)};

    memcpy(name.bytes, text, name.len);
    return name;
}

static void a_user_of_this_machine_is_a_host(void **state)
{
    const struct bh_local_name one = name_of("/run/one"),
                               two = name_of("/run/two");
    struct bh_path a = bh_path_make_local(2, &one, 1000),
                   b = bh_path_make_local(2, &two, 1000),
                   c = bh_path_make_local(2, &one, 1001),
                   ip = path_of("::ffff:0.0.3.232", 0, 0);
    struct bh_route route = bh_path_route(a.route);
    char text[BH_PEER_TEXT_LEN];

    (void)state;
    assert_true(bh_peer_same_host(&a.peer, &b.peer));
    assert_false(bh_peer_same(&a.peer, &b.peer));
    assert_false(bh_peer_same_host(&a.peer, &c.peer));
    assert_false(bh_peer_same_host(&a.peer, &ip.peer));
    assert_int_equal(route.listener, 2);
    assert_int_equal(route.to.local.len, one.len);
    assert_memory_equal(route.to.local.bytes, one.bytes, one.len);
    assert_non_null(strstr(bh_peer_print(&a.peer, text), "user 1000 ("));
}

static void a_machine_on_an_interface_is_a_host(void **state)
{
    static const uint8_t one[] = {2, 0, 0, 0, 0, 1}, two[] = {2, 0, 0, 0, 0, 2};
    struct bh_path a = bh_path_make_ether(2, one, "enp0s31f6-long"),
                   again = bh_path_make_ether(3, one, "enp0s31f6-long"),
                   b = bh_path_make_ether(2, two, "enp0s31f6-long"),
                   c = bh_path_make_ether(2, one, "enp0s31f6-lang");
    struct bh_route route = bh_path_route(a.route);
    char text[BH_PEER_TEXT_LEN];

    (void)state;
    assert_true(bh_peer_same(&a.peer, &again.peer));
    assert_false(bh_peer_same_host(&a.peer, &b.peer));
    assert_false(bh_peer_same_host(&a.peer, &c.peer));
    assert_memory_not_equal(a.peer.host, c.peer.host, BH_NETWORK_LEN);
    assert_int_equal(route.listener, 2);
    assert_memory_equal(route.to.mac, one, sizeof one);
    assert_string_equal(bh_peer_print(&a.peer, text),
                        "02:00:00:00:00:01 on enp0s31f6-l");
}

static void a_line_is_a_host_and_so_is_a_caller_s_address(void **state)
{
    const struct bh_line_route first = {3, 1}, second = {4, 7};
    struct bh_path a = bh_path_make_serial(1, "/dev/ttyUSB0"),
                   b = bh_path_make_serial(2, "/dev/ttyUSB1"),
                   again = bh_path_make_serial(3, "/dev/ttyUSB0");
    struct bh_address from;
    struct bh_path one, two;
    struct bh_route route;
    char text[BH_PEER_TEXT_LEN];

    (void)state;
    assert_true(bh_peer_same(&a.peer, &again.peer));
    assert_false(bh_peer_same_host(&a.peer, &b.peer));
    assert_memory_not_equal(a.peer.host, b.peer.host, BH_NETWORK_LEN);
    assert_string_equal(bh_peer_print(&a.peer, text), "line ttyUSB0");
    bh_address_parse("10.0.0.9:5000", 0, &from);
    one = bh_path_make_tcp(1, &from, &first);
    bh_address_set_port(&from, 5001);
    two = bh_path_make_tcp(1, &from, &second);
    assert_true(bh_peer_same_host(&one.peer, &two.peer));
    assert_false(bh_peer_same(&one.peer, &two.peer));
    assert_string_equal(bh_peer_print(&two.peer, text), "tcp 10.0.0.9:5001");
    route = bh_path_route(two.route);
    assert_int_equal(route.to.line.index, 4);
    assert_int_equal(route.to.line.life, 7);
    two = path_of("::ffff:10.0.0.9", 0, 5000);
    assert_false(bh_peer_same_host(&one.peer, &two.peer));
}

static void peers_are_printed_as_people_write_them(void **state)
{
    static const struct {
        const char *address;
        uint16_t port;
        const char *text;
    } rows[] = {
        {"::ffff:192.168.1.9", 4444, "192.168.1.9:4444"},
        {"2001:db8::1", 65535, "[2001:db8::1]:65535"},
        {"::1", 1, "[::1]:1"},
    };
    char text[BH_ADDRESS_TEXT_LEN];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_path path = path_of(rows[i].address, 0, rows[i].port);

        assert_string_equal(bh_peer_print(&path.peer, text), rows[i].text);
    }
}

/* Answers to the unproven are rationed for each IPv4 address, or IPv6 network
 * of 64 bits: its owner has more addresses than the table of hosts. */
static void an_ipv6_network_has_one_ration(void **state)
{
    static const struct {
        const char *before, *behind;
        int answers;
    } rows[] = {
        {"2001:db8:0:1::", "", 5},
        {"2001:db8:0:", "::1", 40},
        {"::ffff:10.0.0.", "", 40},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fx *fx = fx_new(16, 64, 4);
        uint8_t reply[BH_DATAGRAM_MAX_LEN];
        int answers = 0;

        for (int k = 10; k < 50; k++) {
            char address[64];
            struct bh_path path;

            snprintf(address, sizeof address, "%s%d%s", rows[i].before, k,
                     rows[i].behind);
            path = path_of(address, 0, 5000);
            fx_send(fx, &path, (uint8_t[]){BH_PACKET_KEEP}, 1);
            answers += fx_take(fx, &path, reply) == 1;
        }
        if (answers != rows[i].answers)
            fail_msg("%s: %d answers", rows[i].before, answers);
        fx_free(fx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_addresses_and_peers_have_ports),
        cmocka_unit_test(the_route_comes_back),
        cmocka_unit_test(a_user_of_this_machine_is_a_host),
        cmocka_unit_test(a_machine_on_an_interface_is_a_host),
        cmocka_unit_test(a_line_is_a_host_and_so_is_a_caller_s_address),
        cmocka_unit_test(peers_are_printed_as_people_write_them),
        cmocka_unit_test(an_ipv6_network_has_one_ration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
