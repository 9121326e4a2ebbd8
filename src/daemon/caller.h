/* SPDX-License-Identifier: MIT */
/*
 * One connection of the control socket.
 *
 *     reading -> a line is there -> [in a thread] -> answering -> reading
 *
 * At any moment it does one of them. It is over when its peer has hung up, a
 * line was too long, or its place is needed.
 */
#ifndef BH_DAEMON_CALLER_H
#define BH_DAEMON_CALLER_H

#include "daemon/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct bh_order;

struct bh_caller {
    struct bh_control *control;
    uv_pipe_t pipe;
    uv_write_t write;
    uv_work_t work;
    struct bh_order *order; /* a line that is not answered yet */
    char *answer;           /* on its way */
    bool used;
    bool waits;    /* for the thread */
    bool working;  /* the thread has its order */
    bool last;     /* no more after this answer */
    bool shut;     /* its connection is closed; only `working` keeps it */
    uint64_t turn; /* rises with each line of anybody */
    size_t len;    /* of what has been read */
    char line[BH_CONTROL_LINE_MAX];
};

/* The connection `fd` takes this place, which is free. */
void bh_caller_begin(struct bh_caller *caller, int fd);

/* Its connection is closed; its place is free some time later. */
void bh_caller_end(struct bh_caller *caller);

/* Its order is done in a thread from now on. */
void bh_caller_work(struct bh_caller *caller);

/* Its order, which holds a medium, goes on if that is still; false: not yet. */
bool bh_caller_go_on(struct bh_caller *caller);

/* control.c: asks bh_caller_go_on() until it goes on. */
void bh_control_wait(struct bh_control *control, struct bh_caller *caller);

/* control.c: a caller waits for the thread, or the thread is free again; its
 * place is free; the next number of `turn`. */
void bh_control_worked(struct bh_control *control, bool free);
void bh_control_place_free(struct bh_control *control);
uint64_t bh_control_turn(struct bh_control *control);
struct bh_driver *bh_control_driver(struct bh_control *control);

#endif
