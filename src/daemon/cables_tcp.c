/* SPDX-License-Identifier: MIT */
/* TCP connections in the place of serial lines. */
#include "daemon/cables.h"
#include "daemon/clock.h"
#include "daemon/peer.h"
#include "net/tcp.h"

#include <string.h>

#define TCP_LIMIT 262144u /* bytes that wait for one */

/* Whether one owner has both: of an IPv6 network he may have any address. */
static bool same_owner(const struct bh_port *a, const struct bh_port *b)
{
    return memcmp(a->path.peer.host, b->path.peer.host, BH_NETWORK_LEN) == 0;
}

static unsigned crowd_of(const struct bh_cables *cables,
                         const struct bh_port *port)
{
    unsigned count = 0;

    for (unsigned i = 0; i < cables->count; i++)
        count += bh_port_is_open(&cables->ports[i]) &&
                 same_owner(&cables->ports[i], port);
    return count;
}

/* Of the owner who has most that which has been silent for longest: a machine
 * that was switched off leaves its connection behind, and one that connects
 * without end drives out its own. */
static struct bh_port *port_to_spare(struct bh_cables *cables)
{
    struct bh_port *spare = NULL;
    unsigned most = 0;

    for (unsigned i = 0; i < cables->count; i++) {
        struct bh_port *port = &cables->ports[i];
        unsigned crowd = bh_port_is_open(port) ? crowd_of(cables, port) : 0;

        if (crowd < most || crowd == 0)
            continue;
        if (crowd > most || port->heard_ms < spare->heard_ms)
            spare = port;
        most = crowd;
    }
    return spare;
}

static struct bh_port *port_for_newcomer(struct bh_cables *cables)
{
    for (unsigned i = 0; i < cables->count; i++) {
        struct bh_port *port = &cables->ports[i];

        if (port->closing)
            return NULL; /* free in the next turn of the loop */
        if (!bh_port_is_open(port))
            return port;
    }
    return port_to_spare(cables);
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
        return;
    if (bh_port_is_open(port)) {
        bh_port_close(port);
        return; /* likewise free in the next turn */
    }
    listener->driver->now = bh_clock_ms();
    fd = bh_tcp_accept(listener->via.cables->fd, &from);
    if (fd >= 0)
        take_connection(listener, port, fd, &from);
}
