# SPDX-License-Identifier: MIT
"""Programs for the small processors, and the simulated machines that run them."""
import os
import pathlib
import re
import shutil
import subprocess
import time

import m68k
from terminal import Line, Records
from processors import PORTS, SRC, Avr, Host, M68k, Mos6502, Z80, run

HERE = pathlib.Path(__file__).resolve().parent
MACHINES = HERE / "machines"
SHAPES = HERE / "shapes"
PROGRAM = (HERE / "program.c", HERE / "fat.c", SRC / "tiny" / "drive.c")
HOST_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
RUN_S = 60


class Machine:
    """A processor with a line: sources of its console and of its line's chip, `tools` that run it, its usual clock."""

    flags = ()
    console = ()
    chip = ()
    tools = ()
    clock_hz = 0
    line = Line
    port = (PORTS / "line.c",)
    suffix = ".o"
    includes = (SRC, PORTS, HERE, SHAPES)

    def __init__(self, processor):
        self.processor = processor

    def missing(self):
        for tool in self.tools:
            if shutil.which(tool) is None:
                return f"{tool} is not installed (tools/install-packages retro)"
        return self.processor.missing()

    def build(self, directory):
        """The command that runs program.c."""
        return self.build_of(directory, *PROGRAM, *self.port, *self.chip)

    def build_of(self, directory, *sources, flags=()):
        objects = []
        for source in (*sources, *self.console):
            out = directory / f"{source.parent.name}_{source.stem}{self.suffix}"
            objects.append(self.processor.compile(source, out, *self.flags, *flags, includes=self.includes))
        return self.link(objects, directory)

    def cycles(self, command):
        """What a program took that ends by itself."""
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=RUN_S)
        found = re.fullmatch(r"\.(?:cycles )?(\d+)(?: cycles)?\s*", done.stderr + done.stdout)
        assert found, done
        return int(found[1])


class Sim65(Machine):
    # Its terminal's ticks are tenths of a second.
    flags = ("-t", "sim6502", "-DBH_DRIVE_WAIT=2")
    port = (PORTS / "cc65" / "line.s",)
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
    board = ()
    port = (PORTS / "z80" / "line.s",)
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
        return [host("z80_host", directory, *self.board, "-lz80ex"), directory / "program.bin"]


class AvrHost(Machine):
    console = (MACHINES / "avr.c",)
    chip = (PORTS / "avr" / "uart.c",)
    clock_hz = 16_000_000
    tools = ("gcc", "avr-gcc")

    def missing(self):
        return super().missing() or library_missing("simavr/sim_avr.h", "libsimavr-dev")

    def link(self, objects, directory):
        run("avr-gcc", "-mmcu=atmega328p", "-o", directory / "program.elf", *objects)
        more = (MACHINES / "w5500_model.c", MACHINES / "server.c", "-lsimavr", "-lelf")
        return [host("avr_host", directory, *more), directory / "program.elf"]


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


class Sim65Acia(Sim65):
    """The chip of ports/cc65, and one to go with it."""

    flags = (*Sim65.flags, "-DBH_ACIA_READ=acia_read", "-DBH_ACIA_WRITE=acia_write")
    port = (PORTS / "line.c",)
    chip = (PORTS / "cc65" / "acia.c", MACHINES / "sim65_acia.c")


class Board(Machine):
    """A 6502 with the chip in memory, at 38,400 baud; bytes that it does not take in time are lost."""

    # So long that an answer is late for no other reason.
    flags = ("-t", "none", "-DBH_DRIVE_WAIT=100")
    console = (MACHINES / "board_start.s", MACHINES / "board.c")
    port = (PORTS / "cc65" / "line.s",)
    chip = (PORTS / "cc65" / "acia.s",)
    tools = ("ld65", "gcc")

    def link(self, objects, directory):
        run("ld65", "-C", MACHINES / "board.cfg", "-o", directory / "program", *objects, "none.lib")
        return [host("board_host", directory, MACHINES / "mos6502.c"), directory / "program"]


class Sim65Ip65(Sim65):
    line = Records
    flags = ("-t", "sim6502")
    port = (PORTS / "cc65" / "ip65.c",)
    chip = (MACHINES / "sim65_ip65.c",)


