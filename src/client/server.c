/* SPDX-License-Identifier: MIT */
/* Questions to a server, without a volume: is it there, and what is it? */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "client/blockhead.h"
#include "client/clock.h"
#include "client/error.h"
#include "client/exchange.h"
#include "client/info.h"
#include "wire/protocol.h"

/* A question, and the way that it goes. */
struct call {
    struct bh_path path;
    struct bh_exchange exchange;
};

/* Sleeps until something comes, or is to be sent again. */
static void wait_until(const struct call *call, uint64_t deadline_us)
{
    struct pollfd event = {.fd = call->path.fd, .events = POLLIN};
    uint64_t now_us = bh_clock_us(), left_ms, wait_ms;

    wait_ms = bh_exchange_wait_ms(&call->exchange, now_us);
    if (bh_path_wait_ms(&call->path) < wait_ms)
        wait_ms = bh_path_wait_ms(&call->path);
    left_ms = now_us < deadline_us ? (deadline_us - now_us) / 1000u + 1 : 0;
    poll(&event, 1, (int)(left_ms < wait_ms ? left_ms : wait_ms));
}

static void receive_all(struct call *call)
{
    int rc;

    while (bh_exchange_runs(&call->exchange) &&
           (rc = bh_path_receive(&call->path)) != -EAGAIN) {
        if (rc == 0)
            bh_exchange_received(&call->exchange, &call->path, bh_clock_us());
        else if (rc == -ECONNREFUSED)
            bh_exchange_refused(&call->exchange, &call->path, bh_clock_us());
    }
}

/* Sends what `tiny` holds and waits. The answer's status, or a negative
 * errno. */
static int ask(struct call *call, void *data, size_t data_len,
               uint32_t timeout_ms)
{
    struct bh_exchange *exchange = &call->exchange;
    uint64_t now_us = bh_clock_us();
    uint64_t deadline_us = now_us + 1000u * (uint64_t)timeout_ms;

    bh_exchange_begin(exchange, &call->path, data, data_len, true, now_us);
    bh_exchange_send(exchange, &call->path, now_us);
    for (;;) {
        bh_path_flush(&call->path);
        if (exchange->too_long)
            return -EMSGSIZE;
        wait_until(call, deadline_us);
        receive_all(call);
        if (!bh_exchange_runs(exchange))
            return exchange->tiny.status;
        if (bh_clock_us() >= deadline_us)
            return bh_path_silence(&call->path);
        bh_exchange_repeat(exchange, &call->path, bh_clock_us());
    }
}

static int say_error(char *error, size_t error_len,
                     const struct bh_attempt *attempt, const struct call *call,
                     int rc)
{
    const char *why = bh_path_explain(&call->path, rc);

    if (why != NULL)
        return bh_say_why(error, error_len, attempt, rc, why);
    return bh_say_errno(error, error_len, attempt, rc);
}

/* Opens the way to the server of `url`; else says why not. */
static int reach(struct call *call, const struct bh_url *url,
                 const struct bh_attempt *attempt, char *error,
                 size_t error_len)
{
    const char *why;
    int rc;

    memset(&call->exchange, 0, sizeof(call->exchange));
    bh_path_init(&call->path);
    rc = bh_path_open(&call->path, url, &why);
    if (rc >= 0)
        return 0;
    bh_path_close(&call->path);
    if (why != NULL)
        return bh_say_why(error, error_len, attempt, rc, why);
    return bh_say_errno(error, error_len, attempt, rc);
}

int bh_server_ping(const struct bh_url *url, uint32_t timeout_ms,
                   uint32_t *rtt_us, char *error, size_t error_len)
{
    const struct bh_attempt attempt = {.verb = "ping", .target = url->host};
    struct call call;
    int rc = reach(&call, url, &attempt, error, error_len);

    if (rc < 0)
        return rc;
    bh_tiny_keep(&call.exchange.tiny);
    rc = ask(&call, NULL, 0, timeout_ms);
    *rtt_us = call.exchange.rtt_us;
    bh_path_close(&call.path);
    return rc < 0 ? say_error(error, error_len, &attempt, &call, rc) : 0;
}

/* A request padded to the length that the server asks for, so that its answer
 * is no longer than the question. */
static int ask_identify(struct call *call, uint8_t bytes[BH_IDENTIFY_LEN],
                        uint32_t timeout_ms)
{
    static const uint8_t
        padding[BH_IDENTIFY_SERVER_REQUEST_LEN - BH_COMMAND_HEADER_LEN];

    bh_tiny_identify(&call->exchange.tiny);
    call->exchange.tiny.body = padding;
    call->exchange.tiny.body_len = sizeof(padding);
    return ask(call, bytes, BH_IDENTIFY_LEN, timeout_ms);
}

/* Servers without IDENTIFY look at the session id first, and there is none. */
static int say_answer(char *error, size_t error_len,
                      const struct bh_attempt *attempt, uint8_t status)
{
    if (status == BH_ERR_SESSION || status == BH_ERR_OPCODE)
        return bh_say_why(error, error_len, attempt, -EOPNOTSUPP,
                          "the server is too old to describe itself");
    return bh_say_status(error, error_len, attempt, status);
}

int bh_server_info(const struct bh_url *url, uint32_t timeout_ms,
                   struct bh_info *out, char *error, size_t error_len)
{
    const struct bh_attempt attempt = {.verb = "ask", .target = url->host};
    struct call call;
    uint8_t bytes[BH_IDENTIFY_LEN];
    int rc = reach(&call, url, &attempt, error, error_len);

    if (rc < 0)
        return rc;
    rc = ask_identify(&call, bytes, timeout_ms);
    bh_path_close(&call.path);
    if (rc < 0)
        return say_error(error, error_len, &attempt, &call, rc);
    if (rc != BH_OK)
        return say_answer(error, error_len, &attempt, (uint8_t)rc);
    if (bh_info_decode(bytes, out) != 0)
        return bh_say_why(error, error_len, &attempt, -EPROTO,
                          "its answer makes no sense");
    return 0;
}
