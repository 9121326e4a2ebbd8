/* SPDX-License-Identifier: MIT */
/*
 * A Z80 with a Z80 SIO, channel A; for sdcc. Read register 0 has bit 0 for a
 * byte that has come and bit 2 for an empty transmitter (Zilog, "Z80 Family
 * CPU Peripherals User Manual", chapter "Z80 SIO"). The baud rate is the
 * board's.
 *
 * There is no clock: a tick is so many looks at the chip, 20 ms or so each.
 */
#include "line.h"

#include "tiny/drive.h"

#ifndef BH_SIO_CONTROL
#define BH_SIO_CONTROL 0x80
#define BH_SIO_DATA 0x81
#endif
#ifndef BH_SIO_LOOKS
#define BH_SIO_LOOKS 1200 /* a tick: of about 60 T states each, at 3.7 MHz */
#endif

__sfr __at(BH_SIO_CONTROL) sio_control;
__sfr __at(BH_SIO_DATA) sio_data;

static uint8_t ticks;
static uint16_t looks;

/* Register and value, by turns. */
static const uint8_t settings[] = {
    0, 0x18, /* reset the channel */
    4, 0xC4, /* clock/64, 1 stop bit, no parity */
    3, 0xC1, /* receive 8 bits */
    5, 0xEA, /* send 8 bits, RTS and DTR on */
    1, 0x00  /* no interrupts */
};

void bh_chip_open(void)
{
    uint8_t i;

    for (i = 0; i < sizeof(settings); i++)
        sio_control = settings[i];
}

void bh_chip_put(uint8_t byte)
{
    while (!(sio_control & 4))
        ;
    sio_data = byte;
}

void bh_chip_start_timer(void)
{
    ticks = bh_drive.wait;
    looks = BH_SIO_LOOKS;
}

uint16_t bh_chip_get(void)
{
    for (;;) {
        if (--looks == 0) {
            if (--ticks == 0)
                return BH_CHIP_LATE;
            looks = BH_SIO_LOOKS;
        }
        if (sio_control & 1)
            return sio_data;
    }
}
