/* SPDX-License-Identifier: MIT */
#include "mos6502.h"

#define CARRY 0x01
#define ZERO 0x02
#define BREAK 0x30
#define OVERFLOW 0x40
#define NEGATIVE 0x80

static uint8_t fetch(struct mos6502 *cpu)
{
    return bus_read(cpu->pc++);
}

static uint16_t fetch16(struct mos6502 *cpu)
{
    uint8_t low = fetch(cpu);

    return (uint16_t)(low | fetch(cpu) << 8);
}

/* Of a pointer in the zero page, which does not leave it. */
static uint16_t zero16(uint8_t at)
{
    return (uint16_t)(bus_read(at) | bus_read((uint8_t)(at + 1)) << 8);
}

static void push(struct mos6502 *cpu, uint8_t byte)
{
    bus_write((uint16_t)(0x100 + cpu->s--), byte);
}

static uint8_t pull(struct mos6502 *cpu)
{
    return bus_read((uint16_t)(0x100 + ++cpu->s));
}

static void set(struct mos6502 *cpu, uint8_t flags, int condition)
{
    cpu->p = (uint8_t)(condition ? cpu->p | flags : cpu->p & ~flags);
}

static uint8_t set_nz(struct mos6502 *cpu, uint8_t value)
{
    set(cpu, ZERO, value == 0);
    set(cpu, NEGATIVE, value & 0x80);
    return value;
}

/* An indexed address; a read that crosses a page takes a cycle more, a write
 * always. */
static uint16_t indexed(struct mos6502 *cpu, uint16_t base, uint8_t index,
                        int writes)
{
    uint16_t at = (uint16_t)(base + index);

    cpu->cycles += writes || (at ^ base) & 0xFF00;
    return at;
}

/* Modes 1, 3, 5 and 7, which most opcodes share; `index` is X but for LDX and
 * STX. */
static uint16_t plain_at(struct mos6502 *cpu, unsigned mode, uint8_t index,
                         int writes)
{
    switch (mode) {
    case 1:
        cpu->cycles += 1;
        return fetch(cpu);
    case 3:
        cpu->cycles += 2;
        return fetch16(cpu);
    case 5:
        cpu->cycles += 2;
        return (uint8_t)(fetch(cpu) + index);
    default:
        cpu->cycles += 2;
        return indexed(cpu, fetch16(cpu), index, writes);
    }
}

static uint16_t operand_at(struct mos6502 *cpu, unsigned mode, int writes)
{
    switch (mode) {
    case 0:
        cpu->cycles += 4;
        return zero16((uint8_t)(fetch(cpu) + cpu->x));
    case 2:
        return cpu->pc++;
    case 4:
        cpu->cycles += 3;
        return indexed(cpu, zero16(fetch(cpu)), cpu->y, writes);
    case 6:
        cpu->cycles += 2;
        return indexed(cpu, fetch16(cpu), cpu->y, writes);
    default:
        return plain_at(cpu, mode, cpu->x, writes);
    }
}

static void add(struct mos6502 *cpu, uint8_t value)
{
    unsigned sum = (unsigned)cpu->a + value + (cpu->p & CARRY);

    set(cpu, CARRY, sum > 0xFF);
    set(cpu, OVERFLOW, ~(cpu->a ^ value) & (cpu->a ^ sum) & 0x80);
    cpu->a = set_nz(cpu, (uint8_t)sum);
}

static void compare(struct mos6502 *cpu, uint8_t with, uint8_t value)
{
    set(cpu, CARRY, with >= value);
    set_nz(cpu, (uint8_t)(with - value));
}

