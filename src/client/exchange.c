/* SPDX-License-Identifier: MIT */
#include "client/exchange.h"

#include <string.h>

static uint16_t tick_of(uint64_t now_us)
{
    return (uint16_t)(now_us / 1000u);
}

void bh_exchange_send(struct bh_exchange *exchange, struct bh_path *path,
                      uint64_t now_us)
{
    uint32_t most_ms = bh_rto_most_us(&path->rto) / 1000u + 1u;

    if (exchange->tiny.wait > most_ms)
        exchange->tiny.wait = (uint16_t)most_ms;
    bh_path_send(path, &exchange->tiny, &exchange->too_long, now_us);
}

void bh_exchange_begin(struct bh_exchange *exchange, const struct bh_path *path,
                       void *data, size_t data_len, bool quick, uint64_t now_us)
{
    uint32_t wait_us = path->rto.rto_us;

    if (!quick && wait_us < BH_RTO_INITIAL_US)
        wait_us = BH_RTO_INITIAL_US;
    exchange->data = data;
    exchange->data_len = data_len;
    exchange->measured = quick;
    exchange->resent = false;
    exchange->too_long = false;
    exchange->held = false;
    exchange->refusals = 0;
    exchange->begun_us = now_us;
    exchange->sent_us = now_us;
    /* One more: both ends of the wait are cut to whole milliseconds. */
    exchange->tiny.wait = (uint16_t)(wait_us / 1000u + 1);
    bh_tiny_due(&exchange->tiny, tick_of(now_us));
}

bool bh_exchange_runs(const struct bh_exchange *exchange)
{
    return exchange->held || BH_TINY_RUNS(&exchange->tiny);
}

static uint16_t elapsed_ms(const struct bh_exchange *exchange, uint64_t now_us)
{
    return (uint16_t)(tick_of(now_us) - exchange->tiny.sent);
}

bool bh_exchange_due(const struct bh_exchange *exchange, uint64_t now_us)
{
    if (exchange->held)
        return now_us >= exchange->resume_us;
    return BH_TINY_RUNS(&exchange->tiny) &&
           elapsed_ms(exchange, now_us) >= exchange->tiny.wait;
}

/* The patience is the caller's, so tiny never runs out of tries. One that is
 * not over its time keeps its wait. */
void bh_exchange_again(struct bh_exchange *exchange, uint64_t now_us)
{
    struct bh_tiny *tiny = &exchange->tiny;

    if (exchange->held)
        bh_tiny_again(tiny);
    else if (!bh_exchange_due(exchange, now_us))
        tiny->status = BH_TINY_UNSENT;
    exchange->held = false;
    tiny->tries = BH_TINY_TRIES;
    bh_tiny_due(tiny, tick_of(now_us));
    exchange->resent = true;
    exchange->sent_us = now_us;
}

static void send_again(struct bh_exchange *exchange, struct bh_path *path,
                       uint64_t now_us)
{
    path->retransmissions++;
    bh_exchange_send(exchange, path, now_us);
}

void bh_exchange_refused(struct bh_exchange *exchange, struct bh_path *path,
                         uint64_t now_us)
{
    if (!bh_path_may_move(path) || ++exchange->refusals >= path->peer_count)
        return;
    if (bh_path_move(path) < 0)
        return;
    bh_exchange_again(exchange, now_us);
    send_again(exchange, path, now_us);
}

void bh_exchange_repeat(struct bh_exchange *exchange, struct bh_path *path,
                        uint64_t now_us)
{
    uint16_t wait = exchange->tiny.wait;

    if (!bh_exchange_due(exchange, now_us))
        return;
    exchange->refusals = 0;
    bh_exchange_again(exchange, now_us);
    if (bh_path_may_move(path)) {
        if (path->peer_at + 1 < path->peer_count)
            exchange->tiny.wait = wait; /* back-off counts rounds */
        bh_path_move(path);
    }
    send_again(exchange, path, now_us);
}

/* BUSY: nothing has happened, and the same datagram is welcome later. */
static void hold(struct bh_exchange *exchange, uint64_t now_us)
{
    exchange->held = true;
    exchange->resume_us =
        now_us + ((uint64_t)exchange->tiny.busy_ms + 1u) * 1000u;
}

/* What others have measured since this one was first sent tells more than how
 * often it had to be sent. */
static void back_off(struct bh_exchange *exchange, struct bh_path *path)
{
    if (exchange->measured && exchange->resent &&
        path->measured_us <= exchange->begun_us)
        bh_rto_backed_off(&path->rto, exchange->tiny.wait * 1000u);
}

static void measure(struct bh_exchange *exchange, struct bh_path *path,
                    uint64_t now_us)
{
    uint64_t rtt_us = now_us - exchange->sent_us;

    exchange->rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;
    back_off(exchange, path);
    if (!exchange->measured || exchange->resent)
        return;
    bh_rto_measured(&path->rto, exchange->rtt_us);
    path->measured_us = now_us;
}

/* The data of an answer follows its header. */
static void take_data(struct bh_exchange *exchange, const struct bh_path *path)
{
    size_t head_len = BH_TINY_HEADER_LEN(&exchange->tiny);

    if (exchange->data != NULL && exchange->tiny.status == BH_OK)
        memcpy(exchange->data, path->datagram + head_len, exchange->data_len);
}

bool bh_exchange_received(struct bh_exchange *exchange, struct bh_path *path,
                          uint64_t now_us)
{
    struct bh_tiny *tiny = &exchange->tiny;

    if (!bh_tiny_received(tiny, path->datagram, path->datagram_len))
        return false;
    path->settled = true;
    path->trouble = 0;
    if (tiny->strict && tiny->status == BH_ERR_BUSY) {
        hold(exchange, now_us);
        return true;
    }
    path->requests++;
    take_data(exchange, path);
    measure(exchange, path, now_us);
    return true;
}

uint64_t bh_exchange_wait_ms(const struct bh_exchange *exchange,
                             uint64_t now_us)
{
    uint16_t elapsed = elapsed_ms(exchange, now_us);

    if (exchange->held)
        return now_us < exchange->resume_us
                   ? (exchange->resume_us - now_us) / 1000u + 1
                   : 0;
    return elapsed < exchange->tiny.wait
               ? (uint64_t)(exchange->tiny.wait - elapsed)
               : 0;
}

void bh_exchange_give_up(struct bh_exchange *exchange, struct bh_path *path)
{
    if (!bh_exchange_runs(exchange))
        return;
    back_off(exchange, path);
    exchange->held = false;
    exchange->tiny.status = BH_TINY_SILENT;
}
