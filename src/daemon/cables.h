/* SPDX-License-Identifier: MIT */
/* The state of serial lines and of TCP connections in their place: for
 * cables.c and cables_tcp.c, and for nobody else. */
#ifndef BH_DAEMON_CABLES_H
#define BH_DAEMON_CABLES_H

#include "daemon/internal.h"
#include "net/line.h"

/* A line of a listener. */
struct bh_port {
    uv_poll_t uv;
    struct bh_listener *listener;
    struct bh_line *line; /* NULL: never used */
    struct bh_path path;
    struct bh_address from; /* TCP */
    uint64_t heard_ms;
    uint32_t life;
    bool closing; /* the loop still has the handle */
    bool strange; /* it has been said that nothing good comes */
    bool inexact; /* or that lengths are wrong */
};

struct bh_cables {
    struct bh_port *ports;
    unsigned count;
    int fd; /* TCP: listens */
    uv_timer_t retry;
    bool missed; /* that the device is not there has been said */
};

/* Takes `fd` over, and looks at it from now on. */
bool bh_port_open(struct bh_port *port, int fd, size_t limit);
void bh_port_close(struct bh_port *port);
bool bh_port_is_open(const struct bh_port *port);

/* cables_tcp.c: somebody connects. */
void bh_cables_accept(uv_poll_t *uv, int status, int events);

#endif
