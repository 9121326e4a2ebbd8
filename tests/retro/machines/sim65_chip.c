/* SPDX-License-Identifier: MIT */
/* The line of sim65: standard input and output, a terminal whose reads end
 * after a tenth of a second. */
#include <unistd.h>

#include "line.h"

#include "tiny/drive.h"

static uint8_t ticks;

void bh_chip_open(void)
{
}

void bh_chip_put(uint8_t byte)
{
    write(1, &byte, 1);
}

void bh_chip_start_timer(void)
{
    ticks = bh_drive.wait;
}

uint16_t bh_chip_get(void)
{
    static uint8_t byte;

    while (read(0, &byte, 1) != 1)
        if (--ticks == 0)
            return BH_CHIP_LATE;
    return byte;
}
