/* SPDX-License-Identifier: MIT */
/*
 * A disk: one session with one volume, and one request at a time on it. What
 * goes over the wire, and how often, is exchange.c's; this file decides what an
 * answer leads to.
 *
 *                open                OK               OK
 *     CLOSED --------------> CONNECTING ------> PROVING -------> IDLE
 *        ^                                                      ^    |
 *        |               answer                       answer    |    | request
 *        +-------------------------- CLOSING     BUSY ----------+    |
 *        |                              ^         ^                  |
 *        |                              +---------+-- send_request --+
 *        |                                        |
 *        |              error 4: reconnect()      |
 *        |    RECONNECTING <--------------------- +
 *        |         |      | OK                    | trusted: send_request()
 *        |         |      +---> REPROVING --------+
 *        | close   | refused       | not trusted: lose()
 *        +------- LOST <-----------+
 *
 *     IDLE --- a third of the lease has passed: keep_if_due() ---> KEEPING
 *     KEEPING --- answer: on_kept() ---> IDLE, or on with what waits
 *
 *   CLOSED        no socket, no session.
 *   CONNECTING    a CONNECT runs. The session it wins is only pending.
 *   PROVING       an IDENTIFY runs: the first command makes the session ours,
 *                 and brings the volume's size, instance and change counter.
 *   IDLE          a proven session; `info` is what the server last said.
 *   KEEPING       a KEEP of a strict session runs, for as long as it takes. A
 *                 request that was started meanwhile waits for its answer.
 *   BUSY          `request` runs.
 *   RECONNECTING  the server no longer knows the session: a CONNECT from the
 *                 same address and port runs, `request` waits.
 *   REPROVING     an IDENTIFY in the new session runs, `request` waits.
 *   CLOSING       a DISCON runs.
 *   LOST          no socket, no session, and whether the image is still as the
 *                 program knows it cannot be told: every request fails with
 *                 `lost`, until the disk is closed or opened.
 *
 * Invariants
 *   1. A request is sent in another session than the one it was begun in only
 *      if distrust() finds nothing between the two: same instance of the
 *      server, and nobody but ourselves has had a writing session meanwhile.
 *   2. On a shared volume no WRITE is sent again, on a scratch one nothing.
 *   3. A time-out ends a request, not the session. In IDLE `session` is one
 *      that was trusted; or 0, and the next request begins by reconnecting.
 *   4. The caller's data is not touched after its request is over.
 *   5. In a strict session one number is outstanding at a time. After a request
 *      that was given up with its number open (`given_up`) nothing but a DISCON
 *      is sent in that session, and that only if its window allows it.
 */
#include "client/disk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "client/error.h"
#include "client/exchange.h"
#include "client/info.h"
#include "wire/bytes.h"
#include "wire/protocol.h"
#include "wire/status.h"

#define DEFAULT_SECTOR_LEN 512u

/* Sessions won per request before a server that keeps forgetting them is given
 * up; more only helps against a machine that fails in other ways too. */
#define CONNECTS_MAX 4u

enum state {
    CLOSED,
    CONNECTING,
    PROVING,
    IDLE,
    KEEPING,
    BUSY,
    RECONNECTING,
    REPROVING,
    CLOSING,
    LOST
};

enum kind { OPEN, IDENTIFY, READ, WRITE, FLUSH, CLOSE };

static const char *const verbs[] = {"open",  "identify", "read",
                                    "write", "flush",    "close"};

/* What the caller wants. */
struct request {
    enum kind kind;
    uint32_t lsn;
    uint8_t *in;        /* READ: the caller's buffer */
    const uint8_t *out; /* WRITE: the caller's data */
    uint64_t deadline_us;
    unsigned connects;
    bool sent; /* in whatever session */
};

