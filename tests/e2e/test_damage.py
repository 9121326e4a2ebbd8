# SPDX-License-Identifier: MIT
"""A path that drops, doubles and reorders datagrams: what comes back is what was sent.

In every run 64 MiB go through in the largest sectors, which only a loopback carries; in sectors that an Ethernet carries
they take minutes, and are marked `long`.
"""
import json
import pathlib
import random
import re
import signal
import sys

import pytest

from client import Peer
from conftest import Process, make_image

PROXY = pathlib.Path(__file__).with_name("proxy.py")
READY = re.compile(r"udp:(\S+):(\d+)")


@pytest.fixture
def damaged(serve, images, tmp_path):
    """A server behind the proxy: (server, the proxy's address); all three damages must have been done."""
    make_image(images / "a.img", 65536)
    server = serve(images)
    command = [sys.executable, PROXY, "--listen", "127.0.0.1:0", "--to", server.name,
               "--drop", 5, "--double", 5, "--reorder", 5, "--seed", 1]
    proxy = Process(command, tmp_path / "proxy")
    host, port = proxy.wait_for_out(READY).groups()
    yield server, (host, int(port))
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(10)
    counts = json.loads(proxy.out().splitlines()[-1])
    for damage in ("dropped", "doubled", "reordered"):
        assert 0.03 < counts[damage] / counts["seen"] < 0.07, counts


@pytest.mark.parametrize("mib, sector", [(1, 1024), (64, 16384), pytest.param(64, 1024, marks=pytest.mark.long)])
def test_put_and_get_are_identical(damaged, images, tmp_path, blockhead, mib, sector):
    make_image(images / "b.img", mib << 20)
    data = make_image(tmp_path / "in.img", mib << 20, 64)
    url = "blockhead://%s:%d/b.img?sector=%d" % (*damaged[1], sector)
    blockhead("put", "-q", tmp_path / "in.img", url, timeout=1800)
    assert (images / "b.img").read_bytes() == data
    blockhead("get", "-q", url, tmp_path / "out.img", timeout=1800)
    assert (tmp_path / "out.img").read_bytes() == data


def test_sync_is_identical(damaged, images, tmp_path, blockhead):
    chance = random.Random(9)
    data = bytearray(make_image(images / "c.img", 8 << 20, 7))
    for place in chance.sample(range(512), 100):
        data[place << 14:(place << 14) + 3000] = chance.choice([bytes(3000), chance.randbytes(3000)])
    (tmp_path / "in.img").write_bytes(data)
    blockhead("sync", "-q", tmp_path / "in.img", "blockhead://%s:%d/c.img" % damaged[1])
    assert (images / "c.img").read_bytes() == data


def test_a_patient_naive_client_loses_nothing(damaged, images):
    """Our own client counts and waits longer than any datagram is held: each sector is what it wrote last."""
    chance = random.Random(5)
    with Peer(damaged[1]) as peer:
        peer.retry_s = 0.02
        session = peer.open("a.img")
        model = {}
        for turn in range(1000):
            lsn = chance.randrange(40)
            if chance.random() < 0.5:
                model[lsn] = chance.randbytes(256)
                session.write(lsn, model[lsn])
            else:
                assert session.read(lsn) == model.get(lsn, bytes(256))
        session.flush()
        session.discon()
    content = (images / "a.img").read_bytes()
    assert model and all(content[lsn * 256:][:256] == data for lsn, data in model.items())
