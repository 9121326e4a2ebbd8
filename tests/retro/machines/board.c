/* SPDX-License-Identifier: MIT */
/* The 6502 of board_host.c: console and clock. */
#include "machine.h"
#include "tick.h"

#define CONSOLE (*(volatile uint8_t *)0xDF00)
#define CLOCK (*(volatile uint8_t *)0xDF01)

void machine_print(char c)
{
    CONSOLE = (uint8_t)c;
}

void machine_end(void)
{
    CLOCK = 0;
}

uint8_t bh_tick(void)
{
    return CLOCK;
}
