/* SPDX-License-Identifier: MIT */
/* TCP connections in the place of serial lines. */
#include "daemon/cables.h"
#include "daemon/clock.h"
#include "daemon/peer.h"
#include "net/tcp.h"

#define TCP_LIMIT 262144u /* bytes that wait for one */

/* A free one, or that which has been silent for longest: a machine that was
 * switched off leaves its connection behind. */
static struct bh_port *port_for_newcomer(struct bh_cables *cables)
{
    struct bh_port *oldest = NULL;

    for (unsigned i = 0; i < cables->count; i++) {
        struct bh_port *port = &cables->ports[i];

        if (port->closing)
            continue;
        if (!bh_port_is_open(port))
            return port;
        if (oldest == NULL || port->heard_ms < oldest->heard_ms)
            oldest = port;
    }
    return oldest;
}

static void take_connection(struct bh_listener *listener, struct bh_port *port,
                            int fd, const struct bh_address *from)
{
    const struct bh_line_route line = {
        (uint16_t)(port - listener->via.cables->ports), port->life};

    port->from = *from;
    port->path = bh_path_make_tcp(
        (uint8_t)(listener - listener->driver->listeners), from, &line);
    if (!bh_port_open(port, fd, TCP_LIMIT))
        bh_log_say("a connection is refused: out of memory");
}

void bh_cables_accept(uv_poll_t *uv, int status, int events)
{
    struct bh_listener *listener = uv->data;
    struct bh_port *port = port_for_newcomer(listener->via.cables);
    struct bh_address from;
    int fd;

    (void)status;
    (void)events;
    if (port == NULL)
        return; /* in the next turn of the loop */
    if (bh_port_is_open(port)) {
        bh_port_close(port);
        return; /* likewise */
    }
    listener->driver->now = bh_clock_ms();
    fd = bh_tcp_accept(listener->via.cables->fd, &from);
    if (fd >= 0)
        take_connection(listener, port, fd, &from);
}
