/* SPDX-License-Identifier: MIT */
/* A 6551 ACIA for ports/cc65/acia.c in sim65, whose memory has none. Its line
 * is that of sim65_chip.c: a look that finds nothing takes a tenth of a
 * second, which is a tick. So it looks when it is asked for the time. */
#include <unistd.h>

#include <stdint.h>

#include "tick.h"

static uint8_t command, control, ready, byte, ticks;

uint8_t acia_read(uint8_t at)
{
    if (at == 0) {
        ready = 0;
        return byte;
    }
    return 0x10 | (ready ? 0x08 : 0);
}

void acia_write(uint8_t at, uint8_t value)
{
    if (at == 0)
        write(1, &value, 1);
    else if (at == 2)
        command = value;
    else if (at == 3)
        control = value;
}

uint8_t bh_tick(void)
{
    if (!ready && command == 0x0B && control == 0x1F) {
        ready = read(0, &byte, 1) == 1;
        ticks += !ready;
    }
    return ticks;
}
