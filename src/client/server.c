/* SPDX-License-Identifier: MIT */
/* Questions to a server, without a volume: is it there, and what is it? */
#include <errno.h>
#include <poll.h>

#include "client/blockhead.h"
#include "client/clock.h"
#include "client/error.h"
#include "client/exchange.h"
#include "client/info.h"
#include "wire/protocol.h"

/* Sends what `tiny` holds and waits. The answer's status, or a negative
 * errno. */
static int ask(struct bh_exchange *exchange, void *data, size_t data_len,
               uint32_t timeout_ms)
{
    uint64_t now_us = bh_clock_us();
    struct pollfd event = {.events = POLLIN};
    int rc = bh_exchange_begin(exchange, data, data_len, true, now_us,
                               now_us + 1000u * (uint64_t)timeout_ms);

    if (rc < 0)
        return rc;
    while ((rc = bh_exchange_step(exchange, bh_clock_us())) == -EINPROGRESS) {
        event.fd = exchange->fd;
        poll(&event, 1, bh_exchange_wait_ms(exchange, bh_clock_us()));
    }
    return rc < 0 ? rc : exchange->tiny.status;
}

/* Opens the way to the server of `url`; else says why not. */
static int reach(struct bh_exchange *exchange, const struct bh_url *url,
                 const struct bh_attempt *attempt, char *error,
                 size_t error_len)
{
    const char *why;
    int rc;

    bh_exchange_init(exchange);
    rc = bh_exchange_open(exchange, url->host, url->port, &why);
    if (rc >= 0)
        return 0;
    if (why != NULL)
        return bh_say_why(error, error_len, attempt, rc, why);
    return bh_say_errno(error, error_len, attempt, rc);
}

int bh_server_ping(const struct bh_url *url, uint32_t timeout_ms,
                   uint32_t *rtt_us, char *error, size_t error_len)
{
    const struct bh_attempt attempt = {.verb = "ping", .target = url->host};
    struct bh_exchange exchange;
    int rc = reach(&exchange, url, &attempt, error, error_len);

    if (rc < 0)
        return rc;
    bh_tiny_keep(&exchange.tiny);
    rc = ask(&exchange, NULL, 0, timeout_ms);
    *rtt_us = exchange.rtt_us;
    bh_exchange_close(&exchange);
    return rc < 0 ? bh_say_errno(error, error_len, &attempt, rc) : 0;
}

/* A request padded to the length that the server asks for, so that its answer
 * is no longer than the question. */
static int ask_identify(struct bh_exchange *exchange,
                        uint8_t bytes[BH_IDENTIFY_LEN], uint32_t timeout_ms)
{
    static const uint8_t
        padding[BH_IDENTIFY_SERVER_REQUEST_LEN - BH_COMMAND_HEADER_LEN];

    bh_tiny_identify(&exchange->tiny);
    exchange->tiny.body = padding;
    exchange->tiny.body_len = sizeof(padding);
    return ask(exchange, bytes, BH_IDENTIFY_LEN, timeout_ms);
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
    struct bh_exchange exchange;
    uint8_t bytes[BH_IDENTIFY_LEN];
    int rc = reach(&exchange, url, &attempt, error, error_len);

    if (rc < 0)
        return rc;
    rc = ask_identify(&exchange, bytes, timeout_ms);
    bh_exchange_close(&exchange);
    if (rc < 0)
        return bh_say_errno(error, error_len, &attempt, rc);
    if (rc != BH_OK)
        return say_answer(error, error_len, &attempt, (uint8_t)rc);
    if (bh_info_decode(bytes, out) != 0)
        return bh_say_why(error, error_len, &attempt, -EPROTO,
                          "its answer makes no sense");
    return 0;
}
