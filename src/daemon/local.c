/* SPDX-License-Identifier: MIT */
/* Programs of this machine, on a Unix socket. */
#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/peer.h"

#define BATCHES_AT_ONCE 16

/* Once for each socket: it is a program that is being written. */
static void say_unheard(struct bh_listener *listener,
                        const struct bh_local_datagram *datagram)
{
    char text[BH_PLACE_TEXT_LEN];

    if (listener->unheard)
        return;
    listener->unheard = true;
    bh_place_print(&listener->place, text);
    if (datagram->nameless)
        bh_log_say("%s: a program of user %u cannot be answered: it has to "
                   "bind its socket, with an empty address at least",
                   text, (unsigned)datagram->user);
    else
        bh_log_say("%s: a program of user %u cannot be answered: the path of "
                   "its socket is relative, another user's than the server's, "
                   "or has more than %u bytes; an empty address does",
                   text, (unsigned)datagram->user, BH_LOCAL_NAME_LEN);
}

static void receive_batch(struct bh_listener *listener)
{
    struct bh_driver *driver = listener->driver;
    const uint8_t index = (uint8_t)(listener - driver->listeners);
    const struct bh_local_batch *batch = listener->via.local.batch;

    for (unsigned i = 0; i < batch->count; i++) {
        const struct bh_local_datagram *at = &batch->of[i];
        struct bh_path path;

        if (at->from.len == 0) {
            say_unheard(listener, at);
            continue;
        }
        path = bh_path_make_local(index, &at->from, at->user);
        bh_traffic_receive(driver, &path, at->bytes, at->len);
    }
}

static void readable(uv_poll_t *uv, int status, int events)
{
    struct bh_listener *listener = uv->data;
    struct bh_driver *driver = listener->driver;

    (void)status;
    (void)events;
    bh_driver_bring_time(driver);
    for (int i = 0; i < BATCHES_AT_ONCE; i++) {
        if (bh_local_receive(&listener->via.local) <= 0)
            break;
        driver->now = bh_clock_ms();
        receive_batch(listener);
        bh_driver_pump(driver);
    }
}

void bh_local_reply(struct bh_listener *listener, const struct bh_send *send)
{
    struct bh_route route = bh_path_route(send->path->route);

    bh_local_send(&listener->via.local, &route.to.local, send->bytes, send->len,
                  send->count);
}

void bh_local_start(struct bh_listener *listener)
{
    uv_poll_init(&listener->driver->loop, &listener->uv,
                 listener->via.local.file.fd);
    listener->uv.data = listener;
    uv_poll_start(&listener->uv, UV_READABLE, readable);
}
