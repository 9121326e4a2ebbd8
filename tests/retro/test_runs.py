# SPDX-License-Identifier: MIT
"""The client as real machine code on small processors, against the running daemon, over a serial line."""
import shutil
import signal
import socket
import subprocess

import e2e
import machines
import pytest
from disk import FILES, HELLO, make_disk, mtools
from terminal import Cable, Line, Noise
from machines import Running

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("mkfs.fat", "fsck.fat", "mcopy"))),
                                reason="dosfstools and mtools are not installed")

@pytest.fixture
def disk(images):
    """A FAT16 volume with a few files."""
    return make_disk(images / "disk.img")


def name(machine):
    return type(machine).__name__.lower()


@pytest.fixture(scope="module", params=machines.ALL, ids=name)
def machine(request, tmp_path_factory):
    """The command that runs the program."""
    return build(request.param, tmp_path_factory)


def build(machine, tmp_path_factory):
    missing = machine.missing()
    if missing:
        pytest.skip(missing)
    return machine.build(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def place(serve, images, tmp_path):
    return Place(serve, images, tmp_path / "state")


class Place:
    """A server that can be killed and started again on the same port."""

    def __init__(self, serve, images, state):
        self.serve, self.images, self.state = serve, images, state
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        self.server = None

    def start(self):
        self.server = self.serve("--state", self.state, self.images, listen=("udp:%s:%d" % self.address,))

    def again(self):
        self.server.kill(signal.SIGKILL)
        self.server.end = lambda: None
        self.start()


def run(command, line, tmp_path):
    """What the program printed, all in all."""
    with Running(command, line, tmp_path / "console") as running:
        return running.end()


def listing(*more):
    return "".join(f"{name.split('.')[0]:8}TXT {len(data)}\n" for name, data in (*FILES.items(), *more))


def assert_copied(disk):
    """The volume is sound, and the copy is what it should be."""
    assert mtools("mcopy", "-i", disk, "::COPY.TXT", "-") == HELLO
    for name, data in FILES.items():
        assert mtools("mcopy", "-i", disk, f"::{name}", "-") == data


def test_lists_a_directory_and_copies_a_file(machine, place, disk, tmp_path):
    place.start()
    with Line(place.address) as line:
        text = run(machine, line, tmp_path)
    assert text.startswith(listing() + "same\nstatus 0\n"), text
    assert line.frames.damaged == 0
    assert_copied(disk)
    mtools("fsck.fat", "-n", disk)


@pytest.mark.parametrize("other", machines.MORE, ids=name)
def test_so_do_the_other_ports(other, place, disk, tmp_path, tmp_path_factory):
    command = build(other, tmp_path_factory)
    place.start()
    with other.line(place.address) as line:
        text = run(command, line, tmp_path)
    assert text.startswith(listing() + "same\nstatus 0\n"), text
    assert "lost" not in text
    assert_copied(disk)
    mtools("fsck.fat", "-n", disk)


def test_noise_on_the_line_costs_time_and_nothing_else(machine, place, disk, tmp_path):
    """Bytes are lost, flipped and inserted, both ways."""
    place.start()
    noise = Noise(seed=3, one_of=4000)
    with Line(place.address, noise) as line:
        text = run(machine, line, tmp_path)
    assert noise.count > 3
    assert text.startswith(listing() + "same\nstatus 0\n"), text
    assert_copied(disk)
    mtools("fsck.fat", "-n", disk)


def test_the_daemon_has_the_line_itself(machine, serve, images, disk, tmp_path):
    text = subprocess.run([e2e.BUILD / "blockheadd", "--help"], capture_output=True, text=True, timeout=60).stdout
    if "serial:" not in text:
        pytest.skip("this blockheadd knows no serial lines")
    noise = Noise(seed=4, one_of=8000)
    with Cable(noise) as cable:
        serve(images, listen=("udp:127.0.0.1:0", f"serial:{cable.device}:115200"))
        text = run(machine, cable, tmp_path)
    assert text.startswith(listing() + "same\nstatus 0\n"), text
    assert noise.count > 0
    assert_copied(disk)


def test_a_server_that_is_killed_is_not_noticed(machine, place, disk, tmp_path):
    place.start()
    kills = []

    def kill(number):
        if number in (5, 30, 60):
            place.again()
            kills.append(number)

    with Line(place.address, at_request=kill) as line:
        text = run(machine, line, tmp_path)
    assert len(kills) == 3
    assert text.startswith(listing() + "same\nstatus 0\n"), text
    assert_copied(disk)
    mtools("fsck.fat", "-n", disk)


def test_a_machine_that_is_reset_gets_its_disk_back_at_once(machine, place, disk, tmp_path):
    """In the midst of its copy, and not only once."""
    place.start()
    with Line(place.address) as line:
        for turn in range(2):
            requests = line.requests
            with Running(machine, line, tmp_path / f"console{turn}"):
                machines.wait_until(lambda: line.requests > requests + 25 + 20 * turn)
        text = run(machine, line, tmp_path)
    assert text.startswith(listing() + "same\nstatus 0\n"), text
    assert_copied(disk)
