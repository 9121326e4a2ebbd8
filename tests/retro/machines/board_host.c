/* SPDX-License-Identifier: MIT */
/*
 * board_host PROGRAM: a 6502 at 1 MHz with RAM, where the program begins at
 * 0x0800; a 6551 ACIA at 0xDE00 with 38,400 baud, as a SwiftLink's; at 0xDF00 a
 * console, at 0xDF01 a clock of 20 ms, and what is written there ends it. A
 * byte that is not taken before the next has come is lost. Says how many cycles
 * it took, and how many bytes were lost.
 */
#include "host.h"

#include "mos6502.h"

#define START 0x0800

static struct machine {
    uint8_t memory[65536];
    struct mos6502 cpu;
    struct host_line line;
    uint64_t sent_at;
    int byte; /* the receiver's, or -1 */
    int command, control;
    int over;
} machine = {.line = {.byte_cycles = 260, .idle_cycles = 1000, .loses = 1},
             .byte = -1};

static uint8_t status(void)
{
    int byte;

    if (machine.command != 0x0B || machine.control != 0x1F)
        return 0;
    byte = host_get(&machine.line, machine.cpu.cycles);
    if (byte >= 0) {
        machine.line.lost += machine.byte >= 0;
        machine.byte = byte;
    }
    return (uint8_t)((machine.byte >= 0 ? 0x08 : 0) |
                     (machine.cpu.cycles >= machine.sent_at ? 0x10 : 0));
}

uint8_t bus_read(uint16_t at)
{
    int byte = machine.byte;

    switch (at) {
    case 0xDE00:
        machine.byte = -1;
        return (uint8_t)byte;
    case 0xDE01:
        return status();
    case 0xDF01:
        return (uint8_t)(machine.cpu.cycles / 20000);
    default:
        return machine.memory[at];
    }
}

void bus_write(uint16_t at, uint8_t byte)
{
    switch (at) {
    case 0xDE00:
        host_put(&machine.line, byte, machine.cpu.cycles);
        machine.sent_at = machine.cpu.cycles + machine.line.byte_cycles;
        break;
    case 0xDE01:
        machine.command = 0;
        break;
    case 0xDE02:
        machine.command = byte;
        break;
    case 0xDE03:
        machine.control = byte;
        break;
    case 0xDF00:
        fputc(byte, stderr);
        break;
    case 0xDF01:
        machine.over = 1;
        break;
    default:
        machine.memory[at] = byte;
    }
}

int main(int count, char **words)
{
    FILE *program = count == 2 ? fopen(words[1], "rb") : NULL;

    if (program == NULL ||
        fread(machine.memory + START, 1, 0xD000 - START, program) == 0)
        return 1;
    fclose(program);
    machine.cpu.pc = START;
    machine.cpu.s = 0xFF;
    while (!machine.over)
        if (!mos6502_step(&machine.cpu)) {
            fprintf(stderr, "no opcode before %04X\n", machine.cpu.pc);
            return 2;
        }
    fprintf(stderr, "cycles %llu\n", (unsigned long long)machine.cpu.cycles);
    if (machine.line.lost != 0)
        fprintf(stderr, "lost %u bytes\n", machine.line.lost);
    return 0;
}
