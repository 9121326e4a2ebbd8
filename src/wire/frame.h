/* SPDX-License-Identifier: MIT */
/*
 * Datagrams on serial lines and byte streams, one in each frame, a byte at a
 * time: the flags, escapes and FCS-16 of RFC 1662 (sections 4 and C.2), without
 * its address and control bytes. It refuses to know what a datagram says.
 *
 *             flag            other
 *   HUNTING --------> BETWEEN -------> INSIDE ---- escape ----> ESCAPED
 *      ^               |  ^  ^         |  |  ^                   |   |
 *      |          flag +--+  +--flag---+  |  +------ other ------+   |
 *      |                     +------------|---------- flag ----------+
 *      +------------- no room ------------+
 *
 *   HUNTING   bytes are dropped until the next flag.
 *   BETWEEN   a flag was the last byte; nothing has come behind it.
 *   INSIDE    what has come since the flag is a datagram and its FCS, as far as
 *             it has come. A flag there says whether it is one: GOOD, or
 *             DAMAGED. No room for it: DAMAGED.
 *   ESCAPED   likewise, and the next byte is flipped. A flag there: DAMAGED.
 *
 * Invariants
 *   1. Nothing is stored beyond the caller's room: the two bytes of the FCS are
 *      never stored, because the last two bytes are held back.
 *   2. Any flag ends what came before it, and begins what comes after: whatever
 *      happened, the next frame that arrives whole is taken.
 */
#ifndef BH_WIRE_FRAME_H
#define BH_WIRE_FRAME_H

#include <stdint.h>

#define BH_FRAME_FLAG 0x7Eu
#define BH_FRAME_ESCAPE 0x7Du
#define BH_FRAME_FLIP 0x20u /* what an escaped byte is XORed with */

#define BH_FCS_LEN 2u
#define BH_FCS_START 0xFFFFu
#define BH_FCS_GOOD 0xF0B8u /* of what came with its FCS behind it */

/* The most that a datagram may become: each byte escaped, two flags. */
#define BH_FRAME_MAX_LEN(len) (2u * ((len) + BH_FCS_LEN) + 2u)

/* The FCS with one byte more. Sent inverted, its low byte first. */
uint16_t bh_fcs_add(uint16_t fcs, uint8_t byte);

/*
 * Receiving.
 */

struct bh_frame_in {
    uint8_t *head;     /* borrowed: the first `head_len` bytes go here ... */
    uint8_t *body;     /* ... and the others here; borrowed, too */
    uint16_t body_len; /* the room there */
    uint16_t len;      /* bytes since the flag, with those held back */
    uint16_t fcs;
    uint8_t held[BH_FCS_LEN];
    uint8_t head_len;
    uint8_t state;
};

/* What a byte has brought. */
#define BH_FRAME_NOTHING 0u
#define BH_FRAME_GOOD                                                          \
    1u                      /* a datagram of BH_FRAME_LEN bytes, where it was  \
                               asked for, until the next byte */
#define BH_FRAME_DAMAGED 2u /* the end of something that was none */

#define BH_FRAME_LEN(in) ((uint16_t)((in)->len - BH_FCS_LEN))

/* For a datagram of which the first `head_len` bytes go to `head` and at most
 * `body_len` more to `body`. Bytes are dropped until the first flag. */
void bh_frame_in_start(struct bh_frame_in *in, uint8_t *head, uint8_t head_len,
                       uint8_t *body, uint16_t body_len);

uint8_t bh_frame_take(struct bh_frame_in *in, uint8_t byte);

/*
 * Sending.
 */

struct bh_frame_out {
    const uint8_t *at;   /* borrowed: the next byte ... */
    const uint8_t *body; /* ... and what comes after the `left` bytes there */
    uint16_t left, body_len;
    uint16_t fcs;
    uint8_t state;
    uint8_t flipped; /* an escaped byte that is due; 0: none */
};

/* A frame of `head_len` bytes, one at least, and `body_len` more. */
void bh_frame_out_start(struct bh_frame_out *out, const uint8_t *head,
                        uint16_t head_len, const uint8_t *body,
                        uint16_t body_len);

/* Whether there is another byte of it, then in `*byte`. */
uint8_t bh_frame_next(struct bh_frame_out *out, uint8_t *byte);

#endif
