/* SPDX-License-Identifier: MIT */
#include "client/traffic.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "client/error.h"
#include "client/extra.h"
#include "client/session.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

/* How much longer than an eighth above the mean a datagram has to be on its way
 * before answers to later ones make it lost: a server answers what it has in
 * memory before what it has to look for. */
#define LATE_US 1000u

static struct bh_request *request_of(struct bh_disk *disk,
                                     const struct bh_pane *pane)
{
    return &disk->requests.slots[pane->slot];
}

static uint32_t lsn_of(const struct bh_pane *pane)
{
    return BH_GET32(pane->exchange.tiny.packet + 5);
}

static bool is_read(const struct bh_pane *pane)
{
    return pane->exchange.tiny.packet[0] == BH_PACKET_COMMAND &&
           pane->exchange.tiny.packet[4] == BH_OP_READ;
}

/* The first of a run of which nothing has come. */
static bool leads_run(const struct bh_pane *pane)
{
    return pane->run_count > 0 && pane->run_first == pane->number;
}

static unsigned in_the_air(const struct bh_disk *disk)
{
    return disk->window.used - disk->window.lost;
}

uint16_t bh_traffic_number(const struct bh_tiny *tiny)
{
    return (uint16_t)(tiny->high << 8 | tiny->packet[1]);
}

/*
 * How requests end.
 */

static void forget_again(struct bh_disk *disk, struct bh_request *request)
{
    unsigned slot = bh_requests_slot(&disk->requests, request);
    unsigned i, kept = 0;

    if (request->again == 0)
        return;
    for (i = 0; i < disk->again_count; i++)
        if (disk->again[i].slot != slot)
            disk->again[kept++] = disk->again[i];
    disk->again_count = kept;
    request->again = 0;
}

/* Something of it has come, or is not waited for any more: the rest goes each
 * its own way. */
static void break_run(struct bh_disk *disk, const struct bh_pane *pane)
{
    uint16_t first = pane->run_first;
    unsigned count = pane->run_count, i;
    struct bh_pane *other;

    for (i = 0; i < count; i++) {
        other = bh_window_at(&disk->window, first + i);
        if (other->used && other->run_first == first)
            other->run_count = 0;
    }
}

/* The number stays open: in a strict session the server may still answer it. */
static void give_up(struct bh_disk *disk, struct bh_pane *pane)
{
    break_run(disk, pane);
    bh_exchange_give_up(&pane->exchange, &disk->path);
    bh_window_free(&disk->window, pane);
    if (disk->last.strict)
        disk->spoiled = true;
    else
        bh_window_settle(&disk->window, pane->number);
}

static void give_up_all(struct bh_disk *disk, struct bh_request *request)
{
    unsigned slot = bh_requests_slot(&disk->requests, request);
    struct bh_pane *pane;
    unsigned i;

    for (i = 0; i < BH_WINDOW_MAX && request->under_way > 0; i++) {
        pane = bh_window_at(&disk->window, i);
        if (!pane->used || pane->slot != slot)
            continue;
        give_up(disk, pane);
        request->under_way--;
    }
}

static void fail(struct bh_request *request, int result, uint8_t status,
                 const char *why, uint32_t lsn)
{
    if (request->result != 0)
        return;
    request->result = result;
    request->status = status;
    request->why = why;
    request->failed_lsn = lsn;
}

static void end(struct bh_disk *disk, struct bh_request *request)
{
    disk->changes += bh_request_changes(request) && request->sent;
    bh_requests_end(&disk->requests, request);
}

static void fail_changed(struct bh_request *request, uint32_t lsn)
{
    fail(request, bh_status_errno(BH_ERR_CHANGED), BH_ERR_CHANGED, NULL, lsn);
}

static uint32_t first_unanswered(struct bh_disk *disk,
                                 const struct bh_request *request)
{
    unsigned slot = bh_requests_slot(&disk->requests, request);
    const struct bh_pane *pane;
    uint32_t at =
        request->begun < request->count ? request->begun : request->count - 1;
    unsigned i;

    for (i = 0; i < BH_WINDOW_MAX; i++) {
        pane = bh_window_at(&disk->window, i);
        if (pane->used && pane->slot == slot && pane->at < at)
            at = pane->at;
    }
    for (i = 0; i < disk->again_count; i++)
        if (disk->again[i].slot == slot && disk->again[i].at < at)
            at = disk->again[i].at;
    return bh_request_lsn(request, at);
}

