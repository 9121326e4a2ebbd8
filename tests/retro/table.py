#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of docs/porting.md: what the client that waits costs, beside its budgets. Ends with 1 where it is over."""
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True

import machines  # noqa: E402
import test_cycles  # noqa: E402
from processors import SRC  # noqa: E402

ROW = "| {:14} | {:>11} | {:>8} | {:>12} | {:>10} | {:>12} |"


def row_of(machine, cycles, directory):
    """A row, and whether all is within its budget; `cycles` are test_cycles.py's."""
    processor = machine.processor
    code, ram = processor.sizes(processor.compile(SRC / "tiny" / "drive.c", directory / "drive.o"))
    client, byte = cycles
    good = code <= processor.code and ram <= processor.ram and 0 < client <= processor.cycles
    return ROW.format(processor.name, f"{code} of {processor.code}", f"{ram} of {processor.ram}",
                      f"{client:.0f} of {processor.cycles}", f"{byte:.0f}",
                      f"{int(10 * machine.clock_hz / byte) // 1000 * 1000:,}"), good


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
            place = pathlib.Path(directory)
            row, good = row_of(machine, test_cycles.measure(machine, place), place)
        print(row, "" if good else "over")
        result |= not good
    return result


if __name__ == "__main__":
    sys.exit(main())
