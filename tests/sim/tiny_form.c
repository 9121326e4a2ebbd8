/* SPDX-License-Identifier: MIT */
#include "tiny_form.h"

#include "tiny/tiny.h"

#include "wire/bytes.h"

#include <string.h>

_Static_assert(sizeof(struct bh_tiny) <= TINY_WORDS * 8, "TINY_WORDS");

static struct bh_tiny *tiny_of(uint64_t *words)
{
    return (struct bh_tiny *)(void *)words;
}

static const struct bh_tiny *seen(const uint64_t *words)
{
    return (const struct bh_tiny *)(const void *)words;
}

static void start(uint64_t *words, uint8_t seq, bool padded)
{
    memset(words, 0, sizeof(struct bh_tiny));
    tiny_of(words)->packet[1] = seq;
    tiny_of(words)->padded = padded;
}

static void keep(struct bh_tiny *tiny)
{
#if BH_TINY_STRICT
    if (tiny->strict) {
        bh_tiny_renew(tiny);
        return;
    }
#endif
    bh_tiny_keep(tiny);
}

static void ask_heavy(struct bh_tiny *tiny,
                      const struct tiny_question *question)
{
    switch (question->kind) {
    case TINY_TRIM:
        bh_tiny_trim(tiny, question->lsn, question->body);
        break;
    case TINY_ZERO:
        bh_tiny_zero(tiny, question->lsn, question->body);
        break;
    case TINY_CHECKSUM:
        bh_tiny_checksum(tiny, question->lsn, question->body);
        break;
    case TINY_TIME:
        bh_tiny_time(tiny);
        break;
    case TINY_CHECKPOINT:
        bh_tiny_checkpoint(tiny, question->body);
        break;
    case TINY_EJECT:
        bh_tiny_eject(tiny);
        break;
    case TINY_LOCK:
        bh_tiny_lock(tiny);
        break;
    default:
        bh_tiny_unlock(tiny);
        break;
    }
}

static void ask(uint64_t *words, const struct tiny_question *question)
{
    struct bh_tiny *tiny = tiny_of(words);

    switch (question->kind) {
    case TINY_CONNECT:
        bh_tiny_connect(tiny, question->flags, question->name,
                        (uint16_t)(strlen(question->name) + 1));
        break;
    case TINY_READ:
        bh_tiny_read(tiny, question->lsn, question->sector_len);
        break;
    case TINY_WRITE:
        bh_tiny_write(tiny, question->lsn, question->body,
                      question->sector_len);
        break;
    case TINY_IDENTIFY:
        bh_tiny_identify(tiny);
        break;
    case TINY_FLUSH:
        bh_tiny_flush(tiny);
        break;
    case TINY_KEEP:
        keep(tiny);
        break;
    case TINY_DISCON:
        bh_tiny_disconnect(tiny);
        break;
    default:
        ask_heavy(tiny, question);
        break;
    }
}

static void again(uint64_t *words)
{
#if BH_TINY_STRICT
    bh_tiny_again(tiny_of(words));
#else
    (void)words;
#endif
}

static void set_seq(uint64_t *words, uint8_t seq)
{
    tiny_of(words)->packet[1] = seq;
}

static void set_tries(uint64_t *words, uint8_t tries)
{
    tiny_of(words)->tries = tries;
}

static bool due(uint64_t *words, uint64_t now_ms, uint32_t *next_ms)
{
    struct bh_tiny *tiny = tiny_of(words);
    bool send = bh_tiny_due(tiny, (BH_TINY_TICK)now_ms) != 0;

    *next_ms = (uint32_t)(tiny->wait - (BH_TINY_TICK)(now_ms - tiny->sent));
    return send;
}

static uint16_t datagram(const uint64_t *words, uint8_t *bytes)
{
    const struct bh_tiny *tiny = seen(words);

    memcpy(bytes, tiny->packet, tiny->packet_len);
    if (tiny->body_len > 0)
        memcpy(bytes + tiny->packet_len, tiny->body, tiny->body_len);
    return (uint16_t)(tiny->packet_len + tiny->body_len);
}

static bool received(uint64_t *words, const uint8_t *bytes, uint16_t len,
                     uint16_t *data)
{
    struct bh_tiny *tiny = tiny_of(words);

    *data = BH_TINY_HEADER_LEN(tiny);
    return bh_tiny_received(tiny, bytes, len) != 0;
}

static uint8_t status(const uint64_t *words)
{
    return seen(words)->status;
}

static uint16_t session(const uint64_t *words)
{
    return BH_GET16(seen(words)->packet + 2);
}

const struct tiny_form SIM_TINY_FORM = {start,     ask,    again,    set_seq,
                                        set_tries, due,    datagram, received,
                                        status,    session};
