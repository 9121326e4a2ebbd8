#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of docs/porting.md: what the client that waits costs, beside its budgets. Ends with 1 where it is over."""
import pathlib
import sys
import tempfile

import machines
from processors import SRC
from test_cycles import measure

ROW = "| {:14} | {:>10} | {:>7} | {:>12} | {:>10} | {:>14} |"


def line_of(machine, directory):
    """A row, and whether all is within its budget."""
    processor = machine.processor
    code, ram = processor.sizes(processor.compile(SRC / "tiny" / "drive.c", directory / "drive.o"))
    client, byte = measure(machine, directory)
    good = code <= processor.code and ram <= processor.ram and client <= processor.cycles
    return ROW.format(processor.name, f"{code} of {processor.code}", f"{ram} of {processor.ram}",
                      f"{client:.0f} of {processor.cycles}", f"{byte:.0f}",
                      f"{10 * machine.clock_hz / byte:.0f}") + ("" if good else " over"), good


def main():
    print(ROW.format("", "code", "RAM", "READ, cycles", "line, byte", "line, bits/s"))
    print(ROW.format(*("---",) * 6))
    result = 0
    for machine in machines.ALL:
        missing = machine.missing()
        if missing:
            print(ROW.format(machine.processor.name, *("?",) * 5), missing)
            continue
        with tempfile.TemporaryDirectory() as directory:
            row, good = line_of(machine, pathlib.Path(directory))
        print(row)
        result |= not good
    return result


if __name__ == "__main__":
    sys.exit(main())
