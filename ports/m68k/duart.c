/* SPDX-License-Identifier: MIT */
/*
 * A 68000 with a 68681 DUART (or 68692, 2681, ...), channel A. Status bit 0
 * says that a byte has come, bit 2 that one can be sent (Motorola MC68681 data
 * sheet, chapter 4). Its registers are bytes, BH_DUART_STEP apart.
 */
#include "line.h"
#include "tick.h"

#include "tiny/drive.h"

#ifndef BH_DUART
#define BH_DUART 0xF00001
#endif
#ifndef BH_DUART_STEP
#define BH_DUART_STEP 2
#endif
#ifndef BH_DUART_BAUD
#define BH_DUART_BAUD 0xCC /* 38,400 both ways, with BH_DUART_SET */
#endif
#ifndef BH_DUART_SET
#define BH_DUART_SET 0x00 /* ACR: which set of speeds */
#endif

/* A program that reaches its chip otherwise than in memory has functions. */
#ifdef BH_DUART_READ
uint8_t BH_DUART_READ(uint8_t at);
void BH_DUART_WRITE(uint8_t at, uint8_t byte);
#else
#define BH_DUART_AT(at) (*(volatile uint8_t *)(BH_DUART + BH_DUART_STEP * (at)))
#define BH_DUART_READ(at) BH_DUART_AT(at)
#define BH_DUART_WRITE(at, byte) (BH_DUART_AT(at) = (byte))
#endif

#define MODE 0
#define STATUS 1 /* written: the speed */
#define COMMAND 2
#define DATA 3
#define AUXILIARY 4
#define INTERRUPTS 5

#define RECEIVED 0x01
#define SENDABLE 0x04

static uint8_t begun;

void bh_chip_open(void)
{
    BH_DUART_WRITE(COMMAND, 0x20); /* reset the receiver, */
    BH_DUART_WRITE(COMMAND, 0x30); /* the transmitter, */
    BH_DUART_WRITE(COMMAND, 0x10); /* and which mode register is next */
    BH_DUART_WRITE(MODE, 0x13);    /* 8 bits, no parity */
    BH_DUART_WRITE(MODE, 0x07);    /* 1 stop bit */
    BH_DUART_WRITE(STATUS, BH_DUART_BAUD);
    BH_DUART_WRITE(AUXILIARY, BH_DUART_SET);
    BH_DUART_WRITE(INTERRUPTS, 0);
    BH_DUART_WRITE(COMMAND, 0x05); /* both on */
}

void bh_chip_put(uint8_t byte)
{
    while (!(BH_DUART_READ(STATUS) & SENDABLE))
        ;
    BH_DUART_WRITE(DATA, byte);
}

void bh_chip_start_timer(void)
{
    begun = bh_tick();
}

uint16_t bh_chip_get(void)
{
    while ((uint8_t)(bh_tick() - begun) < bh_drive.wait)
        if (BH_DUART_READ(STATUS) & RECEIVED)
            return BH_DUART_READ(DATA);
    return BH_CHIP_LATE;
}
