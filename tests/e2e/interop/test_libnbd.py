# SPDX-License-Identifier: MIT
"""What a client may do wrong, by libnbd: its own checks are off, so that the plugin has to refuse. After each fault the
connection is as good as before."""
import concurrent.futures
import itertools
import os
import random
import signal
import socket
import subprocess
import sys

import pytest

import killing
from conftest import make_image, wait_until
from plugin import nbdkit, needs_plugin, path_to  # noqa: F401

nbd = pytest.importorskip("nbd", reason="python3-libnbd is not installed")

KIB, MIB = 1 << 10, 1 << 20
SIZE = MIB

pytestmark = needs_plugin


@pytest.fixture
def connect(nbdkit):
    """connect(URI, SETTING=VALUE...): a connection with nothing checked before it is sent. All are over before nbdkit
    is told to end: it waits for its clients."""
    made = []

    def make(uri, **settings):
        client = nbd.NBD()
        client.set_strict_mode(0)
        for name, value in settings.items():
            getattr(client, f"set_{name}")(value)
        client.connect_uri(uri)
        made.append(client)
        return client

    yield make
    for client in made:
        if not client.aio_is_closed() and not client.aio_is_dead():
            (client.opt_abort if client.aio_is_negotiating() else client.shutdown)()


def refused(call, *arguments, **options):
    """The errno's name."""
    with pytest.raises(nbd.Error) as fault:
        call(*arguments, **options)
    return fault.value.errno


def greets_nobody(one):
    """Whether nbdkit has been told to end, and knows."""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(1)
        try:
            knock.connect(str(one.socket))
            return knock.recv(1) == b""
        except OSError:
            return True


@pytest.fixture
def disk(serve, images, nbdkit):
    """(nbdkit, the image's bytes)"""
    data = make_image(images / "a.img", SIZE, 1)
    return nbdkit(serve(images).url("a.img", 512), "linger=0"), data


def test_what_is_beyond_the_end_is_refused(disk, connect):
    one, data = disk
    client = connect(one.uri())
    for offset in (SIZE - 511, SIZE, 1 << 40, (1 << 63) - 512, (1 << 64) - 512):
        assert refused(client.pread, 512, offset) == "EINVAL"
        assert refused(client.pwrite, bytes(512), offset) == "ENOSPC"
        assert refused(client.trim, 512, offset) in ("EINVAL", "ENOSPC")
        assert refused(client.zero, 512, offset) == "ENOSPC"
    assert client.pread(512, SIZE - 512) == data[-512:]


def test_requests_for_nothing_and_with_flags_that_are_none(disk, connect):
    one, data = disk
    client = connect(one.uri())
    assert refused(client.pread, 0, 0) == "EINVAL"
    assert refused(client.pwrite, b"", 0) == "ENOSPC"  # so nbdkit says
    assert refused(client.pread, 512, 0, nbd.CMD_FLAG_NO_HOLE) == "EINVAL"
    assert refused(client.pwrite, bytes(512), 0, 1 << 9) == "EINVAL"
    assert refused(client.flush, 1 << 9) == "EINVAL"
    assert client.pread(SIZE, 0) == data


def test_commands_that_were_not_offered(disk, connect):
    one, data = disk
    client = connect(one.uri())
    assert refused(client.block_status, SIZE, 0, lambda *_: 0) == "EINVAL"
    assert client.pread(512, 0) == data[:512]


def test_a_read_only_export_changes_nothing(serve, images, nbdkit, connect):
    data = make_image(images / "a.img", SIZE, 1)
    client = connect(nbdkit(serve(images).url("a.img"), options=["-r"]).uri())
    assert client.is_read_only()
    for call in (lambda: client.pwrite(bytes(512), 0), lambda: client.zero(512, 0), lambda: client.trim(512, 0)):
        assert refused(call) == "EPERM"
    assert client.pread(512, 0) == data[:512] and (images / "a.img").read_bytes() == data