/* ORA AND EOR ADC STA LDA CMP SBC */
static int accumulate(struct mos6502 *cpu, uint8_t opcode)
{
    unsigned what = opcode >> 5;
    uint16_t at = operand_at(cpu, opcode >> 2 & 7, what == 4);
    uint8_t value;

    if (what == 4) {
        bus_write(at, cpu->a);
        return opcode != 0x89;
    }
    value = bus_read(at);
    switch (what) {
    case 0:
        cpu->a = set_nz(cpu, cpu->a | value);
        break;
    case 1:
        cpu->a = set_nz(cpu, cpu->a & value);
        break;
    case 2:
        cpu->a = set_nz(cpu, cpu->a ^ value);
        break;
    case 3:
        add(cpu, value);
        break;
    case 5:
        cpu->a = set_nz(cpu, value);
        break;
    case 6:
        compare(cpu, cpu->a, value);
        break;
    default:
        add(cpu, (uint8_t)~value);
    }
    return 1;
}

/* ASL ROL LSR ROR - - DEC INC */
static uint8_t change(struct mos6502 *cpu, unsigned what, uint8_t value)
{
    uint8_t carry = cpu->p & CARRY;

    if (what < 4)
        set(cpu, CARRY, value & (what < 2 ? 0x80 : 0x01));
    switch (what) {
    case 0:
        return set_nz(cpu, (uint8_t)(value << 1));
    case 1:
        return set_nz(cpu, (uint8_t)(value << 1 | carry));
    case 2:
        return set_nz(cpu, value >> 1);
    case 3:
        return set_nz(cpu, (uint8_t)(value >> 1 | carry << 7));
    case 6:
        return set_nz(cpu, (uint8_t)(value - 1));
    default:
        return set_nz(cpu, (uint8_t)(value + 1));
    }
}

/* TXA TXS TAX TSX DEX NOP, and shifts of A. */
static int transfer(struct mos6502 *cpu, uint8_t opcode)
{
    switch (opcode) {
    case 0x8A:
        cpu->a = set_nz(cpu, cpu->x);
        return 1;
    case 0x9A:
        cpu->s = cpu->x;
        return 1;
    case 0xAA:
        cpu->x = set_nz(cpu, cpu->a);
        return 1;
    case 0xBA:
        cpu->x = set_nz(cpu, cpu->s);
        return 1;
    case 0xCA:
        cpu->x = set_nz(cpu, (uint8_t)(cpu->x - 1));
        return 1;
    case 0xEA:
        return 1;
    default:
        if ((opcode & 0x9F) != 0x0A)
            return 0;
        cpu->a = change(cpu, opcode >> 5, cpu->a);
        return 1;
    }
}

static int modify(struct mos6502 *cpu, uint8_t opcode)
{
    unsigned what = opcode >> 5, mode = opcode >> 2 & 7;
    uint16_t at;

    if (opcode == 0xA2) {
        cpu->x = set_nz(cpu, fetch(cpu));
        return 1;
    }
    if ((mode & 1) == 0)
        return transfer(cpu, opcode);
    if (what == 4 || what == 5) {
        at = plain_at(cpu, mode, cpu->y, 0);
        if (what == 5)
            cpu->x = set_nz(cpu, bus_read(at));
        else
            bus_write(at, cpu->x);
        return opcode != 0x9E;
    }
    at = plain_at(cpu, mode, cpu->x, 1);
    cpu->cycles += 2;
    bus_write(at, change(cpu, what, bus_read(at)));
    return 1;
}

static int branch(struct mos6502 *cpu, uint8_t opcode)
{
    static const uint8_t flags[] = {NEGATIVE, OVERFLOW, CARRY, ZERO};
    int8_t by = (int8_t)fetch(cpu);
    uint16_t to = (uint16_t)(cpu->pc + by);

    if (((cpu->p & flags[opcode >> 6]) != 0) != (opcode >> 5 & 1))
        return 1;
    cpu->cycles += 1 + ((to ^ cpu->pc) > 0xFF);
    cpu->pc = to;
    return 1;
}

static void call(struct mos6502 *cpu)
{
    uint16_t to = fetch16(cpu);

    push(cpu, (uint8_t)((cpu->pc - 1) >> 8));
    push(cpu, (uint8_t)(cpu->pc - 1));
    cpu->pc = to;
    cpu->cycles += 4;
}