struct bh_disk {
    struct bh_exchange exchange;
    enum state state;
    struct request request;
    struct bh_url url;
    char name[600]; /* the URL again, for sentences */
    uint8_t connect_flags;
    uint16_t session; /* invariant 3 */
    bool given_up;    /* invariant 5 */
    bool waiting;     /* KEEPING: `request` waits */
    bool identified;  /* `info` came from the server */
    bool unflushed;   /* a WRITE since the last FLUSH */
    struct bh_info info;
    uint8_t identify[BH_IDENTIFY_LEN];
    uint32_t timeout_ms;
    uint64_t reconnections;
    int lost; /* in LOST: the negative errno ... */
    uint8_t lost_status;
    char lost_why[200]; /* ... and its reason */
    int result;         /* of the last request */
    uint8_t status;
    char error[1024];
    uint64_t (*now_us)(void *);
    void *clock;
};

static uint64_t system_clock(void *context)
{
    (void)context;
    return bh_clock_us();
}

static uint64_t now_us(const struct bh_disk *disk)
{
    return disk->now_us(disk->clock);
}

struct bh_disk *bh_disk_new(void)
{
    struct bh_disk *disk = calloc(1, sizeof(*disk));

    if (disk == NULL)
        return NULL;
    bh_exchange_init(&disk->exchange);
    disk->timeout_ms = BH_DEFAULT_TIMEOUT_MS;
    disk->now_us = system_clock;
    return disk;
}

void bh_disk_set_clock(struct bh_disk *disk, uint64_t (*now)(void *),
                       void *context)
{
    disk->now_us = now;
    disk->clock = context;
}

void bh_disk_set_timeout(struct bh_disk *disk, uint32_t timeout_ms)
{
    disk->timeout_ms = timeout_ms;
}

const char *bh_disk_error(const struct bh_disk *disk)
{
    return disk->error;
}

uint8_t bh_disk_status(const struct bh_disk *disk)
{
    return disk->status;
}

const struct bh_info *bh_disk_info(const struct bh_disk *disk)
{
    return &disk->info;
}

void bh_disk_stats(const struct bh_disk *disk, struct bh_stats *out)
{
    const struct bh_exchange *exchange = &disk->exchange;

    out->requests = exchange->requests;
    out->retransmissions = exchange->retransmissions;
    out->strays = exchange->strays;
    out->reconnections = disk->reconnections;
    out->srtt_us = exchange->rto.srtt_us;
    out->rto_us = exchange->rto.rto_us;
}

static bool runs(const struct bh_disk *disk)
{
    if (disk->state == KEEPING)
        return disk->waiting;
    return disk->state != CLOSED && disk->state != IDLE && disk->state != LOST;
}

static bool is_strict(const struct bh_disk *disk)
{
    return disk->exchange.tiny.strict != 0;
}

/*
 * How a request ends.
 */

static struct bh_attempt attempt(const struct bh_disk *disk, enum kind kind,
                                 uint32_t lsn)
{
    struct bh_attempt made = {.verb = verbs[kind],
                              .target = disk->name,
                              .has_lsn = kind == READ || kind == WRITE,
                              .lsn = lsn,
                              .sector_len =
                                  kind == OPEN ? disk->info.sector_len : 0};

    return made;
}

static struct bh_attempt current(const struct bh_disk *disk)
{
    return attempt(disk, disk->request.kind, disk->request.lsn);
}

static int end(struct bh_disk *disk, enum state next, int result)
{
    disk->state = next;
    disk->result = result;
    return result;
}

static int end_status(struct bh_disk *disk, enum state next, uint8_t status)
{
    struct bh_attempt made = current(disk);

    disk->status = status;
    return end(disk, next,
               bh_say_status(disk->error, sizeof(disk->error), &made, status));
}

static int end_errno(struct bh_disk *disk, enum state next, int error)
{
    struct bh_attempt made = current(disk);

    disk->status = BH_OK;
    return end(disk, next,
               bh_say_errno(disk->error, sizeof(disk->error), &made, error));
}

static int end_why(struct bh_disk *disk, enum state next, int error,
                   uint8_t status, const char *why)
{
    struct bh_attempt made = current(disk);

    disk->status = status;
    return end(disk, next,
               bh_say_why(disk->error, sizeof(disk->error), &made, error, why));
}

