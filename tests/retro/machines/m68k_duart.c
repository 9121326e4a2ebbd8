/* SPDX-License-Identifier: MIT */
/* A 68681 DUART for ports/m68k/duart.c in m68k.c's machine. Its line is that of
 * m68k_chip.c: a look that finds nothing takes a tenth of a second, which is a
 * tick. So it looks when it is asked for the time. */
#include <stdint.h>

#include "m68k.h"
#include "tick.h"

static uint8_t on, ready, byte, ticks;

uint8_t duart_read(uint8_t at);
void duart_write(uint8_t at, uint8_t value);

uint8_t duart_read(uint8_t at)
{
    if (at == 3) {
        ready = 0;
        return byte;
    }
    return (uint8_t)((on ? 0x04 : 0) | ready);
}

void duart_write(uint8_t at, uint8_t value)
{
    if (at == 2)
        on = value == 0x05;
    else if (at == 3)
        m68k_call(M68K_WRITE, 1, &value, 1);
}

uint8_t bh_tick(void)
{
    if (!ready && on) {
        ready = m68k_call(M68K_READ, 0, &byte, 1) == 1;
        ticks = (uint8_t)(ticks + !ready);
    }
    return ticks;
}
