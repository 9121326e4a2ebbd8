# SPDX-License-Identifier: MIT
"""blockhead eject, lock and info, against a slot that this test plays."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading

import pytest

from conftest import BUILD, make_image, wait_until

TROUBLE = 2
IDENTIFY, EJECT, LOCK = 2, 4, 5
SESSION = b"\x12\x34"


class Slot(threading.Thread):
    """Answers strict sessions; `status` of an opcode is 0 unless it is said. `seen` has opcodes, and "discon"."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.name = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.url = self.name + "/drive0"
        self.status, self.seen, self.flags, self.over = {}, [], None, False

    def identity(self):
        n = self.flags & 7
        return (b"BLKH\x01" + struct.pack(">BHQQQhHHHIIQ", n, 6, 5760 >> n, 7, 0, 0, 64, 64, 30, 0x1FFF, 65536, 99)
                + bytes(8) + b"drive0".ljust(64, b"\0"))

    def reply(self, packet):
        kind, low = packet[0], packet[1]
        if kind == 0:
            if packet[3:4] == b":":
                return bytes([2, low, 2, 0, 0])
            self.flags = packet[2]
            return bytes([2, low, 0]) + SESSION
        if kind == 1:
            opcode = packet[4]
            self.seen.append(opcode)
            status = self.status.get(opcode, 0)
            data = self.identity() if opcode == IDENTIFY and status == 0 else b""
            return bytes([2, low, status, packet[9]]) + SESSION + data
        if kind == 3:
            self.seen.append("discon")
        return bytes([2, low, 0, packet[4]]) + SESSION if len(packet) > 4 else None

    def run(self):
        while not self.over:
            try:
                packet, peer = self.socket.recvfrom(2000)
            except TimeoutError:
                continue
            reply = self.reply(packet)
            if reply:
                self.socket.sendto(reply, peer)


@pytest.fixture
def slot():
    slot = Slot()
    slot.start()
    yield slot
    slot.over = True
    slot.join(10)
    slot.socket.close()


def test_eject(slot, blockhead):
    assert b"drive0: the medium is out" in blockhead("eject", slot.url).stderr
    assert slot.seen == [IDENTIFY, EJECT, "discon"] and slot.flags == 0x2A
    assert blockhead("eject", "-q", slot.url).stderr == b""


@pytest.mark.parametrize("status, words", [(9, b"another session has locked the medium in"), (12, b"storage error"),
                                           (10, b"no medium"), (11, b"medium changed")])
def test_eject_that_fails(slot, blockhead, status, words):
    slot.status[EJECT] = status
    assert words in blockhead("eject", slot.url, code=TROUBLE).stderr


def test_eject_of_what_is_fixed(serve, images, blockhead):
    make_image(images / "a.img", 65536)
    server = serve(images)
    for command in "eject", "lock":
        assert b"not removable" in blockhead(command, server.url("a.img"), code=TROUBLE).stderr
    with server.peer() as peer:
        session = peer.open("a.img")
        said = blockhead("eject", server.url("a.img"), code=TROUBLE).stderr
        assert b"it is in use" in said and b"--look" not in said
        session.discon()


def test_lock_while_a_command_runs(slot, blockhead):
    result = blockhead("lock", slot.url, "--", "sh", "-c", "echo here; exit 7", code=7)
    assert result.stdout == b"here\n" and b"locked in" in result.stderr
    assert slot.seen[:2] == [IDENTIFY, LOCK] and slot.seen[-1] == "discon"


def test_lock_that_is_refused_runs_nothing(slot, blockhead, tmp_path):
    slot.status[LOCK] = 8
    blockhead("lock", slot.url, "--", "touch", tmp_path / "there", code=TROUBLE)
    assert not (tmp_path / "there").exists()


def test_lock_for_a_command_that_is_not_there(slot, blockhead):
    assert b"cannot run ./nowhere: " in blockhead("lock", slot.url, "--", "./nowhere", code=TROUBLE).stderr


@pytest.fixture
def start(slot):
    """Runs a command beside the test."""
    running = []

    def begin(*arguments):
        process = subprocess.Popen([BUILD / "blockhead", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        running.append(process)
        wait_until(lambda: LOCK in slot.seen)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate(timeout=30)


def test_lock_until_a_signal(slot, start):
    process = start("lock", slot.url)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0 and slot.seen[-1] == "discon"


def test_a_signal_reaches_the_command(slot, start):
    process = start("lock", slot.url, "--", "sh", "-c", "echo $$; exec sleep 60")
    assert int(process.stdout.readline()) > 0
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM and slot.seen[-1] == "discon"


def test_a_lock_that_is_lost_is_told(slot, start):
    """The command goes on, and what it says is not taken for success."""
    process = start("lock", slot.url, "--", "sh", "-c", "echo $$; exec sleep 60")
    sleeper = int(process.stdout.readline())
    slot.status[IDENTIFY] = 11
    os.kill(sleeper, signal.SIGTERM)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == TROUBLE
    assert b"medium changed" in said and b"not locked any more" in said


def test_info(slot, blockhead):
    said = json.loads(blockhead("info", "--json", slot.url).stdout)
    assert said["removable"] and said["locked"]
    assert b"removable, medium locked" in blockhead("info", slot.url).stdout


def test_info_of_an_empty_slot(slot, blockhead):
    slot.status[IDENTIFY] = 10
    assert json.loads(blockhead("info", "--json", slot.url).stdout) == {"name": "drive0", "empty": True}
    assert blockhead("info", slot.url).stdout == b"name            drive0\nmedium          none\n"
    assert b"no medium" in blockhead("get", slot.url, "-", code=TROUBLE).stderr
