/* SPDX-License-Identifier: MIT */
#include "tiny/drive.h"

struct bh_drive bh_drive;

#if BH_DRIVE_PADDED
#define FITS(len, wanted_len) ((len) >= (wanted_len))
#else
#define FITS(len, wanted_len) ((len) == (wanted_len))
#endif

#if BH_DRIVE_STRICT

/* The packet's number, whose high byte is at `high_at`. */
static void number(uint8_t high_at)
{
    if ((uint8_t)(bh_drive.packet[1] + 1u) == 0)
        bh_drive.high++;
    bh_drive.packet[high_at] = bh_drive.high;
}

/* A server that does not know the id cannot know that it was strict. */
static uint8_t is_unknown_id(uint16_t len)
{
    if (bh_drive.reply[2] != BH_ERR_SESSION)
        return 0;
    if (bh_drive.packet[0] == BH_PACKET_DISCON)
        return FITS(len, BH_DISCON_REPLY_LEN);
    return bh_drive.reply[3] == bh_drive.high && FITS(len, BH_REPLY_HEADER_LEN);
}

/* Who is told to come back later does so when his wait is over. */
static uint8_t is_strangers(void)
{
    return bh_drive.reply[2] == BH_ERR_BUSY ||
           bh_drive.reply[3] != bh_drive.high ||
           bh_drive.reply[4] != bh_drive.packet[2] ||
           bh_drive.reply[5] != bh_drive.packet[3];
}

#endif

/* Whether the datagram of `len` bytes that arrived is the answer. */
static uint8_t is_answer(uint16_t len)
{
    uint16_t wanted_len = bh_drive.reply_len;

    if (bh_drive.reply[0] != BH_PACKET_REPLY ||
        bh_drive.reply[1] != bh_drive.packet[1])
        return 0;
#if BH_DRIVE_STRICT
    if (bh_drive.packet[0] != BH_PACKET_CONNECT) {
        if (is_unknown_id(len))
            return 1;
        if (is_strangers())
            return 0;
    }
#endif
    if (bh_drive.reply[2] != BH_OK && bh_drive.packet[0] == BH_PACKET_COMMAND)
        wanted_len = BH_DRIVE_HEAD_LEN;
    return FITS(len, wanted_len);
}

/* Sends what the structure says until it is answered. */
static uint8_t ask(uint8_t type, uint8_t packet_len)
{
    uint16_t len;
    uint8_t more;

    bh_drive.packet[0] = type;
    bh_drive.packet_len = packet_len;
    bh_drive.packet[1]++;
    bh_drive.wait = BH_DRIVE_WAIT;
    do {
        bh_port_send();
        while ((len = bh_port_receive()) != 0)
            if (is_answer(len))
                return bh_drive.reply[2];
        more = (uint8_t)(bh_drive.wait >> 1);
        bh_drive.wait = (uint8_t)(bh_drive.wait + more);
    } while (bh_drive.wait > more); /* else it has passed 255 */
    return BH_DRIVE_SILENT;
}

static uint8_t command(uint8_t opcode, uint32_t lsn)
{
    bh_drive.packet[4] = opcode;
    bh_drive.packet[5] = (uint8_t)(lsn >> 24);
    bh_drive.packet[6] = (uint8_t)(lsn >> 16);
    bh_drive.packet[7] = (uint8_t)(lsn >> 8);
    bh_drive.packet[8] = (uint8_t)lsn;
#if BH_DRIVE_STRICT
    number(9);
#endif
    return ask(BH_PACKET_COMMAND, BH_COMMAND_HEADER_LEN);
}

uint8_t bh_drive_connect(uint8_t flags, const char *name, uint16_t name_len)
{
    uint8_t status;

    bh_drive.packet[2] = (uint8_t)(flags | BH_DRIVE_SECTOR_EXPONENT);
    bh_drive.body = (const uint8_t *)name;
    bh_drive.body_len = name_len;
    bh_drive.reply_len = BH_CONNECT_REPLY_LEN;
#if BH_DRIVE_STRICT
    bh_drive.packet[2] |= BH_FLAG_STRICT;
    status = ask(BH_PACKET_CONNECT, BH_CONNECT_HEADER_LEN);
    bh_drive.packet[1] = 0;
    bh_drive.high = 0;
    bh_drive.packet[3] = bh_drive.reply[4];
#else
    bh_drive.place = bh_drive.packet + 3; /* the reply has one byte more */
    status = ask(BH_PACKET_CONNECT, BH_CONNECT_HEADER_LEN);
#endif
    bh_drive.packet[2] = bh_drive.reply[3];
    return status;
}

uint8_t bh_drive_read(uint32_t lsn, uint8_t *sector)
{
    bh_drive.body_len = 0;
    bh_drive.place = sector;
    bh_drive.reply_len = BH_DRIVE_HEAD_LEN + BH_DRIVE_SECTOR_LEN;
    return command(BH_OP_READ, lsn);
}

#if BH_DRIVE_WRITE
uint8_t bh_drive_write(uint32_t lsn, const uint8_t *sector)
{
    bh_drive.body = sector;
    bh_drive.body_len = BH_DRIVE_SECTOR_LEN;
    bh_drive.reply_len = BH_DRIVE_HEAD_LEN;
    return command(BH_OP_WRITE, lsn);
}
#endif

#if BH_DRIVE_DISCONNECT
uint8_t bh_drive_disconnect(void)
{
    bh_drive.body_len = 0;
#if BH_DRIVE_STRICT
    number(4);
    bh_drive.reply_len = BH_DRIVE_HEAD_LEN;
    return ask(BH_PACKET_DISCON, BH_STRICT_DISCON_LEN);
#else
    bh_drive.reply_len = BH_DISCON_REPLY_LEN;
    return ask(BH_PACKET_DISCON, BH_DISCON_LEN);
#endif
}
#endif

#if BH_DRIVE_COMMAND
uint8_t bh_drive_command(uint8_t opcode, uint32_t lsn, uint8_t *place,
                         uint16_t len)
{
    bh_drive.body_len = 0;
    bh_drive.place = place;
    bh_drive.reply_len = (uint16_t)(BH_DRIVE_HEAD_LEN + len);
    return command(opcode, lsn);
}
#endif
