# SPDX-License-Identifier: MIT
"""blockhead sync: the volume is what put would have made of it, and little travels."""
import json
import os
import random
import subprocess

import pytest

from conftest import make_image

TROUBLE = 2
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def server(serve, images):
    data = make_image(images / "a.img", 4 * MIB, 1)
    server = serve(images)
    server.image, server.data = images / "a.img", data
    return server


@pytest.fixture
def sync(server, blockhead, tmp_path):
    """sync(DATA, OPTION...): the report, after the volume was looked at."""
    def sync(data, *options, sector=None):
        (tmp_path / "in").write_bytes(data)
        result = blockhead("sync", "--json", *options, tmp_path / "in", server.url("a.img", sector))
        assert result.stderr == b""
        assert server.image.read_bytes() == bytes(data) + server.data[len(data):]
        return json.loads(result.stdout)
    return sync


def test_nothing_is_sent_where_nothing_differs(server, sync):
    report = sync(server.data)
    assert (report["bytes_compared"], report["bytes_sent"], report["bytes_trimmed"]) == (4 * MIB, 0, 0)
    assert (report["sectors_written"], report["places"], report["requests"] < 80) == (0, 0, True)


@pytest.mark.parametrize("sector", [None, 128, 512, 1024, 16384])
def test_one_byte_costs_a_few_sectors(server, sync, sector):
    data = bytearray(server.data)
    data[1_234_567] ^= 1
    report = sync(data, sector=sector)
    assert report["places"] == 1
    assert report["bytes_sent"] == max(4 * KIB, sector or 0)


def test_many_places_are_found_by_halving(server, sync):
    data = bytearray(server.data)
    for place in random.Random(5).sample(range(4 * MIB // 16384), 100):
        data[place * 16384 + 77] ^= 0x55
    report = sync(data)
    assert report["places"] == 100
    assert report["bytes_sent"] == 100 * 4 * KIB


@pytest.mark.parametrize("sector", [128, 1024, 16384])
def test_many_places_of_many_lengths(server, sync, sector):
    """Writes and trims of many places are under way together, and none of them takes another's bytes."""
    chance = random.Random(sector)
    data = bytearray(server.data)
    for _ in range(100):
        begin, length = chance.randrange(4 * MIB - 70_000), chance.choice([1, 300, 5000, 70_000])
        data[begin:begin + length] = chance.choice([bytes(length), chance.randbytes(length)])
    report = sync(data, sector=sector)
    assert report["places"] > 16 and report["bytes_trimmed"] > 0


@pytest.mark.parametrize("options", [(), ("--verify",)])
def test_all_may_differ(sync, options):
    report = sync(random.Random(6).randbytes(4 * MIB), *options)
    assert (report["bytes_sent"], report["places"]) == (4 * MIB, 1)


def test_verify_compares_the_data(server, sync):
    data = bytearray(server.data)
    data[3_000_000] ^= 1
    report = sync(data, "--verify")
    assert (report["bytes_sent"], report["requests"] > 4096) == (KIB, True)


@pytest.mark.parametrize("options", [(), ("--verify",)])
@pytest.mark.parametrize("size", [0, 1, 127, 1023, 1024, 65537, 1_000_001])
def test_shorter_file_leaves_the_rest(server, sync, blockhead, tmp_path, size, options):
    report = sync(random.Random(size).randbytes(size), *options)
    assert (report["bytes"], report["bytes_compared"]) == (size, size)
    result = blockhead("sync", tmp_path / "in", server.url("a.img"))
    assert f"keeps what it has from byte {size} on".encode() in result.stderr


def test_longer_file_changes_nothing(server, blockhead, tmp_path):
    (tmp_path / "in").write_bytes(bytes(4 * MIB + 1))
    result = blockhead("sync", tmp_path / "in", server.url("a.img"), code=TROUBLE)
    assert b"longer" in result.stderr
    assert server.image.read_bytes() == server.data


def test_zeros_become_holes(server, sync):
    data = bytearray(server.data)
    data[MIB:3 * MIB] = bytes(2 * MIB)
    data[5000:5100] = bytes(100)
    report = sync(data)
    assert (report["bytes_trimmed"], report["bytes_sent"]) == (2 * MIB, 4 * KIB)
    assert server.image.stat().st_blocks * 512 < 3 * MIB


def test_sparse_file_is_not_read(serve, images, blockhead, tmp_path):
    for path in (images / "s.img", tmp_path / "in"):
        with open(path, "wb") as file:
            file.truncate(64 * MIB)
    with open(tmp_path / "in", "r+b") as file:
        file.seek(40 * MIB + 5)
        file.write(b"x")
    server = serve(images)
    report = json.loads(blockhead("sync", "-j", tmp_path / "in", server.url("s.img")).stdout)
    assert (report["places"], report["bytes_sent"]) == (1, KIB)
    assert (images / "s.img").read_bytes() == (tmp_path / "in").read_bytes()
    assert (images / "s.img").stat().st_blocks * 512 < MIB


@pytest.mark.parametrize("size", [5 * MIB, 5 * MIB + 333, 4 * MIB + 128])
@pytest.mark.parametrize("fill", [b"\0", b"y"])
def test_volume_that_may_grow_grows(serve, images, blockhead, tmp_path, size, fill):
    data = make_image(images / "a.img", 4 * MIB, 1)
    server = serve(config=f"[volume a.img]\npath = {images}/a.img\ngrow = 8M\n")
    (tmp_path / "in").write_bytes(data + fill * (size - len(data)))
    blockhead("sync", tmp_path / "in", server.url("a.img"))
    grown = (images / "a.img").read_bytes()
    assert grown[:size] == data + fill * (size - len(data))
    assert grown[size:].strip(b"\0") == b"" and len(grown) - size < 128


def test_image_with_a_partial_last_sector(serve, images, blockhead, tmp_path):
    data = make_image(images / "p.img", 100_001, 9)
    server = serve(images)
    report = json.loads(blockhead("sync", "-j", images / "p.img", server.url("p.img")).stdout)
    assert report["bytes_sent"] == 0
    (tmp_path / "in").write_bytes(data[:-1] + b"!")
    blockhead("sync", tmp_path / "in", server.url("p.img"))
    assert (images / "p.img").read_bytes() == data[:-1] + b"!"


def test_read_only_volume(serve, images, blockhead, tmp_path):
    data = make_image(images / "r.img", 65536, 2)
    (images / "r.img").chmod(0o444)
    server = serve(config=f"[volume r.img]\npath = {images}/r.img\nmode = read-only\n")
    (tmp_path / "in").write_bytes(bytes(65536))
    result = blockhead("sync", tmp_path / "in", server.url("r.img"), code=TROUBLE)
    assert b"cannot sync" in result.stderr and b"read-only" in result.stderr
    assert (images / "r.img").read_bytes() == data


def test_pipe_is_refused(server, blockhead):
    result = blockhead("sync", "-", server.url("a.img"), code=TROUBLE, input=b"x" * 1024)
    assert b"has to be a file" in result.stderr


def test_missing_file(server, blockhead, tmp_path):
    result = blockhead("sync", tmp_path / "none", server.url("a.img"), code=TROUBLE)
    assert b"No such file" in result.stderr
