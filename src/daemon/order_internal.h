/* SPDX-License-Identifier: MIT */
/* For the files of orders. A new one is a row in order.c, its handler, and its
 * section in docs/control.md. */
#ifndef BH_DAEMON_ORDER_INTERNAL_H
#define BH_DAEMON_ORDER_INTERNAL_H

#include "daemon/internal.h"
#include "volume/checkpoint.h"

#include <jansson.h>

struct bh_order {
    struct bh_driver *driver;
    const struct bh_order_row *row;
    json_t *request;
    json_t *answer; /* an object; "ok" and "error" are added in the end */
    bool refused;
    char complaint[BH_PROBLEM_LEN];
    char cause[BH_CAUSE_LEN];
    struct bh_volume_facts *facts; /* what the thread has found, or NULL */
    size_t count;
    struct bh_checkpoint checkpoint;    /* what is meant, or its label */
    bool held;                          /* a medium, for this order */
    bool locks;                         /* it is to lock the image itself */
    bool swaps;                         /* a slot's medium, for this order */
    char image[BH_VOLUME_NAME_LEN + 1]; /* for a slot; empty: none */
    uint64_t held_since;
    int asker; /* a socket, or -1 */
    bool given_up;
};

struct bh_order_row {
    const char *name;
    void (*work)(struct bh_order *order); /* may wait; or NULL */
    void (*answer)(struct bh_order *order);
    void (*hold)(struct bh_order *order);  /* a medium, after `work`; or NULL */
    void (*still)(struct bh_order *order); /* may wait; while it is held */
    bool (*due)(struct bh_order *order);   /* instead of a hold: it is over */
};

/* The order is not carried out. The first complaint is the one that is told. */
__attribute__((format(printf, 2, 3))) void
bh_order_refuse(struct bh_order *order, const char *format, ...);

/* Whether who asked for it is there. One that says no more is: it waits for the
 * answer. If not, the order is given up. On any thread. */
bool bh_order_go_on(struct bh_order *order);

/* A text, or a number of at most `max`, among the request's keys. If it is
 * missing or wrong the order is refused, and they return NULL and false. */
const char *bh_order_text(struct bh_order *order, const char *key);
bool bh_order_number(struct bh_order *order, const char *key, uint64_t max,
                     uint64_t *out);
/* Where a part of a list begins: 0 unless "from" says otherwise. */
bool bh_order_from(struct bh_order *order, uint64_t *from);
bool bh_order_has(const struct bh_order *order, const char *key);

/* Into an object. JSON is UTF-8: of other text, what is no ASCII becomes \xNN.
 */
void bh_order_put_text(json_t *object, const char *key, const char *text);
void bh_order_put_number(json_t *object, const char *key, uint64_t value);
void bh_order_put_flag(json_t *object, const char *key, bool value);

/* order_status.c */
void bh_order_status(struct bh_order *order);

/* order_session.c */
void bh_order_sessions(struct bh_order *order);
void bh_order_disconnect(struct bh_order *order);

/* order_volume.c */
void bh_order_find_volumes(struct bh_order *order);
void bh_order_volumes(struct bh_order *order);
void bh_order_find_reopen(struct bh_order *order);
void bh_order_reopen(struct bh_order *order);

/* order_checkpoint.c */
void bh_order_find_checkpoints(struct bh_order *order);
void bh_order_say_done(struct bh_order *order);
void bh_order_do_remove(struct bh_order *order);
void bh_order_find_label(struct bh_order *order);
void bh_order_hold_changes(struct bh_order *order);
void bh_order_make_checkpoint(struct bh_order *order);
void bh_order_find_rollback(struct bh_order *order);
void bh_order_hold_all(struct bh_order *order);
void bh_order_roll_back(struct bh_order *order);
void bh_order_rolled_back(struct bh_order *order);

/* order_slot.c */
void bh_order_find_slots(struct bh_order *order);
void bh_order_slots(struct bh_order *order);
void bh_order_find_insert(struct bh_order *order);
void bh_order_find_eject(struct bh_order *order);
void bh_order_swap(struct bh_order *order);
bool bh_order_is_swapped(struct bh_order *order);
void bh_order_swapped(struct bh_order *order);

/* order_create.c */
void bh_order_do_create(struct bh_order *order);
void bh_order_create(struct bh_order *order);

#endif
