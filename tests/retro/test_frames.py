# SPDX-License-Identifier: MIT
"""The vectors of frames, on small processors: what ports/line.c and its assembler make of them."""
import vectors
import machines
import pytest
from processors import SRC
from terminal import Frames, Line, line
from test_runs import name

FILE = SRC.parent / "tests" / "vectors" / "frames" / "frames.txt"
END = bytes([0xEE])


def lines():
    """The bytes of each vector that is not too long for a slow machine."""
    vector = {}
    for text in FILE.read_text("ascii").splitlines() + [""]:
        key, _, value = text.partition(":")
        vector[key] = value.strip()
        if key == "frames":
            bytes_of = vectors.parse_bytes(vector["line"])
            if len(bytes_of) < 1000:
                yield bytes_of


class Player(Line):
    """Plays bytes when the machine has sent its first frame."""

    def __init__(self, data):
        super().__init__(("127.0.0.1", 9), at_request=lambda number: self.write(self.master, data))


@pytest.mark.parametrize("machine", machines.ALL, ids=name)
def test_vectors_are_heard(machine, tmp_path):
    if machine.missing():
        pytest.skip(machine.missing())
    command = machine.build_of(tmp_path, machines.HERE / "frames.c", SRC / "tiny" / "drive.c", *machine.port,
                               *machine.chip)
    data = b"".join(b"\x7e" + one for one in lines()) + b"\x7e" + b"\x55" * 700 + b"\x7e" + line.frame(END)
    with Player(data) as player, machines.Running(command, player, tmp_path / "console") as running:
        text = running.end()
    printed = [one for one in text.splitlines() if not one.startswith("cycles")]
    assert printed == [datagram.hex() for datagram in Frames().take(data)]
