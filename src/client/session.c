/* SPDX-License-Identifier: MIT */
#include "client/session.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "client/error.h"
#include "client/info.h"
#include "wire/bytes.h"
#include "wire/protocol.h"
#include "wire/status.h"

/* Sessions won without an answer to any request, before a server that keeps
 * forgetting them is given up; more only helps against a machine that fails in
 * other ways too. */
#define CONNECTS_MAX 4u

/* Datagrams taken in one step, so that a flood cannot keep the caller: the
 * answers to a full window, a few times. */
#define RECEIVE_MAX 256

#define RUNNING BH_REQUEST_RUNNING
#define WAITING BH_REQUEST_WAITING
#define OVER BH_REQUEST_OVER

uint64_t bh_session_now_us(const struct bh_disk *disk)
{
    return disk->now_us(disk->clock);
}

static bool is_strict(const struct bh_disk *disk)
{
    return disk->last.strict != 0;
}

static unsigned running(const struct bh_disk *disk)
{
    return bh_requests_in(&disk->requests, RUNNING);
}

static unsigned waiting(const struct bh_disk *disk)
{
    return bh_requests_in(&disk->requests, WAITING);
}

/*
 * How requests end.
 */

static void end(struct bh_disk *disk, struct bh_request *request, int result,
                uint8_t status, const char *why)
{
    disk->changes += request->kind == BH_REQUEST_WRITE && request->sent;
    request->state = OVER;
    request->result = result;
    request->status = status;
    request->why = why;
}

static void end_status(struct bh_disk *disk, struct bh_request *request,
                       uint8_t status)
{
    end(disk, request, status == BH_OK ? 0 : bh_status_errno(status), status,
        NULL);
}

/* In states where there is only one: the OPEN or the CLOSE. */
static struct bh_request *only(struct bh_disk *disk)
{
    return bh_requests_at(&disk->requests, 0);
}

static void end_all(struct bh_disk *disk, int result, uint8_t status,
                    const char *why)
{
    struct bh_request *request;
    unsigned i;

    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->state != OVER)
            end(disk, request, result, status, why);
    }
}

/*
 * Numbers.
 */

static uint16_t number_of(const struct bh_tiny *tiny)
{
    return (uint16_t)(tiny->high << 8 | tiny->packet[1]);
}

static bool fits_behind(const struct bh_disk *disk, uint16_t oldest,
                        unsigned spare)
{
    uint16_t next = (uint16_t)(number_of(&disk->last) + 1);

    return (uint16_t)(next - oldest) + spare < disk->window;
}

/* Whether the window has room for the next number, and `spare` more. */
static bool number_fits(const struct bh_disk *disk, unsigned spare)
{
    const struct bh_request *request;
    unsigned i;

    if (disk->spoiled && !fits_behind(disk, disk->given_up, spare))
        return false;
    if (bh_exchange_runs(&disk->control) &&
        !fits_behind(disk, number_of(&disk->control.tiny), spare))
        return false;
    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_look(&disk->requests, i);
        if (request->state == RUNNING &&
            !fits_behind(disk, number_of(&request->exchange.tiny), spare))
            return false;
    }
    return true;
}

/* This number will be answered no more, or not finally. */
static void spoil(struct bh_disk *disk, const struct bh_exchange *exchange)
{
    uint16_t number = number_of(&exchange->tiny);

    if (!is_strict(disk))
        return;
    if (!disk->spoiled || (int16_t)(uint16_t)(number - disk->given_up) < 0)
        disk->given_up = number;
    disk->spoiled = true;
}

/* A request goes on from the last one, and its number is the next one's base.
 */
static struct bh_tiny *prepare(struct bh_disk *disk,
                               struct bh_exchange *exchange)
{
    exchange->tiny = disk->last;
    return &exchange->tiny;
}

static int begin(struct bh_disk *disk, struct bh_exchange *exchange, void *data,
                 size_t data_len, bool quick)
{
    disk->last = exchange->tiny;
    return bh_exchange_begin(exchange, &disk->path, data, data_len, quick,
                             bh_session_now_us(disk));
}

