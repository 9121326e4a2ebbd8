# SPDX-License-Identifier: MIT
"""What a 68000 would make of a program that qemu runs: qemu counts no cycles, and does not mind odd addresses."""
import collections
import re
import tempfile

from processors import run

# An access of the bus takes 4 cycles and carries 16 bits. What an instruction takes beside its accesses is at most
# this (M68000 User's Manual, section 8), for those that compilers make of such programs; others are refused.
INSIDE = 8
SHIFT = 2 * 31  # lsl.l by a register, at most
KNOWN = re.compile(r"(move|movea|moveq|add|adda|addi|addq|sub|suba|subi|subq|and|andi|or|ori|eor|eori|not|neg|ext|clr|"
                   r"cmp|cmpa|cmpi|cmpm|tst|lea|pea|swap|movem|link|unlk|jsr|jmp|bsr|bra|rts|nop|trap|"
                   r"b(ra|hi|ls|cc|cs|ne|eq|vc|vs|pl|mi|ge|lt|gt|le)|s(t|f|hi|ls|cc|cs|ne|eq|pl|mi|ge|lt|gt|le)|"
                   r"db(f|ra|eq|ne)|[al]s[lr]|ro[lr])([bwls])?")
LINE = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4} )+)\s*\t?(\S*)\s*(.*)$")
MEMORY = re.compile(r"@|^[0-9a-f]{8}|,[0-9a-f]{8}")


class Code(dict):
    """Instructions by their addresses: (words, name, operands)."""

    def __init__(self, program):
        super().__init__()
        last = None
        for line in run("m68k-linux-gnu-objdump", "-d", "-z", program).splitlines():
            if found := LINE.match(line):
                at, words, name, operands = found.groups()
                words = len(words.split())
                if name:
                    last = int(at, 16)
                    self[last] = (words, name, operands)
                elif last is not None:  # the rest of the one before
                    self[last] = (self[last][0] + words, *self[last][1:])


def most_of(words, name, operands):
    """Not more than the cycles of one instruction."""
    found = KNOWN.fullmatch(name)
    assert found, f"m68k.py does not know {name} {operands}"
    kind, size = found[1], found[found.lastindex]
    accesses = words
    if kind == "movem":
        accesses += 2 * 16
    elif kind in ("jsr", "bsr", "rts", "pea", "link", "unlk", "trap"):
        accesses += 2 + 2 + words
    operand_words = 2 if size == "l" else 1
    # Each operand in memory is read and written at most.
    accesses += 2 * operand_words * len(MEMORY.findall(operands))
    return 4 * accesses + INSIDE + (SHIFT if re.match(r"[al]s[lr]|ro[lr]", kind) else 0)


def most_cycles(program):
    """Not more than a 68000 takes for a program: instruction by instruction, as qemu has run it."""
    code = Code(program)
    with tempfile.NamedTemporaryFile("r") as log:
        run("qemu-m68k", "-cpu", "m68000", "-singlestep", "-d", "exec,nochain", "-D", log.name, program)
        seen = collections.Counter(int(at, 16) for at in re.findall(r"\[\w+/(\w+)/", log.read()))
    return sum(count * most_of(*code[at]) for at, count in seen.items())


def odd_accesses(program):
    """Instructions with a word at an odd address, as far as the address is in them."""
    found = []
    for words, name, operands in Code(program).values():
        if re.fullmatch(r"(?!lea|pea|b|j).*[wl]", name):
            found += [f"{name} {operands}" for at in re.findall(r"\b(?<!#)([0-9a-f]{8})\b", operands)
                      if int(at, 16) & 1]
    return found
