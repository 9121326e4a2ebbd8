# SPDX-License-Identifier: MIT
"""What a small machine pays for: a client of CONNECT, READ and WRITE does not grow when opcodes are added."""
import pathlib
import re
import shutil
import subprocess

import pytest

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
FLAGS = "-std=c89 -pedantic -ffreestanding -Os -c".split()

# Bytes of code at -Os. A change that makes it smaller lowers its number here.
SIZES = [
    ("gcc", ["-m64"], "12", "x86_64-linux-gnu", 599),
    ("avr-gcc", ["-mmcu=atmega328p"], "5", "avr", 462),
]
CALLS = "command connect disconnect due keep received write".split()


def build(tmp_path, compiler, *flags):
    out = tmp_path / "tiny.o"
    subprocess.run([compiler, *flags, *FLAGS, "-I", SRC, SRC / "tiny" / "tiny.c", "-o", out], check=True)
    return out


def ask(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("compiler, flags, version, machine, size", SIZES)
def test_tiny_does_not_grow(tmp_path, compiler, flags, version, machine, size):
    if shutil.which(compiler) is None or (ask(compiler, "-dumpversion").split(".")[0].strip(),
                                          ask(compiler, "-dumpmachine").strip()) != (version, machine):
        pytest.skip(f"the size is known for {compiler} {version} of {machine}")
    text = ask("size", build(tmp_path, compiler, *flags)).splitlines()[1].split()
    assert int(text[0]) <= size and text[1:3] == ["0", "0"]


def test_tiny_has_no_call_for_a_single_opcode(tmp_path):
    """Opcodes are macros over bh_tiny_command(); a program has those that it uses."""
    names = re.findall(r" T (\w+)", ask("nm", build(tmp_path, "gcc")))
    assert sorted(names) == ["bh_tiny_" + call for call in CALLS]