static void forget_session(struct bh_disk *disk)
{
    bh_exchange_give_up(&disk->control, &disk->path);
    disk->session = 0;
    disk->spoiled = false;
    disk->window = 1;
}

void bh_session_leave(struct bh_disk *disk)
{
    if (disk->session != 0 && number_fits(disk, 0)) {
        bh_tiny_disconnect(&disk->last);
        (void)bh_path_send(&disk->path, &disk->last, bh_session_now_us(disk));
    }
    forget_session(disk);
    bh_path_close(&disk->path);
}

/* `why` goes on where "the session was lost" ends. */
static void lose(struct bh_disk *disk, int error, uint8_t status,
                 const char *why)
{
    bh_session_leave(disk);
    disk->state = BH_SESSION_LOST;
    disk->lost = error;
    disk->lost_status = status;
    snprintf(disk->lost_why, sizeof(disk->lost_why),
             "the session was lost%s; open the disk again", why);
    end_all(disk, error, status, disk->lost_why);
}

/*
 * The steps of a session.
 */

/* A step that cannot even be sent fails for all that wait for it. */
static void on_control_sent(struct bh_disk *disk, int rc)
{
    if (rc >= 0)
        return;
    end_all(disk, rc, BH_OK, NULL);
    if (disk->state == BH_SESSION_CONNECTING ||
        disk->state == BH_SESSION_PROVING) {
        bh_session_leave(disk);
        disk->state = BH_SESSION_CLOSED;
    } else {
        forget_session(disk);
        disk->state = BH_SESSION_OPEN;
    }
}

static void send_connect(struct bh_disk *disk, enum bh_session_state next)
{
    static const char no_name[2] = {0, 0};
    struct bh_tiny *tiny = prepare(disk, &disk->control);
    size_t len = strlen(disk->url.image) + 1;

    disk->connects++;
    disk->state = next;
    if (len == 1)
        bh_tiny_connect(tiny, disk->connect_flags, no_name, sizeof(no_name));
    else
        bh_tiny_connect(tiny, disk->connect_flags, disk->url.image,
                        (uint16_t)len);
    on_control_sent(disk, begin(disk, &disk->control, NULL, 0, true));
}

