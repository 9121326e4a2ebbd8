/* SPDX-License-Identifier: MIT */
/*
 * SPI and clock of an ATmega328P for w5500.h, as Arduino boards are wired: SCK,
 * MISO, MOSI on PB5, PB4, PB3, the chip's select on PB2. (ATmega328P data
 * sheet, chapters "SPI" and "16-bit Timer/Counter1".)
 */
#include <avr/io.h>

#include "tick.h"
#include "w5500/w5500.h"

void bh_spi_open(void)
{
    PORTB |= 1 << PB2;
    DDRB |= 1 << PB2 | 1 << PB3 | 1 << PB5;
    SPCR = 1 << SPE | 1 << MSTR;
    SPSR = 1 << SPI2X; /* half of the clock, the fastest */
    TCCR1A = 0;
    TCCR1B = 5 << CS10; /* a 1024th of the clock */
}

void bh_spi_select(uint8_t on)
{
    if (on)
        PORTB &= (uint8_t) ~(1 << PB2);
    else
        PORTB |= 1 << PB2;
}

uint8_t bh_spi_exchange(uint8_t byte)
{
    SPDR = byte;
    while (!(SPSR & 1 << SPIF))
        ;
    return SPDR;
}

/* 16.4 ms at 16 MHz. */
uint8_t bh_tick(void)
{
    return (uint8_t)(TCNT1 >> 8);
}
