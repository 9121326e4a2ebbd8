# SPDX-License-Identifier: MIT
"""blockhead, the command, as a user meets it: what it does, prints, leaves behind and ends with."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from client import error_of
from conftest import BUILD, make_image, wait_until

NEGATIVE, TROUBLE, USAGE = 1, 2, 64
COMMANDS = "ping find ls info identify time get put sync cmp read write checksum trim checkpoint eject lock bench".split()


@pytest.fixture
def server(serve, images):
    data = make_image(images / "a.img", 100_000, 1)
    make_image(images / "b.img", 65536)
    server = serve(images)
    server.image, server.data = images / "a.img", data
    return server


@pytest.fixture
def silent():
    """The address of a port where nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield "127.0.0.1:%d" % deaf.getsockname()[1]


def of_json(result):
    assert result.stderr == b""
    return json.loads(result.stdout)


# Servers

def test_ping(server, blockhead):
    out = blockhead("ping", "-c", 2, "-t", "1", server.name).stdout.decode()
    assert "2 sent, 2 answered" in out
    report = of_json(blockhead("ping", "--json", "-c", 1, server.name))
    assert (report["sent"], report["answered"], report["port"]) == (1, 1, server.address[1])


def test_ping_of_nobody(blockhead, silent):
    result = blockhead("ping", "-c", 1, "-t", "0.1", silent, code=NEGATIVE)
    assert b"1 sent, 0 answered" in result.stdout


def test_find_finds_this_machines_server(server, blockhead):
    found = of_json(blockhead("find", "--json", "-t", "0.3", "-p", server.address[1]))
    assert ("127.0.0.1", server.address[1]) in [(f["host"], f["port"]) for f in found]
    assert "127.0.0.1" in blockhead("find", "-t", "0.3", "-p", server.address[1]).stdout.decode()


def test_find_of_nobody(blockhead, silent):
    result = blockhead("find", "-t", "0.1", "-p", silent.split(":")[1], code=NEGATIVE)
    assert b"no server answered" in result.stderr


def test_ls(server, blockhead):
    listed = {entry["name"]: entry for entry in of_json(blockhead("ls", "--json", server.name))}
    assert set(listed) == {"a.img", "b.img"}
    entry = listed["a.img"]
    assert (entry["bytes"], entry["mode"], entry["writable"], entry["in_use"]) == (100_000, "exclusive", True, False)
    out = blockhead("ls", server.name).stdout.decode()
    assert "a.img" in out and "100000" in out and f":{entry['number']}" in out


def test_info(server, blockhead):
    volume = of_json(blockhead("info", "--json", server.url("A.IMG", 256)))
    assert (volume["name"], volume["bytes"], volume["bytes_exact"]) == ("a.img", 100_000, True)
    assert (volume["sector_length"], volume["sector_count"], volume["read_only"]) == (256, 391, False)
    assert volume["features"] == "READ WRITE IDENTIFY FLUSH EJECT LOCK UNLOCK TRIM ZERO CHECKSUM TIME READ_RUN CHECKPOINT".split()
    itself = of_json(blockhead("info", "--json", server.name))
    assert itself["instance"] == volume["instance"]
    text = blockhead("info", server.url("a.img")).stdout.decode()
    assert "a.img" in text and "strict session" in text and volume["strict"]


# Copies

