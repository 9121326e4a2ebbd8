# SPDX-License-Identifier: MIT
"""What becomes of the bytes: ends, partial sectors, growth, windows into files, and storage that fails."""
import os
import pathlib
import subprocess
import tempfile

import pytest

from client import (BAD_LSN, IS_READ_ONLY, NO_IMAGE, NO_SPACE, OK, READ_ONLY, SHORT, STORAGE, command_packet,
                    discon_packet, error_of)
from conftest import make_image

NOBODY = 65534
AS_ROOT = os.geteuid() == 0


def volume(path, **rules):
    return f"[volume v]\npath = {path}\n" + "".join(f"{key} = {value}\n" for key, value in rules.items())


@pytest.fixture
def open_volume(serve, images):
    """open_volume(length, flags, RULE=...) makes the image and opens it as a volume with these rules."""
    peers = []

    def make(length, flags=1, seed=1, **rules):
        make.data = make_image(images / "v.img", length, seed)
        make.path = images / "v.img"
        make.server = serve(config=volume(images / "v.img", **rules))
        peers.append(make.server.peer())
        return peers[-1].open("v", flags)

    yield make
    for peer in peers:
        peer.close()


# Where a volume ends

@pytest.mark.parametrize("lsn", [16, 17, 1 << 24, (1 << 24) + 1, 1 << 31, (1 << 31) + 5, (1 << 32) - 1])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_past_the_end(serve_once, lsn, n):
    with serve_once.peer() as peer:
        session = peer.open("small.img", n)
        lsn = max(lsn, (4096 >> 7) >> n or 1)
        assert error_of(session.read, lsn) == BAD_LSN
        assert error_of(session.write, lsn, b"x" * session.sector) == BAD_LSN
        session.discon()


@pytest.fixture(scope="module")
def serve_once(serve_module, tmp_path_factory):
    """One server for tests that change nothing."""
    directory = tmp_path_factory.mktemp("images")
    make_image(directory / "small.img", 4096, 1)
    make_image(directory / "empty.img", 0)
    make_image(directory / "one.img", 1, 2)
    with open(directory / "large.img", "wb") as file:
        file.truncate(9 << 30)
        for gigabyte in (0, 3, 4, 8):
            file.seek((gigabyte << 30) + 256 * 5)
            file.write(b"%d" % gigabyte * 256)
    return serve_module(directory)


def test_nothing_was_written_past_the_end(serve, images):
    data = make_image(images / "v.img", 4096, 3)
    server = serve(images)
    with server.peer() as peer:
        session = peer.open("v.img")
        for lsn in (16, 1 << 24, (1 << 32) - 1):
            assert error_of(session.write, lsn, b"x" * 256) == BAD_LSN
        session.discon()
    assert (images / "v.img").read_bytes() == data


def test_an_empty_image_has_no_sector(serve_once):
    with serve_once.peer() as peer:
        session = peer.open("empty.img")
        assert error_of(session.read, 0) == BAD_LSN
        assert error_of(session.write, 0, bytes(256)) == BAD_LSN
        assert session.identify().count == 0
        session.discon()


@pytest.mark.parametrize("gigabyte", [0, 3, 4, 8])
def test_an_image_may_be_larger_than_4_gib(serve_once, gigabyte):
    with serve_once.peer() as peer:
        session = peer.open("large.img")
        lsn = (gigabyte << 22) + 5
        assert session.read(lsn) == b"%d" % gigabyte * 256
        assert session.read(lsn + 1) == bytes(256)
        session.write(lsn + 2, b"w" * 256)
        assert session.read(lsn + 2) == b"w" * 256
        assert session.identify().count == 9 << 22
        session.discon()


# The last partial sector

@pytest.mark.parametrize("n", range(4))
def test_a_partial_last_sector_is_filled_with_zeros(open_volume, n):
    session = open_volume(4096 + 77, n)
    last = 4096 // session.sector
    assert session.read(last) == open_volume.data[4096:].ljust(session.sector, b"\0")
    assert session.identify().count == last + 1
    assert error_of(session.read, last + 1) == BAD_LSN


def test_an_image_of_one_byte_has_one_sector(serve_once):
    with serve_once.peer() as peer:
        session = peer.open("one.img", 7)
        data = session.read(0)
        assert data[1:] == bytes(16383) and session.identify().count == 1
        session.discon()


def test_a_write_into_the_partial_sector_ends_with_the_image(open_volume):
    session = open_volume(4096 + 77)
    session.write(16, b"N" * 256)
    assert session.read(16) == b"N" * 77 + bytes(179)
    session.discon()
    assert open_volume.path.read_bytes() == open_volume.data[:4096] + b"N" * 77


def test_a_write_changes_its_sector_and_no_other(open_volume):
    session = open_volume(65536, 2)
    expected = bytearray(open_volume.data)
    for lsn in (0, 127, 5, 64, 5):
        data = bytes([lsn]) * 512
        session.write(lsn, data)
        expected[lsn * 512:(lsn + 1) * 512] = data
    session.discon()
    assert open_volume.path.read_bytes() == expected


