/* SPDX-License-Identifier: MIT */
#include "client/session.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "client/error.h"
#include "client/info.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"
#include "wire/status.h"

/* Sessions won without an answer to any request, before a server that keeps
 * forgetting them is given up; more only helps against a machine that fails in
 * other ways too. */
#define CONNECTS_MAX 4u

/* Datagrams taken in one step, so that a flood cannot keep the caller: the
 * answers to a full window, a few times. */
#define RECEIVE_MAX 256

uint64_t bh_session_now_us(const struct bh_disk *disk)
{
    return disk->now_us(disk->clock);
}

static bool is_strict(const struct bh_disk *disk)
{
    return disk->last.strict != 0;
}

/* Whether anything is under way in the session, but for a KEEP. */
static bool runs(const struct bh_disk *disk)
{
    return disk->window.used > 0;
}

static bool is_idle(const struct bh_disk *disk)
{
    return disk->requests.over == disk->requests.count;
}

/*
 * How requests end.
 */

static void end_status(struct bh_disk *disk, struct bh_request *request,
                       uint8_t status)
{
    bh_traffic_end(disk, request, status == BH_OK ? 0 : bh_status_errno(status),
                   status, NULL);
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
        if (!request->over)
            bh_traffic_end(disk, request, result, status, why);
    }
}

/*
 * What the session itself asks.
 */

/* It goes on from the last request, and its number is the next one's base. */
static struct bh_tiny *prepare(struct bh_disk *disk)
{
    disk->control.tiny = disk->last;
    return &disk->control.tiny;
}

static void ask(struct bh_disk *disk, void *data, size_t data_len, bool quick)
{
    uint64_t now_us = bh_session_now_us(disk);

    disk->last = disk->control.tiny;
    if (disk->last.packet[0] != BH_PACKET_CONNECT)
        bh_window_take(&disk->window, bh_traffic_number(&disk->last));
    bh_exchange_begin(&disk->control, &disk->path, data, data_len, quick,
                      now_us);
    bh_exchange_send(&disk->control, &disk->path, now_us);
}

static void forget_session(struct bh_disk *disk)
{
    bh_exchange_give_up(&disk->control, &disk->path);
    disk->session = 0;
    disk->spoiled = false;
    disk->width = 1;
    disk->run = 1;
    bh_window_clear(&disk->window);
}