static void send_proof(struct bh_disk *disk, enum bh_session_state next)
{
    disk->last = disk->control.tiny; /* with the session that it has won */
    disk->session = BH_GET16(disk->last.packet + 2);
    disk->state = next;
    bh_tiny_identify(prepare(disk, &disk->control));
    on_control_sent(disk, begin(disk, &disk->control, disk->identify,
                                sizeof(disk->identify), true));
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

/* The session is ours. Its window is fixed from here on. */
static void note_window(struct bh_disk *disk)
{
    unsigned window = disk->info.window;

    if (!is_strict(disk) || window < 1)
        window = 1;
    disk->window = window < BH_REQUESTS_MAX ? window : BH_REQUESTS_MAX;
    disk->state = BH_SESSION_OPEN;
}

/*
 * Opening.
 */

void bh_session_open(struct bh_disk *disk)
{
    disk->connects = 0;
    send_connect(disk, BH_SESSION_CONNECTING);
}

static void fail_open(struct bh_disk *disk, int error, uint8_t status,
                      const char *why)
{
    bh_session_leave(disk);
    disk->state = BH_SESSION_CLOSED;
    end(disk, only(disk), error, status, why);
}

/* A server that knows no strict sessions refuses the flag, and gets a default
 * one; it is not asked again until the disk is opened anew. */
static void on_connected(struct bh_disk *disk, uint8_t status)
{
    if (status == BH_ERR_FLAGS && disk->connect_flags & BH_FLAG_STRICT) {
        disk->connect_flags &= (uint8_t)~BH_FLAG_STRICT;
        disk->connects--; /* no session was won */
        send_connect(disk, BH_SESSION_CONNECTING);
    } else if (status != BH_OK) {
        fail_open(disk, bh_status_errno(status), status, NULL);
    } else {
        send_proof(disk, BH_SESSION_PROVING);
    }
}

static void opened(struct bh_disk *disk)
{
    note_window(disk);
    bh_pace_init(&disk->pace, disk->window);
    disk->info.window = (uint16_t)disk->window;
    end(disk, only(disk), 0, BH_OK, NULL);
}

/* A server of 2021 knows no IDENTIFY, but the session is as good as proven:
 * sector_count stays 0, which means unknown. A session that died while it was
 * pending (error 4) is simply asked for again. */
static void on_proven(struct bh_disk *disk, uint8_t status)
{
    const char *wrong = NULL;

    if (status == BH_ERR_SESSION && disk->connects < CONNECTS_MAX) {
        disk->session = 0;
        send_connect(disk, BH_SESSION_CONNECTING);
        return;
    }
    if (status == BH_OK)
        wrong = note_info(disk);
    else if (status != BH_ERR_OPCODE && status != BH_ERR_FORMAT) {
        fail_open(disk, bh_status_errno(status), status, NULL);
        return;
    }
    if (wrong == NULL)
        opened(disk);
    else
        fail_open(disk, -EPROTO, BH_OK, wrong);
}

/*
 * Reconnecting.
 */

static bool may_write(const struct bh_disk *disk)
{
    return (disk->connect_flags & BH_FLAG_READ_ONLY) == 0 &&
           !disk->info.read_only;
}

static bool has_sent_write(const struct bh_disk *disk)
{
    const struct bh_request *request;
    unsigned i;

    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_look(&disk->requests, i);
        if (request->state == WAITING && request->kind == BH_REQUEST_WRITE &&
            request->sent)
            return true;
    }
    return false;
}

/* Why the requests cannot go on in the new session that `now` describes; NULL:
 * they can. A writing session raises the change counter when it is proven, so
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
    if (then->shared && has_sent_write(disk))
        return ", and whether the sector was written cannot be told";
    return NULL;
}

static void reconnect(struct bh_disk *disk)
{
    forget_session(disk);
    if (!disk->identified)
        lose(disk, -ESTALE, BH_ERR_SESSION,
             ", and this server cannot tell whether others have changed the "
             "image meanwhile");
    else if (disk->connects >= CONNECTS_MAX)
        lose(disk, -ESTALE, BH_ERR_SESSION,
             ": the server forgets every session at once");
    else
        send_connect(disk, BH_SESSION_RECONNECTING);
}

static void refuse_reconnect(struct bh_disk *disk, uint8_t status)
{
    char why[100];

    if (status == BH_ERR_IN_USE) {
        lose(disk, -EBUSY, status,
             ", and another one has the image until it is done");
        return;
    }
    snprintf(why, sizeof(why), ", and the server gives no new one: %s",
             bh_status_text(status));
    lose(disk, bh_status_errno(status), status, why);
}

static void on_reconnected(struct bh_disk *disk, uint8_t status)
{
    if (status == BH_OK)
        send_proof(disk, BH_SESSION_REPROVING);
    else
        refuse_reconnect(disk, status);
}

static void on_reproven(struct bh_disk *disk, uint8_t status)
{
    const char *why;
    struct bh_info now;

    if (status == BH_ERR_SESSION) {
        reconnect(disk);
        return;
    }
    if (status != BH_OK) {
        refuse_reconnect(disk, status);
        return;
    }
    if (bh_info_decode(disk->identify, &now) != 0)
        why = ", and the new one makes no sense";
    else
        why = distrust(disk, &now);
    if (why == NULL && note_info(disk) != NULL)
        why = ", and the new one has another sector length";
    if (why != NULL) {
        lose(disk, -ESTALE, BH_ERR_SESSION, why);
        return;
    }
    disk->reconnections++;
    note_window(disk);
    bh_pace_set_window(&disk->pace, disk->window);
    disk->info.window = (uint16_t)disk->window;
}

/* Error 4 to one is error 4 to all: what runs has to wait for a new session. */
static void on_session_lost(struct bh_disk *disk)
{
    struct bh_request *request;
    unsigned i;

    forget_session(disk);
    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->state == RUNNING)
            request->state = WAITING;
    }
}

