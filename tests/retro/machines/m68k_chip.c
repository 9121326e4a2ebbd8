/* SPDX-License-Identifier: MIT */
/* The line of m68k.c's machine: standard input and output, a terminal whose
 * reads end after a tenth of a second. */
#include "line.h"
#include "m68k.h"

#include "tiny/drive.h"

static uint8_t ticks;

void bh_chip_open(void)
{
}

void bh_chip_put(uint8_t byte)
{
    m68k_call(M68K_WRITE, 1, &byte, 1);
}

void bh_chip_start_timer(void)
{
    ticks = bh_drive.wait;
}

uint16_t bh_chip_get(void)
{
    uint8_t byte;

    while (m68k_call(M68K_READ, 0, &byte, 1) != 1)
        if (--ticks == 0)
            return BH_CHIP_LATE;
    return byte;
}
