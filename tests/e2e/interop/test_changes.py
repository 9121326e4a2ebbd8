# SPDX-License-Identifier: MIT
"""What is done beneath an NBD client: disks that fail or are full, images that change, administrators, other writers.
Each time the client gets an error that it can tell from others, nbdkit's log has the sentence, and nothing that was
flushed is lost."""
import errno
import os
import subprocess
import sys
import threading

import pytest

import killing
from conftest import BUILD, make_image, wait_until
from faults import Faults
from plugin import nbdkit, needs_plugin, needs_qemu, path_to, qemu_io, run  # noqa: F401

nbd = pytest.importorskip("nbd", reason="python3-libnbd is not installed")

KIB, MIB = 1 << 10, 1 << 20
SIZE = MIB

pytestmark = [*needs_plugin, pytest.mark.timeout(120)]


@pytest.fixture
def connect(nbdkit):
    """connect(URI): a client that is gone before nbdkit is told to end."""
    made = []

    def make(uri):
        made.append(nbd.NBD())
        made[-1].connect_uri(uri)
        return made[-1]

    yield make
    for client in made:
        if client.aio_is_ready():
            client.shutdown()


def refused(call, *arguments):
    """The errno's name."""
    with pytest.raises(nbd.Error) as fault:
        call(*arguments)
    return fault.value.errno


class Admin:
    """A server with a control socket, and blockhead-ctl."""

    def __init__(self, serve, images, directory, more=""):
        self.path = directory / "control"
        self.server = serve(config=f"[server]\nserve = {images}\ncontrol = {self.path}\n"
                                   f"state = {directory / 'state'}\n{more}")

    def ctl(self, *words):
        return run(BUILD / "blockhead-ctl", *words, "--socket", self.path)


@pytest.fixture
def admin(serve, images, tmp_path):
    for number, name in enumerate(("a.img", "b.img"), 1):
        make_image(images / name, SIZE)
        (images / name).write_bytes(bytes([number]) * SIZE * number)
    return Admin(serve, images, tmp_path, "[slot drive0]\nimage = a.img\n")


@pytest.fixture
def faulty(serve, images, tmp_path):
    """(server, the faults of its storage)"""
    make_image(images / "a.img", SIZE)
    faults = Faults(tmp_path / "faults")
    with faults.loaded():
        server = serve(config=f"[server]\nserve = {images}\ncontrol = {tmp_path}/control\n")
    server.codes = (0, 74)
    yield server, faults
    faults.clear()


@pytest.mark.parametrize("number, seen, sentence", [(errno.EIO, "EIO", "storage"), (errno.ENOSPC, "ENOSPC", "space"),
                                                    (errno.EDQUOT, "ENOSPC", "space")])
def test_a_write_that_fails(faulty, nbdkit, connect, number, seen, sentence):
    server, faults = faulty
    one = nbdkit(server.url("a.img"))
    client = connect(one.uri())
    client.pwrite(b"1" * 4096, 0)
    client.flush()
    faults.set("write", "error", number)
    assert refused(client.pwrite, b"2" * 4096, 0) == seen
    assert f"cannot write sector 0 of {server.url('a.img')}" in one.log() and sentence in one.log(), one.log()
    faults.clear()
    assert client.pread(4096, 0) == b"1" * 4096
    client.pwrite(b"3" * 4096, 0)
    client.flush()
    assert client.pread(4096, 0) == b"3" * 4096


def test_a_read_that_fails(faulty, nbdkit, connect):
    server, faults = faulty
    one = nbdkit(server.url("a.img"))
    client = connect(one.uri())
    faults.set("read", "error")
    assert refused(client.pread, 4096, 8192) == "EIO"
    assert refused(client.pwrite, b"part", 8192 + 10) == "EIO"  # its sector has to be read first
    faults.clear()
    client.pwrite(b"part", 8192 + 10)
    assert client.pread(20, 8192) == bytes(10) + b"part" + bytes(6)


def test_a_flush_that_fails_is_told_and_stays_so(faulty, images, nbdkit, connect, tmp_path):
    """Until somebody who knows reopens the volume; then a new connection finds what the disk has."""
    server, faults = faulty
    one = nbdkit(server.url("a.img"), "linger=0")
    client = connect(one.uri())
    client.pwrite(b"1" * 4096, 0)
    client.flush()
    faults.set("sync", "error", times=1)
    client.pwrite(b"2" * 4096, 0)
    assert refused(client.flush) == "EIO"
    assert refused(client.flush) == "EIO"
    assert refused(client.pread, 512, 0) == "EIO"
    assert "cannot flush" in one.log(), one.log()
    client.shutdown()
    run(BUILD / "blockhead-ctl", "reopen", "a.img", "--socket", tmp_path / "control")
    wait_until(lambda: one.log().count('closing "a.img"') == one.log().count('"a.img": '))
    client = connect(one.uri())
    assert client.pread(4096, 0) == (images / "a.img").read_bytes()[:4096]
    client.pwrite(b"3" * 4096, 0)
    client.flush()


