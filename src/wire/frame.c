/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"

/* Eight steps of the shift register at once: the bits of `low` feed back at
 * places 12, 5 and 0 of x^16 + x^12 + x^5 + 1, least significant bit first. A
 * table of 256 entries is no faster where bytes come one at a time. */
uint16_t bh_fcs_add(uint16_t fcs, uint8_t byte)
{
    uint8_t low = (uint8_t)(byte ^ fcs);

    low = (uint8_t)(low ^ (low << 4));
    return (uint16_t)((fcs >> 8) ^ ((uint16_t)low << 8) ^ ((uint16_t)low << 3) ^
                      (low >> 4));
}

/*
 * Receiving.
 */

enum { HUNTING, BETWEEN, INSIDE, ESCAPED };

void bh_frame_in_start(struct bh_frame_in *in, uint8_t *head, uint8_t head_len,
                       uint8_t *body, uint16_t body_len)
{
    in->head = head;
    in->head_len = head_len;
    in->body = body;
    in->body_len = body_len;
    in->state = HUNTING;
}

/* A byte that the one two behind it has shown to be no FCS. */
static uint8_t store(struct bh_frame_in *in, uint8_t byte)
{
    uint16_t at = BH_FRAME_LEN(in);

    if (at < in->head_len) {
        in->head[at] = byte;
        return 1;
    }
    at = (uint16_t)(at - in->head_len);
    if (at >= in->body_len)
        return 0;
    in->body[at] = byte;
    return 1;
}

static uint8_t add(struct bh_frame_in *in, uint8_t byte)
{
    if (in->len >= BH_FCS_LEN && !store(in, in->held[0])) {
        in->state = HUNTING;
        return BH_FRAME_DAMAGED;
    }
    in->held[0] = in->held[1];
    in->held[1] = byte;
    in->len++;
    in->fcs = bh_fcs_add(in->fcs, byte);
    in->state = INSIDE;
    return BH_FRAME_NOTHING;
}

static uint8_t end(struct bh_frame_in *in)
{
    uint8_t state = in->state;

    in->state = BETWEEN;
    if (state == HUNTING || state == BETWEEN)
        return BH_FRAME_NOTHING;
    if (state == INSIDE && in->len > BH_FCS_LEN && in->fcs == BH_FCS_GOOD)
        return BH_FRAME_GOOD;
    return BH_FRAME_DAMAGED;
}

uint8_t bh_frame_take(struct bh_frame_in *in, uint8_t byte)
{
    if (byte == BH_FRAME_FLAG)
        return end(in);
    if (in->state == HUNTING)
        return BH_FRAME_NOTHING;
    if (in->state == BETWEEN) {
        in->len = 0;
        in->fcs = BH_FCS_START;
    }
    if (in->state == ESCAPED)
        return add(in, (uint8_t)(byte ^ BH_FRAME_FLIP));
    if (byte != BH_FRAME_ESCAPE)
        return add(in, byte);
    in->state = ESCAPED;
    return BH_FRAME_NOTHING;
}

/*
 * Sending.
 */

enum { OPENING, DATA, FCS_LOW, FCS_HIGH, CLOSING, OVER };

void bh_frame_out_start(struct bh_frame_out *out, const uint8_t *head,
                        uint16_t head_len, const uint8_t *body,
                        uint16_t body_len)
{
    out->at = head;
    out->left = head_len;
    out->body = body;
    out->body_len = body_len;
    out->fcs = BH_FCS_START;
    out->flipped = 0;
    out->state = OPENING;
}

/* The next byte of the datagram; behind its last one the FCS comes. */
static uint8_t next_data(struct bh_frame_out *out)
{
    uint8_t byte = *out->at++;

    out->fcs = bh_fcs_add(out->fcs, byte);
    if (--out->left == 0) {
        out->at = out->body;
        out->left = out->body_len;
        out->body_len = 0;
        if (out->left == 0) {
            out->fcs = (uint16_t)~out->fcs;
            out->state = FCS_LOW;
        }
    }
    return byte;
}

static uint8_t next_inside(struct bh_frame_out *out)
{
    if (out->state == DATA)
        return next_data(out);
    if (out->state++ == FCS_LOW)
        return (uint8_t)out->fcs;
    return (uint8_t)(out->fcs >> 8);
}

uint8_t bh_frame_next(struct bh_frame_out *out, uint8_t *byte)
{
    if (out->flipped != 0) {
        *byte = out->flipped;
        out->flipped = 0;
        return 1;
    }
    if (out->state == OVER)
        return 0;
    if (out->state == OPENING || out->state == CLOSING) {
        out->state++;
        *byte = BH_FRAME_FLAG;
        return 1;
    }
    *byte = next_inside(out);
    if (*byte == BH_FRAME_FLAG || *byte == BH_FRAME_ESCAPE) {
        out->flipped = (uint8_t)(*byte ^ BH_FRAME_FLIP);
        *byte = BH_FRAME_ESCAPE;
    }
    return 1;
}