void bh_traffic_end(struct bh_disk *disk, struct bh_request *request,
                    int result, uint8_t status, const char *why)
{
    if (result < 0)
        fail(request, result, status, why, first_unanswered(disk, request));
    give_up_all(disk, request);
    forget_again(disk, request);
    end(disk, request);
}

static void end_if_done(struct bh_disk *disk, struct bh_request *request)
{
    if (request->under_way == 0 && request->again == 0 &&
        (request->result != 0 || request->begun == request->count))
        end(disk, request);
}

/*
 * Leaving.
 */

/* Panes that leave together, by rising numbers. */
struct departure {
    unsigned count;
    struct bh_pane *panes[BH_WINDOW_MAX];
};

static void left(struct bh_disk *disk, struct bh_pane *pane)
{
    pane->halvings = disk->pace.halvings;
    bh_window_sent(&disk->window, pane);
}

static void send_alone(struct bh_disk *disk, struct bh_pane *pane,
                       uint64_t now_us)
{
    bh_exchange_send(&pane->exchange, &disk->path, now_us);
    left(disk, pane);
}

static void send_run(struct bh_disk *disk, struct bh_pane **panes,
                     unsigned count, uint64_t now_us)
{
    uint8_t bytes[BH_READ_RUN_LEN];
    unsigned i;

    memcpy(bytes, panes[0]->exchange.tiny.packet, BH_COMMAND_HEADER_LEN);
    bytes[4] = BH_OP_READ_RUN;
    bytes[BH_COMMAND_HEADER_LEN] = (uint8_t)count;
    bh_path_send_bytes(&disk->path, bytes, sizeof(bytes), now_us);
    for (i = 0; i < count; i++) {
        panes[i]->in_run = true;
        panes[i]->run_first = panes[0]->number;
        panes[i]->run_count = (uint8_t)count;
        left(disk, panes[i]);
    }
}

static bool follows(const struct bh_pane *pane, const struct bh_pane *first,
                    unsigned distance)
{
    return is_read(pane) && !pane->alone &&
           pane->number == (uint16_t)(first->number + distance) &&
           lsn_of(pane) == (uint64_t)lsn_of(first) + distance;
}

/* So that four are under way: the line is never idle, and little is held back
 * until there is room for the next. */
static unsigned longest_run(const struct bh_disk *disk)
{
    unsigned quarter = (disk->pace.allowed + 3) / 4;

    return quarter < disk->run ? quarter : disk->run;
}

static unsigned run_at(struct bh_pane **panes, unsigned count, unsigned most)
{
    unsigned n = 1;

    if (!is_read(panes[0]) || panes[0]->alone)
        return 1;
    while (n < count && n < most && follows(panes[n], panes[0], n))
        n++;
    return n;
}

static void depart(struct bh_disk *disk, struct departure *departure,
                   uint64_t now_us)
{
    unsigned most = longest_run(disk), i, count;
    struct bh_pane **panes;

    for (i = 0; i < departure->count; i += count) {
        panes = departure->panes + i;
        count = run_at(panes, departure->count - i, most);
        if (count > 1)
            send_run(disk, panes, count, now_us);
        else
            send_alone(disk, panes[0], now_us);
    }
}

/*
 * Beginning.
 */

static bool reads_sector(const struct bh_request *request, uint32_t at)
{
    return request->kind == BH_REQUEST_READ || bh_edges_is_read(request, at);
}

/* Sets up what is sent for a sector, or for a request that has none. */
static void compose(struct bh_disk *disk, const struct bh_request *request,
                    uint32_t at)
{
    uint16_t len = (uint16_t)disk->info.sector_len;
    struct bh_tiny *tiny = &disk->last;

    if (reads_sector(request, at)) {
        bh_tiny_read(tiny, bh_request_lsn(request, at), len);
        return;
    }
    switch (request->kind) {
    case BH_REQUEST_WRITE:
        bh_tiny_write(tiny, bh_request_lsn(request, at),
                      bh_edges_out(request, at, len), len);
        break;
    case BH_REQUEST_FLUSH:
        bh_tiny_flush(tiny);
        break;
    case BH_REQUEST_CLOSE:
        bh_tiny_disconnect(tiny);
        break;
    case BH_REQUEST_IDENTIFY:
        bh_tiny_identify(tiny);
        break;
    default:
        bh_extra_compose(tiny, request, at);
    }
}