/*
 * Requests.
 */

/* Whether the number of a request that was so answered is still to be used. */
static bool leaves_open(uint8_t status)
{
    return status == BH_ERR_FORMAT || status == BH_ERR_BUSY ||
           status == BH_ERR_AHEAD;
}

static void on_identified(struct bh_disk *disk, struct bh_request *request)
{
    const char *wrong = note_info(disk);

    disk->info.window = (uint16_t)disk->window;
    end(disk, request, wrong == NULL ? 0 : -EPROTO, BH_OK, wrong);
}

/* Error 4: the session had ended before. That matters to a program only if its
 * last writes have not been made stable since. */
static void on_closed(struct bh_disk *disk, struct bh_request *request,
                      uint8_t status)
{
    forget_session(disk);
    bh_path_close(&disk->path);
    disk->state = BH_SESSION_CLOSED;
    if (status != BH_ERR_SESSION)
        end_status(disk, request, status);
    else if (disk->changes == disk->flushed)
        end(disk, request, 0, BH_OK, NULL);
    else
        end(disk, request, -ESTALE, status,
            "the session had ended before; its writes were acknowledged, but "
            "whether they are on stable storage cannot be told; open the disk "
            "again and flush it");
}

static void on_done(struct bh_disk *disk, struct bh_request *request)
{
    uint8_t status = request->exchange.tiny.status;

    if (request->kind == BH_REQUEST_CLOSE) {
        on_closed(disk, request, status);
        return;
    }
    if (status == BH_ERR_SESSION) {
        on_session_lost(disk);
        return;
    }
    disk->connects = 0;
    if (request->exchange.measured && !request->exchange.resent)
        bh_pace_answered(&disk->pace);
    if (leaves_open(status))
        spoil(disk, &request->exchange);
    if (status == BH_OK && request->kind == BH_REQUEST_IDENTIFY) {
        on_identified(disk, request);
        return;
    }
    if (status == BH_OK && request->kind == BH_REQUEST_FLUSH &&
        request->covers > disk->flushed)
        disk->flushed = request->covers;
    end_status(disk, request, status);
}

/* No answer will come. */
static void on_silence(struct bh_disk *disk, struct bh_request *request,
                       int error, uint8_t status)
{
    bool was_running = request->state == RUNNING;

    if (was_running) {
        bh_exchange_give_up(&request->exchange, &disk->path);
        spoil(disk, &request->exchange);
    }
    end(disk, request, error, status, NULL);
    if (request->kind != BH_REQUEST_OPEN && request->kind != BH_REQUEST_CLOSE)
        return;
    if (was_running)
        disk->session = 0; /* it has had its DISCON, many times */
    bh_session_leave(disk);
    disk->state = BH_SESSION_CLOSED;
}

static int begin_request(struct bh_disk *disk, struct bh_request *request)
{
    struct bh_exchange *exchange = &request->exchange;
    struct bh_tiny *tiny = prepare(disk, exchange);
    uint16_t sector_len = (uint16_t)disk->info.sector_len;

    switch (request->kind) {
    case BH_REQUEST_READ:
        bh_tiny_read(tiny, request->lsn, sector_len);
        return begin(disk, exchange, request->in, sector_len, true);
    case BH_REQUEST_WRITE:
        disk->changes++;
        bh_tiny_write(tiny, request->lsn, request->out, sector_len);
        return begin(disk, exchange, NULL, 0, true);
    case BH_REQUEST_FLUSH:
        request->covers = disk->changes;
        bh_tiny_flush(tiny);
        return begin(disk, exchange, NULL, 0, false);
    case BH_REQUEST_CLOSE:
        disk->state = BH_SESSION_CLOSING;
        bh_tiny_disconnect(tiny);
        return begin(disk, exchange, NULL, 0, false);
    default:
        bh_tiny_identify(tiny);
        return begin(disk, exchange, disk->identify, sizeof(disk->identify),
                     true);
    }
}