def test_an_acknowledged_write_is_in_the_file_at_once(open_volume):
    session = open_volume(4096)
    for lsn in range(16):
        session.write(lsn, bytes([lsn + 1]) * 256)
        assert open_volume.path.read_bytes()[lsn * 256:(lsn + 1) * 256] == bytes([lsn + 1]) * 256


def test_an_acknowledged_write_survives_the_death_of_the_server(open_volume):
    session = open_volume(4096)
    session.write(3, b"!" * 256)
    process = open_volume.server.process
    process.kill()
    process.wait()
    assert open_volume.path.read_bytes()[768:1024] == b"!" * 256
    process.returncode = 0  # for the fixture: this end was ours


# Windows into files

def test_offset_and_size_cut_a_window_out_of_a_file(open_volume):
    session = open_volume(65536, offset=1000, size=10000)
    assert session.identify().count == 40
    for lsn in (0, 1, 38):
        assert session.read(lsn) == open_volume.data[1000 + lsn * 256:][:256]
    assert session.read(39) == open_volume.data[1000 + 39 * 256:11000].ljust(256, b"\0")
    assert error_of(session.read, 40) == BAD_LSN
    session.write(39, b"E" * 256)
    session.discon()
    data = open_volume.data
    assert open_volume.path.read_bytes() == data[:10984] + b"E" * 16 + data[11000:]


def test_offset_alone_reaches_to_the_end_of_the_file(open_volume):
    session = open_volume(4096, offset=512)
    assert session.identify().count == 14
    assert session.read(13) == open_volume.data[-256:]


def test_sector_fixes_the_sector_size(open_volume):
    session = open_volume(4096, sector=256)
    assert session.read(0) == open_volume.data[:256]
    for n in (0, 2, 3, 7):
        assert error_of(session.peer.connect, "v", n) == 7


# Growth

def test_a_volume_that_may_grow_grows_up_to_its_limit(open_volume):
    session = open_volume(1000, grow=8192)
    assert session.identify().flags & 32
    session.write(3, b"3" * 256)  # the partial sector becomes whole
    assert session.read(3) == b"3" * 256
    session.write(9, b"9" * 256)
    assert session.identify().count == 10
    assert session.read(9) == b"9" * 256 and session.read(6) == bytes(256)
    assert error_of(session.read, 10) == BAD_LSN
    session.write(31, b"e" * 256)
    assert error_of(session.write, 32, b"f" * 256) == BAD_LSN
    assert error_of(session.write, (1 << 32) - 1, b"f" * 256) == BAD_LSN
    session.discon()
    assert open_volume.path.read_bytes() == (open_volume.data[:768] + b"3" * 256 + bytes(1280) + b"9" * 256 +
                                             bytes(8192 - 2560 - 256) + b"e" * 256)


def test_a_volume_that_may_not_grow_does_not(open_volume):
    session = open_volume(1024)
    assert not session.identify().flags & 32
    assert error_of(session.write, 4, bytes(256)) == BAD_LSN
    assert open_volume.path.stat().st_size == 1024


# Read-only

@pytest.mark.parametrize("rules, flags", [({"mode": "read-only"}, 1), ({}, 1 | READ_ONLY)])
def test_what_is_read_only_is_not_written(open_volume, rules, flags):
    session = open_volume(4096, flags, **rules)
    assert error_of(session.write, 0, b"x" * 256) == IS_READ_ONLY
    assert error_of(session.write, 999, b"x" * 256) == IS_READ_ONLY
    session.flush()
    session.discon()
    assert open_volume.path.read_bytes() == open_volume.data


def test_r_makes_everything_read_only(serve, images):
    data = make_image(images / "v.img", 4096, 1)
    server = serve("-r", images)
    with server.peer() as one, server.peer() as two:
        sessions = one.open("v.img"), two.open("v.img")
        for session in sessions:
            assert error_of(session.write, 0, bytes(256)) == IS_READ_ONLY
            assert session.identify().flags & 1
    assert (images / "v.img").read_bytes() == data


@pytest.fixture
def unprivileged(serve):
    """A directory and a server of an ordinary user's: (path, serve)."""
    with tempfile.TemporaryDirectory(prefix="bh-nobody-") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        yield directory, lambda *arguments: serve(*arguments, user=NOBODY if AS_ROOT else None)


def give(path, mode):
    path.chmod(mode)
    if AS_ROOT:
        os.chown(path, NOBODY, NOBODY)


def test_an_image_that_the_server_may_not_write_is_read_only(unprivileged):
    directory, serve_it = unprivileged
    data = make_image(directory / "v.img", 4096, 1)
    give(directory / "v.img", 0o444)
    server = serve_it(directory)
    with server.peer() as peer:
        session = peer.open("v.img")
        assert session.read(3) == data[768:1024]
        assert session.identify().flags & 1
        assert error_of(session.write, 0, bytes(256)) == IS_READ_ONLY


