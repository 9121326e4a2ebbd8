# SPDX-License-Identifier: MIT
"""Programs for the small processors, and the simulated machines that run them."""
import pathlib
import re
import shutil
import signal
import subprocess
import time

import m68k
from processors import PORTS, SRC, Avr, M68k, Mos6502, Z80, run

HERE = pathlib.Path(__file__).resolve().parent
MACHINES = HERE / "machines"
PROGRAM = (HERE / "program.c", HERE / "fat.c", SRC / "tiny" / "drive.c", PORTS / "line.c")
HOST_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
RUN_S = 120


class Machine:
    """A processor with a line: sources of its console and of its line's chip, `tools` that run it, its usual clock."""

    flags = ()
    console = ()
    chip = ()
    tools = ()
    clock_hz = 0

    def __init__(self, processor):
        self.processor = processor

    def missing(self):
        for tool in self.tools:
            if shutil.which(tool) is None:
                return f"{tool} is not installed (tools/install-packages retro)"
        return self.processor.missing()

    def build(self, directory):
        """The command that runs program.c."""
        return self.build_of(directory, *PROGRAM, *self.chip)

    def build_of(self, directory, *sources, flags=()):
        objects = []
        for source in (*sources, *self.console):
            out = directory / f"{source.parent.name}_{source.stem}{self.suffix}"
            objects.append(self.processor.compile(source, out, *self.flags, *flags, includes=(SRC, PORTS, HERE)))
        return self.link(objects, directory)

    def cycles(self, command):
        """What a program took that ends by itself."""
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=RUN_S)
        found = re.fullmatch(r"\.(?:cycles )?(\d+)(?: cycles)?\s*", done.stderr + done.stdout)
        assert found, done
        return int(found[1])

    suffix = ".o"


class Sim65(Machine):
    # Its terminal's ticks are tenths of a second.
    flags = ("-t", "sim6502", "-DBH_DRIVE_WAIT=2")
    console = (MACHINES / "sim65.c",)
    chip = (MACHINES / "sim65_chip.c",)
    tools = ("sim65", "ld65")
    clock_hz = 1_000_000

    def link(self, objects, directory):
        run("ld65", "-t", "sim6502", "-o", directory / "program", *objects, "sim6502.lib")
        return ["sim65", directory / "program"]

    def cycles(self, command):
        return super().cycles([command[0], "-c", *command[1:]])


class Z80Host(Machine):
    console = (MACHINES / "z80.c",)
    chip = (PORTS / "z80" / "acia.c",)
    clock_hz = 4_000_000
    tools = ("gcc", "sdcc", "sdasz80", "makebin")
    suffix = ".rel"

    def missing(self):
        return super().missing() or library_missing("z80ex/z80ex.h", "libz80ex-dev")

    def link(self, objects, directory):
        start = directory / "start.rel"
        run("sdasz80", "-o", start, MACHINES / "z80_start.s")
        run("sdcc", "-mz80", "--no-std-crt0", "--data-loc", "0x8000", start, *objects, "-o", directory / "program.ihx")
        run("makebin", "-s", "32768", directory / "program.ihx", directory / "program.bin")
        return [host("z80_host", directory, "-lz80ex"), directory / "program.bin"]


class AvrHost(Machine):
    console = (MACHINES / "avr.c",)
    chip = (PORTS / "avr" / "uart.c",)
    clock_hz = 16_000_000
    tools = ("gcc", "avr-gcc")

    def missing(self):
        return super().missing() or library_missing("simavr/sim_avr.h", "libsimavr-dev")

    def link(self, objects, directory):
        run("avr-gcc", "-mmcu=atmega328p", "-o", directory / "program.elf", *objects)
        return [host("avr_host", directory, "-lsimavr", "-lelf"), directory / "program.elf"]


class QemuM68k(Machine):
    flags = ("-fno-builtin", "-fno-pic", "-DBH_DRIVE_WAIT=2")
    console = (MACHINES / "m68k.c",)
    chip = (MACHINES / "m68k_chip.c",)
    tools = ("qemu-m68k", "m68k-linux-gnu-gcc")
    clock_hz = 8_000_000

    def link(self, objects, directory):
        # Without libgcc: Debian's is for the 68020.
        run("m68k-linux-gnu-gcc", "-m68000", "-nostdlib", "-static", "-no-pie", "-o", directory / "program", *objects)
        return ["qemu-m68k", "-cpu", "m68000", directory / "program"]

    def cycles(self, command):
        return m68k.most_cycles(command[-1])


ALL = [Sim65(Mos6502()), Z80Host(Z80()), AvrHost(Avr()), QemuM68k(M68k())]


def library_missing(header, package):
    done = subprocess.run(["gcc", "-E", "-x", "c", "-"], input=f"#include <{header}>\n", text=True,
                          capture_output=True, timeout=60)
    return None if done.returncode == 0 else f"{package} is not installed (tools/install-packages retro)"


def host(name, directory, *libraries):
    """The program that simulates a machine."""
    run("gcc", *HOST_FLAGS, MACHINES / f"{name}.c", *libraries, "-o", directory / name)
    return directory / name


def wait_until(condition, timeout=RUN_S):
    due = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < due, "never came true"
        time.sleep(0.002)


class Running:
    """A machine that is switched on; its console is in a file."""

    def __init__(self, command, line, console):
        self.console = console
        with open(console, "wb") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdin=line.slave, stdout=line.slave,
                                            stderr=out)

    def end(self):
        """What it printed, when its program has ended."""
        try:
            self.process.wait(RUN_S)
        except subprocess.TimeoutExpired:
            self.switch_off()
            raise AssertionError(f"the program never ended:\n{self.text()}") from None
        return self.text()

    def switch_off(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def text(self):
        return self.console.read_text(errors="replace")
