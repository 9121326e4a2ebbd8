/* SPDX-License-Identifier: MIT */
/*
 * What an administrator wants of the server: one line of JSON in, one out. It
 * refuses to know how lines come and go.
 */
#ifndef BH_DAEMON_ORDER_H
#define BH_DAEMON_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct bh_driver;
struct bh_order;

/* To be called once, before the sandbox: opens what must be opened. */
void bh_order_prepare(void);

/* The order on a line. Nonsense is an order too, and its answer says so. NULL:
 * out of memory. */
struct bh_order *bh_order_new(struct bh_driver *driver, const char *line,
                              size_t len);

/* One that is answered with this complaint. */
struct bh_order *bh_order_refused(struct bh_driver *driver,
                                  const char *complaint);

/* Whether it has a part that may wait for a disk: that is to be done first, on
 * any thread. */
bool bh_order_is_slow(const struct bh_order *order);
void bh_order_work(struct bh_order *order);

/* Who asked for it is behind this socket, which is duplicated: if he hangs up,
 * it is given up as long as it has changed nothing. */
void bh_order_asked_by(struct bh_order *order, int fd);

/* After that: whether it has another such part, to be done while nobody else
 * uses a medium. That is held from now on, until bh_order_let_go(). */
bool bh_order_hold(struct bh_order *order);

/* Whether that part is due, or the order is refused: it is asked again. */
bool bh_order_is_due(struct bh_order *order);
bool bh_order_is_refused(const struct bh_order *order);

/* Nothing is held any more. */
void bh_order_let_go(struct bh_order *order);

/* Does the rest, on the loop's thread. The line to send, to be freed, or NULL:
 * out of memory. */
char *bh_order_answer(struct bh_order *order, size_t *len);

/* Takes NULL. */
void bh_order_free(struct bh_order *order);

#endif
