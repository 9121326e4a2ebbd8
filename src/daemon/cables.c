/* SPDX-License-Identifier: MIT */
/*
 * Serial lines, and TCP connections in their place: each is opened, looked at,
 * and opened again when it comes back.
 *
 *            open                 hung up, an error
 *   CLOSED ---------> OPEN -----------------------------> CLOSED
 *     ^                                                      |
 *     +---- serial: every RETRY_MS; TCP: the next client ----+
 *
 * Invariants
 *   1. A reply goes to the life of the line that its request came from: what a
 *      line is called when it has come back is another thing.
 *   2. A line's handle is closed by the loop before it is used again.
 */
#include "daemon/cables.h"
#include "daemon/clock.h"
#include "daemon/peer.h"
#include "net/serial.h"
#include "net/tcp.h"
#include "wire/exact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MS 1000u
#define CONNECTIONS_MAX 32u /* of one listener */

/* What waits for a serial line is old when it leaves: a machine that was reset
 * is not to wait for the rest of its former life. */
#define SERIAL_LIMIT_S 4u

/* So many bytes, and no frame among them, are no client's. */
#define NOISE_LEN 200u
#define NOISE_FRAMES 3u

#define DATAGRAMS_AT_ONCE 64u

static const char *name_of(const struct bh_listener *listener,
                           char text[BH_PLACE_TEXT_LEN])
{
    return bh_place_print(&listener->place, text);
}

/* A line that comes and goes all the time, or callers without end, must not
 * fill the log. */
static bool may_say(const struct bh_listener *listener)
{
    return bh_log_may(&listener->driver->log, listener->driver->now,
                      BH_LOG_LINE);
}

static bool is_serial(const struct bh_listener *listener)
{
    return listener->place.transport == BH_TRANSPORT_SERIAL;
}

static uint8_t index_of(const struct bh_listener *listener)
{
    return (uint8_t)(listener - listener->driver->listeners);
}

bool bh_port_is_open(const struct bh_port *port)
{
    return port->line != NULL && port->line->fd >= 0;
}

/*
 * Life and death.
 */

static void closed(uv_handle_t *handle)
{
    struct bh_port *port = handle->data;

    port->closing = false;
}

void bh_port_close(struct bh_port *port)
{
    port->closing = true;
    uv_close((uv_handle_t *)&port->uv, closed);
    bh_line_close(port->line);
    port->life++;
}

static void look(struct bh_port *port);

bool bh_port_open(struct bh_port *port, int fd, size_t limit)
{
    if (port->line == NULL)
        port->line = bh_line_new(limit);
    if (port->line == NULL ||
        uv_poll_init(&port->listener->driver->loop, &port->uv, fd) != 0) {
        close(fd);
        return false;
    }
    port->uv.data = port;
    port->strange = port->inexact = false;
    port->heard_ms = port->listener->driver->now;
    bh_line_open(port->line, fd);
    look(port);
    return true;
}

static void hang_up(struct bh_port *port, long error)
{
    struct bh_listener *listener = port->listener;
    char text[BH_PLACE_TEXT_LEN];

    bh_port_close(port);
    if (!is_serial(listener))
        return;
    if (may_say(listener))
        bh_log_say("%s: the line is gone (%s); looking for it every second",
                   name_of(listener, text),
                   error == -EPIPE ? "it hung up" : strerror((int)-error));
    listener->via.cables->missed = true;
    uv_timer_again(&listener->via.cables->retry);
}

/*
 * What comes.
 */

static void say_strange(struct bh_port *port)
{
    const struct bh_line *line = port->line;
    char text[BH_PLACE_TEXT_LEN];

    if (port->strange || line->good > 0 ||
        (line->damaged < NOISE_FRAMES && line->received < NOISE_LEN))
        return;
    port->strange = true;
    if (!may_say(port->listener))
        return;
    bh_log_say(is_serial(port->listener)
                   ? "%s: only damaged frames; does the other end have the "
                     "same speed, 8 data bits, no parity, one stop bit?"
                   : "%s: a connection brings only damaged frames; is that a "
                     "Blockhead client, and the line behind it set to carry "
                     "every byte as it is?",
               name_of(port->listener, text));
}

static void say_inexact(struct bh_port *port)
{
    char text[BH_PLACE_TEXT_LEN];

    if (port->inexact)
        return;
    port->inexact = true;
    if (!may_say(port->listener))
        return;
    bh_log_say("%s: a frame was dropped whose length is not that of its "
               "request: either it was damaged and its checksum did not show "
               "it, or the client is wrong",
               name_of(port->listener, text));
}

static void receive(struct bh_port *port, const uint8_t *bytes, size_t len)
{
    struct bh_driver *driver = port->listener->driver;

    port->heard_ms = driver->now;
    if (bh_request_is_exact(bytes, len))
        bh_traffic_receive(driver, &port->path, bytes, len);
    else
        say_inexact(port);
}

static void ready(uv_poll_t *uv, int status, int events)
{
    struct bh_port *port = uv->data;
    struct bh_driver *driver = port->listener->driver;
    const uint8_t *bytes;
    long len = status < 0 ? -EIO : 0;

    bh_driver_bring_time(driver);
    driver->now = bh_clock_ms();
    if (status >= 0 && events & UV_WRITABLE)
        len = bh_line_flush(port->line);
    for (unsigned i = 0; i < DATAGRAMS_AT_ONCE && len >= 0; i++) {
        len = bh_line_next(port->line, &bytes);
        if (len > 0)
            receive(port, bytes, (size_t)len);
        if (!bh_port_is_open(port))
            break; /* its answer found it gone */
    }
    bh_driver_pump(driver);
    if (!bh_port_is_open(port))
        return;
    say_strange(port);
    if (len < 0 && len != -EAGAIN)
        hang_up(port, len);
    else
        look(port);
}

