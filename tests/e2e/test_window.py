# SPDX-License-Identifier: MIT
"""Many requests under way: over a path with a delay, when interrupted, and as the man page shows it."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from client import Peer, error_of
from conftest import BUILD, Process, make_image, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROXY = pathlib.Path(__file__).with_name("proxy.py")
READY = re.compile(r"udp:(\S+):(\d+)")
BLOCKS = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", (ROOT / "man/blockhead.3").read_text(), re.M | re.S)
EXAMPLES = [block.replace("\\e", "\\") for block in BLOCKS if "int main" in block]


@pytest.fixture
def path_to(tmp_path):
    """path_to(server, OPTION...): the address of a proxy in front of it."""
    started = []

    def start(server, *options):
        command = [sys.executable, PROXY, "--listen", "127.0.0.1:0", "--to", server.name, *options]
        proxy = Process(command, tmp_path / f"proxy{len(started)}")
        started.append(proxy)
        host, port = proxy.wait_for_out(READY).groups()
        return host, int(port)

    yield start
    for proxy in started:
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(10)


def test_put_cmp_and_get_over_a_path_with_a_delay(serve, images, tmp_path, blockhead, path_to):
    make_image(images / "a.img", 1 << 20)
    data = make_image(tmp_path / "in.img", 1 << 20, 7)
    url = "blockhead://%s:%d/a.img" % path_to(serve(images), "--delay", 5)
    started = time.monotonic()
    blockhead("put", "-q", tmp_path / "in.img", url)
    blockhead("cmp", tmp_path / "in.img", url)
    blockhead("get", "-q", url, tmp_path / "out.img")
    assert (images / "a.img").read_bytes() == (tmp_path / "out.img").read_bytes() == data
    # 3 x 1024 round trips of 10 ms, one after the other, would be 30 s at least
    assert time.monotonic() - started < 25


def test_put_cmp_and_get_over_a_path_that_damages(serve, images, tmp_path, blockhead, path_to):
    """Runs lose their request, some replies, or the last of them."""
    make_image(images / "a.img", 1 << 20)
    data = make_image(tmp_path / "in.img", (1 << 20) - 300, 7)
    server = serve(images)
    for seed, sector_len in enumerate((512, 1024, 4096)):
        url = "blockhead://%s:%d/a.img?sector=%d" % (*path_to(
            server, "--drop", 5, "--double", 5, "--reorder", 10, "--seed", seed), sector_len)
        blockhead("put", "-q", tmp_path / "in.img", url)
        blockhead("get", "-q", url, tmp_path / "out.img")
        assert (tmp_path / "out.img").read_bytes()[:len(data)] == data
        assert (images / "a.img").read_bytes() == (tmp_path / "out.img").read_bytes()
        blockhead("cmp", "-q", tmp_path / "out.img", url)


def test_reads_of_neighbours_take_few_requests(serve, images, tmp_path, blockhead):
    data = make_image(images / "a.img", 4 << 20, 7)
    command = [sys.executable, PROXY, "--listen", "127.0.0.1:0", "--to", serve(images).name]
    proxy = Process(command, tmp_path / "proxy")
    url = "blockhead://%s:%s/a.img?sector=1024" % proxy.wait_for_out(READY).groups()
    blockhead("get", "-q", url, tmp_path / "out.img")
    proxy.process.send_signal(signal.SIGTERM)
    seen = int(proxy.wait_for_out(re.compile(r'"seen": (\d+)'))[1])
    assert (tmp_path / "out.img").read_bytes() == data
    assert 4096 < seen < 4096 + 800  # a reply for each sector, and a request for some sixteen


def test_put_of_zeros_among_data_is_right_whatever_was_there(serve, images, tmp_path, blockhead, path_to):
    old = bytearray(make_image(images / "a.img", 3 << 20, 1))
    new = bytearray(make_image(tmp_path / "in.img", (3 << 20) - 5000, 2))
    for at in range(0, 3 << 20, 7000):  # every mixture of zeros before and after
        old[at:at + 3000] = bytes(3000)
        new[at + 2000:at + 5000] = bytes(len(new[at + 2000:at + 5000]))
    (images / "a.img").write_bytes(old)
    (tmp_path / "in.img").write_bytes(new)
    url = "blockhead://%s:%d/a.img" % path_to(serve(images), "--drop", 2, "--double", 5, "--reorder", 5)
    blockhead("put", "-q", tmp_path / "in.img", url)
    assert (images / "a.img").read_bytes() == bytes(new) + bytes(old[len(new):])


def test_an_interrupted_put_leaves_the_volume_free(serve, images, tmp_path, blockhead, path_to):
    """Its window is full, and a DISCON still has a number in it."""
    make_image(images / "a.img", 4 << 20)
    make_image(tmp_path / "in.img", 4 << 20, 7)
    server = serve(images)
    url = "blockhead://%s:%d/a.img?sector=512" % path_to(server, "--delay", 20)
    put = subprocess.Popen([BUILD / "blockhead", "put", "-q", tmp_path / "in.img", url], stderr=subprocess.PIPE)
    wait_until(lambda: any((images / "a.img").read_bytes()))
    put.send_signal(signal.SIGINT)
    assert b"half-written" in put.communicate(timeout=30)[1]
    assert put.returncode == 128 + signal.SIGINT
    wait_until(lambda: is_free(server))


def is_free(server):
    with Peer(server.address, "127.0.0.2") as other:  # another host would have to wait for the lease
        return error_of(other.connect, "a.img") == 0


def test_a_put_does_not_notice_that_its_server_is_killed(serve, images, tmp_path, path_to):
    make_image(images / "a.img", 4 << 20)
    data = make_image(tmp_path / "in.img", 4 << 20, 7)
    server = serve("--state", tmp_path / "state", images)
    url = "blockhead://%s:%d/a.img" % path_to(server, "--delay", 10)
    put = subprocess.Popen([BUILD / "blockhead", "put", "-q", tmp_path / "in.img", url], stderr=subprocess.PIPE)
    for part in (1, 2, 3):
        wait_until(lambda: any((images / "a.img").read_bytes()[part << 20:]))
        server.kill()
        server.end = lambda: None
        server = serve("--state", tmp_path / "state", images, listen=(f"udp:{server.name}",))
    said = put.communicate(timeout=60)[1].decode()
    assert put.returncode == 0, said
    assert (images / "a.img").read_bytes() == data


def test_a_failure_in_the_middle_names_its_sector(serve, images, tmp_path, path_to):
    """The image is cut short while many READs are under way."""
    make_image(images / "a.img", 4 << 20, 1)
    url = "blockhead://%s:%d/a.img?sector=512" % path_to(serve(images), "--delay", 20)
    get = subprocess.Popen([BUILD / "blockhead", "get", "-q", url, tmp_path / "out.img"], stderr=subprocess.PIPE)
    wait_until(lambda: any(part.stat().st_size for part in tmp_path.glob("out.img.part-*")))
    os.truncate(images / "a.img", 512)
    said = get.communicate(timeout=60)[1].decode()
    assert re.search(r"cannot read sector \d+ of blockhead://.*short", said) and get.returncode == 2, said
    assert not list(tmp_path.glob("out.img*"))


def test_there_are_examples():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_of_the_man_page_works(serve, images, tmp_path, example):
    data = make_image(images / "a.img", 100000, 3)
    library = BUILD / "src/client"
    flags = ["-fsanitize=address,undefined"] if b"__asan_init" in (library / "libblockhead.so").read_bytes() else []
    (tmp_path / "example.c").write_text(example)
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", *flags, "-I", ROOT / "src/client", "-o", tmp_path / "example",
                    tmp_path / "example.c", "-L", library, f"-Wl,-rpath,{library}", "-lblockhead"], check=True)
    out = subprocess.run([tmp_path / "example", serve(images).url("a.img")], stdout=subprocess.PIPE, check=True).stdout
    assert len(out) in (512, 196 * 512) and out[:100000] == data[:len(out)]