static void send_request(struct bh_disk *disk, struct bh_request *request)
{
    int rc;

    request->state = RUNNING;
    request->sent = true;
    request->halvings = disk->pace.halvings;
    rc = begin_request(disk, request);
    if (rc < 0)
        on_silence(disk, request, rc, BH_OK);
}

/* A CLOSE is alone, but for a KEEP that may run. */
static void send_close(struct bh_disk *disk, struct bh_request *request)
{
    if (disk->session != 0 && number_fits(disk, 0)) {
        bh_exchange_give_up(&disk->control, &disk->path);
        send_request(disk, request);
    } else if (disk->session == 0 || disk->spoiled) {
        on_closed(disk, request, BH_ERR_SESSION);
    }
}

static bool may_send(const struct bh_disk *disk)
{
    return disk->session != 0 && !disk->spoiled &&
           running(disk) < disk->pace.allowed &&
           number_fits(disk, disk->window > 2);
}

void bh_session_send(struct bh_disk *disk)
{
    struct bh_request *request;
    unsigned i;

    if (disk->state != BH_SESSION_OPEN || waiting(disk) == 0)
        return;
    if (only(disk)->kind == BH_REQUEST_CLOSE) {
        send_close(disk, only(disk));
        return;
    }
    if ((disk->session == 0 || disk->spoiled) && running(disk) == 0) {
        reconnect(disk);
        return;
    }
    for (i = 0; i < disk->requests.count && may_send(disk); i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->state == WAITING &&
            !bh_requests_must_wait(&disk->requests, i))
            send_request(disk, request);
    }
}

/*
 * The lease.
 */

static bool has_lease(const struct bh_disk *disk)
{
    return disk->state == BH_SESSION_OPEN && disk->session != 0 &&
           !disk->spoiled && is_strict(disk) && disk->info.lease_seconds != 0 &&
           running(disk) == 0 && !bh_exchange_runs(&disk->control);
}

static uint64_t keep_due_us(const struct bh_disk *disk)
{
    return disk->path.sent_us +
           (uint64_t)disk->info.lease_seconds * 1000000u / 3u;
}

/* It is sent until it is answered: a server that comes back finds us there. */
static void keep_if_due(struct bh_disk *disk)
{
    if (!has_lease(disk) || bh_session_now_us(disk) < keep_due_us(disk))
        return;
    bh_tiny_renew(prepare(disk, &disk->control));
    begin(disk, &disk->control, NULL, 0, false);
}

/* Any status but these says that the session lives. */
static void on_kept(struct bh_disk *disk, uint8_t status)
{
    if (leaves_open(status))
        spoil(disk, &disk->control);
    if (status == BH_ERR_SESSION)
        on_session_lost(disk);
}

/*
 * What comes in, and what time does.
 */

static void on_control(struct bh_disk *disk, uint8_t status)
{
    switch (disk->state) {
    case BH_SESSION_CONNECTING:
        on_connected(disk, status);
        break;
    case BH_SESSION_PROVING:
        on_proven(disk, status);
        break;
    case BH_SESSION_RECONNECTING:
        on_reconnected(disk, status);
        break;
    case BH_SESSION_REPROVING:
        on_reproven(disk, status);
        break;
    default:
        on_kept(disk, status);
    }
}

/* Whose answer the path's last datagram is. */
static void dispatch(struct bh_disk *disk, uint64_t now_us)
{
    struct bh_exchange *control = &disk->control;
    struct bh_request *request;
    unsigned i;

    if (bh_exchange_received(control, &disk->path, now_us)) {
        if (!bh_exchange_runs(control))
            on_control(disk, control->tiny.status);
        return;
    }
    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->state != RUNNING ||
            !bh_exchange_received(&request->exchange, &disk->path, now_us))
            continue;
        if (!bh_exchange_runs(&request->exchange))
            on_done(disk, request);
        return;
    }
    disk->path.strays++;
}

