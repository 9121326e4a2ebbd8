# SPDX-License-Identifier: MIT
"""Linux itself as the client: its nbd driver and file systems, in a guest, through the plugin."""
import os
import pathlib
import random
import re
import socket

import guest
import killing
import pytest

from conftest import BUILD
from plugin import nbdkit, needs_plugin, path_to, run  # noqa: F401
from test_faulty_paths import DAMAGE, KILLS

MIB = 1 << 20
BLOCKS = 16  # of 64 KiB; the guest writes four files of so many ...
FILES = 150  # ... and short ones
CONNECTIONS = {"ext4": 4, "vfat": 1}
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

pytestmark = [*needs_plugin, pytest.mark.long, pytest.mark.timeout(2 * guest.LIMIT_S)]


@pytest.fixture(scope="module")
def kernel():
    return guest.kernel_or_skip(pathlib.Path(os.environ.get("BH_CACHE", BUILD / "interop")))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_disk(image, kind, directory):
    """A file system with two files."""
    given = directory / "given"
    given.write_bytes(random.Random(1).randbytes(3 * MIB))
    (directory / "gone").write_bytes(b"gone" * 1000)
    with open(image, "wb") as file:
        file.truncate(32 * MIB)
    if kind == "ext4":
        run("mke2fs", "-q", "-t", "ext4", image)
        for name in ("given", "gone"):
            run("debugfs", "-w", "-R", f"write {directory}/{name} {name}", image)
    else:
        run("mkfs.fat", image)
        run("mcopy", "-i", image, given, directory / "gone", "::")


def check_disk(image, kind):
    """The checker of this host finds nothing to mend."""
    run(*(["e2fsck", "-fn"] if kind == "ext4" else ["fsck.fat", "-n"]), image)


def file_on(image, kind, name, to):
    if kind == "ext4":
        run("debugfs", "-R", f"dump {name} {to}", image)
    else:
        run("mcopy", "-i", image, f"::{name}", to)
    return sum_of(to)


def sum_of(path):
    return run("md5sum", path).split()[0]


def values(said, name):
    return re.findall(rf"^bh {name} (.*?)\r?$", said, re.M)


def run_guest(kernel, port, kind):
    said = kernel.run(port=port, fs=kind, blocks=BLOCKS, files=FILES, connections=CONNECTIONS[kind])
    assert "bh ends" in said and not values(said, "fault") and not values(said, "kernel"), said
    return said


def check_all(said, image, kind, directory):
    """What the guest saw is what is in the image, and what it wrote."""
    assert values(said, "size") == [str(32 * MIB // 512)]
    assert values(said, "read") == [sum_of(directory / "given")]
    assert values(said, "checked") == ["0"], said
    assert values(said, "again") == values(said, "made") * 3
    check_disk(image, kind)
    for name in ("made1", "made3", "made4"):
        assert [file_on(image, kind, name, directory / "out")] == values(said, "made")
    assert file_on(image, kind, "given", directory / "out") == sum_of(directory / "given")


@pytest.mark.parametrize("kind", ["ext4", "vfat"])
def test_a_kernel_mounts_writes_and_checks(serve, images, nbdkit, kernel, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("PATH", PATH)
    make_disk(images / "a.img", kind, tmp_path)
    server, port = serve(images), free_port()
    one = nbdkit(server.url("a.img", 512), port=port)
    said = run_guest(kernel, port, kind)
    one.end()
    assert one.log().count("blockhead: open readonly=0") == 2 * CONNECTIONS[kind]
    check_all(said, images / "a.img", kind, tmp_path)


@pytest.mark.parametrize("damage", [(), DAMAGE], ids=["a good path", "a bad path"])
@pytest.mark.parametrize("kind", ["ext4", "vfat"])
def test_a_kernel_does_not_notice_a_server_that_is_killed(serve, images, nbdkit, path_to, kernel, tmp_path, monkeypatch,
                                                          kind, damage):
    """Killed and started again while the guest writes, until it is done."""
    monkeypatch.setenv("PATH", PATH)
    make_disk(images / "a.img", kind, tmp_path)
    server, port = serve("--state", tmp_path / "state", images), free_port()
    address = path_to(server, *damage) if damage else server.name
    one = nbdkit(f"blockhead://{address}/a.img?sector=512", options=killing.TRACE, port=port)
    said, kills = killing.kill_under(
        lambda: run_guest(kernel, port, kind), one, server,
        lambda name: serve("--state", tmp_path / "state", images, listen=[f"udp:{name}"]), KILLS, once=True)
    assert kills == KILLS
    one.end()
    check_all(said, images / "a.img", kind, tmp_path)
