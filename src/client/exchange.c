/* SPDX-License-Identifier: MIT */
#include "client/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/resolve.h"
#include "client/socket.h"

/* Datagrams taken in one step, so that a flood cannot keep the caller. */
#define RECEIVE_MAX 64

static uint16_t tick_of(uint64_t now_us)
{
    return (uint16_t)(now_us / 1000u);
}

void bh_exchange_init(struct bh_exchange *exchange)
{
    memset(exchange, 0, sizeof(*exchange));
    exchange->fd = -1;
    bh_rto_init(&exchange->rto);
    /* Failing leaves 0, which works: the seq only makes old lives unlikely. */
    if (getrandom(&exchange->tiny.packet[1], 1, GRND_NONBLOCK) != 1)
        exchange->tiny.packet[1] = 0;
}

void bh_exchange_close(struct bh_exchange *exchange)
{
    if (exchange->fd >= 0)
        close(exchange->fd);
    exchange->fd = -1;
}

/* Goes on to the next address that takes a socket. The last reason if none
 * does. */
static int next_peer(struct bh_exchange *exchange)
{
    size_t tried;
    int fd = -EHOSTUNREACH;

    for (tried = 0; tried < exchange->peer_count; tried++) {
        exchange->peer_at = (exchange->peer_at + 1) % exchange->peer_count;
        fd = bh_socket_open(&exchange->peers[exchange->peer_at]);
        if (fd >= 0) {
            bh_exchange_close(exchange);
            exchange->fd = fd;
            return 0;
        }
        exchange->trouble = -fd;
    }
    return fd;
}

int bh_exchange_open(struct bh_exchange *exchange, const char *host,
                     uint16_t port, const char **why)
{
    int count =
        bh_resolve(host, port, exchange->peers, BH_EXCHANGE_PEERS_MAX, why);

    if (count < 0)
        return count;
    *why = NULL;
    exchange->peer_count = (size_t)count;
    exchange->peer_at = exchange->peer_count - 1;
    exchange->settled = false;
    bh_rto_init(&exchange->rto);
    return next_peer(exchange);
}

static bool may_move(const struct bh_exchange *exchange)
{
    return !exchange->settled && exchange->peer_count > 1;
}

/* A datagram that the path can never carry is an error, all else is loss. */
static int send_now(struct bh_exchange *exchange, uint64_t now_us)
{
    const struct bh_tiny *tiny = &exchange->tiny;
    int rc = bh_socket_send(exchange->fd, tiny->packet, tiny->packet_len,
                            tiny->body, tiny->body_len);

    exchange->sent_us = now_us;
    if (rc == -EMSGSIZE) {
        exchange->tiny.status = BH_TINY_SILENT;
        return rc;
    }
    if (rc < 0)
        exchange->trouble = -rc;
    return 0;
}

int bh_exchange_begin(struct bh_exchange *exchange, void *data, size_t data_len,
                      bool quick, uint64_t now_us, uint64_t deadline_us)
{
    uint32_t wait_us = exchange->rto.rto_us;

    if (!quick && wait_us < BH_RTO_INITIAL_US)
        wait_us = BH_RTO_INITIAL_US;
    exchange->data = data;
    exchange->data_len = data_len;
    exchange->measured = quick;
    exchange->resent = false;
    exchange->held = false;
    exchange->refusals = 0;
    exchange->trouble = 0;
    exchange->deadline_us = deadline_us;
    /* One more: both ends of the wait are cut to whole milliseconds. */
    exchange->tiny.wait = (uint16_t)(wait_us / 1000u + 1);
    bh_tiny_due(&exchange->tiny, tick_of(now_us));
    return send_now(exchange, now_us);
}

/* Nobody listens at this address: the next one, once around. */
static void refused(struct bh_exchange *exchange, uint64_t now_us)
{
    if (!may_move(exchange) || ++exchange->refusals >= exchange->peer_count)
        return;
    if (next_peer(exchange) < 0)
        return;
    exchange->resent = true;
    exchange->retransmissions++;
    exchange->tiny.sent = tick_of(now_us);
    send_now(exchange, now_us);
}

/* The patience is ours (`deadline_us`), so tiny never runs out of tries. */
static int send_due(struct bh_exchange *exchange, uint64_t now_us)
{
    struct bh_tiny *tiny = &exchange->tiny;
    uint16_t wait = tiny->wait;

    tiny->tries = BH_TINY_TRIES;
    if (!bh_tiny_due(tiny, tick_of(now_us)))
        return 0;
    if (may_move(exchange)) {
        if (exchange->peer_at + 1 < exchange->peer_count)
            tiny->wait = wait; /* back-off counts rounds, not addresses */
        next_peer(exchange);
    }
    exchange->refusals = 0;
    exchange->resent = true;
    exchange->retransmissions++;
    return send_now(exchange, now_us);
}

