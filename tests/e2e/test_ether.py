# SPDX-License-Identifier: MIT
"""Raw frames between two machines with a cable: who is answered, what fits, and what becomes of the interface."""
import ctypes
import itertools
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from client import IN_USE, KEEP, OK, READ, STRICT, Peer, Refused, connect_packet, error_of
from conftest import BUILD, Process, make_image
from machines import some

ETHERTYPE = 0x115C
SIZE = 256 * 512
NOBODY = 65534
READY = re.compile(r"listens on ether:(\S+)")
CLONE_NEWNET = 0x40000000
HERE, THERE = "to1", "uplink"  # the cable's ends


def packet_socket(machine, interface, kind=socket.SOCK_DGRAM, ethertype=ETHERTYPE):
    """One on a machine: a thread of ours visits it."""
    made = []

    def visit():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"{machine}/ns/net") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        made.append(socket.socket(socket.AF_PACKET, kind, socket.htons(ethertype)))
        made[0].bind((interface, ethertype))

    thread = threading.Thread(target=visit)
    thread.start()
    thread.join(10)
    return made[0]


def mac_of(machine, interface):
    return json.loads(machine.run("ip", "-j", "link", "show", interface))[0]["address"]


class EtherPeer(Peer):
    """The client in raw frames. What it sends is padded with `pad` to what an Ethernet carries at least."""

    def __init__(self, machine, to, pad=b"\0", interface=HERE):
        self.socket = packet_socket(machine, interface)
        self.to = (interface, ETHERTYPE, 0, 0, bytes.fromhex(to.replace(":", "")))
        self.pad = pad
        self.seq = itertools.count(1)
        self.retry_s = 0.5

    def send(self, packet):
        self.socket.sendto(packet.ljust(46, self.pad) if self.pad else packet, self.to)


@pytest.fixture
def cable():
    """Two machines: the client's and the server's."""
    with some(2) as made:
        made[0].connect(made[1], "10.44.1", 1)
        yield made


@pytest.fixture
def start(cable, tmp_path):
    """Starts a server on the second machine."""
    started = []

    def run(*arguments, listen=f"ether:{THERE}", ready=True):
        command = cable[1].inside(BUILD / "blockheadd", "-l", listen, "--state", "none", "--control", "none", *arguments)
        started.append(Process(command, tmp_path / f"server{len(started)}"))
        if ready:
            started[-1].wait_for_out(READY)
        return started[-1]

    yield run
    for server in started:
        if server.process.poll() is None:
            server.end()


@pytest.fixture
def server(start, images):
    make_image(images / "disk.img", SIZE, 1)
    make_image(images / "other.img", SIZE, 2)
    return start(images)


@pytest.fixture
def mac(cable):
    return mac_of(cable[1], THERE)


