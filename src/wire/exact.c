/* SPDX-License-Identifier: MIT */
#include "wire/exact.h"

#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/packet.h"
#include "wire/protocol.h"

static uint8_t is_sector_len(size_t len)
{
    return len >= BH_SECTOR_LEN(0) && len <= BH_SECTOR_LEN_MAX &&
           (len & (len - 1)) == 0;
}

/* The question about the server is as long as its answer. */
static uint8_t is_identify_len(const uint8_t *bytes, size_t len)
{
    return len == BH_COMMAND_HEADER_LEN ||
           (len == BH_IDENTIFY_SERVER_REQUEST_LEN && BH_GET16(bytes + 2) == 0);
}

static uint8_t command_is_exact(const uint8_t *bytes, size_t len)
{
    const struct bh_opcode_row *row;
    size_t body_len = len - BH_COMMAND_HEADER_LEN;

    if (len < BH_COMMAND_HEADER_LEN)
        return 0;
    row = bh_opcode_find(bytes[4]);
    if (row == (const struct bh_opcode_row *)0)
        return 1;
    if (row->code == BH_OP_IDENTIFY)
        return is_identify_len(bytes, len);
    if (row->body_len == BH_BODY_SECTOR)
        return is_sector_len(body_len);
    if (row->body_len == BH_BODY_LABEL)
        return body_len > 0 && body_len == 1u + bytes[BH_COMMAND_HEADER_LEN];
    return body_len == row->body_len;
}

uint8_t bh_request_is_exact(const uint8_t *bytes, size_t len)
{
    struct bh_connect connect;

    if (len == 0)
        return 0;
    switch (bytes[0]) {
    case BH_PACKET_KEEP:
        return len == BH_KEEP_LEN || len == BH_STRICT_KEEP_LEN;
    case BH_PACKET_CONNECT:
        return len <= BH_CONNECT_MAX_LEN &&
               bh_connect_decode(bytes, len, &connect) == BH_OK;
    case BH_PACKET_COMMAND:
        return command_is_exact(bytes, len);
    case BH_PACKET_DISCON:
        return len == BH_DISCON_LEN || len == BH_STRICT_DISCON_LEN;
    default:
        return 0;
    }
}
