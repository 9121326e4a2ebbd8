/* SPDX-License-Identifier: MIT */
/*
 * A disk's session with a server: how it is won, proven, kept, lost and won
 * again. What is sent in it is traffic.c's, what the caller calls disk.c's.
 *
 *                open               OK              OK
 *     CLOSED -----------> CONNECTING -----> PROVING -----> OPEN <---------+
 *        ^                                                 |  |           |
 *        |     answer                              close   |  | error 4,  |
 *        +--------------- CLOSING <------------------------+  | spoiled   |
 *        |                                                    v           |
 *        | close                          OK                reconnect()   |
 *        +-------- LOST      REPROVING <----- RECONNECTING <--+           |
 *                   ^           |  |               |                      |
 *                   | refused   |  | trusted: all that waits is sent      |
 *                   +-----------+  +--------------------------------------+
 *                   |  or not trusted: lose()      |
 *                   +------------------------------+
 *
 *   CLOSED        no socket, no session.
 *   CONNECTING    a CONNECT runs. The session it wins is only pending.
 *   PROVING       an IDENTIFY runs: the first command makes the session ours,
 *                 and brings the volume's size, window, instance and counter.
 *   OPEN          a proven session; requests run, as many as window and pace
 *                 allow. When there are none a KEEP may run.
 *   RECONNECTING  the server no longer knows the session: a CONNECT from the
 *                 same address and port runs, all requests wait.
 *   REPROVING     an IDENTIFY in the new session runs, all requests wait.
 *   CLOSING       a DISCON runs.
 *   LOST          no socket, no session, and whether the image is still as the
 *                 program knows it cannot be told: every request fails with
 *                 `lost`, until the disk is closed or opened.
 *
 * Invariants
 *   1. A request is sent in another session than the one it was begun in only
 *      if distrust() finds nothing between the two: same instance of the
 *      server, and nobody but ourselves has had a writing session meanwhile.
 *      Then all that had no answer are sent again, in their order.
 *   2. On a shared volume no WRITE is sent again, nor anything in a session
 * that may write to a scratch one: what was written went with the session.
 *   3. A time-out ends a request, not the session. In OPEN `session` is one
 *      that was trusted; or 0, and the next request begins by reconnecting.
 *   4. The caller's data is not touched after its request is over.
 *   5. No number is sent beyond the oldest unanswered one + `width` - 1. From
 *      a width of 3 on the last number that this allows is kept for a DISCON:
 *      a program can always take its leave.
 *   6. A strict session in which a number was given up is spoiled: nothing but
 *      a DISCON is sent in it. When the last request that runs in it is over,
 *      the next begins with a new session.
 *   7. After error 11 nothing is begun but what the caller wants then: an
 *      IDENTIFY, which ends that, or a CLOSE. What waited has failed, and was
 *      not sent; what was under way is answered by 11 or by what became of it
 *      before.
 */
#ifndef BH_CLIENT_SESSION_H
#define BH_CLIENT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/blockhead.h"
#include "client/exchange.h"
#include "client/pace.h"
#include "client/path.h"
#include "client/requests.h"
#include "client/traffic.h"
#include "client/window.h"
#include "wire/identify.h"

#define BH_DEFAULT_SECTOR_LEN 512u

enum bh_session_state {
    BH_SESSION_CLOSED,
    BH_SESSION_CONNECTING,
    BH_SESSION_PROVING,
    BH_SESSION_OPEN,
    BH_SESSION_RECONNECTING,
    BH_SESSION_REPROVING,
    BH_SESSION_CLOSING,
    BH_SESSION_LOST
};

struct bh_disk {
    enum bh_session_state state;
    struct bh_path path;
    struct bh_pace pace;
    struct bh_requests requests;
    struct bh_window window;
    uint8_t *edges; /* two sectors for each slot; owned; NULL: not yet */
    struct bh_sector again[BH_WINDOW_MAX]; /* to be sent before all else */
    unsigned again_count;
    bool started;               /* something, since bh_session_process() */
    struct bh_exchange control; /* CONNECT, the IDENTIFY that proves, KEEP */
    struct bh_tiny last;        /* the last one begun: session and number */
    uint16_t session;           /* invariant 3 */
    unsigned width;             /* of the window: 1 until it is proven */
    unsigned carried;           /* so many of them at once by the path */
    unsigned run;               /* the most sectors of a READ_RUN; 1: none */
    bool spoiled;               /* invariant 6 */
    bool changed;               /* invariant 7 */
    bool locks;                 /* the medium, in this session */
    unsigned connects;          /* sessions won since something was answered */
    struct bh_url url;
    uint32_t default_sector_len; /* where the URL says none */
    uint8_t connect_flags;
    bool identified;  /* `info` came from the server */
    uint64_t changes; /* rises when a WRITE is sent, and when it is over */
    uint64_t flushed; /* `changes` when the last good FLUSH was sent */
    struct bh_info info;
    uint8_t identify[BH_IDENTIFY_LEN];
    uint32_t timeout_ms;
    bool alone; /* a blocking call is starting its request */
    uint64_t reconnections;
    int lost; /* in LOST: the negative errno ... */
    uint8_t lost_status;
    char lost_why[200]; /* ... and its reason */
    char name[600];     /* the URL, for sentences */
    uint8_t status;     /* of the last failure */
    char error[1024];
    uint64_t (*now_us)(void *);
    void *clock;
};

uint64_t bh_session_now_us(const struct bh_disk *disk);

/* Sends the first CONNECT, for the OPEN that is the only request. */
void bh_session_open(struct bh_disk *disk);

/* Ends the session with one DISCON and no wait: the server need not keep what
 * nobody uses. */
void bh_session_leave(struct bh_disk *disk);

/* Takes what has arrived, ends what is over its time, sends what is due. */
void bh_session_process(struct bh_disk *disk);

/* Sends what these calls have put together; bh_session_process() does so too.
 */
void bh_session_flush(struct bh_disk *disk);

/* Milliseconds until bh_session_process() has something to do; -1: nothing. */
int bh_session_wait_ms(const struct bh_disk *disk);

/* For traffic.c: takes over what an IDENTIFY has brought. NULL, or what is
 * wrong with it. */
const char *bh_session_identified(struct bh_disk *disk);

/* Whether the number of a request that was so answered is still to be used. */
bool bh_session_leaves_open(uint8_t status);

#endif