def blockhead(machine, *arguments, code=0):
    done = subprocess.run(machine.inside(BUILD / "blockhead", *arguments), capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done
    return done


# Frames

@pytest.mark.parametrize("pad", [b"", b"\0", b"\xa5"])
def test_reads_and_writes_however_frames_are_padded(cable, server, mac, images, pad):
    with EtherPeer(cable[0], mac, pad) as peer:
        disk = peer.open("disk.img", 2)
        assert disk.read(3) == (images / "disk.img").read_bytes()[3 * 512:4 * 512]
        disk.write(5, b"E" * 512)
        disk.flush()
        assert (images / "disk.img").read_bytes()[5 * 512:6 * 512] == b"E" * 512
        assert disk.identify().count == SIZE // 512
        assert disk.discon() == OK


def test_a_host_is_an_address(cable, server, mac):
    """A frame that says it is another machine's is refused like an unknown id, and the disk is that machine's."""
    with EtherPeer(cable[0], mac) as peer:
        disk = peer.open("disk.img", 2)
        cable[0].run("ip", "link", "set", HERE, "address", "02:00:00:00:00:09")
        with EtherPeer(cable[0], mac) as other:
            with pytest.raises(Refused) as refused:
                other.command(disk.id, READ)
            assert refused.value.error == 4
            assert error_of(other.open, "disk.img", 2) == IN_USE
            assert other.open("other.img", 2).alive()


@pytest.mark.parametrize("source", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", None])
def test_forged_senders_are_not_answered(cable, server, mac, source):
    """Those that no machine has, and the server's own; who is honest is answered all the same."""
    raw = packet_socket(cable[0], HERE, socket.SOCK_RAW)
    listener = packet_socket(cable[0], HERE, socket.SOCK_RAW, 3)  # everything that comes
    to = bytes.fromhex(mac.replace(":", ""))
    sender = to if source is None else bytes.fromhex(source.replace(":", ""))
    raw.send(to + sender + ETHERTYPE.to_bytes(2, "big") + bytes([KEEP]).ljust(46, b"\0"))
    with EtherPeer(cable[0], mac) as peer:
        peer.send(bytes([KEEP]))
        assert peer.receive()[:1] == bytes([KEEP])
    listener.settimeout(0.2)
    answers = []
    with pytest.raises((TimeoutError, BlockingIOError)):
        while True:
            frame, (_, _, kind, _, _) = listener.recvfrom(2000)
            if frame[12:14] == ETHERTYPE.to_bytes(2, "big") and kind != socket.PACKET_OUTGOING:
                answers.append(frame[:6])
    assert len(answers) == 1
    raw.close()
    listener.close()


def test_frames_of_a_vlan_are_not_ours(cable, server, mac):
    raw = packet_socket(cable[0], HERE, socket.SOCK_RAW)
    own = bytes.fromhex(mac_of(cable[0], HERE).replace(":", ""))
    head = bytes.fromhex(mac.replace(":", "")) + own
    with EtherPeer(cable[0], mac) as peer:
        raw.send(head + b"\x81\x00\x00\x07" + ETHERTYPE.to_bytes(2, "big") + bytes([KEEP]).ljust(46, b"\0"))
        assert peer.receive(0.3) is None
        raw.send(head + ETHERTYPE.to_bytes(2, "big") + bytes([KEEP]).ljust(46, b"\0"))
        assert peer.receive()[:1] == bytes([KEEP])
    raw.close()


def test_runts_and_garbage_hurt_nobody(cable, server, mac):
    with EtherPeer(cable[0], mac, pad=b"") as peer:
        for packet in (b"", b"\0", b"\1\2", bytes(1500), bytes([255]) * 60, connect_packet(1, 0, b"x" * 300)):
            peer.send(packet)
        peer.receive_all()
        assert peer.open("disk.img", 2).alive()


@pytest.mark.parametrize("mtu, fits, too_long", [(1500, 1024, 2048), (9000, 8192, 16384)])
def test_sectors_are_as_long_as_the_interface_carries(cable, start, images, mtu, fits, too_long):
    make_image(images / "disk.img", 64 * 16384, 1)
    cable[0].run("ip", "link", "set", HERE, "mtu", mtu)
    cable[1].run("ip", "link", "set", THERE, "mtu", mtu)
    start(images)
    url = f"blockhead+ether://{HERE}/{mac_of(cable[1], THERE)}/disk.img"
    out = images.parent / "out"
    blockhead(cable[0], "get", f"{url}?sector={fits}", out)
    assert out.read_bytes() == (images / "disk.img").read_bytes()
    refused = blockhead(cable[0], "identify", f"{url}?sector={too_long}", code=2)
    assert "sector" in refused.stderr


def test_an_mtu_may_change_meanwhile(cable, server, mac):
    for mtu, flags, error in ((9000, 6, OK), (1500, 5, 7)):
        cable[0].run("ip", "link", "set", HERE, "mtu", mtu)
        cable[1].run("ip", "link", "set", THERE, "mtu", mtu)
        with EtherPeer(cable[0], mac) as peer:
            assert error_of(peer.connect, "disk.img", flags) == error


# The command

def test_the_command_finds_lists_and_copies(cable, server, mac, images, tmp_path):
    rows = json.loads(blockhead(cable[0], "find", "-t", "1", "--json").stdout)
    address = f"blockhead+ether://{HERE}/{mac}/"
    assert address in [row["address"] for row in rows]
    assert "disk.img" in blockhead(cable[0], "ls", address).stdout
    blockhead(cable[0], "put", images / "other.img", address + "disk.img")
    assert (images / "disk.img").read_bytes() == (images / "other.img").read_bytes()
    assert f"{mac_of(cable[0], HERE)} on {THERE}" in server.log()


def test_who_looks_for_servers_as_well_is_none(cable):
    looking = subprocess.Popen(cable[0].inside(BUILD / "blockhead", "find", "-t", "2", "--json"),
                               stdout=subprocess.PIPE, text=True)
    with EtherPeer(cable[1], "ff:ff:ff:ff:ff:ff", interface=THERE) as other:
        while looking.poll() is None:
            other.send(bytes([KEEP]))
            time.sleep(0.1)
    assert mac_of(cable[1], THERE) not in looking.communicate(timeout=10)[0]


@pytest.mark.parametrize("url, sentence", [
    ("blockhead+ether://nowhere/02:00:00:00:00:01/a", "no such interface"),
    ("blockhead+ether://lo/02:00:00:00:00:01/a", "no Ethernet"),
    ("blockhead+ether://to1/a", "address is missing"),
    ("blockhead+ether://to1/ff:ff:ff:ff:ff:ff/a", "address is missing"),
    ("blockhead+ether:///02:00:00:00:00:01/a", "name is missing"),
])
def test_urls_that_are_none_say_why(cable, url, sentence):
    assert sentence in blockhead(cable[0], "identify", url, code=64 if "missing" in sentence else 2).stderr


def test_without_the_capability_it_says_what_is_missing(cable):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        command = cable[1].inside("setpriv", f"--reuid={NOBODY}", "--clear-groups", "--bounding-set=-all",
                                  "--inh-caps=-all", BUILD / "blockheadd", "-l", f"ether:{THERE}", "-s", "none", "-C",
                                  "none", directory)
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "CAP_NET_RAW" in refused.stderr, refused


# The interface

def test_an_interface_that_is_not_there_at_the_start_is_a_mistake(start, images):
    server = start(images, listen="ether:nowhere", ready=False)
    server.process.wait(30)
    assert "cannot listen on ether:nowhere: there is no such interface" in server.log()


def test_an_interface_goes_and_comes_back(cable, server, mac, images):
    """The session outlives it: the machine is the same."""
    with EtherPeer(cable[0], mac) as peer:
        disk = peer.open("disk.img", 2 | STRICT)
        disk.identify()
        own = mac_of(cable[0], HERE)
        cable[1].run("ip", "link", "delete", THERE)
        server.wait_for_log("down or gone; it is waited for")
    cable[0].connect(cable[1], "10.44.1", 1)
    for machine, name, address in ((cable[0], HERE, own), (cable[1], THERE, mac)):
        machine.run("ip", "link", "set", name, "address", address)
    server.wait_for_log("is there again", 10)
    with EtherPeer(cable[0], mac) as peer:
        disk.peer = peer
        assert disk.read(7) == (images / "disk.img").read_bytes()[7 * 512:8 * 512]


def test_an_interface_may_get_another_name(cable, server, mac):
    with EtherPeer(cable[0], mac) as peer:
        disk = peer.open("disk.img", 2)
        cable[1].run("ip", "link", "set", THERE, "name", "renamed")
        assert disk.alive()


def test_broadcasts_are_answered_in_measure(cable, server):
    """Five in a burst, then one a second: no storm."""
    with EtherPeer(cable[0], "ff:ff:ff:ff:ff:ff") as peer:
        for _ in range(20):
            peer.send(bytes([KEEP]))
        assert 1 <= len(peer.receive_all()) <= 6