static void arm(struct bh_disk *disk, struct bh_request *request,
                struct bh_pane *pane, uint64_t now_us)
{
    uint32_t len = disk->info.sector_len;
    struct bh_exchange *exchange = &pane->exchange;
    struct bh_path *path = &disk->path;

    exchange->tiny = disk->last;
    if (reads_sector(request, pane->at))
        bh_exchange_begin(exchange, path, bh_edges_in(request, pane->at, len),
                          len, true, now_us);
    else if (request->kind == BH_REQUEST_IDENTIFY)
        bh_exchange_begin(exchange, path, disk->identify,
                          sizeof(disk->identify), true, now_us);
    else if (request->kind == BH_REQUEST_WRITE)
        bh_exchange_begin(exchange, path, NULL, 0, true, now_us);
    else
        bh_extra_arm(path, pane, request, now_us);
}

static void begin(struct bh_disk *disk, struct bh_request *request,
                  const struct bh_sector *sector, struct departure *departure,
                  uint64_t now_us)
{
    struct bh_pane *pane;
    uint16_t number;

    compose(disk, request, sector->at);
    number = bh_traffic_number(&disk->last);
    bh_window_take(&disk->window, number);
    pane = bh_window_use(&disk->window, number);
    pane->slot = sector->slot;
    pane->alone = sector->alone;
    pane->at = sector->at;
    arm(disk, request, pane, now_us);
    request->under_way++;
    if (!bh_edges_is_read(request, sector->at)) {
        request->sent = true;
        disk->changes += bh_request_changes(request);
    }
    if (request->kind == BH_REQUEST_FLUSH)
        request->covers = disk->changes;
    departure->panes[departure->count++] = pane;
}

static void begin_next(struct bh_disk *disk, struct bh_request *request,
                       struct departure *departure, uint64_t now_us)
{
    const struct bh_sector sector = {
        .slot = (uint8_t)bh_requests_slot(&disk->requests, request),
        .at = request->begun++};

    begin(disk, request, &sector, departure, now_us);
}

void bh_traffic_send_one(struct bh_disk *disk, struct bh_request *request,
                         uint64_t now_us)
{
    struct departure departure = {0};

    begin_next(disk, request, &departure, now_us);
    depart(disk, &departure, now_us);
}

/* What pace and window leave free; the window's last number is for a DISCON. */
static unsigned budget(const struct bh_disk *disk)
{
    unsigned spare = disk->width > 2, air = in_the_air(disk);
    unsigned room = bh_window_room(&disk->window, disk->width);

    if (disk->session == 0 || disk->spoiled || room <= spare ||
        disk->pace.allowed <= air)
        return 0;
    room -= spare;
    return room < disk->pace.allowed - air ? room : disk->pace.allowed - air;
}

static unsigned begin_again(struct bh_disk *disk, unsigned most,
                            struct departure *departure, uint64_t now_us)
{
    struct bh_request *request;
    unsigned i;

    for (i = 0; i < disk->again_count && i < most; i++) {
        request = &disk->requests.slots[disk->again[i].slot];
        request->again--;
        begin(disk, request, &disk->again[i], departure, now_us);
    }
    disk->again_count -= i;
    memmove(disk->again, disk->again + i,
            disk->again_count * sizeof(disk->again[0]));
    return i;
}

/* How many of its parts may have been begun: a WRITE of bytes has to know its
 * edges first. */
static uint32_t ready(const struct bh_request *request)
{
    uint32_t reads = request->edges.reads;

    if (request->begun < reads ||
        (request->begun == reads && request->under_way + request->again > 0))
        return reads;
    return request->count;
}

/* How many of its sectors to begin. Where runs bring them, no short one is
 * begun while others are under way: short ones would never end. */
