/* SPDX-License-Identifier: MIT */
/*
 * Machines on an Ethernet, in raw frames. The interface may go and come back:
 * it is looked for every second. One that gets another name stays the same.
 *
 *   open --starts--> watched --an error--> closing --> looked for --found--+
 *                       ^                                                  |
 *                       +--------------------------------------------------+
 */
#include "net/ether.h"
#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_AT_ONCE 16
#define LOOK_AGAIN_MS 1000u

struct bh_ether_way {
    struct bh_listener *listener;
    struct bh_ether ether;
    uv_poll_t poll;   /* while the socket is watched */
    uv_timer_t timer; /* while the interface is looked for */
};

static const char *name_of(const struct bh_listener *listener)
{
    return listener->place.path;
}

/*
 * The interface.
 */

static void watch(struct bh_ether_way *way);

static void look_again(uv_timer_t *timer)
{
    struct bh_ether_way *way = timer->data;

    if (bh_ether_open(name_of(way->listener), &way->ether) != 0)
        return;
    uv_timer_stop(timer);
    bh_log_say("ether:%s is there again", name_of(way->listener));
    watch(way);
}

static void poll_closed(uv_handle_t *poll)
{
    struct bh_ether_way *way = poll->data;

    bh_ether_close(&way->ether);
    if (!way->listener->driver->stopping)
        uv_timer_start(&way->timer, look_again, LOOK_AGAIN_MS, LOOK_AGAIN_MS);
}

static void lose(struct bh_ether_way *way, int error)
{
    bh_log_say("ether:%s: %s; it is waited for", name_of(way->listener),
               error == -ENETDOWN ? "the interface is down or gone"
                                  : strerror(-error));
    uv_close((uv_handle_t *)&way->poll, poll_closed);
}

/*
 * Frames.
 */

static void receive_batch(const struct bh_ether_way *way)
{
    struct bh_driver *driver = way->listener->driver;
    const uint8_t index = (uint8_t)(way->listener - driver->listeners);

    for (unsigned i = 0; i < way->ether.batch->count; i++) {
        const struct bh_ether_frame *at = &way->ether.batch->of[i];
        struct bh_path path =
            bh_path_make_ether(index, at->from, name_of(way->listener));

        bh_traffic_receive(driver, &path, at->bytes, at->len);
    }
}

static int receive(struct bh_ether_way *way)
{
    struct bh_driver *driver = way->listener->driver;
    int taken = bh_ether_receive(&way->ether);

    while (taken == 0 && driver->brisk) {
        bh_traffic_look(driver);
        taken = bh_ether_receive(&way->ether);
    }
    return taken;
}

static void readable(uv_poll_t *uv, int status, int events)
{
    struct bh_ether_way *way = uv->data;
    struct bh_driver *driver = way->listener->driver;
    int taken = 0;

    (void)events;
    bh_driver_bring_time(driver);
    bh_traffic_look(driver);
    for (int i = 0; i < BATCHES_AT_ONCE; i++) {
        taken = receive(way);
        if (taken <= 0)
            break;
        driver->now = bh_clock_ms();
        receive_batch(way);
        bh_driver_pump(driver);
        driver->done_ns = bh_clock_ns();
    }
    if (taken < 0)
        lose(way, taken);
    else if (status < 0) /* sending was told, and libuv looks no more */
        lose(way, -ENETDOWN);
}

void bh_ether_reply(struct bh_listener *listener, const struct bh_send *send)
{
    struct bh_route route = bh_path_route(send->path->route);

    bh_ether_send(&listener->via.ether->ether, route.to.mac, send->bytes,
                  send->len, send->count);
}

void bh_ether_replied(struct bh_listener *listener)
{
    bh_ether_flush(&listener->via.ether->ether);
}

uint32_t bh_ether_path_len(const struct bh_listener *listener)
{
    return bh_ether_mtu(&listener->via.ether->ether.link);
}

/*
 * Beginning and end.
 */

int bh_ether_listen(struct bh_listener *listener)
{
    struct bh_ether_way *way = calloc(1, sizeof *way);
    int error;

    if (way == NULL)
        return -ENOMEM;
    way->listener = listener;
    error = bh_ether_open(name_of(listener), &way->ether);
    if (error == 0)
        listener->via.ether = way;
    else
        free(way);
    return error;
}

static void watch(struct bh_ether_way *way)
{
    uv_poll_init(&way->listener->driver->loop, &way->poll, way->ether.link.fd);
    way->poll.data = way;
    uv_poll_start(&way->poll, UV_READABLE, readable);
}

void bh_ether_start(struct bh_listener *listener)
{
    struct bh_ether_way *way = listener->via.ether;

    uv_timer_init(&listener->driver->loop, &way->timer);
    way->timer.data = way;
    watch(way);
}

void bh_ether_stop(struct bh_listener *listener)
{
    struct bh_ether_way *way = listener->via.ether;

    uv_timer_stop(&way->timer);
    if (way->ether.link.fd >= 0 && !uv_is_closing((uv_handle_t *)&way->poll))
        uv_poll_stop(&way->poll);
}

void bh_ether_leave(struct bh_listener *listener)
{
    bh_ether_close(&listener->via.ether->ether);
    free(listener->via.ether);
}
