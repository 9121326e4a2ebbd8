/* SPDX-License-Identifier: MIT */
/*
 * A 6502 with a 6551 ACIA: SwiftLink and its relatives, the Apple II's Super
 * Serial Card, many boards; for cc65. Status bit 3 says that a byte has come,
 * bit 4 that one can be sent (MOS 6551 data sheet, "Status Register"). A
 * W65C51N has bit 4 always set: that one needs a pause after each byte.
 */
#include "line.h"
#include "tick.h"

#include "tiny/drive.h"

#ifndef BH_ACIA
#define BH_ACIA 0xDE00
#endif
#ifndef BH_ACIA_CONTROL
#define BH_ACIA_CONTROL 0x1F /* 8N1, 19,200 baud; a SwiftLink doubles it */
#endif
#define COMMAND_ON 0x0B /* no parity, no interrupts, RTS and DTR on */

/* A program that reaches its chip otherwise than in memory has functions. */
#ifdef BH_ACIA_READ
uint8_t BH_ACIA_READ(uint8_t at);
void BH_ACIA_WRITE(uint8_t at, uint8_t byte);
#else
#define BH_ACIA_READ(at) (*(volatile uint8_t *)(BH_ACIA + (at)))
#define BH_ACIA_WRITE(at, byte) (*(volatile uint8_t *)(BH_ACIA + (at)) = (byte))
#endif

#define DATA 0
#define STATUS 1 /* writing resets */
#define COMMAND 2
#define CONTROL 3

#define RECEIVED 0x08
#define SENDABLE 0x10

static uint8_t begun;

void bh_chip_open(void)
{
    BH_ACIA_WRITE(STATUS, 0);
    BH_ACIA_WRITE(CONTROL, BH_ACIA_CONTROL);
    BH_ACIA_WRITE(COMMAND, COMMAND_ON);
}

void bh_chip_put(uint8_t byte)
{
    while (!(BH_ACIA_READ(STATUS) & SENDABLE))
        ;
    BH_ACIA_WRITE(DATA, byte);
}

void bh_chip_start_timer(void)
{
    begun = bh_tick();
}

uint16_t bh_chip_get(void)
{
    while ((uint8_t)(bh_tick() - begun) < bh_drive.wait)
        if (BH_ACIA_READ(STATUS) & RECEIVED)
            return BH_ACIA_READ(DATA);
    return BH_CHIP_LATE;
}
