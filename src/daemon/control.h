/* SPDX-License-Identifier: MIT */
/*
 * The control socket: an administrator's programs on this machine connect, and
 * send one JSON object a line; each gets one back. docs/control.md lists them.
 *
 * A peer that sends nonsense, never reads, or never ends harms nobody:
 *  1. A line has at most BH_CONTROL_LINE_MAX bytes.
 *  2. There are at most BH_CONTROL_CALLERS connections; for one more, the one
 *     that has said nothing for longest goes.
 *  3. Nothing is read from a peer before it has taken its last answer.
 *  4. What could wait for a disk is done in a thread, one order at a time.
 *
 * Built without jansson, there is none.
 */
#ifndef BH_DAEMON_CONTROL_H
#define BH_DAEMON_CONTROL_H

#include "daemon/config.h"

#define BH_CONTROL_LINE_MAX 65536u
#define BH_CONTROL_CALLERS 8u

struct bh_control;
struct bh_driver;

/* Makes the socket that the driver's configuration wants, as driver->control;
 * NULL if none is wanted or to be had. A negative errno value with a `problem`
 * if one was asked for by name. Nothing is opened later. */
int bh_control_open(struct bh_driver *driver, char problem[BH_PROBLEM_LEN]);

/* Serves it from now on, in the driver's loop. */
void bh_control_start(struct bh_control *control);

/* Removes it, when the loop is over. Takes NULL. */
void bh_control_free(struct bh_control *control);

#endif
