/* SPDX-License-Identifier: MIT */
/*
 * z80_host PROGRAM: a Z80 at 4 MHz with 64 KiB, a 6850 ACIA at ports 0x80 and
 * 0x81 and a Z80 SIO at 0x84 and 0x85 that share one line of 115,200 baud, a
 * console at port 0. Ends with HALT, and says how many T states that took.
 */
#include "host.h"

#include <z80ex/z80ex.h>

/* T states of a byte on the line; 1: bytes that are not taken in time are lost.
 */
#ifndef BYTE_CYCLES
#define BYTE_CYCLES 347
#define LOSES 0
#endif

static struct machine {
    uint8_t memory[65536];
    struct host_line line;
    uint64_t now; /* T states */
    uint64_t sent_at;
    int byte; /* the receiver's, or -1 */
} machine = {
    .line = {.byte_cycles = BYTE_CYCLES, .idle_cycles = 16000, .loses = LOSES},
    .byte = -1};

static Z80EX_BYTE get_memory(Z80EX_CONTEXT *cpu, Z80EX_WORD at, int m1,
                             void *context)
{
    (void)cpu, (void)m1, (void)context;
    return machine.memory[at];
}

static void put_memory(Z80EX_CONTEXT *cpu, Z80EX_WORD at, Z80EX_BYTE value,
                       void *context)
{
    (void)cpu, (void)context;
    machine.memory[at] = value;
}

/* Bit 0, and `sendable`. */
static Z80EX_BYTE status(int sendable)
{
    int byte = -1;

    if (machine.byte < 0 || LOSES)
        byte = host_get(&machine.line, machine.now);
    if (byte >= 0) {
        machine.line.lost += machine.byte >= 0;
        machine.byte = byte;
    }
    return (Z80EX_BYTE)((machine.byte >= 0 ? 1 : 0) |
                        (machine.now >= machine.sent_at ? sendable : 0));
}

static Z80EX_BYTE get_port(Z80EX_CONTEXT *cpu, Z80EX_WORD port, void *context)
{
    int byte = machine.byte;

    (void)cpu, (void)context;
    switch (port & 0xFF) {
    case 0x80:
        return status(2);
    case 0x84:
        return status(4);
    case 0x85:
    case 0x81:
        machine.byte = -1;
        return (Z80EX_BYTE)byte;
    default:
        return 0xFF;
    }
}

static void put_port(Z80EX_CONTEXT *cpu, Z80EX_WORD port, Z80EX_BYTE value,
                     void *context)
{
    (void)cpu, (void)context;
    switch (port & 0xFF) {
    case 0x00:
        fputc(value, stderr);
        break;
    case 0x81:
    case 0x85:
        host_put(&machine.line, value, machine.now);
        machine.sent_at = machine.now + machine.line.byte_cycles;
        break;
    default:
        break;
    }
}

static Z80EX_BYTE get_vector(Z80EX_CONTEXT *cpu, void *context)
{
    (void)cpu, (void)context;
    return 0xFF;
}

int main(int count, char **words)
{
    FILE *program = count == 2 ? fopen(words[1], "rb") : NULL;
    Z80EX_CONTEXT *cpu;

    if (program == NULL ||
        fread(machine.memory, 1, sizeof(machine.memory), program) == 0)
        return 1;
    fclose(program);
    cpu = z80ex_create(get_memory, NULL, put_memory, NULL, get_port, NULL,
                       put_port, NULL, get_vector, NULL);
    while (!z80ex_doing_halt(cpu))
        machine.now += (uint64_t)z80ex_step(cpu);
    fprintf(stderr, "cycles %llu\n", (unsigned long long)machine.now);
    if (machine.line.lost != 0)
        fprintf(stderr, "lost %u bytes\n", machine.line.lost);
    z80ex_destroy(cpu);
    return 0;
}
