# SPDX-License-Identifier: MIT
"""TRIM, ZERO, CHECKSUM, TIME and CHECKPOINT, and what they leave in the files."""
import datetime
import os
import time
import zlib

import pytest
from client import BAD_LSN, FORMAT, IS_READ_ONLY, OK, READ_ONLY, SHORT, STRICT, CHECKPOINT, error_of
from conftest import make_image

SECTOR = 256


@pytest.fixture
def disk(serve, images):
    """A strict session on a disk of random bytes, its file, and those bytes."""
    data = make_image(images / "disk.img", 1 << 20, seed=1)
    server = serve(images)
    with server.peer() as peer:
        session = peer.open("disk.img", 1 | STRICT)
        yield session, images / "disk.img", bytearray(data)


def checkpoints(image):
    shelf = image.parent / ".checkpoints" / image.name
    return {path.name: path.read_bytes() for path in shelf.iterdir()} if shelf.exists() else {}


@pytest.mark.parametrize("call", ["trim", "zero"])
def test_the_run_is_zeros_and_all_else_as_it_was(disk, call):
    session, image, data = disk
    getattr(session, call)(17, 256)
    data[17 * SECTOR:273 * SECTOR] = bytes(256 * SECTOR)
    getattr(session, call)(4095, 1)
    data[-SECTOR:] = bytes(SECTOR)
    assert image.read_bytes() == data
    assert session.read_many(range(16, 20)) == {
        lsn: bytes(data[lsn * SECTOR:(lsn + 1) * SECTOR]) for lsn in range(16, 20)}
    session.flush()
    session.write(17, b"\x11" * SECTOR)
    assert session.read(17) == b"\x11" * SECTOR


@pytest.mark.parametrize("call", ["trim", "zero", "checksum"])
def test_what_cannot_be_is_refused_and_changes_nothing(disk, call):
    session, image, data = disk
    run = getattr(session, call)
    for lsn, count, error in ((0, 0, FORMAT), (0, 257, FORMAT), (4095, 2, BAD_LSN), (4096, 1, BAD_LSN),
                              (0xFFFFFFFF, 256, BAD_LSN)):
        before = session.number
        assert error_of(run, lsn, count) == error
        if error == FORMAT:
            session.number = before  # it took none
    assert image.read_bytes() == data


def test_a_partial_last_sector_stays_partial(serve, images):
    data = make_image(images / "odd.img", 1000, seed=2)
    with serve(images).peer() as peer:
        session = peer.open("odd.img", 1 | STRICT)
        assert session.checksum(2, 2) == zlib.crc32(data[512:] + bytes(24))
        session.zero(3, 1)
        assert (images / "odd.img").read_bytes() == data[:768] + bytes(232)
        session.trim(0, 4)
        assert (images / "odd.img").read_bytes() == bytes(1000)


@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("strict", [0, STRICT])
def test_the_checksum_is_crc_32_in_every_sector_size(serve, images, n, strict):
    data = make_image(images / "disk.img", 200000, seed=n)
    with serve(images).peer() as peer:
        session = peer.open("disk.img", n | strict)
        most = 65536 // session.sector
        for lsn, count in ((0, 1), (0, most), (1, most), (200000 // session.sector, 1)):
            want = data[lsn * session.sector:(lsn + count) * session.sector].ljust(count * session.sector, b"\0")
            assert session.checksum(lsn, count) == zlib.crc32(want)


def test_a_file_that_someone_shortened_is_6(disk):
    session, image, _ = disk
    os.truncate(image, 100 * SECTOR)
    assert error_of(session.zero, 99, 2) == SHORT
    assert error_of(session.trim, 200, 2) == SHORT
    assert error_of(session.checksum, 99, 2) == SHORT
    assert error_of(session.checksum, 98, 2) == OK
    assert image.stat().st_size == 100 * SECTOR


@pytest.mark.parametrize("strict", [0, STRICT])
def test_the_time_is_that_of_this_machine(serve, images, strict):
    make_image(images / "disk.img", 4096)
    with serve(images).peer() as peer:
        session = peer.open("disk.img", 1 | strict)
        before = int(time.time())
        moment = session.time()
        assert before - 1 <= moment.utc <= time.time() + 1
        local = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=moment.utc, minutes=moment.zone)
        assert moment.local == list(local.timetuple()[:6])
        assert moment.weekday == local.isoweekday() % 7


def test_a_checkpoint_is_a_file_that_does_not_change(disk):
    session, image, data = disk
    session.write(5, b"\x55" * SECTOR)
    data[5 * SECTOR:6 * SECTOR] = b"\x55" * SECTOR
    session.checkpoint("before the troll  ")
    session.write(5, b"\x66" * SECTOR)
    session.zero(0, 256)
    assert checkpoints(image) == {"0001-before the troll": data}
    session.checkpoint()
    assert checkpoints(image) == {"0001-before the troll": data, "0002": image.read_bytes()}


def test_a_checkpoint_that_is_sent_again_makes_no_second_one(disk):
    session, image, _ = disk
    number = session.take_number()
    packet = session.packet(number, CHECKPOINT, data=b"\x01a")
    for _ in range(3):
        assert session.ask(packet, number) == b""
    assert list(checkpoints(image)) == ["0001-a"]


def test_ten_checkpoints_are_kept(disk):
    session, image, _ = disk
    for number in range(1, 13):
        session.checkpoint(f"n{number}")
    assert sorted(checkpoints(image)) == [f"{number:04}-n{number}" for number in range(3, 13)]


def test_no_label_leads_out_of_the_shelf(disk):
    session, image, _ = disk
    for label in ("../x", "/tmp/x", ".x", " x", "a/b", "a@b", "a#b", "7", "a\nb", "a\0b", "\x7f", "x" * 65):
        before = session.number
        assert error_of(session.checkpoint, label) == FORMAT, label
        session.number = before
    assert checkpoints(image) == {}
    session.checkpoint("x" * 64)


def test_who_may_not_write_makes_no_checkpoint(serve, images):
    make_image(images / "disk.img", 4096)
    with serve(images).peer() as peer:
        session = peer.open("disk.img", 1 | READ_ONLY | STRICT)
        assert error_of(session.checkpoint, "a") == IS_READ_ONLY
        assert error_of(session.zero, 0, 1) == IS_READ_ONLY
        assert error_of(session.trim, 0, 1) == IS_READ_ONLY
        assert checkpoints(images / "disk.img") == {}
        session = peer.open(":list", 1 | STRICT)
        assert error_of(session.checkpoint, "a") == IS_READ_ONLY
        session.checksum(0, 1)
