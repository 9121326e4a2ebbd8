/* SPDX-License-Identifier: MIT */
/*
 * The packets of docs/protocol.md, between bytes and plain structures. The
 * server decodes requests and encodes replies. The encoders of requests are for
 * clients that have a few bytes to spare, and for the tests; tiny writes its
 * requests in place.
 *
 * A decoder takes `len` bytes as they came and looks at no byte beyond the
 * packet's own format; what the transport padded behind it is ignored. The
 * packet type in byte 0 is the caller's to check: it is what the caller
 * dispatched on.
 */
#ifndef BH_WIRE_PACKET_H
#define BH_WIRE_PACKET_H

#include <stddef.h>
#include <stdint.h>

struct bh_connect {
    uint8_t seq;
    uint8_t flags;
    const char *name; /* NUL-terminated, at most 255 characters; borrowed */
};

struct bh_command {
    uint8_t seq;
    uint8_t opcode;
    uint8_t pad; /* echoed in the reply; strict: the number's high byte */
    uint16_t session;
    uint32_t lsn;
};

/* Also a KEEP of a strict session, which has the same form. */
struct bh_discon {
    uint8_t seq;
    uint16_t session;
    uint8_t pad; /* strict: the number's high byte; else 0 */
};

/* Decoders: BH_OK, or BH_ERR_FORMAT for a packet that is too short or, for
 * CONNECT, has no NUL in its name field. `out` borrows from `bytes`. */
uint8_t bh_connect_decode(const uint8_t *bytes, size_t len,
                          struct bh_connect *out);
uint8_t bh_command_decode(const uint8_t *bytes, size_t len,
                          struct bh_command *out);
uint8_t bh_discon_decode(const uint8_t *bytes, size_t len,
                         struct bh_discon *out);

/* Encoders: they write the packet at `bytes` and return its length. The name
 * of a CONNECT is cut after its NUL; `bytes` holds BH_CONNECT_MAX_LEN, and a
 * name over 255 characters gives 0. */
size_t bh_connect_encode(uint8_t *bytes, const struct bh_connect *connect);
size_t bh_command_encode(uint8_t *bytes, const struct bh_command *command);
size_t bh_discon_encode(uint8_t *bytes, const struct bh_discon *discon);
size_t bh_connect_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status,
                               uint16_t session);
size_t bh_command_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status,
                               uint8_t pad);
size_t bh_discon_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status);

/* The forms of strict sessions. Their one reply header serves all requests. */
size_t bh_strict_discon_encode(uint8_t *bytes, const struct bh_discon *discon);
size_t bh_strict_keep_encode(uint8_t *bytes, const struct bh_discon *keep);
size_t bh_strict_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status,
                              uint8_t pad, uint16_t session);

#endif
