/* SPDX-License-Identifier: MIT */
/* Datagrams in and out: the sockets, and all that goes through them. */
#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Replies.
 */

static void send_udp(struct bh_listener *listener, const struct bh_send *sends,
                     unsigned count)
{
    const uint8_t index = (uint8_t)(listener - listener->driver->listeners);
    struct bh_datagrams datagrams[BH_UDP_BATCH];
    char text[BH_PLACE_TEXT_LEN];
    unsigned mine = 0;

    for (unsigned i = 0; i < count; i++) {
        struct bh_route route = bh_path_route(sends[i].path->route);

        if (route.listener == index)
            datagrams[mine++] = (struct bh_datagrams){
                route.to.udp, sends[i].bytes, sends[i].len * sends[i].count,
                sends[i].len};
    }
    if (mine > 0 && !bh_udp_send(&listener->via.udp, datagrams, mine))
        bh_log_say("the kernel does not cut datagrams on the way of %s; they "
                   "are sent one by one from now on",
                   bh_place_print(&listener->place, text));
}

static void send_others(struct bh_listener *listener,
                        const struct bh_send *sends, unsigned count)
{
    const uint8_t index = (uint8_t)(listener - listener->driver->listeners);

    for (unsigned i = 0; i < count; i++) {
        if (sends[i].path->route[0] != index)
            continue;
        if (listener->place.transport == BH_TRANSPORT_UNIX)
            bh_local_reply(listener, &sends[i]);
        else if (listener->place.transport == BH_TRANSPORT_ETHER)
            bh_ether_reply(listener, &sends[i]);
        else
            bh_cables_reply(listener, &sends[i]);
    }
    if (listener->place.transport == BH_TRANSPORT_ETHER)
        bh_ether_replied(listener);
}

static void send_through(struct bh_listener *listener,
                         const struct bh_send *sends, unsigned count)
{
    if (listener->place.transport == BH_TRANSPORT_UDP)
        send_udp(listener, sends, count);
    else
        send_others(listener, sends, count);
}

void bh_traffic_send(struct bh_driver *driver)
{
    struct bh_send sends[BH_UDP_BATCH];
    unsigned count;

    driver->unanswered = 0;
    do {
        count = 0;
        while (count < BH_UDP_BATCH &&
               bh_server_next_send(driver->server, &sends[count]))
            count++;
        for (size_t i = 0; i < driver->listener_count; i++)
            send_through(&driver->listeners[i], sends, count);
        for (unsigned i = 0; i < count; i++)
            bh_server_sent(driver->server, &sends[i]);
    } while (count == BH_UDP_BATCH);
}

/*
 * Requests.
 */

/* A long batch is answered in parts, so that its client can go on meanwhile. */
#define SEND_EVERY 32u

void bh_traffic_receive(struct bh_driver *driver, const struct bh_path *path,
                        const uint8_t *bytes, size_t len)
{
    bh_server_receive(driver->server, driver->now, path, bytes, len);
    bh_jobs_begin(driver); /* what the page cache has needs no queue */
    if (++driver->unanswered == SEND_EVERY)
        bh_traffic_send(driver);
}

static void receive_each(struct bh_driver *driver, size_t index,
                         const struct bh_datagrams *datagrams)
{
    struct bh_path path = bh_path_make((uint8_t)index, &datagrams->route);
    const uint8_t *at = datagrams->bytes, *end = at + datagrams->len;

    do {
        size_t left = (size_t)(end - at);
        size_t len = left < datagrams->piece ? left : datagrams->piece;

        bh_traffic_receive(driver, &path, at, len);
        at += len;
    } while (at < end);
}

static void receive_batch(struct bh_driver *driver, size_t index)
{
    for (unsigned i = 0; i < driver->batch.count; i++)
        receive_each(driver, index, &driver->batch.of[i]);
}

/* A client that sends its next request as soon as it has an answer sends it
 * within this time. To look for it so long costs less than to be woken, for
 * both. */
#define LOOK_NS 40000u

void bh_traffic_look(struct bh_driver *driver)
{
    driver->brisk =
        driver->can_look && bh_clock_ns() - driver->done_ns < LOOK_NS;
}

/* What has arrived; if the last request came soon after the answers before it,
 * what arrives soon. */
static int receive(struct bh_driver *driver, size_t index)
{
    struct bh_udp *udp = &driver->listeners[index].via.udp;
    int taken = bh_udp_receive(udp, &driver->batch);

    while (taken == 0 && driver->brisk) {
        bh_traffic_look(driver);
        taken = bh_udp_receive(udp, &driver->batch);
    }
    return taken;
}

/* A busy socket gives the loop a chance after this many batches. */
#define BATCHES_AT_ONCE 16

static void readable(uv_poll_t *uv, int status, int events)
{
    struct bh_listener *listener = uv->data;
    struct bh_driver *driver = listener->driver;
    size_t index = (size_t)(listener - driver->listeners);

    (void)status; /* an error on a UDP socket is read away below */
    (void)events;
    bh_driver_bring_time(driver);
    bh_traffic_look(driver);
    for (int i = 0; i < BATCHES_AT_ONCE; i++) {
        if (receive(driver, index) <= 0)
            break;
        driver->now = bh_clock_ms();
        receive_batch(driver, index);
        bh_driver_pump(driver);
        driver->done_ns = bh_clock_ns();
    }
}

/*
 * Ways.
 */

uint32_t bh_traffic_path_len(const struct bh_driver *driver,
                             const uint8_t bytes[BH_ROUTE_LEN])
{
    struct bh_route route = bh_path_route(bytes);
    const struct bh_listener *listener = &driver->listeners[route.listener];

    switch (listener->place.transport) {
    case BH_TRANSPORT_UDP:
        return bh_udp_path_len(&route.to.udp);
    case BH_TRANSPORT_ETHER:
        return bh_ether_path_len(listener);
    default:
        return BH_DATAGRAM_MAX_LEN;
    }
}