def test_an_image_that_grows(serve, images, nbdkit, connect):
    """A connection keeps the length that it was told; the next session is told the new one."""
    make_image(images / "a.img", SIZE)
    one = nbdkit(serve(images).url("a.img"), "linger=0")
    client = connect(one.uri())
    os.truncate(images / "a.img", 2 * SIZE)
    assert client.get_size() == SIZE and client.pread(512, SIZE - 512) == bytes(512)
    client.shutdown()
    wait_until(lambda: 'closing "a.img"' in one.log())
    assert connect(one.uri()).get_size() == 2 * SIZE


def test_a_session_that_the_administrator_ends(admin, nbdkit, connect, images):
    """It goes on in a new one, for nobody has written meanwhile; else it would not."""
    one = nbdkit(admin.server.url("a.img"), "timeout=5")
    client = connect(one.uri())
    client.pwrite(b"f" * 4096, 0)

    def end():
        number = next(line.split()[0] for line in admin.ctl("sessions").splitlines() if "a.img" in line)
        admin.ctl("disconnect", number)

    end()
    client.pwrite(b"g" * 4096, 4096)
    client.flush()
    assert client.pread(8192, 0) == b"f" * 4096 + b"g" * 4096
    end()
    with admin.server.peer() as other:
        session = other.open("a.img")
        session.write(0, b"o" * 256)
        session.discon()
    assert refused(client.pwrite, b"x" * 4096, 4096) == "ESHUTDOWN"
    assert "the session was lost" in one.log()
    assert connect(one.uri()).pread(512, 0) == b"o" * 256 + b"f" * 256
    assert (images / "a.img").read_bytes()[4096:8192] == b"g" * 4096


def test_a_disk_that_is_swapped(admin, nbdkit, connect, images):
    """Nothing that was meant for one lands on the other; a new connection sees the other, and its length."""
    one = nbdkit(admin.server.url("drive0"))
    client = connect(one.uri())
    client.pwrite(b"f" * 4096, 0)
    client.flush()
    admin.ctl("insert", "drive0", "b.img")
    assert refused(client.pwrite, b"x" * 4096, 4096) == "ESHUTDOWN"
    assert refused(client.pread, 4096, 0) == "ESHUTDOWN"
    assert "medium" in one.log()
    other = connect(one.uri())
    assert other.get_size() == 2 * SIZE and other.pread(4096, 4096) == b"\2" * 4096
    assert (images / "a.img").read_bytes() == b"f" * 4096 + b"\1" * (SIZE - 4096)
    assert (images / "b.img").read_bytes() == b"\2" * (2 * SIZE)


def test_a_disk_that_is_swapped_while_a_connection_rests(admin, nbdkit, connect):
    """Whoever comes next has the new one, though nobody has been told."""
    one = nbdkit(admin.server.url("drive0"))
    client = connect(one.uri())
    admin.ctl("insert", "drive0", "b.img")
    other = connect(one.uri())
    assert other.get_size() == 2 * SIZE and other.pread(512, 0) == b"\2" * 512
    assert refused(client.pread, 512, 0) == "ESHUTDOWN"


@pytest.mark.timeout(60)
def test_a_disk_that_is_swapped_again_and_again_under_many(admin, nbdkit, connect, images):
    """Those who are at work are told, those who come all get the new one, and nobody waits for ever."""
    one = nbdkit(admin.server.url("drive0", 512))

    def work(number, size, seen):
        client = nbd.NBD()
        client.connect_uri(one.uri())
        seen.append((client.get_size() == size, client.pread(512, 0) == bytes([number]) * 512))
        try:
            while True:
                client.pread(64 * KIB, 0)
        except nbd.Error as fault:
            seen.append(fault.errno)
        client.shutdown()

    for turn in range(8):
        number = 1 + turn % 2
        seen, threads = [], []
        for _ in range(4):
            threads.append(threading.Thread(target=work, args=(number, SIZE * number, seen), daemon=True))
            threads[-1].start()
        wait_until(lambda: len(seen) == 4)
        admin.ctl("insert", "drive0", "b.img" if number == 1 else "a.img")
        for thread in threads:
            thread.join(20)
        assert seen == [(True, True)] * 4 + ["ESHUTDOWN"] * 4, one.log()[-2000:]


def test_a_slot_that_is_emptied(admin, nbdkit, connect):
    one = nbdkit(admin.server.url("drive0"))
    client = connect(one.uri())
    admin.ctl("eject", "drive0")
    assert refused(client.pread, 4096, 0) == "ESHUTDOWN"
    run("nbdinfo", "--size", one.uri(), code=1)
    assert "medium" in one.log()
    admin.ctl("insert", "drive0", "b.img")
    assert connect(one.uri()).get_size() == 2 * SIZE