def test_an_image_that_the_server_may_not_read_is_refused(unprivileged):
    directory, serve_it = unprivileged
    make_image(directory / "v.img", 4096, 1)
    make_image(directory / "w.img", 4096, 2)
    give(directory / "v.img", 0o000)
    give(directory / "w.img", 0o600)
    server = serve_it(directory)
    with server.peer() as peer:
        assert error_of(peer.open, "v.img") == STORAGE
        assert error_of(peer.open, "w.img") == OK
    server.wait_for_log("v.img.*(?i:permission)", 2)


# Images that change beneath

def test_an_image_that_is_truncated_while_open(open_volume):
    session = open_volume(4096)
    os.truncate(open_volume.path, 1024 + 100)
    assert session.read(3) == open_volume.data[768:1024]
    for lsn in (4, 5, 15):  # 4 is there in part
        assert error_of(session.read, lsn) == SHORT
    assert error_of(session.read, 16) == BAD_LSN
    session.write(0, b"0" * 256)
    assert session.read(0) == b"0" * 256
    session.discon()


def test_a_write_does_not_lengthen_a_truncated_image(open_volume):
    session = open_volume(4096)
    os.truncate(open_volume.path, 1024)
    assert error_of(session.write, 8, b"8" * 256) == error_of(session.read, 8) == SHORT
    session.write(3, b"3" * 256)
    session.discon()
    assert open_volume.path.read_bytes() == open_volume.data[:768] + b"3" * 256


def test_an_image_that_is_deleted_while_open(serve, images):
    data = make_image(images / "v.img", 4096, 1)
    server = serve(images)
    with server.peer() as peer, server.peer() as other:
        session = peer.open("v.img")
        (images / "v.img").unlink()
        assert session.read(2) == data[512:768]
        session.write(2, b"2" * 256)
        assert session.read(2) == b"2" * 256
        session.flush()
        assert error_of(other.connect, "v.img") == NO_IMAGE
        assert session.discon() == OK
        assert error_of(peer.connect, "v.img") == NO_IMAGE


def test_an_image_that_is_replaced_is_another_medium(serve, images):
    make_image(images / "v.img", 4096, 1)
    server = serve(images)
    with server.peer() as peer, server.peer() as other:
        old = peer.open("v.img")
        fresh = make_image(images / "new", 4096, 2)
        (images / "new").rename(images / "v.img")
        new = other.open("v.img")
        assert new.read(0) == fresh[:256]
        new.write(0, b"n" * 256)
        assert old.read(0) != new.read(0)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(path)]
    if not AS_ROOT or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk(serve, small_disk):
    with open(small_disk / "v.img", "wb") as file:
        file.truncate(1 << 20)
    server = serve(small_disk)
    with server.peer() as peer:
        session = peer.open("v.img", 5)  # 4 KiB: a page
        errors = [error_of(session.write, lsn, bytes([lsn + 1]) * 4096) for lsn in range(32)]
        written = errors.index(NO_SPACE)
        assert 8 <= written <= 16 and set(errors[:written]) == {OK} and set(errors[written:]) == {NO_SPACE}
        for lsn in range(written):
            assert session.read(lsn) == bytes([lsn + 1]) * 4096
        assert session.read(200) == bytes(4096)
        session.write(0, b"again" + bytes(4091))
        session.flush()
        assert session.discon() == OK
    server.wait_for_log("No space left on device")
    server.wait_for_log("error 13.*v.img")


# Order

def test_requests_on_one_sector_run_in_order_of_arrival(open_volume):
    session = open_volume(4096)
    peer = session.peer
    for turn in range(50):
        packets = [command_packet(2 * i, session.id, 1, 7, bytes([turn, i]) * 128) for i in range(20)]
        packets.append(command_packet(41, session.id, 0, 7))
        for packet in packets:
            peer.send(packet)
        replies = {reply[1]: reply for reply in (peer.receive() for _ in packets)}
        assert replies[41] == b"\x02\x29\x00\x00" + bytes([turn, 19]) * 128


def test_a_lock_moves_after_the_last_request_of_its_owner(open_volume):
    """Writes and a DISCON in one burst, then another host reads: it sees the last of them."""
    session = open_volume(65536)
    for turn in range(20):
        peer = session.peer
        for i in range(20):
            peer.send(command_packet(i, session.id, 1, i, bytes([turn]) * 256))
        peer.send(discon_packet(100, session.id))
        while peer.receive() != bytes([2, 100, 0]):
            pass
        with open_volume.server.peer() as other:
            reader = other.open("v")
            assert all(reader.read(i) == bytes([turn]) * 256 for i in range(20))
            reader.discon()
        session = peer.open("v")


@pytest.mark.parametrize("sync", ["flush", "write"])
def test_flush_and_discon_answer_when_all_is_stable(open_volume, sync):
    session = open_volume(65536, sync=sync)
    for lsn in range(100):
        session.write(lsn, bytes([lsn]) * 256)
    session.flush()
    session.flush()
    session.write(0, b"z" * 256)
    assert session.discon() == OK
    assert open_volume.path.read_bytes()[:512] == b"z" * 256 + b"\x01" * 256
