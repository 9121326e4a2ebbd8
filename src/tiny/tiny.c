/* SPDX-License-Identifier: MIT */
#include "tiny/tiny.h"

#include "wire/bytes.h"

/* What all requests have in common, for those without a body. */
static void start(struct bh_tiny *tiny, uint8_t type, uint8_t packet_len,
                  uint16_t reply_len)
{
    tiny->packet[0] = type;
    tiny->packet_len = packet_len;
    tiny->reply_len = reply_len;
    tiny->body_len = 0;
    tiny->wait = BH_TINY_WAIT;
    tiny->tries = BH_TINY_TRIES;
    tiny->status = BH_TINY_UNSENT;
    if (type != BH_PACKET_KEEP)
        tiny->packet[1]++;
}

#if BH_TINY_STRICT

/* Gives a request of a strict session its number, whose high byte is at
 * `high_at` of the packet. */
static void number(struct bh_tiny *tiny, uint8_t high_at)
{
    if (tiny->packet[0] == BH_PACKET_KEEP)
        tiny->packet[1]++;
    if (tiny->packet[1] == 0)
        tiny->high++;
    tiny->packet[high_at] = tiny->high;
}

/* DISCON and KEEP of a strict session. */
static void start_short(struct bh_tiny *tiny, uint8_t type)
{
    start(tiny, type, BH_STRICT_DISCON_LEN, BH_STRICT_REPLY_HEADER_LEN);
    number(tiny, 4);
}

/* The session that CONNECT has won is strict. */
static void begin_numbers(struct bh_tiny *tiny)
{
    tiny->strict = 1;
    tiny->connect_seq = tiny->packet[1];
    tiny->packet[1] = 0;
    tiny->high = 0;
}

static uint8_t fits(const struct bh_tiny *tiny, uint16_t len, uint16_t wanted)
{
    return len == wanted || (tiny->padded && len > wanted);
}

/* Whether a reply is one without session: a server that does not know the id
 * cannot know that it was strict. A DISCON's has not even the pad. */
static uint8_t is_unknown_id(const struct bh_tiny *tiny, const uint8_t *reply,
                             uint16_t len)
{
    if (reply[2] != BH_ERR_SESSION)
        return 0;
    if (tiny->packet[0] == BH_PACKET_DISCON)
        return fits(tiny, len, BH_DISCON_REPLY_LEN);
    return reply[3] == tiny->high && fits(tiny, len, BH_REPLY_HEADER_LEN);
}

static uint8_t strict_received(struct bh_tiny *tiny, const uint8_t *reply,
                               uint16_t len)
{
    uint16_t wanted_len = BH_STRICT_REPLY_HEADER_LEN;
    uint8_t status = reply[2];

    if (tiny->packet[0] == BH_PACKET_KEEP && reply[0] == BH_PACKET_KEEP &&
        fits(tiny, len, BH_KEEP_LEN)) {
        tiny->status = BH_ERR_SESSION;
        return 1;
    }
    if (len < BH_DISCON_REPLY_LEN || reply[0] != BH_PACKET_REPLY ||
        reply[1] != tiny->packet[1] || status >= BH_TINY_SILENT)
        return 0;
    if (!is_unknown_id(tiny, reply, len)) {
        if (status == BH_OK)
            wanted_len = tiny->reply_len;
        else if (status == BH_ERR_BUSY)
            wanted_len = BH_TINY_REPLY_LEN;
        if (!fits(tiny, len, wanted_len) || reply[3] != tiny->high ||
            reply[4] != tiny->packet[2] || reply[5] != tiny->packet[3])
            return 0;
        if (status == BH_ERR_BUSY)
            tiny->busy_ms = BH_GET16(reply + BH_STRICT_REPLY_HEADER_LEN);
    }
    tiny->status = status;
    return 1;
}

void bh_tiny_renew(struct bh_tiny *tiny)
{
    start_short(tiny, BH_PACKET_KEEP);
}

void bh_tiny_again(struct bh_tiny *tiny)
{
    tiny->wait = BH_TINY_WAIT;
    tiny->tries = BH_TINY_TRIES;
    tiny->status = BH_TINY_UNSENT;
}

#endif

