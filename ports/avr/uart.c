/* SPDX-License-Identifier: MIT */
/*
 * An AVR of the ATmega's kind with its UART 0, polled; its timer 1 counts ticks
 * of 20 ms. Registers: ATmega328P data sheet, chapters "USART0" and "16-bit
 * Timer/Counter1".
 */
#include <avr/io.h>

#include "line.h"

#include "tiny/drive.h"

#ifndef F_CPU
#define F_CPU 16000000UL
#endif
#ifndef BH_UART_BAUD
#define BH_UART_BAUD 115200UL
#endif

static uint16_t begun;

void bh_chip_open(void)
{
    UBRR0 = (uint16_t)((F_CPU / 8 + BH_UART_BAUD / 2) / BH_UART_BAUD - 1);
    UCSR0A = 1 << U2X0;
    UCSR0B = 1 << RXEN0 | 1 << TXEN0;
    UCSR0C = 3 << UCSZ00;
    TCCR1A = 0;
    TCCR1B = 5 << CS10; /* a 1024th of the clock: 64 us, wraps after 4.2 s */
}

void bh_chip_put(uint8_t byte)
{
    while (!(UCSR0A & 1 << UDRE0))
        ;
    UDR0 = byte;
}

/* A wait is 255 ticks at most: 5.1 s would pass the timer's range, so a tick is
 * 16 ms, and the longest wait 4.1 s. */
void bh_chip_start_timer(void)
{
    begun = TCNT1;
}

uint16_t bh_chip_get(void)
{
    while ((uint16_t)(TCNT1 - begun) >> 8 < bh_drive.wait)
        if (UCSR0A & 1 << RXC0)
            return UDR0;
    return BH_CHIP_LATE;
}