static void give_back(struct mos6502 *cpu)
{
    cpu->pc = pull(cpu);
    cpu->pc = (uint16_t)((cpu->pc | pull(cpu) << 8) + 1);
    cpu->cycles += 4;
}

static void jump(struct mos6502 *cpu, int indirect)
{
    uint16_t at = fetch16(cpu);

    cpu->cycles += 1;
    if (indirect) {
        cpu->cycles += 2;
        at = (uint16_t)(bus_read(at) |
                        bus_read((uint16_t)((at & 0xFF00) | (uint8_t)(at + 1)))
                            << 8);
    }
    cpu->pc = at;
}

/* Of one byte, and of the stack. */
static int single(struct mos6502 *cpu, uint8_t opcode)
{
    switch (opcode) {
    case 0x08:
        push(cpu, cpu->p | BREAK);
        cpu->cycles += 1;
        return 1;
    case 0x28:
        cpu->p = pull(cpu);
        cpu->cycles += 2;
        return 1;
    case 0x48:
        push(cpu, cpu->a);
        cpu->cycles += 1;
        return 1;
    case 0x68:
        cpu->a = set_nz(cpu, pull(cpu));
        cpu->cycles += 2;
        return 1;
    case 0x88:
        cpu->y = set_nz(cpu, (uint8_t)(cpu->y - 1));
        return 1;
    case 0xA8:
        cpu->y = set_nz(cpu, cpu->a);
        return 1;
    case 0xC8:
        cpu->y = set_nz(cpu, (uint8_t)(cpu->y + 1));
        return 1;
    case 0xE8:
        cpu->x = set_nz(cpu, (uint8_t)(cpu->x + 1));
        return 1;
    case 0x98:
        cpu->a = set_nz(cpu, cpu->y);
        return 1;
    case 0xB8:
        set(cpu, OVERFLOW, 0);
        return 1;
    case 0x18:
    case 0x38:
        set(cpu, CARRY, opcode == 0x38);
        return 1;
    default: /* CLI, SEI, CLD: nothing interrupts, nothing is decimal */
        return opcode == 0x58 || opcode == 0x78 || opcode == 0xD8;
    }
}

/* BIT STY LDY CPY CPX */
static int index_y(struct mos6502 *cpu, uint8_t opcode)
{
    unsigned what = opcode >> 5, mode = opcode >> 2 & 7;
    uint16_t at = mode == 0 ? cpu->pc++ : plain_at(cpu, mode, cpu->x, 0);
    uint8_t value;

    if (what == 4) {
        bus_write(at, cpu->y);
        return opcode != 0x9C && opcode != 0x80;
    }
    value = bus_read(at);
    switch (what) {
    case 1:
        cpu->p = (uint8_t)((cpu->p & 0x3F) | (value & 0xC0));
        set(cpu, ZERO, (cpu->a & value) == 0);
        return mode == 1 || mode == 3;
    case 5:
        cpu->y = set_nz(cpu, value);
        return 1;
    case 6:
    case 7:
        compare(cpu, what == 6 ? cpu->y : cpu->x, value);
        return mode < 4;
    default:
        return 0;
    }
}

static int control(struct mos6502 *cpu, uint8_t opcode)
{
    switch (opcode) {
    case 0x20:
        call(cpu);
        return 1;
    case 0x60:
        give_back(cpu);
        return 1;
    case 0x4C:
    case 0x6C:
        jump(cpu, opcode == 0x6C);
        return 1;
    default:
        break;
    }
    switch (opcode >> 2 & 7) {
    case 2:
    case 6:
        return single(cpu, opcode);
    case 4:
        return branch(cpu, opcode);
    default:
        return index_y(cpu, opcode);
    }
}

int mos6502_step(struct mos6502 *cpu)
{
    uint8_t opcode = fetch(cpu);

    cpu->cycles += 2;
    switch (opcode & 3) {
    case 0:
        return control(cpu, opcode);
    case 1:
        return accumulate(cpu, opcode);
    case 2:
        return modify(cpu, opcode);
    default:
        return 0;
    }
}