/* One DISCON and no wait: the server need not keep what nobody uses. */
static void leave(struct bh_disk *disk)
{
    if (disk->session != 0) {
        bh_put16(disk->exchange.tiny.packet + 2, disk->session);
        bh_tiny_disconnect(&disk->exchange.tiny);
        bh_exchange_fire(&disk->exchange);
    }
    disk->session = 0;
    bh_exchange_close(&disk->exchange);
}

/* `why` goes on where "the session was lost" ends. */
static int lose(struct bh_disk *disk, int error, uint8_t status,
                const char *why)
{
    leave(disk);
    disk->lost = error;
    disk->lost_status = status;
    snprintf(disk->lost_why, sizeof(disk->lost_why),
             "the session was lost%s; open the disk again", why);
    return end_why(disk, LOST, error, status, disk->lost_why);
}

/*
 * The steps of a session.
 */

/* Sends what `tiny` holds; a datagram that no path carries fails at once. */
static int go(struct bh_disk *disk, enum state next, void *data,
              size_t data_len)
{
    bool quick = next != CLOSING && next != KEEPING &&
                 (next != BUSY || disk->request.kind != FLUSH);
    int rc = bh_exchange_begin(&disk->exchange, data, data_len, quick,
                               now_us(disk), disk->request.deadline_us);

    disk->state = next;
    return rc;
}

static int send_connect(struct bh_disk *disk, enum state next)
{
    static const char no_name[2] = {0, 0};
    size_t len = strlen(disk->url.image) + 1;

    disk->request.connects++;
    if (len == 1)
        bh_tiny_connect(&disk->exchange.tiny, disk->connect_flags, no_name,
                        sizeof(no_name));
    else
        bh_tiny_connect(&disk->exchange.tiny, disk->connect_flags,
                        disk->url.image, (uint16_t)len);
    return go(disk, next, NULL, 0);
}

static int send_identify(struct bh_disk *disk, enum state next)
{
    bh_tiny_identify(&disk->exchange.tiny);
    return go(disk, next, disk->identify, sizeof(disk->identify));
}

static int send_request(struct bh_disk *disk)
{
    struct bh_tiny *tiny = &disk->exchange.tiny;
    const struct request *request = &disk->request;
    uint16_t sector_len = (uint16_t)disk->info.sector_len;

    disk->request.sent = true;
    switch (request->kind) {
    case READ:
        bh_tiny_read(tiny, request->lsn, sector_len);
        return go(disk, BUSY, request->in, sector_len);
    case WRITE:
        disk->unflushed = true;
        bh_tiny_write(tiny, request->lsn, request->out, sector_len);
        return go(disk, BUSY, NULL, 0);
    case FLUSH:
        bh_tiny_flush(tiny);
        return go(disk, BUSY, NULL, 0);
    case CLOSE:
        bh_tiny_disconnect(tiny);
        return go(disk, CLOSING, NULL, 0);
    default:
        return send_identify(disk, BUSY);
    }
}

/* No answer will come. */
static int on_silence(struct bh_disk *disk, int error)
{
    enum state was = disk->state;

    if (was == BUSY) {
        disk->given_up = is_strict(disk);
        return end_errno(disk, IDLE, error);
    }
    if (was == RECONNECTING || was == REPROVING) {
        disk->session = 0; /* whatever was won is not trusted */
        return end_errno(disk, IDLE, error);
    }
    if (was == CLOSING)
        disk->session = 0; /* it has had its DISCON, many times */
    leave(disk);
    return end_errno(disk, CLOSED, error);
}

/* From one step to the next: `rc` says whether its datagram could leave. */
static int proceed(struct bh_disk *disk, int rc)
{
    return rc == 0 ? -EINPROGRESS : on_silence(disk, rc);
}

/* The session that a CONNECT has won. */
static void note_session(struct bh_disk *disk)
{
    disk->session = BH_GET16(disk->exchange.tiny.packet + 2);
    disk->given_up = false;
}