@pytest.mark.parametrize("sector", [None, 128, 512, 1024, 16384])
def test_get_copies_the_image(server, blockhead, tmp_path, sector):
    blockhead("get", server.url("a.img", sector), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == server.data
    assert set(os.listdir(tmp_path)) == {"images", "out"}


@pytest.mark.parametrize("sector", [None, 128, 512, 1024, 16384])
def test_put_copies_the_file(server, blockhead, tmp_path, sector):
    data = make_image(tmp_path / "in", 100_000, 2)
    blockhead("put", tmp_path / "in", server.url("a.img", sector))
    assert server.image.read_bytes() == data


def test_put_of_a_shorter_file_leaves_the_rest(server, blockhead, tmp_path):
    data = make_image(tmp_path / "in", 50_001, 3)
    blockhead("put", tmp_path / "in", server.url("a.img"))
    assert server.image.read_bytes() == data + server.data[50_001:]


def test_put_of_a_longer_file_changes_nothing(server, blockhead, tmp_path):
    make_image(tmp_path / "in", 100_001, 3)
    result = blockhead("put", tmp_path / "in", server.url("a.img"), code=TROUBLE)
    assert b"longer" in result.stderr
    assert server.image.read_bytes() == server.data


def test_pipes(server, blockhead):
    assert blockhead("get", server.url("a.img"), "-").stdout == server.data
    data = bytes(range(256)) * 256
    blockhead("put", "-", server.url("b.img"), input=data)
    assert blockhead("get", "-q", server.url("b.img"), "-").stdout == data


def test_cmp(server, blockhead, tmp_path):
    assert blockhead("cmp", server.image, server.url("a.img")).stdout == b""
    other = bytearray(server.data)
    other[70_000] ^= 1
    (tmp_path / "other").write_bytes(other)
    result = blockhead("cmp", tmp_path / "other", server.url("a.img"), code=NEGATIVE)
    assert b"byte 70000" in result.stdout
    report = of_json(blockhead("cmp", "--json", tmp_path / "other", server.url("a.img", 256), code=NEGATIVE))
    assert (report["same"], report["first_byte"], report["first_lsn"]) == (False, 70_000, 70_000 // 256)
    assert blockhead("cmp", "-q", tmp_path / "other", server.url("a.img"), code=NEGATIVE).stdout == b""
    for size in (99_999, 100_001):
        (tmp_path / "size").write_bytes(server.data.ljust(size, b"\0")[:size])
        blockhead("cmp", tmp_path / "size", server.url("a.img"), code=NEGATIVE)


def test_holes_stay_holes(serve, images, blockhead, tmp_path):
    size = 8 << 20
    with open(images / "s.img", "wb") as file:
        file.truncate(size)
        file.seek(5 << 20)
        file.write(b"x" * 1000)
    server = serve(images)
    blockhead("get", "-q", server.url("s.img", 16384), tmp_path / "out")
    assert (tmp_path / "out").stat().st_size == size
    assert (tmp_path / "out").stat().st_blocks * 512 < size // 4
    assert (tmp_path / "out").read_bytes() == (images / "s.img").read_bytes()
    blockhead("put", "-q", tmp_path / "out", server.url("s.img", 16384))
    assert (images / "s.img").stat().st_blocks * 512 < size // 4


def test_get_and_put_report_in_json(server, blockhead, tmp_path):
    report = of_json(blockhead("get", "--json", server.url("a.img"), tmp_path / "out"))
    assert report["bytes"] == 100_000 and report["requests"] > 0
    report = of_json(blockhead("put", "--json", tmp_path / "out", server.url("a.img")))
    assert report["bytes"] == 100_000


def test_no_progress_bar_on_a_pipe(server, blockhead, tmp_path):
    assert b"\r" not in blockhead("get", server.url("a.img"), tmp_path / "out").stderr
    assert blockhead("get", "-q", server.url("a.img"), tmp_path / "out").stderr == b""


# Nothing half-written

def test_a_get_that_fails_leaves_no_file(server, blockhead, tmp_path):
    out = tmp_path / "new"
    out.mkdir()
    blockhead("get", server.url("nosuch.img"), out / "x", code=TROUBLE)
    assert os.listdir(out) == []
    (out / "x").write_bytes(b"before")
    blockhead("get", server.url("nosuch.img"), out / "x", code=TROUBLE)
    assert os.listdir(out) == ["x"] and (out / "x").read_bytes() == b"before"


def start_get(url, path):
    return subprocess.Popen([BUILD / "blockhead", "get", "-q", "-t", "1", url, path], stderr=subprocess.PIPE)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_get_that_is_interrupted_leaves_no_file(serve, images, tmp_path, end):
    with open(images / "large.img", "wb") as file:
        file.truncate(1 << 30)
    out = tmp_path / "out"
    out.mkdir()
    (out / "x").write_bytes(b"before")
    server = serve(images)
    process = start_get(server.url("large.img", 128), out / "x")
    wait_until(lambda: len(os.listdir(out)) > 1)  # the part is there
    process.send_signal(end)
    assert process.wait(10) == 128 + end
    process.stderr.close()
    assert os.listdir(out) == ["x"] and (out / "x").read_bytes() == b"before"


def test_a_get_whose_server_dies_leaves_no_file(serve, images, tmp_path):
    with open(images / "large.img", "wb") as file:
        file.truncate(1 << 30)
    out = tmp_path / "out"
    out.mkdir()
    server = serve(images)
    process = start_get(server.url("large.img", 128), out / "x")
    wait_until(lambda: os.listdir(out))
    server.end()
    assert process.wait(20) == TROUBLE
    process.stderr.close()
    assert os.listdir(out) == []


# Sectors

def test_read(server, blockhead):
    assert blockhead("read", server.url("a.img"), 3).stdout == server.data[1536:2048]
    assert blockhead("read", server.url("a.img", 256), 3, 2).stdout == server.data[768:1280]
    assert blockhead("read", server.url("a.img"), "0x10").stdout == server.data[8192:8704]
    dump = blockhead("read", "--hex", server.url("a.img", 128), 1).stdout.decode()
    assert " ".join(f"{byte:02x}" for byte in server.data[128:136]) in dump


def test_write(server, blockhead):
    blockhead("write", server.url("a.img", 256), 2, input=b"w" * 512)
    assert server.image.read_bytes() == server.data[:512] + b"w" * 512 + server.data[1024:]
    result = blockhead("write", server.url("a.img", 256), 2, input=b"w" * 100, code=TROUBLE)
    assert b"--pad" in result.stderr
    blockhead("write", "--pad", server.url("a.img", 256), 2, input=b"p" * 100)
    assert server.image.read_bytes()[512:768] == b"p" * 100 + bytes(156)


def test_read_and_write_past_the_end(server, blockhead):
    before = server.image.read_bytes()
    blockhead("read", server.url("a.img"), 196, code=TROUBLE)
    blockhead("write", server.url("a.img"), 196, input=bytes(512), code=TROUBLE)
    blockhead("write", server.url("a.img"), 195, input=b"x" * 1024, code=TROUBLE)
    assert server.image.read_bytes() == before


# Locks

def test_a_volume_that_is_held_is_refused_with_a_sentence(server, blockhead, tmp_path):
    with server.peer() as peer:
        session = peer.open("a.img")
        result = blockhead("get", "-t", "1", server.url("a.img"), tmp_path / "out", code=TROUBLE)
        assert re.search(rb"a\.img.*(in use|writing)", result.stderr)
        blockhead("get", "--look", server.url("a.img"), tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == server.data
        entries = of_json(blockhead("ls", "--json", server.name))
        assert {entry["name"]: entry["in_use"] for entry in entries} == {"a.img": True, "b.img": False}
        assert session.alive()


def test_a_command_frees_the_volume(server, blockhead, tmp_path):
    for _ in range(3):
        blockhead("get", "-q", server.url("a.img"), tmp_path / "out")
        blockhead("put", "-q", tmp_path / "out", server.url("a.img"))
    with server.peer() as peer:
        assert error_of(peer.open, "a.img") == 0


def test_a_read_only_volume_is_got_and_not_put(serve, images, blockhead, tmp_path):
    data = make_image(images / "a.img", 5000, 1)
    server = serve("-r", images)
    blockhead("get", server.url("a.img"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert b"read-only" in blockhead("put", tmp_path / "out", server.url("a.img"), code=TROUBLE).stderr
    blockhead("write", server.url("a.img"), 0, input=bytes(512), code=TROUBLE)
    assert (images / "a.img").read_bytes() == data


# What a user types wrong

@pytest.mark.parametrize("command", COMMANDS)
def test_help(blockhead, command):
    assert f"blockhead {command}" in blockhead(command, "--help").stdout.decode()


@pytest.mark.parametrize("arguments", [
    [], ["nosuch"], ["get"], ["get", "a"], ["get", "a", "b", "c"], ["ls", "--nosuch", "x"], ["read", "h/a.img", "x"],
    ["read", "h/a.img", "-1"], ["read", "h/a.img", "4294967296"], ["get", "blockhead://", "x"],
    ["get", "http://h/a.img", "x"], ["get", "blockhead://h:0/a.img", "x"], ["get", "blockhead://h:65536/a.img", "x"],
    ["get", "blockhead://h/a.img?sector=100", "x"], ["get", "-s", "300", "h/a.img", "x"],
    ["get", "blockhead://h/a%zz.img", "x"], ["ping", "-t", "soon", "h"], ["ping", "-c", "-3", "h"],
])
def test_a_command_line_that_makes_no_sense(blockhead, arguments):
    result = blockhead(*arguments, code=USAGE)
    assert result.stdout == b"" and result.stderr


def test_a_missing_file_is_named(server, blockhead, tmp_path):
    result = blockhead("put", tmp_path / "nosuch", server.url("a.img"), code=TROUBLE)
    assert b"nosuch" in result.stderr and b"No such file" in result.stderr
    result = blockhead("get", server.url("a.img"), tmp_path / "no" / "dir", code=TROUBLE)
    assert b"No such file" in result.stderr


def test_a_missing_image_is_named(server, blockhead):
    result = blockhead("get", server.url("nosuch.img"), "-", code=TROUBLE)
    assert b"nosuch.img" in result.stderr and b"no such image" in result.stderr


def test_a_server_that_does_not_answer_is_named(blockhead, silent):
    for command in (["get", "-t", "0.3", f"{silent}/a.img", "-"], ["ls", "-t", "0.3", silent],
                    ["info", "-t", "0.3", silent]):
        result = blockhead(*command, code=TROUBLE)
        assert b"127.0.0.1" in result.stderr


def test_version(blockhead):
    assert blockhead("--version").stdout.startswith(b"blockhead ")


def test_options_may_stand_before_the_command(serve, images, blockhead):
    make_image(images / "a.img", 2048, 9)
    server = serve(images)
    assert blockhead("-s", "256", "--raw", "read", server.url("a.img"), 1).stdout == \
        blockhead("read", "--raw", server.url("a.img"), 1, "-s256").stdout
    assert b"no option of this command" in blockhead("--pad", "get", server.url("a.img"), "-", code=64).stderr
    assert b"usage:" in blockhead("-q", code=64).stderr
    assert blockhead("-q", "--help").stdout.startswith(b"usage:")


def test_a_name_may_need_quoting(serve, images, blockhead):
    data = make_image(images / "a b%41?.img", 700, 9)
    server = serve(images)
    assert blockhead("get", server.url("a%20b%2541%3F.img"), "-").stdout == data
    number = of_json(blockhead("ls", "--json", server.name))[0]["number"]
    assert blockhead("get", server.url(f":{number}"), "-").stdout == data


def test_full_output_is_an_error(server, blockhead):
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    blockhead("get", "-q", server.url("a.img"), "/dev/full", code=TROUBLE)


def test_get_says_when_it_cannot_know_the_length(server, images, blockhead, tmp_path):
    """`:list` has 40 bytes of each name: two images that share them cannot be told apart there."""
    for end, size in (("1", 600), ("2", 700)):
        make_image(images / ("n" * 40 + end), size)
    result = blockhead("get", server.url("n" * 40 + "1"), tmp_path / "out")
    assert (tmp_path / "out").stat().st_size == 640
    assert b"padding" in result.stderr
