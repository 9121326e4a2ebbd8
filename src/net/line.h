/* SPDX-License-Identifier: MIT */
/*
 * A serial line, or a byte stream in its place: datagrams in frames
 * (wire/frame.h) in and out, without ever waiting. It refuses to know how the
 * descriptor was opened, and what a datagram says.
 *
 * Invariants
 *   1. What waits to leave is at most `limit` bytes and one frame more; a frame
 *      that comes when there is more is dropped whole, the newest one, so that
 *      none is ever cut, and those that leave are in their order. What is
 *      dropped counts as lost on the line.
 *   2. Nothing of what was before an opening comes out behind it.
 */
#ifndef BH_NET_LINE_H
#define BH_NET_LINE_H

#include "wire/frame.h"
#include "wire/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_LINE_CHUNK_LEN 4096u
#define BH_LINE_NOISE_LEN 65536u /* looked at in one go; above any frame's */

struct bh_line {
    int fd;                 /* owned; -1: closed */
    struct bh_frame_in in;  /* into `datagram` */
    size_t at, count;       /* what has been read, and not looked at: chunk */
    uint8_t *out;           /* owned */
    size_t out_at, out_len; /* what waits to leave */
    size_t limit;
    uint64_t received; /* bytes, since it was opened */
    uint64_t good;     /* frames received */
    uint64_t damaged;  /* and what was none */
    uint64_t dropped;  /* frames that were not sent */
    uint8_t chunk[BH_LINE_CHUNK_LEN];
    uint8_t datagram[BH_DATAGRAM_MAX_LEN];
};

/* Closed; `limit` as in invariant 1. NULL if there is no memory. */
struct bh_line *bh_line_new(size_t limit);
void bh_line_free(struct bh_line *line);

/* Takes `fd` over, which does not block. */
void bh_line_open(struct bh_line *line, int fd);
void bh_line_close(struct bh_line *line);

/* The next datagram: its length, and in `*bytes` where it is until the next
 * call. -EAGAIN if none is there, -EPIPE if the other end has hung up, or
 * another negative errno. Also -EAGAIN after much of what is no datagram: there
 * may be more, and the descriptor says so. */
long bh_line_next(struct bh_line *line, const uint8_t **bytes);

/* Whether bh_line_next() may have one without asking the descriptor. */
bool bh_line_holds(const struct bh_line *line);

/* Puts a datagram behind what waits to leave. False: dropped. */
bool bh_line_put(struct bh_line *line, const uint8_t *head, size_t head_len,
                 const uint8_t *body, size_t body_len);

/* Sends what the descriptor takes. 0, or a negative errno. */
int bh_line_flush(struct bh_line *line);

/* Whether something waits until the descriptor can be written to. */
bool bh_line_waits(const struct bh_line *line);

#endif