/* Takes over what IDENTIFY brought; an error in a sentence's words, or NULL. */
static const char *note_info(struct bh_disk *disk)
{
    struct bh_info info;

    if (bh_info_decode(disk->identify, &info) != 0)
        return "the server's description of the disk makes no sense";
    if (info.sector_len != disk->info.sector_len)
        return "the server uses another sector length than was asked for";
    disk->info = info;
    disk->info.strict = is_strict(disk);
    disk->identified = true;
    return NULL;
}

/*
 * Opening.
 */

static int fail_open(struct bh_disk *disk, uint8_t status)
{
    leave(disk);
    return end_status(disk, CLOSED, status);
}

/* A server that knows no strict sessions refuses the flag, and gets a default
 * one; it is not asked again until the disk is opened anew. */
static int on_connected(struct bh_disk *disk, uint8_t status)
{
    if (status == BH_ERR_FLAGS && disk->connect_flags & BH_FLAG_STRICT) {
        disk->connect_flags &= (uint8_t)~BH_FLAG_STRICT;
        disk->request.connects--; /* no session was won */
        return proceed(disk, send_connect(disk, CONNECTING));
    }
    if (status != BH_OK)
        return fail_open(disk, status);
    note_session(disk);
    return proceed(disk, send_identify(disk, PROVING));
}

/* A server of 2021 knows no IDENTIFY, but the session is as good as proven:
 * sector_count stays 0, which means unknown. A session that died while it was
 * pending (error 4) is simply asked for again. */
static int on_proven(struct bh_disk *disk, uint8_t status)
{
    const char *wrong;

    if (status == BH_ERR_SESSION && disk->request.connects < CONNECTS_MAX)
        return proceed(disk, send_connect(disk, CONNECTING));
    if (status == BH_ERR_OPCODE || status == BH_ERR_FORMAT)
        return end(disk, IDLE, 0);
    if (status != BH_OK)
        return fail_open(disk, status);
    wrong = note_info(disk);
    if (wrong == NULL)
        return end(disk, IDLE, 0);
    leave(disk);
    return end_why(disk, CLOSED, -EPROTO, BH_OK, wrong);
}

/*
 * Reconnecting.
 */

static bool may_write(const struct bh_disk *disk)
{
    return (disk->connect_flags & BH_FLAG_READ_ONLY) == 0 &&
           !disk->info.read_only;
}

/* Why the request cannot go on in the new session that `now` describes; NULL:
 * it can. A writing session raises the change counter when it is proven, so
 * ours has just raised it by one. */
static const char *distrust(const struct bh_disk *disk,
                            const struct bh_info *now)
{
    const struct bh_info *then = &disk->info;

    if (now->instance != then->instance)
        return ": the server was restarted and has forgotten it";
    if (then->scratch)
        return ", and with it what was written to this scratch image";
    if (now->change_counter != then->change_counter + may_write(disk))
        return ", and others may have changed the image meanwhile";
    if (then->shared && disk->request.kind == WRITE && disk->request.sent)
        return ", and whether the sector was written cannot be told";
    return NULL;
}

static int reconnect(struct bh_disk *disk)
{
    disk->session = 0;
    if (!disk->identified)
        return lose(disk, -ESTALE, BH_ERR_SESSION,
                    ", and this server cannot tell whether others have "
                    "changed the image meanwhile");
    if (disk->request.connects >= CONNECTS_MAX)
        return lose(disk, -ESTALE, BH_ERR_SESSION,
                    ": the server forgets every session at once");
    return proceed(disk, send_connect(disk, RECONNECTING));
}

static int refuse_reconnect(struct bh_disk *disk, uint8_t status)
{
    char why[100];

    if (status == BH_ERR_IN_USE)
        return lose(disk, -EBUSY, status,
                    ", and another one has the image until it is done");
    snprintf(why, sizeof(why), ", and the server gives no new one: %s",
             bh_status_text(status));
    return lose(disk, bh_status_errno(status), status, why);
}

static int on_reconnected(struct bh_disk *disk, uint8_t status)
{
    if (status != BH_OK)
        return refuse_reconnect(disk, status);
    note_session(disk);
    return proceed(disk, send_identify(disk, REPROVING));
}

