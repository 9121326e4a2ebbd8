# SPDX-License-Identifier: MIT
"""blockhead time, checksum, trim, checkpoint and identify."""
import calendar
import json
import time
import zlib

import pytest

from conftest import make_image

TROUBLE, USAGE = 2, 64


@pytest.fixture
def server(serve, images):
    data = make_image(images / "a.img", 300_032, 1)
    server = serve(images)
    server.image, server.data = images / "a.img", data
    return server


def of_json(result):
    assert result.stderr == b""
    return json.loads(result.stdout)


@pytest.mark.parametrize("image", ["", "a.img"])
def test_time(server, blockhead, image):
    url = server.url(image)
    said = of_json(blockhead("time", "--json", url))
    assert abs(said["utc_seconds"] - time.time()) < 60
    local = said["utc_seconds"] + 60 * said["zone_minutes"]
    assert calendar.timegm(time.strptime(said["local"][:19], "%Y-%m-%d %H:%M:%S")) == local
    assert said["weekday"] == (time.gmtime(local).tm_wday + 1) % 7
    assert blockhead("time", url).stdout[:13] == said["local"][:13].encode()


def test_checksum_of_all_is_that_of_the_file(server, blockhead):
    assert blockhead("checksum", server.url("a.img", 128)).stdout == b"%08x\n" % zlib.crc32(server.data)
    whole = server.data.ljust(586 * 512, b"\0")
    said = of_json(blockhead("checksum", "--json", "--look", server.url("a.img")))
    assert (said["crc32"], said["count"]) == ("%08x" % zlib.crc32(whole), len(whole) // 512)


def test_checksum_of_some(server, blockhead):
    url = server.url("a.img")
    assert blockhead("checksum", url, 3).stdout == b"%08x\n" % zlib.crc32(server.data[3 * 512:4 * 512])
    assert blockhead("checksum", url, 3, 400).stdout == b"%08x\n" % zlib.crc32(server.data[3 * 512:403 * 512])
    assert b"it has 586 sectors" in blockhead("checksum", url, 586, code=TROUBLE).stderr
    assert b"COUNT one from 1 on" in blockhead("checksum", url, 3, 0, code=USAGE).stderr


def test_trim(server, blockhead):
    said = of_json(blockhead("trim", "--json", server.url("a.img"), 10, 300))
    assert (said["lsn"], said["count"]) == (10, 300)
    data = bytearray(server.data)
    data[5120:310 * 512] = bytes(300 * 512)
    assert server.image.read_bytes() == data
    assert server.image.stat().st_blocks * 512 < 200_000


def test_trim_beyond_the_end_changes_nothing(server, blockhead):
    result = blockhead("trim", server.url("a.img"), 500, 100, code=TROUBLE)
    assert b"cannot trim as far as LSN 599" in result.stderr
    assert server.image.read_bytes() == server.data


def test_trim_of_a_read_only_volume(serve, images, blockhead):
    data = make_image(images / "r.img", 4096, 2)
    server = serve(config=f"[volume r.img]\npath = {images}/r.img\nmode = read-only\n")
    assert b"read-only" in blockhead("trim", server.url("r.img"), 0, 1, code=TROUBLE).stderr
    assert b"read-only" in blockhead("checkpoint", server.url("r.img"), code=TROUBLE).stderr
    assert (images / "r.img").read_bytes() == data


def test_checkpoint(server, blockhead, images):
    assert b"a checkpoint is made" in blockhead("checkpoint", server.url("a.img"), "before").stderr
    said = of_json(blockhead("checkpoint", "--json", server.url("a.img")))
    assert said["label"] == ""
    copies = [path for path in images.rglob("*") if path.is_file() and path.name != "a.img"
              and path.read_bytes() == server.data]
    assert len(copies) == 2


@pytest.mark.parametrize("label", ["a/b", "..", "7", "x" * 65])
def test_bad_labels(server, blockhead, label):
    assert b"a label is of" in blockhead("checkpoint", server.url("a.img"), label, code=TROUBLE).stderr


def test_identify_is_info(server, blockhead):
    names = set(of_json(blockhead("identify", "--json", server.url("a.img"))))
    assert names == set(of_json(blockhead("info", "--json", server.url("a.img"))))


def test_commands_of_no_volume(server, blockhead):
    for command in (("time",), ("checksum",), ("trim",), ("checkpoint",)):
        more = (0, 1) if command == ("trim",) else ()
        result = blockhead(*command, server.url("none.img"), *more, code=TROUBLE)
        assert b"no such image" in result.stderr