const char *bh_traffic_host(const struct bh_driver *driver,
                            const uint8_t bytes[BH_ROUTE_LEN],
                            char text[BH_PLACE_TEXT_LEN])
{
    struct bh_route route = bh_path_route(bytes);
    const struct bh_listener *listener = &driver->listeners[route.listener];
    struct bh_address address;

    if (listener->place.transport == BH_TRANSPORT_ETHER)
        return bh_mac_print(route.to.mac, text);
    if (listener->place.transport == BH_TRANSPORT_TCP)
        return bh_address_print_host(bh_cables_from(listener, &route.to.line),
                                     text);
    if (listener->place.transport != BH_TRANSPORT_UDP)
        return bh_place_print_host(&listener->place, text);
    bh_udp_route_address(&route.to.udp, &address);
    return bh_address_print_host(&address, text);
}

/*
 * Beginning and end.
 */

#define BIND_WAIT_MS 2000u
#define BIND_PAUSE_MS 20u

/* A server that was just killed lets go of its socket when its last thread has
 * come back from the disk. */
static int open_patiently(const struct bh_address *address, struct bh_udp *udp)
{
    uint64_t due = bh_clock_ms() + BIND_WAIT_MS;
    int error = bh_udp_open(address, udp);

    while (error == -EADDRINUSE && bh_clock_ms() < due) {
        uv_sleep(BIND_PAUSE_MS);
        error = bh_udp_open(address, udp);
    }
    return error;
}

static int open_udp(struct bh_listener *listener)
{
    int error = open_patiently(&listener->place.address, &listener->via.udp);

    if (error == 0)
        listener->place.address = listener->via.udp.local;
    return error;
}

static int open_one(struct bh_listener *listener)
{
    switch (listener->place.transport) {
    case BH_TRANSPORT_UDP:
        return open_udp(listener);
    case BH_TRANSPORT_UNIX:
        return bh_local_open(&listener->via.local, listener->place.path,
                             listener->place.mode);
    case BH_TRANSPORT_ETHER:
        return bh_ether_listen(listener);
    default:
        return bh_cables_open(listener);
    }
}

static const char *explain(const struct bh_place *place, int error)
{
    const char *why = NULL;

    if (place->transport == BH_TRANSPORT_UNIX)
        why = bh_socket_file_explain(error);
    else if (place->transport == BH_TRANSPORT_ETHER)
        why = bh_ether_explain(error);

    if (error == -EADDRINUSE && place->transport == BH_TRANSPORT_UNIX)
        return "another server has it; choose another one with -l unix:PATH";
    if (error == -EADDRINUSE)
        return "Address already in use; another server runs there, or choose "
               "another port with -l";
    return why == NULL ? strerror(-error) : why;
}

int bh_traffic_open(struct bh_driver *driver, char problem[BH_PROBLEM_LEN])
{
    const struct bh_config *config = driver->config;

    for (size_t i = 0; i < config->listen_count; i++) {
        struct bh_listener *listener = &driver->listeners[i];
        char text[BH_PLACE_TEXT_LEN];
        int error;

        listener->driver = driver;
        listener->place = config->listen[i];
        error = open_one(listener);
        if (error != 0) {
            snprintf(problem, BH_PROBLEM_LEN, "cannot listen on %s: %s",
                     bh_place_print(&listener->place, text),
                     explain(&listener->place, error));
            return error;
        }
        driver->listener_count++;
    }
    return 0;
}

static void start_udp(struct bh_listener *listener)
{
    uv_poll_init(&listener->driver->loop, &listener->uv, listener->via.udp.fd);
    listener->uv.data = listener;
    uv_poll_start(&listener->uv, UV_READABLE, readable);
}

static void start_one(struct bh_listener *listener)
{
    switch (listener->place.transport) {
    case BH_TRANSPORT_UDP:
        start_udp(listener);
        break;
    case BH_TRANSPORT_UNIX:
        bh_local_start(listener);
        break;
    case BH_TRANSPORT_ETHER:
        bh_ether_start(listener);
        break;
    default:
        bh_cables_start(listener);
    }
}

void bh_traffic_start(struct bh_driver *driver)
{
    driver->now = bh_clock_ms();
    for (size_t i = 0; i < driver->listener_count; i++)
        start_one(&driver->listeners[i]);
    driver->can_look = sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

static bool has_cables(const struct bh_listener *listener)
{
    return listener->place.transport == BH_TRANSPORT_SERIAL ||
           listener->place.transport == BH_TRANSPORT_TCP;
}

void bh_traffic_stop(struct bh_driver *driver)
{
    for (size_t i = 0; i < driver->listener_count; i++) {
        struct bh_listener *listener = &driver->listeners[i];

        if (listener->place.transport == BH_TRANSPORT_ETHER)
            bh_ether_stop(listener);
        else if (has_cables(listener))
            bh_cables_stop(listener);
        else
            uv_poll_stop(&listener->uv);
    }
}

void bh_traffic_close(struct bh_driver *driver)
{
    for (size_t i = 0; i < driver->listener_count; i++) {
        struct bh_listener *listener = &driver->listeners[i];

        if (has_cables(listener))
            bh_cables_close(listener);
        else if (listener->place.transport == BH_TRANSPORT_ETHER)
            bh_ether_leave(listener);
        else if (listener->place.transport == BH_TRANSPORT_UNIX)
            bh_local_close(&listener->via.local);
        else
            bh_udp_close(&listener->via.udp);
    }
}
