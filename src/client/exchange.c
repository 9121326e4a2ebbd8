/* SPDX-License-Identifier: MIT */
#include "client/exchange.h"

#include <string.h>

static uint16_t tick_of(uint64_t now_us)
{
    return (uint16_t)(now_us / 1000u);
}

static int send_now(struct bh_exchange *exchange, struct bh_path *path,
                    uint64_t now_us)
{
    int rc = bh_path_send(path, &exchange->tiny, now_us);

    exchange->sent_us = now_us;
    if (rc < 0)
        exchange->tiny.status = BH_TINY_SILENT;
    return rc;
}

static int send_again(struct bh_exchange *exchange, struct bh_path *path,
                      uint64_t now_us)
{
    exchange->resent = true;
    path->retransmissions++;
    return send_now(exchange, path, now_us);
}

int bh_exchange_begin(struct bh_exchange *exchange, struct bh_path *path,
                      void *data, size_t data_len, bool quick, uint64_t now_us)
{
    uint32_t wait_us = path->rto.rto_us;

    if (!quick && wait_us < BH_RTO_INITIAL_US)
        wait_us = BH_RTO_INITIAL_US;
    exchange->data = data;
    exchange->data_len = data_len;
    exchange->measured = quick;
    exchange->resent = false;
    exchange->held = false;
    exchange->refusals = 0;
    exchange->begun_us = now_us;
    /* One more: both ends of the wait are cut to whole milliseconds. */
    exchange->tiny.wait = (uint16_t)(wait_us / 1000u + 1);
    bh_tiny_due(&exchange->tiny, tick_of(now_us));
    return send_now(exchange, path, now_us);
}

bool bh_exchange_runs(const struct bh_exchange *exchange)
{
    return exchange->held || BH_TINY_RUNS(&exchange->tiny);
}

void bh_exchange_refused(struct bh_exchange *exchange, struct bh_path *path,
                         uint64_t now_us)
{
    if (!bh_path_may_move(path) || ++exchange->refusals >= path->peer_count)
        return;
    if (bh_path_move(path) < 0)
        return;
    exchange->tiny.sent = tick_of(now_us);
    send_again(exchange, path, now_us);
}

static int resume(struct bh_exchange *exchange, struct bh_path *path,
                  uint64_t now_us)
{
    if (now_us < exchange->resume_us)
        return 0;
    exchange->held = false;
    bh_tiny_again(&exchange->tiny);
    bh_tiny_due(&exchange->tiny, tick_of(now_us));
    return send_again(exchange, path, now_us);
}

/* The patience is the caller's, so tiny never runs out of tries. */
int bh_exchange_due(struct bh_exchange *exchange, struct bh_path *path,
                    uint64_t now_us)
{
    struct bh_tiny *tiny = &exchange->tiny;
    uint16_t wait = tiny->wait;
    int rc;

    if (exchange->held)
        return resume(exchange, path, now_us);
    tiny->tries = BH_TINY_TRIES;
    if (!bh_tiny_due(tiny, tick_of(now_us)))
        return 0;
    if (bh_path_may_move(path)) {
        if (path->peer_at + 1 < path->peer_count)
            tiny->wait = wait; /* back-off counts rounds, not addresses */
        bh_path_move(path);
    }
    exchange->refusals = 0;
    rc = send_again(exchange, path, now_us);
    return rc < 0 ? rc : 1;
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
    const struct bh_tiny *tiny = &exchange->tiny;
    uint16_t elapsed = (uint16_t)(tick_of(now_us) - tiny->sent);

    if (exchange->held)
        return now_us < exchange->resume_us
                   ? (exchange->resume_us - now_us) / 1000u + 1
                   : 0;
    return elapsed < tiny->wait ? (uint64_t)(tiny->wait - elapsed) : 0;
}

void bh_exchange_give_up(struct bh_exchange *exchange, struct bh_path *path)
{
    if (!bh_exchange_runs(exchange))
        return;
    back_off(exchange, path);
    exchange->held = false;
    exchange->tiny.status = BH_TINY_SILENT;
}