static int on_reproven(struct bh_disk *disk, uint8_t status)
{
    const char *why;
    struct bh_info now;

    if (status == BH_ERR_SESSION)
        return reconnect(disk);
    if (status == BH_ERR_BUSY) { /* as good as silence */
        disk->session = 0;
        return end_status(disk, IDLE, status);
    }
    if (status != BH_OK)
        return refuse_reconnect(disk, status);
    if (bh_info_decode(disk->identify, &now) != 0)
        why = ", and the new one makes no sense";
    else
        why = distrust(disk, &now);
    if (why == NULL && note_info(disk) != NULL)
        why = ", and the new one has another sector length";
    if (why != NULL)
        return lose(disk, -ESTALE, BH_ERR_SESSION, why);
    disk->reconnections++;
    return proceed(disk, send_request(disk));
}

/*
 * Requests.
 */

/* Whether the number of a request that was so answered is still to be used. */
static bool leaves_open(const struct bh_disk *disk, uint8_t status)
{
    return is_strict(disk) && (status == BH_ERR_FORMAT ||
                               status == BH_ERR_BUSY || status == BH_ERR_AHEAD);
}

static int on_done(struct bh_disk *disk, uint8_t status)
{
    const char *wrong;

    if (status == BH_ERR_SESSION)
        return reconnect(disk);
    disk->given_up = leaves_open(disk, status);
    if (status != BH_OK)
        return end_status(disk, IDLE, status);
    if (disk->request.kind == FLUSH)
        disk->unflushed = false;
    if (disk->request.kind != IDENTIFY)
        return end(disk, IDLE, 0);
    wrong = note_info(disk);
    return wrong == NULL ? end(disk, IDLE, 0)
                         : end_why(disk, IDLE, -EPROTO, BH_OK, wrong);
}

/* Error 4: the session had ended before. That matters to a program only if its
 * last writes have not been made stable since. */
static int on_closed(struct bh_disk *disk, uint8_t status)
{
    bool unflushed = disk->unflushed;

    disk->session = 0;
    bh_exchange_close(&disk->exchange);
    if (status == BH_OK || (status == BH_ERR_SESSION && !unflushed))
        return end(disk, CLOSED, 0);
    if (status != BH_ERR_SESSION)
        return end_status(disk, CLOSED, status);
    return end_why(disk, CLOSED, -ESTALE, status,
                   "the session had ended before; its writes were "
                   "acknowledged, but whether they are on stable storage "
                   "cannot be told; open the disk again and flush it");
}

/* Whether `request` may be sent in the session that there is. */
static bool may_go_on(const struct bh_disk *disk)
{
    if (disk->session == 0)
        return false;
    return !disk->given_up ||
           (disk->request.kind == CLOSE && disk->info.window > 1);
}

/* The first step of `request`. */
static int begin_request(struct bh_disk *disk)
{
    if (may_go_on(disk))
        return proceed(disk, send_request(disk));
    if (disk->request.kind == CLOSE)
        return on_closed(disk, BH_ERR_SESSION);
    return reconnect(disk);
}

/*
 * The lease.
 */

static bool has_lease(const struct bh_disk *disk)
{
    return disk->state == IDLE && disk->session != 0 && !disk->given_up &&
           is_strict(disk) && disk->info.lease_seconds != 0;
}

static uint64_t keep_due_us(const struct bh_disk *disk)
{
    return disk->exchange.sent_us +
           (uint64_t)disk->info.lease_seconds * 1000000u / 3u;
}

/* It is sent until it is answered: a server that comes back finds us there. */
static void keep(struct bh_disk *disk)
{
    disk->request.deadline_us = UINT64_MAX;
    disk->waiting = false;
    go(disk, KEEPING, NULL, 0);
}

static void keep_if_due(struct bh_disk *disk)
{
    if (!has_lease(disk) || now_us(disk) < keep_due_us(disk))
        return;
    bh_tiny_renew(&disk->exchange.tiny);
    keep(disk);
}

