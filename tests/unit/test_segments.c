/* SPDX-License-Identifier: MIT */
/* Two sockets on loopback, of either family. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/segments.h"

#define SEGMENT_LEN 100u
#define TOTAL_LEN 540u /* five of them, and one of 40 */

static int from, to;
static uint8_t sent[BH_SEGMENTS_LEN_MAX], got[BH_SEGMENTS_MERGED_MAX];

static int open_pair(const char *host)
{
    struct bh_address address;
    socklen_t len;

    bh_address_parse(host, 0, &address);
    to = socket(address.u.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    from = socket(address.u.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    len = address.len;
    return to >= 0 && from >= 0 && bind(to, &address.u.any, address.len) == 0 &&
           getsockname(to, &address.u.any, &len) == 0 &&
           connect(from, &address.u.any, address.len) == 0;
}

static void close_pair(void)
{
    close(from);
    close(to);
}

static ssize_t send_cut(size_t len, uint16_t segment_len)
{
    _Alignas(struct cmsghdr) uint8_t control[BH_SEGMENTS_SPACE];
    struct iovec vector = {sent, len};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control};
    size_t i;

    for (i = 0; i < len; i++)
        sent[i] = (uint8_t)(i % 251);
    bh_segments_put(&header, segment_len);
    assert_in_range(header.msg_controllen, 1, sizeof(control));
    return sendmsg(from, &header, 0);
}

static ssize_t receive(uint16_t *segment_len)
{
    _Alignas(struct cmsghdr) uint8_t control[BH_SEGMENTS_SPACE];
    struct iovec vector = {got, sizeof(got)};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    ssize_t len = recvmsg(to, &header, 0);

    *segment_len = len < 0 ? 0 : bh_segments_get(&header);
    return len;
}

static void segments_arrive_one_by_one_where_nobody_merges(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    size_t i, at;
    uint16_t merged;

    (void)state;
    for (i = 0; i < 2; i++) {
        if (!open_pair(hosts[i]))
            continue; /* no IPv6 */
        assert_true(bh_segments_known(from));
        assert_int_equal(send_cut(TOTAL_LEN, SEGMENT_LEN), TOTAL_LEN);
        for (at = 0; at < TOTAL_LEN; at += SEGMENT_LEN) {
            assert_int_equal(receive(&merged), at < 500 ? SEGMENT_LEN : 40);
            assert_int_equal(merged, 0);
            assert_memory_equal(got, sent + at, at < 500 ? SEGMENT_LEN : 40);
        }
        assert_int_equal(receive(&merged), -1);
        close_pair();
    }
}

static void segments_are_merged_where_that_was_asked_for(void **state)
{
    uint16_t merged;

    (void)state;
    assert_true(open_pair("127.0.0.1"));
    assert_int_equal(bh_segments_merge(to), 0);
    assert_int_equal(send_cut(TOTAL_LEN, SEGMENT_LEN), TOTAL_LEN);
    assert_int_equal(receive(&merged), TOTAL_LEN);
    assert_int_equal(merged, SEGMENT_LEN);
    assert_memory_equal(got, sent, TOTAL_LEN);
    assert_int_equal(send(from, sent, 70, 0), 70);
    assert_int_equal(receive(&merged), 70);
    assert_int_equal(merged, 0); /* one alone */
    close_pair();
}

static void as_many_as_stated_can_be_sent(void **state)
{
    size_t len = BH_SEGMENTS_MAX * SEGMENT_LEN;

    (void)state;
    assert_true(open_pair("127.0.0.1"));
    assert_int_equal(send_cut(len, SEGMENT_LEN), len);
    assert_int_equal(send_cut(BH_SEGMENTS_LEN_MAX, 1030), BH_SEGMENTS_LEN_MAX);
    close_pair();
    if (!open_pair("::1"))
        return;
    assert_int_equal(send_cut(BH_SEGMENTS_LEN_MAX, 1030), BH_SEGMENTS_LEN_MAX);
    close_pair();
}

/* As a server does that answers from the address it was asked at. */
static void other_control_messages_stay(void **state)
{
    _Alignas(struct cmsghdr) uint8_t
        control[CMSG_SPACE(sizeof(struct in_pktinfo)) + BH_SEGMENTS_SPACE];
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(0x7F000005)};
    struct iovec vector = {sent, TOTAL_LEN};
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof(peer);
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = CMSG_SPACE(sizeof(info))};
    struct cmsghdr *at = (struct cmsghdr *)(void *)control;

    (void)state;
    assert_true(open_pair("127.0.0.1"));
    *at = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(info)),
                           .cmsg_level = IPPROTO_IP,
                           .cmsg_type = IP_PKTINFO};
    memcpy(CMSG_DATA(at), &info, sizeof(info));
    bh_segments_put(&header, SEGMENT_LEN);
    assert_int_equal(sendmsg(from, &header, 0), TOTAL_LEN);
    assert_int_equal(
        recvfrom(to, got, sizeof(got), 0, (struct sockaddr *)&peer, &peer_len),
        SEGMENT_LEN);
    assert_int_equal(peer.sin_addr.s_addr, info.ipi_spec_dst.s_addr);
    close_pair();
}

static void too_many_segments_are_a_refusal(void **state)
{
    (void)state;
    assert_true(open_pair("127.0.0.1"));
    assert_int_equal(send_cut(60000, 1), -1);
    assert_true(bh_segments_refused(errno));
    close_pair();
}

static void refusals_are_told_from_trouble(void **state)
{
    static const int refusals[] = {EIO, EINVAL, ENOPROTOOPT, EOPNOTSUPP};
    static const int trouble[] = {ECONNREFUSED, EAGAIN, EHOSTUNREACH, EMSGSIZE};
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_true(bh_segments_refused(refusals[i]));
        assert_false(bh_segments_refused(trouble[i]));
    }
}

static void what_is_no_udp_socket_knows_nothing_of_it(void **state)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void)state;
    assert_false(bh_segments_known(fd));
    assert_true(bh_segments_merge(fd) < 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_arrive_one_by_one_where_nobody_merges),
        cmocka_unit_test(segments_are_merged_where_that_was_asked_for),
        cmocka_unit_test(as_many_as_stated_can_be_sent),
        cmocka_unit_test(other_control_messages_stay),
        cmocka_unit_test(too_many_segments_are_a_refusal),
        cmocka_unit_test(refusals_are_told_from_trouble),
        cmocka_unit_test(what_is_no_udp_socket_knows_nothing_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