/* What has been read and not looked at does not make a descriptor readable:
 * then it is looked at as soon as it can be written to. */
static void look(struct bh_port *port)
{
    int events = UV_READABLE;

    if (bh_line_waits(port->line) || bh_line_holds(port->line))
        events |= UV_WRITABLE;
    uv_poll_start(&port->uv, events, ready);
}

/*
 * What goes.
 */

void bh_cables_reply(struct bh_listener *listener, const struct bh_send *send)
{
    struct bh_route route = bh_path_route(send->path->route);
    struct bh_port *port = &listener->via.cables->ports[route.to.line.index];
    const uint8_t *at = send->bytes;
    int error;

    if (!bh_port_is_open(port) || port->life != route.to.line.life)
        return;
    for (unsigned i = 0; i < send->count; i++, at += send->len)
        (void)bh_line_put(port->line, at, send->len, NULL, 0);
    error = bh_line_flush(port->line);
    if (error != 0)
        hang_up(port, error);
    else if (!listener->driver->stopping)
        look(port);
}

const struct bh_address *bh_cables_from(const struct bh_listener *listener,
                                        const struct bh_line_route *line)
{
    return &listener->via.cables->ports[line->index].from;
}

/*
 * Serial lines.
 */

static size_t serial_limit(const struct bh_place *place)
{
    return (size_t)place->baud / 10u * SERIAL_LIMIT_S;
}

static void say_missing(struct bh_listener *listener, int error,
                        const char *why)
{
    char text[BH_PLACE_TEXT_LEN];

    if (!listener->via.cables->missed)
        bh_log_say("%s: %s; looking for it every second",
                   name_of(listener, text),
                   why != NULL ? why : strerror(-error));
    listener->via.cables->missed = true;
}

/* Whether it is there. */
static bool open_serial(struct bh_listener *listener)
{
    struct bh_cables *cables = listener->via.cables;
    struct bh_port *port = cables->ports;
    char text[BH_PLACE_TEXT_LEN];
    struct bh_route route;
    const char *why;
    int fd;

    if (port->closing)
        return false;
    fd = bh_serial_open(&listener->place, &why);
    if (fd < 0) {
        say_missing(listener, fd, why);
        return false;
    }
    port->path = bh_path_make_serial(index_of(listener), listener->place.path);
    route = bh_path_route(port->path.route);
    route.to.line.life = port->life;
    memcpy(port->path.route, &route, sizeof route);
    if (!bh_port_open(port, fd, serial_limit(&listener->place)))
        return false;
    if (cables->missed && may_say(listener))
        bh_log_say("%s: the line is there", name_of(listener, text));
    cables->missed = false;
    return true;
}

static void retry(uv_timer_t *timer)
{
    struct bh_listener *listener = timer->data;

    listener->driver->now = bh_clock_ms();
    if (listener->driver->stopping || open_serial(listener))
        uv_timer_stop(timer);
}

/*
 * Beginning and end.
 */

static int reserve(struct bh_listener *listener)
{
    struct bh_cables *cables = calloc(1, sizeof *cables);

    listener->via.cables = cables;
    if (cables == NULL)
        return -ENOMEM;
    cables->fd = -1;
    cables->count = is_serial(listener) ? 1 : CONNECTIONS_MAX;
    cables->ports = calloc(cables->count, sizeof *cables->ports);
    if (cables->ports == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < cables->count; i++)
        cables->ports[i].listener = listener;
    return 0;
}

int bh_cables_open(struct bh_listener *listener)
{
    int error = reserve(listener);

    if (error == 0 && !is_serial(listener)) {
        int fd = bh_tcp_listen(&listener->place.address);

        listener->via.cables->fd = fd;
        error = fd < 0 ? fd : 0;
    }
    if (error != 0)
        bh_cables_close(listener);
    return error;
}

void bh_cables_start(struct bh_listener *listener)
{
    struct bh_cables *cables = listener->via.cables;
    uv_loop_t *loop = &listener->driver->loop;

    if (is_serial(listener)) {
        uv_timer_init(loop, &cables->retry);
        cables->retry.data = listener;
        uv_timer_start(&cables->retry, retry, RETRY_MS, RETRY_MS);
        retry(&cables->retry);
        return;
    }
    uv_poll_init(loop, &listener->uv, cables->fd);
    listener->uv.data = listener;
    uv_poll_start(&listener->uv, UV_READABLE, bh_cables_accept);
}

void bh_cables_stop(struct bh_listener *listener)
{
    struct bh_cables *cables = listener->via.cables;

    for (unsigned i = 0; i < cables->count; i++)
        if (bh_port_is_open(&cables->ports[i]))
            uv_poll_stop(&cables->ports[i].uv);
    if (is_serial(listener))
        uv_timer_stop(&cables->retry);
    else
        uv_poll_stop(&listener->uv);
}

void bh_cables_close(struct bh_listener *listener)
{
    struct bh_cables *cables = listener->via.cables;

    if (cables == NULL)
        return;
    for (unsigned i = 0; cables->ports != NULL && i < cables->count; i++)
        bh_line_free(cables->ports[i].line);
    if (cables->fd >= 0)
        close(cables->fd);
    free(cables->ports);
    free(cables);
    listener->via.cables = NULL;
}
