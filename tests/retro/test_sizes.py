# SPDX-License-Identifier: MIT
"""What the client that waits costs a small machine: bytes of code and of RAM, against budgets."""
from processors import SRC

DRIVE = SRC / "tiny" / "drive.c"
LEAST = ("-DBH_DRIVE_WRITE=0", "-DBH_DRIVE_DISCONNECT=0")
CHOICES = ("-DBH_DRIVE_COMMAND=1", "-DBH_DRIVE_STRICT=1", "-DBH_DRIVE_PADDED=1")


def sizes(processor, tmp_path, *choices):
    return processor.sizes(processor.compile(DRIVE, tmp_path / "drive.o", *choices))


def test_drive_fits(processor, tmp_path):
    """CONNECT, READ, WRITE, DISCON, sent again and matched, without the port."""
    code, ram = sizes(processor, tmp_path)
    assert code <= processor.code and ram <= processor.ram


def test_drive_does_not_grow(processor, tmp_path):
    """With Debian 12's compilers. A change that makes it smaller lowers the number."""
    assert sizes(processor, tmp_path)[0] <= processor.code_now


def test_every_choice_costs_and_its_absence_does_not(processor, tmp_path):
    """A program has what it chose, and nothing of the rest."""
    whole, _ = sizes(processor, tmp_path)
    assert sizes(processor, tmp_path, *LEAST)[0] < whole
    for choice in CHOICES[:2]:
        assert sizes(processor, tmp_path, choice)[0] > whole
        assert sizes(processor, tmp_path, choice.replace("=1", "=0"))[0] == whole


def test_all_choices_compile_together(processor, tmp_path):
    assert sizes(processor, tmp_path, *CHOICES)[1] <= processor.ram + 4