@pytest.mark.parametrize("structured", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_longest_requests(serve, images, nbdkit, structured, connect):
    """64 MiB is what nbdkit takes at once. More ends the connection, as its documentation says, and no other."""
    make_image(images / "a.img", 65 * MIB)
    one = nbdkit(serve(images).url("a.img"))
    other = connect(one.uri())
    client = connect(one.uri(), request_structured_replies=structured)
    data = random.Random(1).randbytes(MIB) * 64
    client.pwrite(data, 300 * KIB)
    assert client.pread(64 * MIB, 300 * KIB) == data
    assert refused(client.pwrite, bytes(64 * MIB + 512), 0)
    assert other.pread(MIB, 300 * KIB) == data[:MIB]


GIB = 1 << 30


@pytest.mark.parametrize("sector, reach", [("best", 3 << 40), (512, 2 << 40), (128, 512 * GIB)])
def test_images_longer_than_any_number_of_32_bits(serve, images, nbdkit, connect, sector, reach):
    """Up to the last sector that has a number; beyond it is an error and no other place."""
    size = 3 << 40
    (images / "a.img").touch()
    try:
        os.truncate(images / "a.img", size)
    except OSError:
        pytest.skip("a file of 3 TiB is too long here")
    one = nbdkit(f"{serve(images).url('a.img')}", f"sector={sector}")
    client = connect(one.uri())
    assert client.get_size() == size
    places = [place for place in (0, 2 * GIB, 4 * GIB, 1 << 39, 1 << 41, size) if place <= reach]
    for number, place in enumerate(places, 1):
        client.pwrite(bytes([number]) * 600, max(place - 300, 0) if place < reach else place - 600)
    client.flush()
    for number, place in enumerate(places, 1):
        assert client.pread(600, max(place - 300, 0) if place < reach else place - 600) == bytes([number]) * 600
    if reach < size:
        assert refused(client.pwrite, b"x" * 512, reach) == "EIO"
        assert refused(client.pwrite, b"x" * 1024, reach - 512) == "EIO"
        assert refused(client.zero, 4096, reach) == "EIO"
        assert "no number" in one.log() or "has a number" in one.log(), one.log()
    assert client.pread(512, 4096) == bytes(512)
    assert os.stat(images / "a.img").st_blocks < 1000


def test_names_that_are_none(serve, images, nbdkit, connect):
    data = make_image(images / "a.img", SIZE, 1)
    client =     one = nbdkit(f"server={serve(images).name}")
    client = connect(one.uri(), opt_mode=True)
    for name in ("nothing.img", "../a.img", "a" * 4000, "a.img/", ":99999", "\n", ""):
        client.set_export_name(name)
        refused(client.opt_go)
    names = []
    client.opt_list(lambda name, _: names.append(name) or 0)
    assert "a.img" in names
    client.set_export_name("a.img")
    client.opt_go()
    assert client.pread(512, 0) == data[:512]


def test_after_a_farewell_nothing_more(disk, connect):
    one, data = disk
    client = connect(one.uri())
    client.shutdown()
    assert refused(client.pread, 512, 0) == "EINVAL"  # libnbd's own: it is closed
    assert connect(one.uri()).pread(512, 0) == data[:512]


def test_many_requests_of_many_connections(disk, images, connect):
    """Each writes places of its own, all at once, byte for byte beside the others'."""
    one, data = disk
    model, rng = bytearray(data), random.Random(3)
    clients = [connect(one.uri()) for _ in range(4)]
    assert clients[0].can_multi_conn()
    places = list(range(0, SIZE - KIB, 1000))
    rng.shuffle(places)
    cookies = []
    for turn, offset in enumerate(places):
        part = rng.randbytes(rng.randrange(1, 1000))
        model[offset:offset + len(part)] = part
        client = clients[turn % 4]
        cookies.append((client, client.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(part)), offset)))
    for client, cookie in cookies:
        while not client.aio_command_completed(cookie):
            assert client.poll(30000) > 0
    clients[3].flush()
    assert (images / "a.img").read_bytes() == model
    assert clients[1].pread(SIZE, 0) == model