/* Any status but these three says that the session lives. */
static int on_kept(struct bh_disk *disk, uint8_t status)
{
    bool waiting = disk->waiting;

    disk->state = IDLE;
    disk->waiting = false;
    disk->given_up = leaves_open(disk, status);
    if (status == BH_ERR_SESSION)
        disk->session = 0;
    if (!waiting) {
        keep_if_due(disk);
        return disk->result;
    }
    return begin_request(disk);
}

/* The time of the request that waits is over; it was never sent. */
static int on_keep_silence(struct bh_disk *disk, int error)
{
    if (disk->request.kind == CLOSE) {
        leave(disk);
        return end_errno(disk, CLOSED, error);
    }
    bh_tiny_again(&disk->exchange.tiny);
    keep(disk);
    return end_errno(disk, KEEPING, error);
}

static int on_answer(struct bh_disk *disk, uint8_t status)
{
    switch (disk->state) {
    case CONNECTING:
        return on_connected(disk, status);
    case PROVING:
        return on_proven(disk, status);
    case RECONNECTING:
        return on_reconnected(disk, status);
    case REPROVING:
        return on_reproven(disk, status);
    case KEEPING:
        return on_kept(disk, status);
    case CLOSING:
        return on_closed(disk, status);
    default:
        return on_done(disk, status);
    }
}

int bh_disk_process(struct bh_disk *disk)
{
    int rc;

    if (!runs(disk) && disk->state != KEEPING) {
        bh_exchange_drain(&disk->exchange);
        keep_if_due(disk);
        return disk->result;
    }
    rc = bh_exchange_step(&disk->exchange, now_us(disk));
    if (rc == -EINPROGRESS)
        return runs(disk) ? rc : disk->result;
    if (rc < 0)
        return disk->state == KEEPING ? on_keep_silence(disk, rc)
                                      : on_silence(disk, rc);
    return on_answer(disk, disk->exchange.tiny.status);
}

int bh_disk_fd(const struct bh_disk *disk)
{
    return disk->exchange.fd;
}

int bh_disk_wait_ms(const struct bh_disk *disk)
{
    uint64_t now = now_us(disk), due;

    if (runs(disk) || disk->state == KEEPING)
        return bh_exchange_wait_ms(&disk->exchange, now);
    if (!has_lease(disk))
        return -1;
    due = keep_due_us(disk);
    return now < due ? (int)((due - now + 999u) / 1000u) : 0;
}

/*
 * Starting.
 */

/* A request that cannot even begin: what runs or ran is left alone. */
static int refuse(struct bh_disk *disk, const struct request *wanted, int error,
                  uint8_t status, const char *why)
{
    struct bh_attempt made = attempt(disk, wanted->kind, wanted->lsn);

    disk->status = status;
    if (why != NULL)
        return bh_say_why(disk->error, sizeof(disk->error), &made, error, why);
    return bh_say_errno(disk->error, sizeof(disk->error), &made, error);
}

static int refuse_busy(struct bh_disk *disk, const struct request *wanted)
{
    return refuse(disk, wanted, -EBUSY, BH_OK,
                  "another request is still running on this disk");
}

static void take_on(struct bh_disk *disk, const struct request *wanted)
{
    disk->request = *wanted;
    disk->request.deadline_us =
        now_us(disk) + 1000u * (uint64_t)disk->timeout_ms;
}

/* What the first step of a request came to, as start calls put it. */
static int begun(int rc)
{
    return rc == -EINPROGRESS ? 0 : rc;
}

/* Whatever has arrived since the KEEP left is taken first. */
static int wait_behind_keep(struct bh_disk *disk)
{
    disk->waiting = true;
    disk->exchange.deadline_us = disk->request.deadline_us;
    return bh_disk_process(disk);
}

static int start(struct bh_disk *disk, const struct request *wanted)
{
    if (runs(disk))
        return refuse_busy(disk, wanted);
    if (disk->state == LOST)
        return refuse(disk, wanted, disk->lost, disk->lost_status,
                      disk->lost_why);
    if (disk->state == CLOSED)
        return refuse(disk, wanted, -ENOTCONN, BH_OK, NULL);
    take_on(disk, wanted);
    if (disk->state == KEEPING)
        return begun(wait_behind_keep(disk));
    return begun(begin_request(disk));
}

