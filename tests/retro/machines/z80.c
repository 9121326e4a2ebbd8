/* SPDX-License-Identifier: MIT */
/* The Z80 of z80_host.c: its chip is ports/z80/acia.c's, its console a port. */
#include "machine.h"

__sfr __at(0x00) console;

void machine_print(char c)
{
    console = (unsigned char)c;
}

void machine_end(void)
{
    __asm__("halt");
}