/* BUSY: nothing has happened, and the same datagram is welcome later. */
static void hold(struct bh_exchange *exchange, uint64_t now_us)
{
    exchange->settled = true;
    exchange->held = true;
    exchange->resume_us =
        now_us + ((uint64_t)exchange->tiny.busy_ms + 1u) * 1000u;
}

static int resume(struct bh_exchange *exchange, uint64_t now_us)
{
    if (now_us < exchange->resume_us)
        return 0;
    exchange->held = false;
    exchange->resent = true;
    exchange->retransmissions++;
    bh_tiny_again(&exchange->tiny);
    bh_tiny_due(&exchange->tiny, tick_of(now_us));
    return send_now(exchange, now_us);
}

static void answered(struct bh_exchange *exchange, uint64_t now_us)
{
    uint64_t rtt_us = now_us - exchange->sent_us;

    exchange->settled = true;
    exchange->requests++;
    exchange->rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;
    if (!exchange->measured)
        return;
    if (exchange->resent)
        bh_rto_backed_off(&exchange->rto, exchange->tiny.wait * 1000u);
    else
        bh_rto_measured(&exchange->rto, exchange->rtt_us);
}

/* The data of an answer follows its header, which only CONNECT has longer. Tiny
 * may look further than that header. */
static long receive(struct bh_exchange *exchange,
                    uint8_t reply[BH_TINY_REPLY_LEN])
{
    size_t head_len = exchange->data != NULL
                          ? BH_TINY_HEADER_LEN(&exchange->tiny)
                          : BH_TINY_REPLY_LEN;
    long len = bh_socket_receive(exchange->fd, reply, head_len, exchange->data,
                                 exchange->data_len);

    if (head_len < BH_TINY_REPLY_LEN)
        memcpy(reply + head_len, exchange->data, BH_TINY_REPLY_LEN - head_len);
    return len;
}

static void receive_all(struct bh_exchange *exchange, uint64_t now_us)
{
    uint8_t reply[BH_TINY_REPLY_LEN] = {0};
    int count;
    long len;

    for (count = 0; count < RECEIVE_MAX; count++) {
        len = receive(exchange, reply);
        if (len == -EAGAIN)
            return;
        if (len < 0) {
            exchange->trouble = (int)-len;
            if (len == -ECONNREFUSED)
                refused(exchange, now_us);
            continue;
        }
        if (bh_tiny_received(&exchange->tiny, reply, (uint16_t)len)) {
            if (exchange->tiny.strict && exchange->tiny.status == BH_ERR_BUSY)
                hold(exchange, now_us);
            else
                answered(exchange, now_us);
            return;
        }
        exchange->strays++;
    }
}

int bh_exchange_step(struct bh_exchange *exchange, uint64_t now_us)
{
    int rc;

    receive_all(exchange, now_us);
    if (exchange->held && now_us < exchange->deadline_us) {
        rc = resume(exchange, now_us);
        return rc < 0 ? rc : -EINPROGRESS;
    }
    if (!BH_TINY_RUNS(&exchange->tiny))
        return 0;
    if (now_us >= exchange->deadline_us) {
        if (exchange->measured && exchange->resent)
            bh_rto_backed_off(&exchange->rto, exchange->tiny.wait * 1000u);
        exchange->tiny.status = BH_TINY_SILENT;
        return exchange->trouble != 0 ? -exchange->trouble : -ETIMEDOUT;
    }
    rc = send_due(exchange, now_us);
    return rc < 0 ? rc : -EINPROGRESS;
}

/* Milliseconds until tiny has something to do. */
static uint64_t next_ms(const struct bh_exchange *exchange, uint64_t now_us)
{
    const struct bh_tiny *tiny = &exchange->tiny;
    uint16_t elapsed = (uint16_t)(tick_of(now_us) - tiny->sent);

    if (exchange->held)
        return now_us < exchange->resume_us
                   ? (exchange->resume_us - now_us) / 1000u + 1
                   : 0;
    return elapsed < tiny->wait ? (uint64_t)(tiny->wait - elapsed) : 0;
}

int bh_exchange_wait_ms(const struct bh_exchange *exchange, uint64_t now_us)
{
    uint64_t wait_ms = next_ms(exchange, now_us);
    uint64_t left_ms;

    if (now_us >= exchange->deadline_us)
        return 0;
    left_ms = (exchange->deadline_us - now_us) / 1000u + 1;
    return (int)(left_ms < wait_ms ? left_ms : wait_ms);
}

void bh_exchange_fire(struct bh_exchange *exchange)
{
    if (exchange->fd >= 0)
        send_now(exchange, exchange->sent_us);
    exchange->tiny.status = BH_TINY_SILENT;
}

void bh_exchange_drain(struct bh_exchange *exchange)
{
    uint8_t reply[BH_TINY_REPLY_LEN];
    int count;

    for (count = 0; count < RECEIVE_MAX && exchange->fd >= 0; count++)
        if (bh_socket_receive(exchange->fd, reply, sizeof(reply), NULL, 0) ==
            -EAGAIN)
            return;
}