static unsigned portion(const struct bh_disk *disk,
                        const struct bh_request *request, unsigned most)
{
    uint32_t left_over = ready(request) - request->begun;

    if (request->over || request->result != 0)
        return 0;
    if (left_over <= most)
        return left_over;
    if (request->kind == BH_REQUEST_READ && most < longest_run(disk) &&
        in_the_air(disk) > 0)
        return 0;
    return most;
}

void bh_traffic_send(struct bh_disk *disk, uint64_t now_us)
{
    struct departure departure = {0};
    unsigned most = budget(disk), place, count;
    struct bh_request *request;

    most -= begin_again(disk, most, &departure, now_us);
    for (place = 0; place < disk->requests.count && most > 0; place++) {
        request = bh_requests_at(&disk->requests, place);
        count = portion(disk, request, most);
        if (count == 0 || bh_requests_must_wait(&disk->requests, place))
            continue;
        for (most -= count; count > 0; count--)
            begin_next(disk, request, &departure, now_us);
    }
    depart(disk, &departure, now_us);
}

/*
 * Leaving again.
 */

/* When answers to later ones make it lost. */
static uint64_t passed_us(const struct bh_disk *disk,
                          const struct bh_exchange *exchange)
{
    uint64_t srtt_us = disk->path.rto.srtt_us;

    return exchange->sent_us + srtt_us + srtt_us / 8 + LATE_US;
}

/* Once: later it is left to the time-out, which waits longer each time. */
static bool is_passed(const struct bh_disk *disk, const struct bh_pane *pane)
{
    return pane->exchange.measured && !pane->exchange.resent &&
           !pane->exchange.held && bh_window_passed(&disk->window, pane);
}

/* A whole run that does not come is most likely one datagram, the request; but
 * not if it happens again. What a line loses was damaged: its queues are never
 * full, and fewer under way would be no fewer lost. */
static void blame_path(struct bh_disk *disk, const struct bh_pane *pane)
{
    const struct bh_exchange *exchange = &pane->exchange;

    if (!exchange->measured || exchange->held || disk->path.rto.line_us > 0)
        return;
    if (pane->run_count == 0 || leads_run(pane) || exchange->resent)
        bh_pace_lost(&disk->pace, pane->halvings,
                     bh_rto_is_crowded(&disk->path.rto));
}

static void lose_if_late(struct bh_disk *disk, struct bh_pane *pane,
                         uint64_t now_us)
{
    const struct bh_exchange *exchange = &pane->exchange;

    if (!bh_exchange_due(exchange, now_us) &&
        !(is_passed(disk, pane) && now_us >= passed_us(disk, exchange)))
        return;
    blame_path(disk, pane);
    bh_window_lose(&disk->window, pane);
}

static void collect(struct bh_disk *disk, uint16_t number, unsigned count,
                    struct departure *departure)
{
    struct bh_pane *pane;

    for (; count > 0; count--, number++) {
        pane = bh_window_at(&disk->window, number);
        bh_window_lose(&disk->window, pane);
        departure->panes[departure->count++] = pane;
    }
}

/* What is lost and may leave, oldest first. A run of which nothing has come is
 * not divided: on an empty line it leaves whatever the pace says. */
static void collect_lost(struct bh_disk *disk, struct departure *departure)
{
    struct bh_window *window = &disk->window;
    unsigned air = in_the_air(disk), most = disk->pace.allowed, count;
    const struct bh_pane *pane;
    uint16_t number;

    for (number = window->oldest; number != window->next && air < most;
         number++) {
        pane = bh_window_at(window, number);
        if (!pane->used || !pane->lost)
            continue;
        count = leads_run(pane) ? pane->run_count : 1;
        if (air > 0 && air + count > most)
            return;
        collect(disk, number, count, departure);
        air += count;
        number = (uint16_t)(number + count - 1);
    }
}

/* How many of these leave in the datagram of the first. */
static unsigned run_again_at(struct bh_pane **panes, unsigned count)
{
    unsigned run = leads_run(panes[0]) ? panes[0]->run_count : 1;

    return run <= count ? run : 1;
}