void bh_tiny_connect(struct bh_tiny *tiny, uint8_t flags, const char *name,
                     uint16_t name_len)
{
#if BH_TINY_STRICT
    if (tiny->strict)
        tiny->packet[1] = tiny->connect_seq;
    tiny->strict = 0;
    tiny->packet[9] = 0;
#endif
    start(tiny, BH_PACKET_CONNECT, BH_CONNECT_HEADER_LEN, BH_CONNECT_REPLY_LEN);
    tiny->packet[2] = flags;
    tiny->body = (const uint8_t *)name;
    tiny->body_len = name_len;
}

void bh_tiny_command(struct bh_tiny *tiny, uint8_t opcode, uint32_t lsn,
                     uint16_t data_len)
{
    start(tiny, BH_PACKET_COMMAND, BH_COMMAND_HEADER_LEN,
          (uint16_t)(BH_TINY_HEADER_LEN(tiny) + data_len));
#if BH_TINY_STRICT
    if (tiny->strict)
        number(tiny, 9);
#endif
    tiny->packet[4] = opcode;
    bh_put32(tiny->packet + 5, lsn);
}

void bh_tiny_write(struct bh_tiny *tiny, uint32_t lsn, const uint8_t *data,
                   uint16_t sector_len)
{
    bh_tiny_command(tiny, BH_OP_WRITE, lsn, 0);
    tiny->body = data;
    tiny->body_len = sector_len;
}

void bh_tiny_disconnect(struct bh_tiny *tiny)
{
#if BH_TINY_STRICT
    if (tiny->strict) {
        start_short(tiny, BH_PACKET_DISCON);
        return;
    }
#endif
    start(tiny, BH_PACKET_DISCON, BH_DISCON_LEN, BH_DISCON_REPLY_LEN);
}

void bh_tiny_keep(struct bh_tiny *tiny)
{
    start(tiny, BH_PACKET_KEEP, BH_KEEP_LEN, BH_KEEP_LEN);
}

uint8_t bh_tiny_due(struct bh_tiny *tiny, BH_TINY_TICK now)
{
    if (tiny->status == BH_TINY_WAITING) {
        if ((BH_TINY_TICK)(now - tiny->sent) < tiny->wait)
            return 0;
        if (tiny->tries == 0) {
            tiny->status = BH_TINY_SILENT;
            return 0;
        }
        if (tiny->wait < BH_TINY_WAIT_MAX)
            tiny->wait = (BH_TINY_TICK)(tiny->wait << 1);
    } else if (tiny->status != BH_TINY_UNSENT) {
        return 0;
    }
    tiny->status = BH_TINY_WAITING;
    tiny->sent = now;
    tiny->tries--;
    return 1;
}

uint8_t bh_tiny_received(struct bh_tiny *tiny, const uint8_t *reply,
                         uint16_t len)
{
    uint16_t wanted_len = tiny->reply_len;
    uint8_t type = tiny->packet[0];
    uint8_t status = BH_OK;

    if (tiny->status != BH_TINY_WAITING)
        return 0;
#if BH_TINY_STRICT
    if (tiny->strict && tiny->packet_len != BH_KEEP_LEN &&
        type != BH_PACKET_CONNECT)
        return strict_received(tiny, reply, len);
#endif
    if (type == BH_PACKET_KEEP) {
        if (reply[0] != BH_PACKET_KEEP)
            return 0;
    } else {
        status = reply[2];
        if (reply[0] != BH_PACKET_REPLY || reply[1] != tiny->packet[1] ||
            status >= BH_TINY_SILENT)
            return 0;
        if (status != BH_OK && type == BH_PACKET_COMMAND)
            wanted_len = BH_REPLY_HEADER_LEN;
    }
    if (len < wanted_len || (len != wanted_len && !tiny->padded))
        return 0;
    if (type == BH_PACKET_CONNECT) {
#if BH_TINY_STRICT
        if (status == BH_OK && (tiny->packet[2] & BH_FLAG_STRICT))
            begin_numbers(tiny);
#endif
        tiny->packet[2] = reply[3];
        tiny->packet[3] = reply[4];
    }
    tiny->status = status;
    return 1;
}