def test_a_rollback(admin, nbdkit, connect):
    """What was cached of the image is of no use any more, and the connection says so."""
    one = nbdkit(admin.server.url("a.img"))
    client = connect(one.uri())
    admin.ctl("checkpoint", "a.img", "one")
    client.pwrite(b"x" * 4096, 0)
    client.flush()
    admin.ctl("rollback", "a.img", "one")
    assert refused(client.pwrite, b"y" * 4096, 4096) == "ESHUTDOWN"
    assert connect(one.uri()).pread(8192, 0) == b"\1" * 8192


def test_two_writers(serve, images, nbdkit, connect):
    """The second is refused at its door, with a name for it, and the first goes on."""
    make_image(images / "a.img", SIZE, 1)
    server = serve(images)
    first, second = nbdkit(server.url("a.img")), nbdkit(server.url("a.img"), "wait=0")
    client = connect(first.uri())
    client.pwrite(b"1" * 512, 0)
    with pytest.raises(nbd.Error):
        connect(second.uri())
    assert "another session holds the volume" in second.log() or "in use" in second.log()
    client.pwrite(b"2" * 512, 0)
    assert client.pread(512, 0) == b"2" * 512


OTHER = "import fcntl, os, struct, sys\nfile = open(sys.argv[1], 'r+b')\n" \
        "fcntl.fcntl(file, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))\n" \
        "print('locked', flush=True)\nsys.stdin.read()\n"


def test_an_image_that_another_program_has(serve, images, nbdkit):
    """qemu, say: an OFD lock (F_OFD_SETLK is 37) is respected, and said."""
    make_image(images / "a.img", SIZE, 1)
    with subprocess.Popen([sys.executable, "-c", OTHER, images / "a.img"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        one = nbdkit(serve(images).url("a.img"), "wait=0")
        run("nbdinfo", "--size", one.uri(), code=1)
        assert "in use" in one.log() or "cannot open" in one.log()
        other.stdin.close()
        other.wait(10)
    assert int(run("nbdinfo", "--size", one.uri())) == SIZE


def test_what_is_no_whole_sector_of_a_shared_volume_is_refused(serve, images, nbdkit, connect):
    """Another session might write the rest of the sector in between; the smallest block says so, and who does not
    listen is told."""
    make_image(images / "a.img", SIZE)
    server = serve(config=f"[volume a.img]\npath = {images}/a.img\nmode = shared\n")
    one = nbdkit(server.url("a.img", 512))
    client = connect(one.uri())
    client.set_strict_mode(0)
    for call in (lambda: client.pwrite(b"x", 0), lambda: client.pwrite(b"x" * 512, 1),
                 lambda: client.zero(100, 512), lambda: client.pwrite(b"x" * 1000, 512)):
        assert refused(call) == "EINVAL"
    assert "of 512 bytes" in one.log()
    assert (images / "a.img").read_bytes() == bytes(SIZE)
    client.pwrite(b"x" * 512, 512)
    assert client.pread(100, 1000) == b"x" * 24 + bytes(76)


def test_a_server_that_forgot_the_session_ends_the_connection_and_no_more(serve, images, nbdkit, connect, tmp_path):
    """It comes back without its state: what the connection saw may be another image now."""
    make_image(images / "a.img", SIZE)
    server = serve("--state", tmp_path / "state", images)
    one = nbdkit(server.url("a.img"), "timeout=5")
    client = connect(one.uri())
    client.pwrite(b"1" * 4096, 0)
    client.flush()
    server.kill()
    server.end = lambda: None
    serve("--state", tmp_path / "other", images, listen=(f"udp:{server.name}",))
    assert refused(client.pwrite, b"2" * 4096, 0) == "ESHUTDOWN"
    assert "the session was lost" in one.log()
    assert connect(one.uri()).pread(4096, 0) == b"1" * 4096


@needs_qemu
@pytest.mark.long
def test_nothing_that_was_flushed_is_lost(serve, images, nbdkit, tmp_path):
    """Write, flush, kill: after each restart the file has it, whoever asks."""
    make_image(images / "a.img", SIZE)
    state = "--state", tmp_path / "state", images
    server = serve(*state)
    one = nbdkit(server.url("a.img", 256), options=killing.TRACE)
    for turn in range(1, 21):
        qemu_io(one.uri(), f"write -P {turn} {turn * 1001} 5000", "flush")
        server.kill()
        server.end = lambda: None
        assert (images / "a.img").read_bytes()[turn * 1001:][:5000] == bytes([turn]) * 5000
        server = serve(*state, listen=[f"udp:{server.name}"])
