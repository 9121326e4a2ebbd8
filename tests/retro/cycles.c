/* SPDX-License-Identifier: MIT */
/*
 * READs whose answers are there at once, for counting cycles: READS of them.
 *
 * CLIENT  the port does nothing: what is counted is the client.
 * LINE    ports/line.c is the port, and its chip always has the next byte of
 *         the frame of a sector of zeros, whose FCS is given.
 * CHIP    a loop that takes those bytes from the chip.
 * LOOP    the loop alone, which calls something empty: what is more in CHIP is
 *         the chip's.
 */
#include "line.h"
#include "machine.h"

#include "tiny/drive.h"

static uint8_t sector[BH_DRIVE_SECTOR_LEN];

#ifdef CLIENT

void bh_port_send(void)
{
}

uint16_t bh_port_receive(void)
{
    bh_drive.reply[0] = BH_PACKET_REPLY;
    bh_drive.reply[1] = bh_drive.packet[1];
    bh_drive.reply[2] = BH_OK;
    return bh_drive.reply_len;
}

#else

static const uint8_t head[] = {0x7E, BH_PACKET_REPLY, 1, BH_OK, 0};
static const uint8_t end[] = {FCS & 0xFF, FCS >> 8, 0x7E};
static uint16_t at;

/* gcc must call what a file of its own would have. */
#ifdef __GNUC__
#define APART __attribute__((noinline, noclone))
#define STAYS __asm__ volatile("")
#else
#define APART
#define STAYS
#endif

APART void bh_chip_open(void)
{
    STAYS;
}

void bh_chip_put(uint8_t byte)
{
    (void)byte;
}

void bh_chip_start_timer(void)
{
    at = 0;
}

APART uint16_t bh_chip_get(void)
{
    uint16_t now = at++;

    if (now < sizeof(head))
        return head[now];
    if (now < sizeof(head) + BH_DRIVE_SECTOR_LEN)
        return 0;
    return end[now - sizeof(head) - BH_DRIVE_SECTOR_LEN];
}

#endif

#ifdef CHIP
#define TAKE bh_chip_get
#endif
#ifdef LOOP
#define TAKE bh_chip_open
#endif

static uint8_t read_once(void)
{
#ifdef TAKE
    uint16_t i;

    bh_chip_start_timer();
    for (i = 0; i < sizeof(head) + BH_DRIVE_SECTOR_LEN + sizeof(end); i++)
        TAKE();
    return (uint8_t)(sector[0] | BH_OK);
#else
    bh_drive.packet[1] = 0;
    return bh_drive_read(1, sector);
#endif
}

int main(void)
{
    uint8_t i;
    uint8_t failed = 0;

    for (i = 0; i < READS; i++)
        failed |= read_once();
    machine_print(failed ? '!' : '.');
    machine_end();
    return 0;
}
