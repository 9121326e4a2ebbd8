/* SPDX-License-Identifier: MIT */
/*
 * A Z80 with a 6850 ACIA, as the RC2014 and its relatives have it; for sdcc.
 * The status register's bit 0 says that a byte has come, bit 1 that one can be
 * sent (Motorola MC6850 data sheet, "Status register").
 *
 * There is no clock: a tick is so many looks at the chip, 20 ms or so each.
 */
#include "line.h"

#include "tiny/drive.h"

#ifndef BH_ACIA_STATUS
#define BH_ACIA_STATUS 0x80
#define BH_ACIA_DATA 0x81
#endif
#ifndef BH_ACIA_MODE
#define BH_ACIA_MODE                                                           \
    0x16 /* clock/64, 8 bits, no parity, RTS low, no interrupts */
#endif
#ifndef BH_ACIA_LOOKS
#define BH_ACIA_LOOKS 1200 /* a tick: of about 60 T states each, at 3.7 MHz */
#endif

__sfr __at(BH_ACIA_STATUS) acia_status;
__sfr __at(BH_ACIA_DATA) acia_data;

static uint8_t ticks;
static uint16_t looks;

void bh_chip_open(void)
{
    acia_status = 3; /* master reset */
    acia_status = BH_ACIA_MODE;
}

void bh_chip_put(uint8_t byte)
{
    while (!(acia_status & 2))
        ;
    acia_data = byte;
}

void bh_chip_start_timer(void)
{
    ticks = bh_drive.wait;
    looks = BH_ACIA_LOOKS;
}

uint16_t bh_chip_get(void)
{
    for (;;) {
        if (--looks == 0) {
            if (--ticks == 0)
                return BH_CHIP_LATE;
            looks = BH_ACIA_LOOKS;
        }
        if (acia_status & 1)
            return acia_data;
    }
}
