# SPDX-License-Identifier: MIT
"""NBD clients that check their own data, while the network damages and the server is killed."""
import random

import pytest

import killing
import liar
from conftest import make_image
from plugin import nbdkit, needs_fio, needs_plugin, needs_qemu, path_to, run  # noqa: F401

MIB = 1 << 20
KILLS = 20
DAMAGE = ("--drop", 5, "--double", 5, "--reorder", 5)

pytestmark = [*needs_plugin, pytest.mark.timeout(900)]
long = pytest.mark.long


def fio(uri, directory, seed=7, size=4 * MIB, timeout=300):
    """Random reads and writes at any byte; everything written is read again and checked by a checksum within."""
    return run("fio", "--name=v", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw", "--bsrange=512-16k",
               "--bs_unaligned=1", "--iodepth=16", f"--size={size}", "--verify=crc32c", "--verify_fatal=1",
               f"--randseed={seed}", "--verify_state_save=0", f"--aux-path={directory}", timeout=timeout)


@pytest.fixture
def lasting(serve, images, tmp_path):
    """lasting(): a server whose sessions outlive it, and how another is started in its place."""
    def start(name="127.0.0.1:0"):
        return serve("--state", tmp_path / "state", images, listen=[f"udp:{name}"])

    return start


@needs_fio
@long
@pytest.mark.parametrize("sector", [None, 128, 512])
def test_fio_over_a_path_that_damages(serve, images, nbdkit, path_to, tmp_path, sector):
    make_image(images / "a.img", 4 * MIB)
    one = nbdkit(f"server={path_to(serve(images), *DAMAGE)}", "image=a.img", f"sector={sector or 'best'}")
    fio(one.uri(), tmp_path)


@needs_fio
@pytest.mark.parametrize("kills, damage", [
    pytest.param(3, DAMAGE, id="a few"), pytest.param(KILLS, (), marks=long, id="a good path"),
    pytest.param(KILLS, DAMAGE, marks=long, id="a bad path")])
def test_fio_while_the_server_is_killed(lasting, images, nbdkit, path_to, tmp_path, kills, damage):
    make_image(images / "a.img", MIB)
    server = lasting()
    address = path_to(server, *damage) if damage else server.name
    one = nbdkit(f"blockhead://{address}/a.img?sector=512", options=killing.TRACE)
    _, done = killing.kill_under(lambda: fio(one.uri(), tmp_path, size=MIB), one, server, lasting, kills)
    assert done == kills


@needs_fio
def test_one_byte_that_is_wrong_is_found(serve, images, nbdkit, tmp_path):
    """What these tests are worth: one answer in fifty has one bit turned."""
    make_image(images / "a.img", MIB)
    server = liar.Liar(serve(images))
    choice = random.Random(1)

    def turn(datagram):
        if not liar.is_data(datagram) or choice.random() > 0.02:
            return [datagram]
        return [datagram[:-1] + bytes([datagram[-1] ^ 1])]

    server.change = turn
    one = nbdkit(f"server={server.name}", "image=a.img", "sector=512")
    with pytest.raises(AssertionError, match="verify"):
        fio(one.uri(), tmp_path, size=MIB)
    one.end()
    server.end()


@long
@needs_qemu
@pytest.mark.parametrize("damage", [(), DAMAGE], ids=["a good path", "a bad path"])
def test_copies_while_the_server_is_killed(lasting, images, nbdkit, path_to, tmp_path, damage):
    """There, back, and compared, until the server has been killed often enough."""
    make_image(images / "a.img", 4 * MIB)
    make_image(tmp_path / "in", 4 * MIB, 7)
    server = lasting()
    address = path_to(server, *damage) if damage else server.name
    one = nbdkit(f"blockhead://{address}/a.img?sector=512", options=killing.TRACE)

    def copies():
        run("nbdcopy", "--flush", "--request-size=4096", tmp_path / "in", one.uri())
        run("nbdcopy", "--request-size=4096", one.uri(), tmp_path / "out")
        run("qemu-img", "compare", "-f", "raw", "-F", "raw", tmp_path / "in", one.uri())
        run("cmp", tmp_path / "in", tmp_path / "out")

    _, done = killing.kill_under(copies, one, server, lasting, KILLS)
    assert done == KILLS
    one.end()
    run("cmp", tmp_path / "in", images / "a.img")
