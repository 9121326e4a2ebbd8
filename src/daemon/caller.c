/* SPDX-License-Identifier: MIT */
#include "daemon/caller.h"

#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/order.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void advance(struct bh_caller *caller);

static bool is_over(const struct bh_caller *caller)
{
    return uv_is_closing((const uv_handle_t *)&caller->pipe) != 0;
}

static void release(struct bh_caller *caller)
{
    if (!caller->shut || caller->working)
        return;
    bh_order_free(caller->order);
    caller->order = NULL;
    caller->used = false;
    bh_control_place_free(caller->control);
}

static void closed(uv_handle_t *handle)
{
    struct bh_caller *caller = handle->data;

    caller->shut = true;
    release(caller);
}

void bh_caller_end(struct bh_caller *caller)
{
    caller->waits = false;
    if (!is_over(caller))
        uv_close((uv_handle_t *)&caller->pipe, closed);
}

static void answered(uv_write_t *write, int status)
{
    struct bh_caller *caller = write->data;

    free(caller->answer);
    caller->answer = NULL;
    if (is_over(caller))
        return;
    if (status < 0 || caller->last)
        bh_caller_end(caller);
    else
        advance(caller);
}

/* An order may have changed what the core wants. */
static void answer(struct bh_caller *caller)
{
    struct bh_driver *driver = bh_control_driver(caller->control);
    uv_buf_t buffer = {0};

    driver->now = bh_clock_ms();
    caller->answer = bh_order_answer(caller->order, &buffer.len);
    bh_order_free(caller->order);
    caller->order = NULL;
    bh_driver_pump(driver);
    buffer.base = caller->answer;
    caller->write.data = caller;
    if (caller->answer == NULL ||
        uv_write(&caller->write, (uv_stream_t *)&caller->pipe, &buffer, 1,
                 answered) != 0) {
        free(caller->answer);
        caller->answer = NULL;
        bh_caller_end(caller);
    }
}

static void work(uv_work_t *uv)
{
    struct bh_caller *caller = uv->data;

    bh_order_work(caller->order);
}

/* The thread is done with the order. */
static void finish(struct bh_caller *caller)
{
    struct bh_control *control = caller->control;
    struct bh_driver *driver = bh_control_driver(control);

    caller->working = false;
    bh_order_let_go(caller->order);
    if (!is_over(caller))
        answer(caller);
    else
        release(caller);
    bh_driver_pump(driver);
    bh_control_worked(control, true);
}

static void worked(uv_work_t *uv, int cancelled)
{
    struct bh_caller *caller = uv->data;
    struct bh_driver *driver = bh_control_driver(caller->control);

    (void)cancelled;
    driver->now = bh_clock_ms();
    if (is_over(caller) || !bh_order_hold(caller->order)) {
        finish(caller);
        return;
    }
    bh_control_wait(caller->control, caller);
    bh_driver_pump(driver);
}

bool bh_caller_go_on(struct bh_caller *caller)
{
    struct bh_driver *driver = bh_control_driver(caller->control);
    bool due;

    driver->now = bh_clock_ms();
    due = bh_order_is_due(caller->order);
    bh_driver_pump(driver);
    if (is_over(caller) || (due && bh_order_is_refused(caller->order)))
        finish(caller);
    else if (due)
        uv_queue_work(caller->pipe.loop, &caller->work, work, worked);
    else
        return false;
    return true;
}

void bh_caller_work(struct bh_caller *caller)
{
    caller->waits = false;
    caller->working = true;
    caller->work.data = caller;
    uv_queue_work(caller->pipe.loop, &caller->work, work, worked);
}

/* Takes the first line, of `len` bytes, out of what has been read. */
static void obey(struct bh_caller *caller, size_t len)
{
    uv_os_fd_t fd;

    caller->turn = bh_control_turn(caller->control);
    caller->order =
        bh_order_new(bh_control_driver(caller->control), caller->line, len);
    caller->len -= len + 1;
    memmove(caller->line, caller->line + len + 1, caller->len);
    if (caller->order == NULL) {
        bh_caller_end(caller);
    } else if (bh_order_is_slow(caller->order)) {
        if (uv_fileno((uv_handle_t *)&caller->pipe, &fd) == 0)
            bh_order_asked_by(caller->order, fd);
        caller->waits = true;
        bh_control_worked(caller->control, false);
    } else {
        answer(caller);
    }
}

static void refuse_length(struct bh_caller *caller)
{
    caller->last = true;
    caller->order = bh_order_refused(
        bh_control_driver(caller->control),
        "a line has at most 65535 bytes, and a line feed at its end");
    if (caller->order == NULL)
        bh_caller_end(caller);
    else
        answer(caller);
}

static void offer_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    struct bh_caller *caller = handle->data;

    (void)wanted;
    buffer->base = caller->line + caller->len;
    buffer->len = sizeof caller->line - caller->len;
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct bh_caller *caller = stream->data;

    (void)buffer;
    if (count < 0) {
        bh_caller_end(caller);
        return;
    }
    caller->len += (size_t)count;
    if (count > 0)
        advance(caller);
}

/* Goes on with the next line, if it is there. */
static void advance(struct bh_caller *caller)
{
    const char *feed = memchr(caller->line, '\n', caller->len);
    uv_stream_t *stream = (uv_stream_t *)&caller->pipe;

    uv_read_stop(stream);
    if (feed != NULL)
        obey(caller, (size_t)(feed - caller->line));
    else if (caller->len == sizeof caller->line)
        refuse_length(caller);
    else if (uv_read_start(stream, offer_room, received) != 0)
        bh_caller_end(caller);
}

void bh_caller_begin(struct bh_caller *caller, int fd)
{
    struct bh_control *control = caller->control;
    uv_loop_t *loop = &bh_control_driver(control)->loop;

    caller->used = true;
    caller->waits = caller->working = caller->last = caller->shut = false;
    caller->len = 0;
    caller->turn = bh_control_turn(control);
    uv_pipe_init(loop, &caller->pipe, 0);
    caller->pipe.data = caller;
    if (uv_pipe_open(&caller->pipe, fd) != 0) {
        close(fd);
        bh_caller_end(caller);
    } else {
        advance(caller);
    }
}
