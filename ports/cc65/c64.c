/* SPDX-License-Identifier: MIT */
/* The C64's clock: the low byte of the KERNAL's jiffies, 60 a second. */
#include "tick.h"

#define JIFFIES (*(volatile uint8_t *)0xA2)

uint8_t bh_tick(void)
{
    return JIFFIES;
}
