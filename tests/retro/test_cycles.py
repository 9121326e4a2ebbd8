# SPDX-License-Identifier: MIT
"""What a READ costs a small machine beside moving its bytes; and what the framing of ports/line.c costs a byte."""
import machines
import m68k
import pytest
import table
from terminal import line
from processors import ROOT, SRC

PROGRAM = (machines.HERE / "cycles.c", SRC / "tiny" / "drive.c")
FRAME_LEN = 1 + 4 + 512 + 2 + 1
FCS = f"-DFCS={int.from_bytes(line.fcs16(bytes([2, 1, 0, 0]) + bytes(512)), 'little')}u"


@pytest.fixture(scope="module", params=machines.ALL, ids=lambda machine: type(machine).__name__.lower())
def machine(request):
    missing = request.param.missing()
    if missing:
        pytest.skip(missing)
    return request.param


def cycles(machine, directory, part, sources):
    """Of one READ: two programs that differ in their number."""
    def run(reads):
        place = directory / f"{part}{reads}"
        place.mkdir(exist_ok=True)
        return machine.cycles(machine.build_of(place, *sources, flags=(f"-DREADS={reads}", f"-D{part}", FCS)))

    return (run(11) - run(1)) / 10


def measure(machine, directory):
    """Cycles of a READ without its port, and cycles of the line for each byte of its frame without the chip."""
    client = cycles(machine, directory, "CLIENT", PROGRAM)
    both = (*PROGRAM, *machine.port)
    parts = {part: cycles(machine, directory, part, both) for part in ("LINE", "CHIP", "LOOP")}
    return client, (parts["LINE"] - (parts["CHIP"] - parts["LOOP"]) - client) / FRAME_LEN


def test_a_read_is_within_its_budget(machine, tmp_path):
    assert 0 < cycles(machine, tmp_path, "CLIENT", PROGRAM) <= machine.processor.cycles


@pytest.mark.long
def test_the_table_of_the_docs_is_true(machine, tmp_path):
    row, good = table.row_of(machine, measure(machine, tmp_path), tmp_path)
    assert good, row
    assert row in (ROOT / "docs" / "porting.md").read_text()


def test_no_word_at_an_odd_address(tmp_path):
    """A 68000 stops there; the program that qemu runs in test_runs.py must not have one."""
    machine = next(machine for machine in machines.ALL if isinstance(machine, machines.QemuM68k))
    if machine.missing():
        pytest.skip(machine.missing())
    assert m68k.odd_accesses(machine.build(tmp_path)[-1]) == []
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    flags, machine.processor.flags = machine.processor.flags, tuple(
        flag for flag in machine.processor.flags if flag != "-fno-store-merging")
    try:
        assert m68k.odd_accesses(machine.build(wrong)[-1]) != []
    finally:
        machine.processor.flags = flags
