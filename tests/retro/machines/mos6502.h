/* SPDX-License-Identifier: MIT */
/*
 * A 6502 with the documented opcodes of the NMOS chip, but for decimal numbers
 * and interrupts, and with its cycles (MOS MCS6500 Programming Manual, appendix
 * B). For chips in memory, which sim65 has not.
 */
#ifndef MOS6502_H
#define MOS6502_H

#include <stdint.h>

struct mos6502 {
    uint64_t cycles;
    uint16_t pc;
    uint8_t a, x, y, s, p;
};

/* The machine's. */
uint8_t bus_read(uint16_t at);
void bus_write(uint16_t at, uint8_t byte);

/* One instruction. 0: there is no such opcode. */
int mos6502_step(struct mos6502 *cpu);

#endif