int bh_disk_start_identify(struct bh_disk *disk)
{
    return start(disk, &(struct request){.kind = IDENTIFY});
}

int bh_disk_start_read(struct bh_disk *disk, uint32_t lsn, void *data)
{
    return start(disk, &(struct request){.kind = READ, .lsn = lsn, .in = data});
}

int bh_disk_start_write(struct bh_disk *disk, uint32_t lsn, const void *data)
{
    return start(disk,
                 &(struct request){.kind = WRITE, .lsn = lsn, .out = data});
}

int bh_disk_start_flush(struct bh_disk *disk)
{
    return start(disk, &(struct request){.kind = FLUSH});
}

/* What is not open, or lost, closes without the server. */
int bh_disk_start_close(struct bh_disk *disk)
{
    if (disk->state == CLOSED || disk->state == LOST) {
        end(disk, CLOSED, 0);
        return 0;
    }
    return start(disk, &(struct request){.kind = CLOSE});
}

static void set_name(struct bh_disk *disk)
{
    const struct bh_url *url = &disk->url;
    bool bracketed = strchr(url->host, ':') != NULL;
    char port[8] = "";

    if (url->port != BH_DEFAULT_PORT)
        snprintf(port, sizeof(port), ":%u", url->port);
    snprintf(disk->name, sizeof(disk->name), "blockhead://%s%s%s%s/%s",
             bracketed ? "[" : "", url->host, bracketed ? "]" : "", port,
             url->image);
}

static void set_connect_flags(struct bh_disk *disk, unsigned flags)
{
    uint8_t exponent = 0;

    while (BH_SECTOR_LEN(exponent) < disk->info.sector_len)
        exponent++;
    disk->connect_flags = exponent | BH_FLAG_STRICT;
    if (flags & BH_OPEN_LOOK)
        disk->connect_flags |= BH_FLAG_LOOK;
    else if (flags & BH_OPEN_READ_ONLY)
        disk->connect_flags |= BH_FLAG_READ_ONLY;
}

/* Forgets the disk that was, and takes on the one of `url`. */
static void prepare(struct bh_disk *disk, const struct bh_url *url,
                    unsigned flags)
{
    leave(disk);
    end(disk, CLOSED, 0);
    disk->url = *url;
    disk->identified = false;
    disk->given_up = false;
    disk->unflushed = false;
    memset(&disk->info, 0, sizeof(disk->info));
    disk->info.sector_len =
        url->sector_len != 0 ? url->sector_len : DEFAULT_SECTOR_LEN;
    set_name(disk);
    set_connect_flags(disk, flags);
}

int bh_disk_start_open(struct bh_disk *disk, const char *url, unsigned flags)
{
    const struct request wanted = {.kind = OPEN};
    const char *why;
    struct bh_url parsed;
    int rc;

    if (runs(disk))
        return refuse_busy(disk, &wanted);
    rc = bh_url_parse(url, &parsed, disk->error, sizeof(disk->error));
    if (rc < 0) {
        disk->status = BH_OK;
        return rc;
    }
    prepare(disk, &parsed, flags);
    if (flags & ~(unsigned)(BH_OPEN_READ_ONLY | BH_OPEN_LOOK))
        return end(disk, CLOSED,
                   refuse(disk, &wanted, -EINVAL, BH_OK, "unknown open flags"));
    rc = bh_exchange_open(&disk->exchange, parsed.host, parsed.port, &why);
    if (rc < 0)
        return end(disk, CLOSED, refuse(disk, &wanted, rc, BH_OK, why));
    take_on(disk, &wanted); /* after the resolver, which takes its own time */
    return begun(proceed(disk, send_connect(disk, CONNECTING)));
}

void bh_disk_free(struct bh_disk *disk)
{
    if (disk == NULL)
        return;
    leave(disk);
    free(disk);
}