class Sim65Strict(Sim65):
    flags = (*Sim65.flags, "-DBH_DRIVE_STRICT=1")


class Rc2014(Z80Host):
    """At 7.4 MHz and 115,200 baud; bytes that it does not take in time are lost."""

    # So long that an answer is late for no other reason.
    flags = ("-DBH_DRIVE_WAIT=100",)
    board = ("-DBYTE_CYCLES=640", "-DLOSES=1")


class Z80Sio(Z80Host):
    flags = ("-DBH_SIO_CONTROL=0x84", "-DBH_SIO_DATA=0x85")
    port = (PORTS / "line.c",)
    chip = (PORTS / "z80" / "sio.c",)


class AvrW5500(AvrHost):
    port = (PORTS / "w5500" / "w5500.c", PORTS / "avr" / "spi.c")
    chip = (MACHINES / "avr_w5500.c",)


class M68kDuart(QemuM68k):
    flags = (*QemuM68k.flags, "-DBH_DUART_READ=duart_read", "-DBH_DUART_WRITE=duart_write")
    chip = (PORTS / "m68k" / "duart.c", MACHINES / "m68k_duart.c")


class PosixTty(Machine):
    console = (MACHINES / "posix_tty.c",)
    chip = (PORTS / "posix" / "tty.c",)
    tools = ("gcc",)
    libraries = ()

    def link(self, objects, directory):
        run("gcc", "-fsanitize=address,undefined", *objects, *self.libraries, "-o", directory / "program")
        return [directory / "program"]


class PosixUdp(PosixTty):
    console = (MACHINES / "posix_udp.c",)
    port = (PORTS / "posix" / "udp.c",)
    chip = ()


class PosixStrict(PosixUdp):
    flags = ("-DBH_DRIVE_STRICT=1",)


class W5500(PosixTty):
    console = (MACHINES / "server.c",)
    port = (PORTS / "w5500" / "w5500.c",)
    chip = (MACHINES / "w5500.c", MACHINES / "w5500_model.c")


class Lwip(PosixTty):
    console = (MACHINES / "server.c",)
    port = (PORTS / "lwip_raw" / "lwip_raw.c",)
    chip = (MACHINES / "lwip.c",)
    libraries = ("-llwip",)
    includes = (*PosixTty.includes, "/usr/include/lwip")

    def missing(self):
        return super().missing() or library_missing("lwip/lwip/init.h", "liblwip-dev")


ALL = [Sim65(Mos6502()), Z80Host(Z80()), AvrHost(Avr()), QemuM68k(M68k())]
# The other ports.
MORE = [Sim65Acia(Mos6502()), Sim65Strict(Mos6502()), Board(Mos6502()), Sim65Ip65(Mos6502()), Rc2014(Z80()),
        Z80Sio(Z80()), AvrW5500(Avr()), M68kDuart(M68k()), PosixTty(Host()), PosixUdp(Host()), PosixStrict(Host()),
        W5500(Host()), Lwip(Host())]


def library_missing(header, package):
    found = any((pathlib.Path(place) / header).exists() for place in ("/usr/include", "/usr/local/include"))
    return None if found else f"{package} is not installed (tools/install-packages retro)"


def host(name, directory, *libraries):
    """The program that simulates a machine."""
    run("gcc", *HOST_FLAGS, "-I", HERE, "-I", PORTS, "-I", SRC, MACHINES / f"{name}.c", *libraries,
        "-o", directory / name)
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
            host, port = line.server
            network = {"RETRO_HOST": host, "RETRO_PORT": str(port)} if host else {}
            self.process = subprocess.Popen([str(word) for word in command], stdin=line.slave, stdout=line.slave,
                                            stderr=out, env=os.environ | network)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.switch_off()

    def end(self):
        """What it printed, when its program has ended."""
        try:
            self.process.wait(RUN_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program never ended:\n{self.text()}") from None
        return self.text()

    def switch_off(self):
        self.process.kill()
        self.process.wait(10)

    def text(self):
        return self.console.read_text(errors="replace")