static void depart_again(struct bh_disk *disk, struct departure *departure,
                         uint64_t now_us)
{
    struct bh_path *path = &disk->path;
    struct bh_pane **panes;
    unsigned i, count;

    for (i = 0; i < departure->count; i++)
        bh_exchange_again(&departure->panes[i]->exchange, now_us);
    for (i = 0; i < departure->count; i += count) {
        panes = departure->panes + i;
        path->retransmissions++;
        count = run_again_at(panes, departure->count - i);
        if (count > 1)
            send_run(disk, panes, count, now_us);
        else
            send_alone(disk, panes[0], now_us);
    }
}

void bh_traffic_repeat(struct bh_disk *disk, uint64_t now_us)
{
    struct bh_window *window = &disk->window;
    struct departure departure = {0};
    struct bh_pane *pane;
    uint16_t number;

    if (window->used == 0)
        return;
    for (number = window->oldest; number != window->next; number++) {
        pane = bh_window_at(window, number);
        if (pane->used && !pane->lost)
            lose_if_late(disk, pane, now_us);
    }
    if (window->lost == 0)
        return;
    collect_lost(disk, &departure);
    depart_again(disk, &departure, now_us);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t bh_traffic_wait_ms(const struct bh_disk *disk, uint64_t now_us)
{
    uint64_t wait_ms = UINT64_MAX, at_us;
    const struct bh_pane *pane;
    unsigned i;

    for (i = 0; i < BH_WINDOW_MAX && disk->window.used > 0; i++) {
        pane = &disk->window.panes[i];
        if (!pane->used || pane->lost)
            continue;
        wait_ms = least(wait_ms, bh_exchange_wait_ms(&pane->exchange, now_us));
        if (!is_passed(disk, pane))
            continue;
        at_us = passed_us(disk, &pane->exchange);
        wait_ms =
            least(wait_ms, now_us < at_us ? (at_us - now_us + 999) / 1000 : 0);
    }
    return wait_ms;
}

/*
 * Arriving.
 */

/* BUSY to a run is BUSY to all of it. */
static void hold_run(struct bh_disk *disk, const struct bh_pane *first)
{
    struct bh_pane *pane;
    unsigned i;

    for (i = 1; i < first->run_count; i++) {
        pane = bh_window_at(&disk->window, first->number + i);
        if (!pane->used || pane->run_first != first->run_first)
            continue;
        pane->exchange.held = true;
        pane->exchange.resume_us = first->exchange.resume_us;
    }
}

struct bh_pane *bh_traffic_received(struct bh_disk *disk, uint64_t now_us)
{
    struct bh_pane *pane = bh_window_at(&disk->window, disk->path.datagram[1]);

    if (!pane->used ||
        !bh_exchange_received(&pane->exchange, &disk->path, now_us))
        return NULL;
    if (pane->exchange.held)
        hold_run(disk, pane);
    return pane;
}

/* The sector will have another number. */
static void put_back(struct bh_disk *disk, struct bh_pane *pane, bool alone)
{
    struct bh_request *request = request_of(disk, pane);

    disk->again[disk->again_count++] =
        (struct bh_sector){pane->slot, alone, pane->at};
    request->under_way--;
    request->again++;
    bh_window_free(&disk->window, pane);
}

static void read_again(struct bh_disk *disk, struct bh_pane *pane)
{
    if (disk->changed)
        fail_changed(request_of(disk, pane), lsn_of(pane));
    bh_window_settle(&disk->window, pane->number);
    if (request_of(disk, pane)->result == 0) {
        put_back(disk, pane, true);
        return;
    }
    request_of(disk, pane)->under_way--; /* it has failed already */
    bh_window_free(&disk->window, pane);
    end_if_done(disk, request_of(disk, pane));
}

/* An error to a run's first number, where nothing of the run has come, is that
 * of all. */
static void refuse_run(struct bh_disk *disk, struct bh_pane *pane)
{
    unsigned count = leads_run(pane) ? pane->run_count : 0;
    uint16_t first = pane->number;
    struct bh_pane *other;
    unsigned i;

    read_again(disk, pane);
    for (i = 1; i < count; i++) {
        other = bh_window_at(&disk->window, first + i);
        if (!other->used || other->number != (uint16_t)(first + i) ||
            other->run_first != first || other->run_count == 0)
            continue;
        bh_exchange_give_up(&other->exchange, &disk->path);
        read_again(disk, other);
    }
}

/* What has not begun was meant for the medium of before. */
static void medium_changed(struct bh_disk *disk)
{
    struct bh_request *request;
    unsigned i;

    disk->changed = true;
    disk->locks = false;
    for (i = 0; i < disk->requests.count; i++) {
        request = bh_requests_at(&disk->requests, i);
        if (request->over ||
            (request->begun == request->count && request->again == 0))
            continue;
        fail_changed(request, first_unanswered(disk, request));
        forget_again(disk, request);
        end_if_done(disk, request);
    }
}

/* Its part `at` is done. */
static void succeed(struct bh_disk *disk, struct bh_request *request,
                    uint32_t at)
{
    const char *wrong;

    if (request->kind >= BH_REQUEST_EJECT)
        disk->locks = request->kind == BH_REQUEST_LOCK;
    if (reads_sector(request, at)) {
        bh_edges_took(request, at, disk->info.sector_len);
    } else if (request->kind == BH_REQUEST_IDENTIFY) {
        wrong = bh_session_identified(disk);
        if (wrong != NULL)
            fail(request, -EPROTO, BH_OK, wrong, 0);
    } else if (request->told != NULL) {
        bh_extra_tell(request);
    } else if (request->kind == BH_REQUEST_FLUSH &&
               request->covers > disk->flushed) {
        disk->flushed = request->covers;
    }
}

/* What an answer tells of the path. */
static void learn(struct bh_disk *disk, const struct bh_pane *pane)
{
    if (!pane->exchange.measured || pane->exchange.resent)
        return;
    bh_pace_answered(&disk->pace);
    bh_window_answered(&disk->window, pane);
}

void bh_traffic_answered(struct bh_disk *disk, struct bh_pane *pane,
                         uint64_t now_us)
{
    struct bh_request *request = request_of(disk, pane);
    uint8_t status = pane->exchange.tiny.status;
    bool open = bh_session_leaves_open(status);

    learn(disk, pane);
    if (status == BH_ERR_CHANGED)
        medium_changed(disk);
    if (status == BH_OK || open || !leads_run(pane))
        break_run(disk, pane);
    if (status != BH_OK && !open && pane->in_run) {
        refuse_run(disk, pane);
        return;
    }
    if (open)
        disk->spoiled = disk->spoiled || disk->last.strict;
    if (!open || !disk->last.strict)
        bh_window_settle(&disk->window, pane->number);
    bh_window_free(&disk->window, pane);
    request->under_way--;
    if (request->count > 1)
        request->deadline_us = now_us + 1000u * (uint64_t)disk->timeout_ms;
    if (status == BH_OK)
        succeed(disk, request, pane->at);
    else
        fail(request, bh_status_errno(status), status, NULL,
             bh_request_lsn(request, pane->at));
    if (request->result != 0)
        forget_again(disk, request);
    end_if_done(disk, request);
}

/* By their numbers, which is the order in which they were begun. */
void bh_traffic_recall(struct bh_disk *disk)
{
    struct bh_window *window = &disk->window;
    struct bh_sector waiting[BH_WINDOW_MAX];
    unsigned count = disk->again_count;
    struct bh_pane *pane;
    uint16_t number;

    memcpy(waiting, disk->again, count * sizeof(waiting[0]));
    disk->again_count = 0;
    for (number = window->oldest; window->used > 0; number++) {
        pane = bh_window_at(window, number);
        if (pane->used)
            put_back(disk, pane, pane->alone);
    }
    memcpy(disk->again + disk->again_count, waiting,
           count * sizeof(waiting[0]));
    disk->again_count += count;
}

void bh_traffic_drop_too_long(struct bh_disk *disk)
{
    struct bh_pane *pane;
    unsigned i;

    for (i = 0; i < BH_WINDOW_MAX; i++) {
        pane = bh_window_at(&disk->window, i);
        if (pane->used && pane->exchange.too_long)
            bh_traffic_end(disk, request_of(disk, pane), -EMSGSIZE, BH_OK,
                           NULL);
    }
}