static void receive_all(struct bh_disk *disk, uint64_t now_us)
{
    int count, rc;

    for (count = 0; count < RECEIVE_MAX && disk->path.fd >= 0; count++) {
        rc = bh_path_receive(&disk->path);
        if (rc == -EAGAIN)
            return;
        if (rc == 0)
            dispatch(disk, now_us);
        else if (rc == -ECONNREFUSED && bh_exchange_runs(&disk->control))
            bh_exchange_refused(&disk->control, &disk->path, now_us);
    }
}

/* A request that only waited for a step of the session fails for its reason. */
static void expire_one(struct bh_disk *disk, struct bh_request *request)
{
    const struct bh_exchange *exchange =
        request->state == RUNNING ? &request->exchange : &disk->control;

    if (exchange->held)
        on_silence(disk, request, bh_status_errno(BH_ERR_BUSY), BH_ERR_BUSY);
    else
        on_silence(disk, request, bh_path_silence(&disk->path), BH_OK);
}

/* A session that is being won for nobody is not trusted when it comes. */
static void expire(struct bh_disk *disk, uint64_t now_us)
{
    struct bh_request *request;
    unsigned i;

    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->state != OVER && now_us >= request->deadline_us)
            expire_one(disk, request);
    }
    if ((disk->state == BH_SESSION_RECONNECTING ||
         disk->state == BH_SESSION_REPROVING) &&
        waiting(disk) == 0) {
        forget_session(disk);
        disk->state = BH_SESSION_OPEN;
    }
}

static void repeat_one(struct bh_disk *disk, struct bh_request *request,
                       uint64_t now_us)
{
    int rc = bh_exchange_due(&request->exchange, &disk->path, now_us);

    if (rc < 0)
        on_silence(disk, request, rc, BH_OK);
    if (rc <= 0)
        return;
    if (request->exchange.measured)
        bh_pace_timed_out(&disk->pace, request->halvings);
    request->halvings = disk->pace.halvings;
}

static void repeat(struct bh_disk *disk, uint64_t now_us)
{
    struct bh_request *request;
    unsigned i;

    if (bh_exchange_runs(&disk->control))
        on_control_sent(disk,
                        bh_exchange_due(&disk->control, &disk->path, now_us));
    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->state == RUNNING)
            repeat_one(disk, request, now_us);
    }
}

void bh_session_process(struct bh_disk *disk)
{
    uint64_t now_us = bh_session_now_us(disk);

    receive_all(disk, now_us);
    expire(disk, now_us);
    repeat(disk, now_us);
    bh_session_send(disk);
    keep_if_due(disk);
}

static uint64_t ms_until(uint64_t due_us, uint64_t now_us)
{
    return now_us < due_us ? (due_us - now_us + 999u) / 1000u : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until this request has something to do. */
static uint64_t request_wait_ms(const struct bh_request *request,
                                uint64_t now_us)
{
    uint64_t wait_ms;

    if (request->state == OVER)
        return 0;
    wait_ms = ms_until(request->deadline_us, now_us);
    if (request->state == WAITING)
        return wait_ms;
    return least(wait_ms, bh_exchange_wait_ms(&request->exchange, now_us));
}

int bh_session_wait_ms(const struct bh_disk *disk)
{
    uint64_t now_us = bh_session_now_us(disk), wait_ms = UINT64_MAX;
    unsigned i;

    if (bh_exchange_runs(&disk->control))
        wait_ms = bh_exchange_wait_ms(&disk->control, now_us);
    if (has_lease(disk))
        wait_ms = least(wait_ms, ms_until(keep_due_us(disk), now_us));
    for (i = 0; i < disk->requests.count; i++)
        wait_ms =
            least(wait_ms, request_wait_ms(bh_requests_look(&disk->requests, i),
                                           now_us));
    if (wait_ms == UINT64_MAX)
        return -1;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}
