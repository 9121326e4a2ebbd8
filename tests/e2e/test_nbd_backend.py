# SPDX-License-Identifier: MIT
"""Volumes on NBD servers: real ones (nbdkit, qemu-nbd), and one that misbehaves."""
import json
import random
import signal
import socket
import subprocess
import threading
import zlib

import nbd_server
import pytest
from client import (BAD_LSN, IN_USE, IS_READ_ONLY, NO_SPACE, OK, READ, READ_ONLY, STORAGE, STRICT, command_packet,
                    connect_packet, error_of)
from conftest import BUILD, wait_until
from nbd_server import NbdServer

KIB, MIB = 1 << 10, 1 << 20


# Both are there before the daemon, and longer than it.

@pytest.fixture(autouse=True)
def fake(tmp_path):
    """Makes NBD servers that misbehave."""
    made = []

    def make(data=bytes(64 * KIB), **options):
        made.append(NbdServer(tmp_path / f"fake{len(made)}", data, **options))
        return made[-1]

    yield make
    for server in made:
        server.end()


class Program:
    """A real NBD server on a Unix socket, which can be killed and started again."""

    def __init__(self, path, command):
        self.path, self.command = path, command
        self.process = None
        self.start()

    def start(self):
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen([str(word) for word in self.command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.path.exists)

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(30)

    def uri(self, export=""):
        return f"nbd+unix:///{export}?socket={self.path}"

    def end(self):
        if self.process.poll() is None:
            self.kill()


@pytest.fixture(autouse=True)
def nbdkit(tmp_path):
    """nbdkit("-r", "--filter=delay", "memory", "1M", ...): one connection at a time."""
    made = []

    def make(*words, limit=True):
        path = tmp_path / f"nbdkit{len(made)}"
        alone = ["--filter=limit"] if limit else []
        made.append(Program(path, ["nbdkit", "-f", "-U", path, *alone, *words, *(["limit=1"] if limit else [])]))
        return made[-1]

    yield make
    for program in made:
        program.end()


def config(*volumes):
    """[volume v0] on the first URI, and so on; what follows a URI are further lines."""
    text = ""
    for number, volume in enumerate(volumes):
        uri, *lines = [volume] if isinstance(volume, str) else volume
        text += f"[volume v{number}]\npath = {uri}\n" + "".join(f"{line}\n" for line in lines)
    return text


def open_strict(peer, name="v0", n=1):
    session = peer.open(name, STRICT | n)
    session.identify()
    return session


#
# Real servers.
#

def test_an_export_is_read_and_written(serve, nbdkit, blockhead, tmp_path):
    image, copy = tmp_path / "image", tmp_path / "copy"
    data = random.Random(1).randbytes(MIB + 300)  # the last sector is no whole one
    image.write_bytes(data)
    export = nbdkit("memory", str(len(data)))
    server = serve(config=config(export.uri()))
    blockhead("put", image, server.url("v0"))
    blockhead("get", server.url("v0", 128), copy)
    assert copy.read_bytes() == data
    with server.peer() as peer:
        identity = peer.open("v0").identify()
        assert (identity.count, identity.flags) == (len(data) // 256 + 1, 0)


def test_over_tcp(serve, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = subprocess.Popen(["nbdkit", "-f", "-i", "127.0.0.1", "-p", str(port), "--filter=limit", "memory", "64K",
                                "limit=1"], stdin=subprocess.DEVNULL)
    try:
        server = serve(config=config((f"nbd://localhost:{port}/", "sync = write")))
        with server.peer() as peer:
            session = wait_until(lambda: error_of(peer.connect, "v0") == OK and peer.open("v0"))
            session.write(7, b"7" * 256)
            assert session.read(7) == b"7" * 256
            assert session.discon() == OK
    finally:
        program.kill()
        program.wait()


def test_over_tls(serve, nbdkit, tmp_path):
    keys = tmp_path / "keys.psk"
    keys.write_text("alice:" + "5a" * 32 + "\n")
    (tmp_path / "disk").write_bytes(bytes(64 * KIB))
    export = nbdkit("--tls=require", f"--tls-psk={keys}", "file", tmp_path / "disk")
    server = serve(config=config(f"nbds+unix://alice@/?socket={export.path}&tls-psk-file={keys}"))
    with server.peer() as peer:
        session = peer.open("v0")
        session.write(7, b"7" * 256)
        export.kill()
        export.start()
        session.write(8, b"8" * 256)
        assert session.read(7) == b"7" * 256


def test_without_a_key_there_is_no_tls(serve, nbdkit, tmp_path):
    keys = tmp_path / "keys.psk"
    keys.write_text("alice:" + "5a" * 32 + "\n")
    export = nbdkit("--tls=require", f"--tls-psk={keys}", "memory", "64K")
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        assert error_of(peer.open, "v0") == STORAGE
    server.wait_for_log("'v0' cannot be served")


def test_an_export_may_be_an_argument(serve, nbdkit):
    export = nbdkit("memory", "64K")
    server = serve(export.uri("some/demo.img"))
    with server.peer() as peer:
        peer.open("demo.img").write(3, b"3" * 256)
        assert peer.open("demo.img").read(3) == b"3" * 256


def test_a_read_only_export_is_a_read_only_volume(serve, nbdkit):
    export = nbdkit("-r", "pattern", "64K", limit=False)
    server = serve(config=config(export.uri()))
    with server.peer() as a, server.peer() as b:
        session = a.open("v0")
        assert session.identify().flags == 1
        assert error_of(session.write, 0, bytes(256)) == IS_READ_ONLY
        assert b.open("v0").read(1)[:8] == (256).to_bytes(8, "big")


def test_who_admits_many_is_not_written_to(serve, nbdkit):
    export = nbdkit("memory", "64K", limit=False)
    server = serve(config=config(export.uri()))
    with server.peer() as a, server.peer() as b:
        assert error_of(a.open, "v0") == STORAGE
        server.wait_for_log("admits several connections at once")
        assert b.open("v0", 1 | READ_ONLY).read(0) == bytes(256)


def test_blocks_longer_than_sectors(serve, nbdkit):
    """Sectors of 128 bytes in blocks of 4096, many at a time."""
    export = nbdkit("--filter=blocksize-policy", "memory", "66000", "blocksize-minimum=4096",
                    "blocksize-preferred=4096", "blocksize-maximum=8192", "blocksize-error-policy=error")
    server = serve(config=config(export.uri()))
    rng = random.Random(2)
    with server.peer() as peer:
        session = open_strict(peer, n=0)
        count = session.identify().count
        assert count == 66000 // 4096 * 4096 // 128  # what is no whole block cannot be reached
        model = {lsn: bytes(128) for lsn in range(count)}
        for _ in range(10):
            changed = {lsn: rng.randbytes(128) for lsn in rng.sample(range(count), 100)}
            session.write_many(changed)
            model.update(changed)
        session.zero(5, 200)
        model.update({lsn: bytes(128) for lsn in range(5, 205)})
        assert session.read_many(range(count)) == model


@pytest.mark.parametrize("nbd_error, error", [("EIO", STORAGE), ("ENOSPC", NO_SPACE), ("EPERM", IS_READ_ONLY),
                                              ("EINVAL", STORAGE), ("ENOMEM", STORAGE)])
def test_errors_are_told(serve, nbdkit, tmp_path, nbd_error, error):
    trigger = tmp_path / "trigger"
    export = nbdkit("--filter=error", "memory", "64K", f"error-pwrite={nbd_error}", "error-pwrite-rate=100%",
                    f"error-pwrite-file={trigger}")
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = peer.open("v0")
        session.write(1, b"a" * 256)
        trigger.touch()
        assert error_of(session.write, 1, b"b" * 256) == error
        server.wait_for_log("the NBD server says")
        trigger.unlink()
        assert session.read(1) == b"a" * 256
        session.write(1, b"c" * 256)
        session.flush()


def test_trim_zero_and_checksum(serve, nbdkit):
    export = nbdkit("memory", "64K")
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer)
        session.write_many({lsn: bytes([lsn]) * 256 for lsn in range(16)})
        session.zero(2, 3)
        session.trim(7, 2)
        assert [session.read(lsn)[0] for lsn in range(10)] == [0, 1, 0, 0, 0, 5, 6, 0, 0, 9]
        data = b"".join(session.read(lsn) for lsn in range(200, 256))
        assert session.checksum(200, 56) == zlib.crc32(data)


def test_without_zeroes_zeros_are_written(serve, nbdkit):
    export = nbdkit("--filter=nozero", "memory", "64K")
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(9, b"9" * 256)
        session.zero(8, 3)
        assert session.read(9) == bytes(256)


class Load(threading.Thread):
    """A client that writes sectors of its own and remembers what was acknowledged."""

    def __init__(self, server, seed, sectors):
        super().__init__(daemon=True)
        self.peer = server.peer()
        self.session = open_strict(self.peer)
        self.session.peer.retry_s = 1
        self.rng, self.sectors = random.Random(seed), sectors
        self.model, self.rounds, self.over, self.fault = {}, 0, False, None

    def run(self):
        try:
            while not self.over:
                changed = {lsn: self.rng.randbytes(256) for lsn in self.rng.sample(self.sectors, 16)}
                self.session.write_many(changed)
                self.model.update(changed)
                if self.rng.random() < 0.2:
                    self.session.flush()
                self.rounds += 1
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = fault

    def wait_for_rounds(self, count):
        goal = self.rounds + count
        wait_until(lambda: self.rounds >= goal or self.fault, 60)
        assert self.fault is None, self.fault

    def end(self):
        self.over = True
        self.join(60)
        assert not self.is_alive() and self.fault is None, self.fault
        assert self.session.read_many(self.model) == self.model
        assert self.session.discon() == OK
        self.peer.close()


def survive_kills(server, export, kills, seed, sectors=range(64)):
    load = Load(server, seed, sectors)
    load.start()
    for _ in range(kills):
        load.wait_for_rounds(3)
        export.kill()
        export.start()
    load.wait_for_rounds(3)
    load.end()


def test_a_killed_nbdkit_is_not_noticed(serve, nbdkit, tmp_path):
    image = tmp_path / "disk"
    image.write_bytes(bytes(64 * KIB))
    export = nbdkit("file", image)
    survive_kills(serve(config=config(export.uri())), export, 20, 3)


def test_a_killed_qemu_nbd_is_not_noticed(serve, tmp_path):
    """It keeps what a qcow2 needs to be found again in its own memory until a FLUSH."""
    image, path = tmp_path / "disk.qcow2", tmp_path / "qemu"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True, timeout=60)
    export = Program(path, ["qemu-nbd", "-t", "-k", path, "-f", "qcow2", "--cache=writeback", image])
    try:
        server = serve(config=config(export.uri()))
        survive_kills(server, export, 8, 4, range(0, 64 * MIB // 256, 256))  # each in a cluster of its own
        server.end()
        export.kill(signal.SIGTERM)
    finally:
        export.end()
    check = subprocess.run(["qemu-img", "check", "-q", image], capture_output=True, timeout=60, check=False)
    assert check.returncode in (0, 3), check  # 3: clusters that a killed qemu-nbd leaked, and no harm


#
# One that misbehaves.
#

def test_what_a_crash_forgets_is_written_again(serve, fake):
    """The server acknowledges, and loses any part of what was not flushed."""
    export = fake()
    server = serve(config=config(export.uri()))
    rng = random.Random(5)
    load = Load(server, 5, range(64))
    load.start()
    for _ in range(20):
        load.wait_for_rounds(rng.randrange(1, 5))
        export.crash(rng)
        export.start()
    load.end()
    with export.lock:
        assert export.stable == export.data  # DISCON was answered: all is stable
        for lsn, data in load.model.items():
            assert export.data[lsn * 256:lsn * 256 + 256] == data


def test_without_flush_each_write_is_forced(serve, fake):
    export = fake(flags=nbd_server.SEND_FUA)
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = peer.open("v0")
        session.write(1, b"1" * 256)
        assert export.stable[256:512] == b"1" * 256
        session.flush()
        export.hang_up()
        assert session.read(1) == b"1" * 256
        assert all(kind != nbd_server.FLUSH for kind, _, _ in export.requests)


def test_what_can_make_nothing_stable_is_not_written_to(serve, fake):
    export = fake(flags=0)
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        assert error_of(peer.open, "v0") == STORAGE
        server.wait_for_log("neither FLUSH nor FUA")
        assert peer.open("v0", 1 | READ_ONLY).read(0) == bytes(256)


def test_a_server_that_is_away_at_the_start_comes_later(serve, fake):
    export = fake()
    export.crash()
    server = serve(config=config(export.uri()))
    server.wait_for_log(r"volume 'v0' cannot be served as configured: .*No such file")
    with server.peer() as peer:
        assert error_of(peer.open, "v0") == STORAGE
        export.start()
        session = wait_until(lambda: error_of(peer.connect, "v0") == OK and peer.open("v0"))
        session.write(0, b"0" * 256)


@pytest.mark.parametrize("cut_after", [0, 1, 8, 17, 18, 19, 38, 50, 60])
def test_a_server_that_hangs_up_in_the_negotiation(serve, fake, cut_after):
    export = fake()
    export.cut_after = cut_after
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        assert error_of(peer.open, "v0") == STORAGE
        export.cut_after = None
        wait_until(lambda: error_of(peer.connect, "v0") == OK)
        assert peer.open("v0").read(0) == bytes(256)


def test_what_is_not_answered_is_error_12_and_no_more(serve, fake):
    export = fake()
    server = serve(config=config((export.uri(), "timeout = 1s")))
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * 256)
        export.hold.add(nbd_server.WRITE)
        assert error_of(session.write, 1, b"2" * 256) == STORAGE
        server.wait_for_log("the NBD server has not answered for 1 s")
        assert session.read(2) == bytes(256)  # others go on
        assert error_of(session.read, 1) == STORAGE  # it may still be carried out
        export.release()
        assert session.read(1) == b"2" * 256
        session.write(1, b"3" * 256)
        assert session.read(1) == b"3" * 256
        assert export.connections == 2  # asked and opened


def test_a_late_write_does_not_overtake_the_next(serve, fake):
    export = fake()
    server = serve(config=config((export.uri(), "timeout = 1s")))
    with server.peer() as a, server.peer() as b:
        session = open_strict(a)
        export.hold.add(nbd_server.WRITE)
        assert error_of(session.write, 1, b"old" + bytes(253)) == STORAGE
        export.hold.clear()  # only the first is late
        later = session.packet(session.take_number(), 1, 1, b"new" + bytes(253))
        a.send(later)
        assert a.receive(0.2) is None
        export.release()
        assert error_of(session.ask, later, session.number - 1) == OK
        assert session.read(1)[:3] == b"new"
        assert b.keep()


def test_a_server_that_hangs_holds_up_no_other_volume(serve, fake, images):
    """However many wait for it, and of however many such servers."""
    (images / "file").write_bytes(b"f" * 4096)
    hung = [fake() for _ in range(20)]
    server = serve(images, config=config(*(export.uri() for export in hung)))
    peers = [server.peer() for _ in hung]
    sessions = [open_strict(peer, f"v{number}") for number, peer in enumerate(peers)]
    for export in hung:
        export.hold.update((nbd_server.READ, nbd_server.WRITE, nbd_server.FLUSH))
    for session in sessions:
        session.peer.send(session.packet(session.take_number(), 0, 1))
        session.peer.send(session.packet(session.take_number(), 1, 2, bytes(256)))
        session.peer.send(session.packet(session.take_number(), 3))
    wait_until(lambda: all(len(export.held) >= 2 for export in hung))
    with server.peer() as peer:
        session = peer.open("file")
        session.write(1, b"g" * 256)
        session.flush()
        assert session.read(1) == b"g" * 256
        assert session.discon() == OK
    assert all(session.peer.receive(0) is None for session in sessions)
    for export in hung:
        export.release()
    for peer in peers:
        assert len([peer.receive() for _ in range(3)]) == 3
        peer.close()


@pytest.mark.parametrize("known", [False, True])
def test_servers_that_do_not_greet_hold_up_no_other_volume(serve, fake, images, known):
    """Neither those that have been asked about their exports before, nor the others."""
    (images / "file").write_bytes(b"f" * 4096)
    mute = [fake() for _ in range(20)]
    if not known:
        for export in mute:
            export.greets.clear()
    server = serve(images, config=config(*(export.uri() for export in mute)))
    peers = [server.peer() for _ in mute]
    if known:
        sessions = [peer.connect(f"v{number}") for number, peer in enumerate(peers)]
        for export in mute:
            export.greets.clear()
        for peer, session in zip(peers, sessions):
            peer.send(command_packet(1, session, READ))
        wait_until(lambda: all(export.open for export in mute))
    else:
        for number, peer in enumerate(peers):
            peer.send(connect_packet(1, 1, f"v{number}".encode()))
        wait_until(lambda: sum(bool(export.open) for export in mute) >= 6)
    with server.peer() as peer:
        assert peer.open("file").read(1) == b"f" * 256
    if known:
        assert all(peer.receive(0) is None for peer in peers)
    for export in mute:
        export.greets.set()
    for peer in peers:
        assert peer.receive(10)[2] == OK or not known
        peer.close()


def test_a_server_that_does_not_greet_holds_up_no_end(serve, fake):
    mute = [fake() for _ in range(4)]
    for export in mute:
        export.greets.clear()
    server = serve(config=config(*(export.uri() for export in mute)))
    wait_until(lambda: any(export.open for export in mute))
    server.end()
    assert sum(bool(export.connections) for export in mute) == 1


def test_answers_that_come_twice_cost_a_connection_and_no_more(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * 256)
        export.double = True
        session.peer.send(session.packet(session.take_number(), 0, 1))
        server.wait_for_log("connection to its NBD server is lost")
        export.double = False
        session.peer.receive_all()
        assert session.read(1) == b"1" * 256
        session.flush()


@pytest.mark.parametrize("garbage", [bytes(16), b"\xff" * 100, b"\x67\x44\x66\x98" + bytes(12),
                                     b"\x66\x8e\x33\xef\0\1\0\1" + bytes(12)])
def test_what_is_no_answer_costs_a_connection_and_no_more(serve, fake, garbage):
    export = fake()
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * 256)
        session.flush()
        export.garbage = garbage
        session.peer.send(session.packet(session.take_number(), 0, 1))
        server.wait_for_log("connection to its NBD server is lost")
        export.garbage = None
        session.peer.receive_all()
        assert session.read(1) == b"1" * 256


def test_a_server_that_shuts_down_is_waited_for(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = peer.open("v0")
        peer.retry_s = 5
        export.fail = {nbd_server.READ: nbd_server.ESHUTDOWN}
        threading.Timer(0.5, export.fail.clear).start()
        assert session.read(1) == bytes(256)
        server.wait_for_log("it is shutting down")


def test_an_export_that_has_become_shorter_is_not_used(serve, fake):
    export = fake(random.Random(6).randbytes(64 * KIB))
    server = serve(config=config((export.uri(), "timeout = 1s")))
    with server.peer() as peer:
        session = open_strict(peer)
        export.size = 32 * KIB
        export.hang_up()
        server.wait_for_log("not the same any more: it is shorter")
        assert error_of(session.read, 1) == STORAGE
        export.size = 128 * KIB  # longer is harmless
        wait_until(lambda: error_of(session.read, 1) == OK)
        assert session.identify().count == 256


def test_an_export_that_is_shorter_than_it_says(serve, fake):
    export = fake()
    export.size = 128 * KIB
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = peer.open("v0")
        assert error_of(session.read, 300) == STORAGE
        assert error_of(session.write, 300, bytes(256)) == STORAGE
        assert error_of(session.read, 512) == BAD_LSN
        assert session.read(255) == bytes(256)


def test_an_empty_export(serve, fake):
    export = fake(b"")
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = peer.open("v0")
        assert session.identify().count == 0


@pytest.mark.parametrize("least, most", [(3, 8), (1 << 20, 1 << 25), (4096, 512)])
def test_block_sizes_that_make_no_sense(serve, fake, least, most):
    export = fake(block=(least, max(least, 4096), most))
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        assert error_of(peer.open, "v0") == STORAGE


def test_requests_are_no_longer_than_the_server_wants(serve, fake):
    export = fake(block=(1, 512, 1024))
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer, n=3)
        session.write(3, b"3" * 1024)
        data = b"".join(session.read(lsn) for lsn in range(64))
        assert session.checksum(0, 64) == zlib.crc32(data)
        assert max(length for _, _, length in export.requests) == 1024


def test_a_flush_that_cannot_be_made_now_poisons_nothing(serve, fake):
    export = fake()
    server = serve(config=config((export.uri(), "timeout = 1s")))
    with server.peer() as peer:
        session = open_strict(peer)
        peer.retry_s = 3
        session.write(1, b"1" * 256)
        export.crash(random.Random(7))
        assert error_of(session.flush) == STORAGE
        assert error_of(session.read, 1) == STORAGE
        export.start()
        wait_until(lambda: error_of(session.read, 1) == OK)
        assert session.read(1) == b"1" * 256
        session.flush()
        assert export.stable[256:512] == b"1" * 256


def test_a_flush_that_fails_poisons(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    server.codes = (0, 74)
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * 256)
        export.fail[nbd_server.FLUSH] = nbd_server.EIO
        assert error_of(session.flush) == STORAGE
        export.fail.clear()
        assert error_of(session.flush) == STORAGE
        assert error_of(session.read, 1) == STORAGE
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("configuration read again")
        session = open_strict(peer)
        session.write(1, b"2" * 256)
        session.flush()


def test_what_was_told_and_cannot_be_written_again_poisons(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    server.codes = (0, 74)
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * 256)
        export.fail[nbd_server.WRITE] = nbd_server.EIO
        export.hang_up()
        assert error_of(session.flush) == STORAGE
        export.fail.clear()
        assert error_of(session.flush) == STORAGE


def test_stopping_while_the_server_is_away_says_what_was_lost(serve, fake):
    export = fake()
    server = serve(config=config((export.uri(), "timeout = 1s")))
    server.codes = (74,)
    with server.peer() as peer:
        session = peer.open("v0")
        session.write(1, b"1" * 256)
        export.crash()
        server.wait_for_log("cannot be reached")
    server.end()
    assert "could not be made stable" in server.log()


def test_a_full_log_is_flushed_unasked(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer)
        for turn in range(12):
            session.write_many({lsn: bytes([turn]) * 256 for lsn in range(256)})
        flushes = sum(kind == nbd_server.FLUSH for kind, _, _ in export.requests)
        assert flushes >= 2
        export.crash()
        export.start()
        assert session.read_many(range(256)) == {lsn: bytes([11]) * 256 for lsn in range(256)}


def test_sessions_outlive_the_daemon(serve, fake, tmp_path):
    export = fake()
    text = f"[server]\nstate = {tmp_path}/state\n" + config(export.uri())
    server = serve(config=text)
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * 256)
        server.codes = (-signal.SIGKILL,)
        server.kill()
        server = serve(config=text, listen=[f"udp:{server.name}"])
        session.write(2, b"2" * 256)
        assert session.read(1) == b"1" * 256
        session.flush()
        assert export.stable[256:768] == b"1" * 256 + b"2" * 256


