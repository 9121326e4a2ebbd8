/* SPDX-License-Identifier: MIT */
#include "line.h"

#include "tiny/drive.h"

#define FLAG 0x7Eu
#define ESCAPE 0x7Du
#define ESCAPED 0x20u
#define FCS_LEN 2u

static uint8_t fcs_low, fcs_high;

static void begin_fcs(void)
{
    fcs_low = fcs_high = 0xFF;
}

/* The polynomial of RFC 1662, appendix C, a byte at a time and without the
 * table of 512 bytes. */
static void add_to_fcs(uint8_t byte)
{
    byte ^= fcs_low;
    byte ^= (uint8_t)(byte << 4);
    fcs_low = (uint8_t)(fcs_high ^ (uint8_t)(byte << 3) ^ (byte >> 4));
    fcs_high = (uint8_t)(byte ^ (byte >> 5));
}

/* Whether it is that of a frame with its own FCS at the end. */
static uint8_t is_good(void)
{
    return fcs_low == 0xB8 && fcs_high == 0xF0;
}

static void put(uint8_t byte)
{
    if (byte == FLAG || byte == ESCAPE) {
        bh_chip_put(ESCAPE);
        byte ^= ESCAPED;
    }
    bh_chip_put(byte);
}

static void put_all(const uint8_t *bytes, uint16_t len)
{
    while (len-- != 0) {
        add_to_fcs(*bytes);
        put(*bytes++);
    }
}

void bh_port_send(void)
{
    begin_fcs();
    bh_chip_put(FLAG);
    put_all(bh_drive.packet, bh_drive.packet_len);
    put_all(bh_drive.body, bh_drive.body_len);
    put((uint8_t)~fcs_low);
    put((uint8_t)~fcs_high);
    bh_chip_put(FLAG);
    bh_chip_start_timer();
}

/* Where the next byte goes, and how many more go there. */
static uint8_t *to;
static uint16_t room;
static uint16_t len;
static uint8_t mask;

static void begin_frame(void)
{
    begin_fcs();
    mask = 0;
    len = 0;
    to = bh_drive.reply;
    room = BH_DRIVE_HEAD_LEN;
}

/* The head is there; what follows goes elsewhere. */
static void begin_body(void)
{
    to = bh_drive.place;
    if (bh_drive.reply_len > BH_DRIVE_HEAD_LEN)
        room = (uint16_t)(bh_drive.reply_len - BH_DRIVE_HEAD_LEN);
}

uint16_t bh_port_receive(void)
{
    uint16_t got;
    uint8_t byte;

    begin_frame();
    for (;;) {
        got = bh_chip_get();
        if (got >> 8)
            return 0;
        byte = (uint8_t)got;
        if (byte == FLAG) {
            if (len > FCS_LEN && mask == 0 && is_good())
                return (uint16_t)(len - FCS_LEN);
            begin_frame();
            continue;
        }
        if (byte == ESCAPE) {
            mask = ESCAPED;
            continue;
        }
        if (mask) {
            byte ^= ESCAPED;
            mask = 0;
        }
        if (room != 0) {
            *to++ = byte;
            if (--room == 0 && len == BH_DRIVE_HEAD_LEN - 1)
                begin_body();
        }
        len++;
        byte ^= fcs_low;
        byte ^= (uint8_t)(byte << 4);
        fcs_low = (uint8_t)(fcs_high ^ (uint8_t)(byte << 3) ^ (byte >> 4));
        fcs_high = (uint8_t)(byte ^ (byte >> 5));
    }
}
