/* SPDX-License-Identifier: MIT */
#include "wire/packet.h"

#include "wire/bytes.h"
#include "wire/protocol.h"

/* The length of the name at `field`, or `field_len` if no NUL ends it. */
static size_t name_len(const uint8_t *field, size_t field_len)
{
    size_t len = 0;

    while (len < field_len && field[len] != 0)
        len++;
    return len;
}

uint8_t bh_connect_decode(const uint8_t *bytes, size_t len,
                          struct bh_connect *out)
{
    size_t field_len;

    if (len < BH_CONNECT_MIN_LEN)
        return BH_ERR_FORMAT;
    field_len = len - BH_CONNECT_HEADER_LEN;
    if (field_len > BH_NAME_FIELD_LEN)
        field_len = BH_NAME_FIELD_LEN;
    out->seq = bytes[1];
    out->flags = bytes[2];
    out->name = (const char *)bytes + BH_CONNECT_HEADER_LEN;
    if (name_len(bytes + BH_CONNECT_HEADER_LEN, field_len) == field_len)
        return BH_ERR_FORMAT;
    return BH_OK;
}

uint8_t bh_command_decode(const uint8_t *bytes, size_t len,
                          struct bh_command *out)
{
    if (len < BH_COMMAND_HEADER_LEN)
        return BH_ERR_FORMAT;
    out->seq = bytes[1];
    out->session = BH_GET16(bytes + 2);
    out->opcode = bytes[4];
    out->lsn = BH_GET32(bytes + 5);
    out->pad = bytes[9];
    return BH_OK;
}

uint8_t bh_discon_decode(const uint8_t *bytes, size_t len,
                         struct bh_discon *out)
{
    if (len < BH_DISCON_LEN)
        return BH_ERR_FORMAT;
    out->seq = bytes[1];
    out->session = BH_GET16(bytes + 2);
    out->pad = len < BH_STRICT_DISCON_LEN ? 0 : bytes[4];
    return BH_OK;
}

size_t bh_connect_encode(uint8_t *bytes, const struct bh_connect *connect)
{
    size_t len = 0;

    do {
        if (len == BH_NAME_FIELD_LEN)
            return 0;
        bytes[BH_CONNECT_HEADER_LEN + len] = (uint8_t)connect->name[len];
    } while (connect->name[len++] != 0);
    if (len == 1) /* an empty name is two NULs, for the minimum length */
        bytes[BH_CONNECT_HEADER_LEN + len++] = 0;
    bytes[0] = BH_PACKET_CONNECT;
    bytes[1] = connect->seq;
    bytes[2] = connect->flags;
    return BH_CONNECT_HEADER_LEN + len;
}

size_t bh_command_encode(uint8_t *bytes, const struct bh_command *command)
{
    bytes[0] = BH_PACKET_COMMAND;
    bytes[1] = command->seq;
    bh_put16(bytes + 2, command->session);
    bytes[4] = command->opcode;
    bh_put32(bytes + 5, command->lsn);
    bytes[9] = command->pad;
    return BH_COMMAND_HEADER_LEN;
}

size_t bh_discon_encode(uint8_t *bytes, const struct bh_discon *discon)
{
    bytes[0] = BH_PACKET_DISCON;
    bytes[1] = discon->seq;
    bh_put16(bytes + 2, discon->session);
    return BH_DISCON_LEN;
}

size_t bh_connect_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status,
                               uint16_t session)
{
    bytes[0] = BH_PACKET_REPLY;
    bytes[1] = seq;
    bytes[2] = status;
    bh_put16(bytes + 3, session);
    return BH_CONNECT_REPLY_LEN;
}

size_t bh_command_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status,
                               uint8_t pad)
{
    bytes[0] = BH_PACKET_REPLY;
    bytes[1] = seq;
    bytes[2] = status;
    bytes[3] = pad;
    return BH_REPLY_HEADER_LEN;
}

size_t bh_discon_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status)
{
    bytes[0] = BH_PACKET_REPLY;
    bytes[1] = seq;
    bytes[2] = status;
    return BH_DISCON_REPLY_LEN;
}

size_t bh_strict_discon_encode(uint8_t *bytes, const struct bh_discon *discon)
{
    bytes[bh_discon_encode(bytes, discon)] = discon->pad;
    return BH_STRICT_DISCON_LEN;
}

size_t bh_strict_keep_encode(uint8_t *bytes, const struct bh_discon *keep)
{
    size_t len = bh_strict_discon_encode(bytes, keep);

    bytes[0] = BH_PACKET_KEEP;
    return len;
}

size_t bh_strict_reply_encode(uint8_t *bytes, uint8_t seq, uint8_t status,
                              uint8_t pad, uint16_t session)
{
    bh_put16(bytes + bh_command_reply_encode(bytes, seq, status, pad), session);
    return BH_STRICT_REPLY_HEADER_LEN;
}
