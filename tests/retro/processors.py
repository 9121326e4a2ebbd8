# SPDX-License-Identifier: MIT
"""Four small processors: how C is compiled for each, and how large it becomes."""
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PORTS = ROOT / "ports"


class Processor:
    name = ""
    compiler = ""
    flags = ()
    # Budgets: bytes of code, bytes of static RAM, cycles of a READ beyond its port.
    code, ram, cycles = 0, 0, 0
    code_now = 0  # what it came to last

    def missing(self):
        """A sentence if its tools are not there, else None."""
        if shutil.which(self.compiler) is None:
            return f"{self.compiler} is not installed (tools/install-packages retro)"
        return None

    def compile(self, source, out, *flags, includes=(SRC, PORTS)):
        """An object file of one source."""
        places = [word for place in includes for word in ("-I", str(place))]
        run(self.compiler, *self.flags, *flags, *places, "-c", source, "-o", out)
        return out

    def sizes(self, built):
        """(bytes of code, bytes of static RAM) of an object file."""
        text, data, bss = (int(word) for word in run("size", built).splitlines()[1].split()[:3])
        return text + data, data + bss


class Mos6502(Processor):
    name = "6502 (cc65)"
    compiler = "cc65"
    flags = ("-t", "none", "-Oirs", "--standard", "c89")
    code, ram, cycles = 1100, 24, 3000
    code_now = 441

    def compile(self, source, out, *flags, includes=(SRC, PORTS)):
        if source.suffix == ".s":
            run("ca65", *(flag for flag in flags if flag.startswith("-DBH_DRIVE_STRICT")), source, "-o", out)
            return out
        places = [word for place in includes for word in ("-I", str(place))]
        assembly = out.with_suffix(".s")
        run("cc65", *self.flags, *flags, *places, source, "-o", assembly)
        run("ca65", assembly, "-o", out)
        return out

    def sizes(self, built):
        found = dict(re.findall(r"(\w+):\s+(\d+)", run("od65", "--dump-segsize", built)))
        segments = {name: int(size) for name, size in found.items()}
        data = segments["DATA"]
        return (segments["CODE"] + segments["RODATA"] + data,
                segments["BSS"] + segments["ZEROPAGE"] + data)


class Z80(Processor):
    name = "Z80 (sdcc)"
    compiler = "sdcc"
    flags = ("-mz80", "--std-c89", "--opt-code-size")
    code, ram, cycles = 700, 24, 4000
    code_now = 333

    def compile(self, source, out, *flags, includes=(SRC, PORTS)):
        if source.suffix == ".s":
            run("sdasz80", "-o", out, source)
            return out
        return super().compile(source, out, *flags, includes=includes)

    def sizes(self, built):
        found = re.findall(r"^A (\w+) size ([0-9A-F]+)", built.read_text(), re.M)
        areas = {name: int(size, 16) for name, size in found}
        initial = areas["_INITIALIZER"]
        return (areas["_CODE"] + areas["_GSINIT"] + areas["_HOME"] + initial,
                areas["_DATA"] + areas["_INITIALIZED"])


class Avr(Processor):
    name = "AVR (avr-gcc)"
    compiler = "avr-gcc"
    flags = ("-mmcu=atmega328p", "-std=c89", "-pedantic", "-ffreestanding", "-fno-common", "-Os", "-Wall", "-Wextra",
             "-Werror")
    code, ram, cycles = 540, 24, 2000
    code_now = 274


class M68k(Processor):
    name = "68000 (gcc)"
    compiler = "m68k-linux-gnu-gcc"
    # gcc 12 joins stores of bytes to a store of a word at an odd address, which a 68000 does not have.
    flags = ("-m68000", "-std=c89", "-pedantic", "-ffreestanding", "-fno-store-merging", "-Os", "-Wall", "-Wextra",
             "-Werror")
    code, ram, cycles = 420, 28, 3000
    code_now = 394


class Host(Processor):
    """This machine, for ports that need more than a chip."""

    name = "host"
    compiler = "gcc"
    flags = ("-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover",
             "-Wall", "-Wextra", "-Werror")


ALL = [Mos6502(), Z80(), Avr(), M68k()]


def run(*command, timeout_s=60, **options):
    """What a tool prints; what it complains of is the error's text."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, **options)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