def test_two_names_of_one_export_are_one_medium(serve, nbdkit):
    export = nbdkit("memory", "64K")
    uri = export.uri()
    server = serve(config=config(uri, uri.replace("nbdkit0", "nbdk%69t0")))
    with server.peer() as a, server.peer() as b:
        session = a.open("v0")
        assert error_of(b.open, "v1") == IN_USE
        session.write(1, b"1" * 256)
        assert session.discon() == OK
        assert b.open("v1").read(1) == b"1" * 256


def test_parts_of_an_export_are_volumes(serve, fake):
    export = fake(bytes(range(256)) * 256)
    server = serve(config=config((export.uri(), "offset = 10000", "size = 5000")))
    with server.peer() as peer:
        session = peer.open("v0")
        assert session.identify().count == 20
        assert session.read(0)[0] == 10000 % 256
        session.write(19, b"x" * 256)  # of which 136 bytes are there
        session.flush()
        assert export.stable[14999:15001] == bytes([ord("x"), 15000 % 256])


def test_a_volume_that_is_let_go_of_is_free_for_others(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        for turn in range(5):
            session = peer.open("v0")
            session.write(0, bytes([turn]) * 256)
            assert session.discon() == OK
            wait_until(lambda: not export.open)
            assert export.stable[0] == turn


def test_scratch_volumes_of_files_go_on_beside_it(serve, fake, images, tmp_path):
    (images / "file").write_bytes(bytes(4096))
    export = fake()
    server = serve(config=f"[server]\nstate = {tmp_path}/state\n" + config(export.uri()) +
                   f"[volume s]\npath = {images}/file\nmode = scratch\n")
    with server.peer() as a, server.peer() as b:
        remote = a.open("v0")
        scratch = b.open("s")
        scratch.write(1, b"s" * 256)
        remote.write(1, b"r" * 256)
        assert scratch.read(1) == b"s" * 256 and scratch.discon() == OK
        assert remote.read(1) == b"r" * 256 and remote.discon() == OK


def test_no_checkpoints_are_made_of_an_export(serve, fake):
    export = fake()
    server = serve(config=config(export.uri()))
    with server.peer() as peer:
        session = open_strict(peer)
        assert error_of(session.checkpoint, "now") == STORAGE
        server.wait_for_log("it is on an NBD server")


def test_the_administrator_sees_it(serve, fake, tmp_path):
    export = fake()
    server = serve(config=f"[server]\ncontrol = {tmp_path}/control\n" + config(export.uri()))

    def volume():
        out = subprocess.run([BUILD / "blockhead-ctl", "volumes", "--json", "--socket", tmp_path / "control"],
                             capture_output=True, check=True, timeout=30).stdout
        return json.loads(out)["volumes"][0]

    wait_until(lambda: volume()["bytes"] == 64 * KIB)  # asked at the start
    assert "connection" not in volume()
    with server.peer() as peer:
        peer.open("v0")
        assert volume()["connection"] == "open"
        export.crash()
        wait_until(lambda: volume()["connection"] == "lost")
        out = subprocess.run([BUILD / "blockhead-ctl", "volumes", "--socket", tmp_path / "control"],
                             capture_output=True, check=True, timeout=30).stdout
        assert b"no connection, 1 writing" in out
        export.start()
        wait_until(lambda: volume()["connection"] == "open")


def test_without_libnbd_it_says_what_to_install(serve, fake, images, tmp_path, monkeypatch):
    (images / "file").write_bytes(bytes(4096))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libnbd.so.0").write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "lib"))
    server = serve(images, config=config(fake().uri()))
    server.wait_for_log("need libnbd; install it")
    with server.peer() as peer:
        assert error_of(peer.open, "v0") == STORAGE
        assert peer.open("file").read(0) == bytes(256)