def stripes(one, number, seed, rounds):
    """Bytes of its own, the `number`th fourth of each 1000, are written, zeroed and read by one connection."""
    client, rng, own = nbd.NBD(), random.Random(seed), 250
    client.connect_uri(one.uri())
    model = bytearray(client.pread(SIZE, 0))
    for _ in range(rounds):
        place = rng.randrange(SIZE // 1000) * 1000 + number * own
        offset = place + rng.randrange(own)
        length = rng.randrange(1, place + own - offset + 1)
        data = rng.randbytes(length) if rng.random() < 0.7 else bytes(length)
        if any(data):
            client.pwrite(data, offset)
        else:
            client.zero(length, offset)
        model[offset:offset + length] = data
        assert client.pread(own, place) == model[place:place + own]
    client.flush()
    everything = client.pread(SIZE, 0)
    client.shutdown()
    for place in range(number * own, SIZE - own, 1000):
        assert everything[place:place + own] == model[place:place + own]


@pytest.mark.parametrize("kills", [0, pytest.param(20, marks=pytest.mark.long)])
def test_connections_keep_each_others_bytes_of_a_sector(serve, images, nbdkit, tmp_path, kills):
    make_image(images / "a.img", SIZE, 1)
    state = "--state", tmp_path / "state", images
    server = serve(*state)
    one = nbdkit(server.url("a.img", 4096), options=killing.TRACE)
    seeds = itertools.count(1)

    def work():
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(stripes, one, number, next(seeds), 150) for number in range(4)]:
                done.result(100)

    _, done = killing.kill_under(work, one, server, lambda name: serve(*state, listen=[f"udp:{name}"]), kills)
    assert done == kills


CUT_OFF = """
import nbd, sys
client = nbd.NBD()
client.connect_uri(sys.argv[1])
for turn in range(200):
    client.aio_pwrite(nbd.Buffer.from_bytearray(bytearray([turn + 1]) * 4096), turn * 4096)
print("sent", flush=True)
while True:
    client.poll(-1)
"""


def test_a_client_that_is_killed_with_requests_under_way(serve, images, nbdkit, connect):
    """What it had sent is written or not, each block whole; the session is another's then. With one thread: of several,
    nbdkit 1.32 lets one close the connection's socket while another is about to answer on it, and fails an assertion
    (raw_send_socket)."""
    data = make_image(images / "a.img", SIZE, 1)
    one = nbdkit(serve(images).url("a.img", 512), "linger=0", options=["-t", "1"])
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", CUT_OFF, one.uri()], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "sent\n"
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
    client = connect(one.uri())
    for turn in range(200):
        assert client.pread(4096, turn * 4096) in (bytes([turn + 1]) * 4096, data[turn * 4096:turn * 4096 + 4096])
    assert client.pread(4096, 900 * KIB) == data[900 * KIB:904 * KIB]


def test_an_nbdkit_that_is_told_to_end_under_a_client_lets_go_of_the_volume(serve, images, nbdkit, connect):
    """nbdkit calls no close() any more once it has been told: what it runs with --run leaves it so."""
    make_image(images / "a.img", SIZE)
    server = serve(images)
    one = nbdkit(server.url("a.img"), "linger=600")
    client = connect(one.uri())
    client.pwrite(b"1" * 512, 0)
    one.process.send_signal(signal.SIGTERM)
    wait_until(lambda: greets_nobody(one))
    client.shutdown()
    wait_until(one.is_over)
    assert 'closing "a.img"' in one.log()
    with server.peer() as peer:
        session = peer.open("a.img")
        assert session.read(0) == b"1" * 256


def test_a_full_disk_is_no_space_and_the_rest_goes_on(serve, images, nbdkit, connect):
    """The volume may grow, and its disk has no room for it."""
    size = 64 * KIB
    disk = images / "small"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        (disk / "a.img").touch()
        os.truncate(disk / "a.img", 4 * size)
        server = serve(config=f"[volume a.img]\npath = {disk}/a.img\n")
        one = nbdkit(server.url("a.img"))
        client = connect(one.uri())
        assert refused(client.pwrite, b"f" * 4 * size, 0) == "ENOSPC"
        assert "no space" in one.log()
        client.pwrite(b"g" * 4096, 0)
        client.flush()
        assert client.pread(4096, 0) == b"g" * 4096
        client.trim(4 * size, 0)
        client.pwrite(b"h" * 4096, 2 * size)
        client.shutdown()
        one.end()
        server.end()
    finally:
        subprocess.run(["umount", "-l", disk], check=True, timeout=30)