void bh_session_leave(struct bh_disk *disk)
{
    bool too_long;

    if (disk->session != 0 && bh_window_room(&disk->window, disk->width) > 0) {
        bh_tiny_disconnect(&disk->last);
        bh_path_send(&disk->path, &disk->last, &too_long,
                     bh_session_now_us(disk));
        bh_path_flush(&disk->path);
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
static void on_control_too_long(struct bh_disk *disk)
{
    end_all(disk, -EMSGSIZE, BH_OK, NULL);
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
    struct bh_tiny *tiny = prepare(disk);
    size_t len = strlen(disk->url.image) + 1;

    disk->connects++;
    disk->state = next;
    if (len == 1)
        bh_tiny_connect(tiny, disk->connect_flags, no_name, sizeof(no_name));
    else
        bh_tiny_connect(tiny, disk->connect_flags, disk->url.image,
                        (uint16_t)len);
    ask(disk, NULL, 0, true);
}

static void send_proof(struct bh_disk *disk, enum bh_session_state next)
{
    disk->last = disk->control.tiny; /* with the session that it has won */
    disk->session = BH_GET16(disk->last.packet + 2);
    disk->state = next;
    bh_tiny_identify(prepare(disk));
    ask(disk, disk->identify, sizeof(disk->identify), true);
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
    disk->changed = false;
    return NULL;
}

const char *bh_session_identified(struct bh_disk *disk)
{
    const char *wrong = note_info(disk);

    disk->info.window = (uint16_t)disk->carried;
    return wrong;
}

static bool knows_runs(const struct bh_disk *disk)
{
    return is_strict(disk) &&
           (disk->info.features & (uint32_t)1 << BH_OP_READ_RUN) != 0 &&
           disk->info.preferred_run > 1;
}

/* The session is ours. Its window is fixed from here on. */
static void note_window(struct bh_disk *disk)
{
    unsigned width = disk->info.window;

    if (!is_strict(disk) || width < 1)
        width = 1;
    disk->width = width < BH_WINDOW_MAX ? width : BH_WINDOW_MAX;
    disk->carried =
        bh_path_window(&disk->path, disk->width, disk->info.sector_len);
    disk->info.window = (uint16_t)disk->carried;
    disk->run = knows_runs(disk) ? disk->info.preferred_run : 1;
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
    bh_traffic_end(disk, only(disk), error, status, why);
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
    bh_pace_init(&disk->pace, disk->carried);
    end_status(disk, only(disk), BH_OK);
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
        if (!request->over && bh_request_changes(request) && request->sent)
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

    if (disk->changed)
        return ", and the medium was changed";
    if (disk->locks)
        return ", and with it the lock on the medium";
    if (now->instance != then->instance)
        return ": the server was restarted and has forgotten it";
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
    else if (disk->info.scratch && may_write(disk))
        lose(disk, -ESTALE, BH_ERR_SESSION,
             ", and with it what was written to this scratch image");
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
    bh_pace_set_window(&disk->pace, disk->carried);
}

/* Error 4 to one is error 4 to all: what runs has to wait for a new session. */
static void on_session_lost(struct bh_disk *disk)
{
    bh_traffic_recall(disk);
    forget_session(disk);
}

/*
 * Requests.
 */

bool bh_session_leaves_open(uint8_t status)
{
    return status == BH_ERR_FORMAT || status == BH_ERR_BUSY ||
           status == BH_ERR_AHEAD;
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
        end_status(disk, request, BH_OK);
    else
        bh_traffic_end(disk, request, -ESTALE, status,
                       "the session had ended before; its writes were "
                       "acknowledged, but whether they are on stable storage "
                       "cannot be told; open the disk again and flush it");
}

static void on_done(struct bh_disk *disk, struct bh_pane *pane, uint64_t now_us)
{
    struct bh_request *request = &disk->requests.slots[pane->slot];
    uint8_t status = pane->exchange.tiny.status;

    if (request->kind == BH_REQUEST_CLOSE) {
        bh_window_free(&disk->window, pane);
        request->under_way = 0;
        on_closed(disk, request, status);
    } else if (status == BH_ERR_SESSION) {
        on_session_lost(disk);
    } else {
        disk->connects = 0;
        bh_traffic_answered(disk, pane, now_us);
    }
}

/* No answer will come. */
static void on_silence(struct bh_disk *disk, struct bh_request *request,
                       int error, uint8_t status)
{
    bool was_running = request->under_way > 0;

    bh_traffic_end(disk, request, error, status, NULL);
    if (request->kind != BH_REQUEST_OPEN && request->kind != BH_REQUEST_CLOSE)
        return;
    if (was_running)
        disk->session = 0; /* it has had its DISCON, many times */
    bh_session_leave(disk);
    disk->state = BH_SESSION_CLOSED;
}

/* A CLOSE is alone, but for a KEEP that may run. */
static void send_close(struct bh_disk *disk, struct bh_request *request,
                       uint64_t now_us)
{
    if (disk->session != 0 && bh_window_room(&disk->window, disk->width) > 0) {
        bh_exchange_give_up(&disk->control, &disk->path);
        disk->state = BH_SESSION_CLOSING;
        bh_traffic_send_one(disk, request, now_us);
    } else if (disk->session == 0 || disk->spoiled) {
        on_closed(disk, request, BH_ERR_SESSION);
    }
}

static void send_requests(struct bh_disk *disk, uint64_t now_us)
{
    if (disk->state != BH_SESSION_OPEN || is_idle(disk))
        return;
    if (only(disk)->kind == BH_REQUEST_CLOSE)
        send_close(disk, only(disk), now_us);
    else if (disk->session != 0 && !disk->spoiled)
        bh_traffic_send(disk, now_us);
    else if (!runs(disk))
        reconnect(disk);
}

/*
 * The lease.
 */

static bool has_lease(const struct bh_disk *disk)
{
    return disk->state == BH_SESSION_OPEN && disk->session != 0 &&
           !disk->spoiled && is_strict(disk) && disk->info.lease_seconds != 0 &&
           !runs(disk) && !bh_exchange_runs(&disk->control);
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
    bh_tiny_renew(prepare(disk));
    ask(disk, NULL, 0, false);
}

/* Any status but these says that the session lives. */
static void on_kept(struct bh_disk *disk, uint8_t status)
{
    if (bh_session_leaves_open(status))
        disk->spoiled = true;
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

static void on_control_received(struct bh_disk *disk)
{
    const struct bh_tiny *tiny = &disk->control.tiny;

    if (bh_exchange_runs(&disk->control))
        return; /* busy */
    if (tiny->packet[0] != BH_PACKET_CONNECT &&
        !bh_session_leaves_open(tiny->status))
        bh_window_settle(&disk->window, bh_traffic_number(tiny));
    on_control(disk, tiny->status);
}

/* Whose answer the path's last datagram is. */
static void dispatch(struct bh_disk *disk, uint64_t now_us)
{
    struct bh_exchange *control = &disk->control;
    struct bh_pane *pane;

    if (bh_exchange_runs(control) &&
        bh_exchange_received(control, &disk->path, now_us)) {
        on_control_received(disk);
        return;
    }
    pane = bh_traffic_received(disk, now_us);
    if (pane == NULL)
        disk->path.strays++;
    else if (!bh_exchange_runs(&pane->exchange))
        on_done(disk, pane, now_us);
}

static void receive_all(struct bh_disk *disk, uint64_t now_us)
{
    int count, rc;

    for (count = 0; disk->path.fd >= 0 &&
                    (count < RECEIVE_MAX || bh_path_holds(&disk->path));
         count++) {
        rc = bh_path_receive(&disk->path);
        if (rc == -EAGAIN)
            return;
        if (rc == 0)
            dispatch(disk, now_us);
        else if (rc == -ECONNREFUSED && bh_exchange_runs(&disk->control))
            bh_exchange_refused(&disk->control, &disk->path, now_us);
    }
}

static bool is_held(const struct bh_disk *disk,
                    const struct bh_request *request)
{
    unsigned slot = bh_requests_slot(&disk->requests, request), i;
    const struct bh_pane *pane;

    if (request->under_way == 0)
        return disk->control.held;
    for (i = 0; i < BH_WINDOW_MAX; i++) {
        pane = &disk->window.panes[i];
        if (pane->used && pane->slot == slot && pane->exchange.held)
            return true;
    }
    return false;
}

/* A request that only waited for a step of the session fails for its reason. */
static void expire_one(struct bh_disk *disk, struct bh_request *request)
{
    if (is_held(disk, request))
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
        if (!request->over && now_us >= request->deadline_us)
            expire_one(disk, request);
    }
    if ((disk->state == BH_SESSION_RECONNECTING ||
         disk->state == BH_SESSION_REPROVING) &&
        is_idle(disk)) {
        forget_session(disk);
        disk->state = BH_SESSION_OPEN;
    }
}

static void repeat(struct bh_disk *disk, uint64_t now_us)
{
    if (bh_exchange_runs(&disk->control))
        bh_exchange_repeat(&disk->control, &disk->path, now_us);
    bh_traffic_repeat(disk, now_us);
}

/* Sends what has been put together, and ends what can never be sent. */
void bh_session_flush(struct bh_disk *disk)
{
    bh_path_flush(&disk->path);
    if (!disk->path.outbox.too_long)
        return;
    disk->path.outbox.too_long = false;
    if (bh_exchange_runs(&disk->control) && disk->control.too_long)
        on_control_too_long(disk);
    bh_traffic_drop_too_long(disk);
}

void bh_session_process(struct bh_disk *disk)
{
    uint64_t now_us = bh_session_now_us(disk);

    disk->started = false;
    receive_all(disk, now_us);
    expire(disk, now_us);
    repeat(disk, now_us);
    send_requests(disk, now_us);
    keep_if_due(disk);
    bh_session_flush(disk);
}

static uint64_t ms_until(uint64_t due_us, uint64_t now_us)
{
    return now_us < due_us ? (due_us - now_us + 999u) / 1000u : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int bh_session_wait_ms(const struct bh_disk *disk)
{
    uint64_t now_us = bh_session_now_us(disk), wait_ms;
    const struct bh_request *request;
    unsigned i;

    if (disk->started || disk->requests.over > 0 || bh_path_holds(&disk->path))
        return 0;
    wait_ms =
        least(bh_traffic_wait_ms(disk, now_us), bh_path_wait_ms(&disk->path));
    if (bh_exchange_runs(&disk->control))
        wait_ms = least(wait_ms, bh_exchange_wait_ms(&disk->control, now_us));
    if (has_lease(disk))
        wait_ms = least(wait_ms, ms_until(keep_due_us(disk), now_us));
    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_look(&disk->requests, i);
        wait_ms = least(wait_ms, ms_until(request->deadline_us, now_us));
    }
    if (wait_ms == UINT64_MAX)
        return -1;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}
