/* SPDX-License-Identifier: MIT */
/* The AVR of avr_host.c: its chip is ports/avr/uart.c's, its console a register
 * that nothing else uses. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "machine.h"

void machine_print(char c)
{
    GPIOR0 = (unsigned char)c;
}

/* Asleep without interrupts: simavr takes that for the end. */
void machine_end(void)
{
    cli();
    sleep_enable();
    sleep_cpu();
}
