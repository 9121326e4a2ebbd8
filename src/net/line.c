/* SPDX-License-Identifier: MIT */
#include "net/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX_LEN BH_FRAME_MAX_LEN(BH_DATAGRAM_MAX_LEN)

struct bh_line *bh_line_new(size_t limit)
{
    struct bh_line *line = calloc(1, sizeof *line);

    if (line == NULL)
        return NULL;
    line->fd = -1;
    line->limit = limit;
    line->out = malloc(limit + FRAME_MAX_LEN);
    if (line->out != NULL)
        return line;
    free(line);
    return NULL;
}

void bh_line_free(struct bh_line *line)
{
    if (line == NULL)
        return;
    bh_line_close(line);
    free(line->out);
    free(line);
}

void bh_line_open(struct bh_line *line, int fd)
{
    bh_line_close(line);
    line->fd = fd;
    line->at = line->count = 0;
    line->out_at = line->out_len = 0;
    line->received = line->good = line->damaged = line->dropped = 0;
    bh_frame_in_start(&line->in, NULL, 0, line->datagram,
                      sizeof line->datagram);
}

void bh_line_close(struct bh_line *line)
{
    if (line->fd >= 0)
        close(line->fd);
    line->fd = -1;
}

/*
 * Receiving.
 */

static int refill(struct bh_line *line)
{
    ssize_t len = read(line->fd, line->chunk, sizeof line->chunk);

    line->at = line->count = 0;
    if (len == 0)
        return -EPIPE;
    if (len < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    line->count = (size_t)len;
    line->received += (size_t)len;
    return 0;
}

bool bh_line_holds(const struct bh_line *line)
{
    return line->at < line->count;
}

long bh_line_next(struct bh_line *line, const uint8_t **bytes)
{
    unsigned left = BH_LINE_NOISE_LEN / BH_LINE_CHUNK_LEN;
    int error;

    for (;;) {
        while (line->at < line->count) {
            uint8_t what = bh_frame_take(&line->in, line->chunk[line->at++]);

            line->damaged += what == BH_FRAME_DAMAGED;
            if (what != BH_FRAME_GOOD)
                continue;
            line->good++;
            *bytes = line->datagram;
            return BH_FRAME_LEN(&line->in);
        }
        if (left-- == 0)
            return -EAGAIN;
        error = refill(line);
        if (error != 0)
            return error;
    }
}

/*
 * Sending.
 */

/* With what the kernel has of a terminal or a TCP connection; of others it does
 * not say. */
static size_t backlog(const struct bh_line *line)
{
    int queued = 0;

    if (ioctl(line->fd, TIOCOUTQ, &queued) != 0 || queued < 0)
        queued = 0;
    return line->out_len + (size_t)queued;
}

static void make_room(struct bh_line *line)
{
    if (line->out_at == 0)
        return;
    memmove(line->out, line->out + line->out_at, line->out_len);
    line->out_at = 0;
}

bool bh_line_put(struct bh_line *line, const uint8_t *head, size_t head_len,
                 const uint8_t *body, size_t body_len)
{
    struct bh_frame_out out;
    uint8_t *at;

    if (line->fd < 0 || head_len + body_len > BH_DATAGRAM_MAX_LEN ||
        backlog(line) > line->limit) {
        line->dropped++;
        return false;
    }
    make_room(line);
    at = line->out + line->out_len;
    bh_frame_out_start(&out, head, (uint16_t)head_len, body,
                       (uint16_t)body_len);
    while (bh_frame_next(&out, at))
        at++;
    line->out_len = (size_t)(at - line->out);
    return true;
}

/* A program must not be ended by the SIGPIPE of a connection. */
static ssize_t send_some(const struct bh_line *line)
{
    const uint8_t *at = line->out + line->out_at;
    ssize_t len = send(line->fd, at, line->out_len, MSG_NOSIGNAL);

    if (len < 0 && errno == ENOTSOCK)
        len = write(line->fd, at, line->out_len);
    return len;
}

int bh_line_flush(struct bh_line *line)
{
    while (line->out_len > 0) {
        ssize_t len = send_some(line);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return errno == EAGAIN ? 0 : -errno;
        line->out_at += (size_t)len;
        line->out_len -= (size_t)len;
    }
    line->out_at = 0;
    return 0;
}

bool bh_line_waits(const struct bh_line *line)
{
    return line->fd >= 0 && line->out_len > 0;
}
