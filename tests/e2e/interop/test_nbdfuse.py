# SPDX-License-Identifier: MIT
"""nbdfuse: an image as a file of this machine, for programs that know files alone."""
import os
import random
import shutil
import subprocess

import pytest

import killing
from conftest import make_image, wait_until
from plugin import nbdkit, needs_plugin, path_to, run  # noqa: F401

MIB = 1 << 20

pytestmark = [*needs_plugin,
              pytest.mark.skipif(not shutil.which("nbdfuse"), reason="nbdfuse is not installed"),
              pytest.mark.skipif(not shutil.which("fusermount3"), reason="fuse3 is not installed"),
              pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="/dev/fuse cannot be used")]


@pytest.fixture
def mounted(tmp_path, nbdkit):
    """mounted(URI): the file that is the export."""
    started = []

    def start(uri):
        directory = tmp_path / f"mount{len(started)}"
        directory.mkdir()
        process = subprocess.Popen(["nbdfuse", directory / "nbd", uri], stdin=subprocess.DEVNULL)
        started.append((process, directory))
        wait_until(lambda: (directory / "nbd").exists() or process.poll() is not None)
        if process.poll() is not None:
            pytest.skip("nbdfuse cannot mount here")
        return directory / "nbd"

    yield start
    for process, directory in started:
        subprocess.run(["fusermount3", "-u", directory], check=False, timeout=30)
        try:
            process.wait(30)
        finally:
            process.kill()


def test_mtools_and_fsck_on_an_image(serve, images, nbdkit, mounted, tmp_path):
    make_image(images / "a.img", 2 * MIB)
    one = nbdkit(serve(images).url("a.img", 512))
    file = mounted(one.uri())
    assert file.stat().st_size == 2 * MIB
    run("/usr/sbin/mkfs.fat", file)
    make_image(tmp_path / "given", MIB, 1)
    run("mcopy", "-i", file, tmp_path / "given", "::given")
    run("mcopy", "-i", file, "::given", tmp_path / "back")
    run("cmp", tmp_path / "given", tmp_path / "back")
    run("sync", file)
    run("/usr/sbin/fsck.fat", "-n", images / "a.img")
    run("cmp", file, images / "a.img")


@pytest.mark.long
def test_bytes_anywhere_while_the_server_is_killed(serve, images, nbdkit, mounted, tmp_path):
    model = bytearray(make_image(images / "a.img", MIB, 1))
    state = "--state", tmp_path / "state", images
    server, rng = serve(*state), random.Random(2)
    one = nbdkit(server.url("a.img", 256), options=killing.TRACE)
    path = mounted(one.uri())

    def work():
        with open(path, "r+b", buffering=0) as file:
            for _ in range(100):
                offset, data = rng.randrange(MIB), rng.randbytes(rng.randrange(1, 9000))
                data = data[:MIB - offset]
                assert os.pwrite(file.fileno(), data, offset) == len(data)
                model[offset:offset + len(data)] = data
            os.fsync(file.fileno())
        assert path.read_bytes() == model

    _, kills = killing.kill_under(work, one, server,
                                  lambda name: serve(*state, listen=[f"udp:{name}"]), 20)
    assert kills == 20
    assert (images / "a.img").read_bytes() == model
