# SPDX-License-Identifier: MIT
"""Checkpoints and rollbacks through daemon, control socket and blockhead-ctl."""
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from client import BAD_SESSION, CHANGED, IS_READ_ONLY, NO_IMAGE, NO_SPACE, OK, STRICT, Refused, Silence, error_of
from conftest import make_image, wait_until
from test_control import CTL, Control, control, ctl, path  # noqa: F401
from test_fat import assert_sound, fat, files, run  # noqa: F401

CHECKPOINT = 12
SECTOR = 256
SIZE = 256 * SECTOR

pytestmark = pytest.mark.skipif(not CTL.exists(), reason="built without jansson")


def keep(session, label=b""):
    session.command(CHECKPOINT, 0, bytes([len(label)]) + label)


def shelf(images, name="a.img"):
    return images / ".checkpoints" / name


@pytest.fixture
def server(serve, images, path):  # noqa: F811
    make_image(images / "a.img", SIZE, 1)
    return serve("--control", path, images)


@pytest.fixture
def session(server):
    with server.peer() as peer:
        yield peer.open("a.img", 1 | STRICT)


def test_a_client_makes_them_and_an_administrator_lists_them(session, control, ctl):  # noqa: F811
    assert control.good("checkpoints", volume="a.img")["checkpoints"] == []
    keep(session, b"one")
    keep(session)
    found = control.good("checkpoints", volume="A.IMG")["checkpoints"]
    assert [(each["number"], each["label"], each["bytes"]) for each in found] == [(1, "one", SIZE), (2, "", SIZE)]
    assert "one" in ctl("checkpoints", "a.img").stdout


def test_the_newest_are_kept(serve, images, path):  # noqa: F811
    make_image(images / "a.img", SIZE, 1)
    make_image(images / "none.img", SIZE, 1)
    server = serve("--control", path, config=f"[server]\nserve = {images}\nkeep = 3\n"
                   f"[volume none]\npath = {images}/none.img\nkeep = 0\n")
    with server.peer() as peer, server.peer() as other, Control(path) as control:  # noqa: F811
        session = peer.open("a.img", 1 | STRICT)
        for turn in range(5):
            keep(session, b"turn %d" % turn)
        found = control.good("checkpoints", volume="a.img")["checkpoints"]
        assert [each["label"] for each in found] == ["turn 2", "turn 3", "turn 4"]
        assert error_of(keep, other.open("none", 1 | STRICT)) == NO_SPACE
        for _ in range(4):
            control.good("checkpoint", volume="none")
        assert len(control.good("checkpoints", volume="none")["checkpoints"]) == 4


def test_back_and_forth(server, session, control, images):  # noqa: F811
    old = (images / "a.img").read_bytes()
    before = session.identify()
    keep(session, b"old")
    session.write(3, b"n" * SECTOR)
    answer = control.good("rollback", volume="a.img", checkpoint="old")
    assert (answer["number"], answer["saved"]) == (1, 2)
    assert (images / "a.img").read_bytes() == old
    assert error_of(session.read, 3) == CHANGED
    after = session.identify()
    assert after.instance == before.instance and after.change > before.change
    assert session.read(3) == old[3 * SECTOR:4 * SECTOR]
    assert control.good("rollback", volume="a.img", checkpoint="before rollback", save=False).get("saved") is None
    assert error_of(session.read, 3) == CHANGED
    assert (images / "a.img").read_bytes()[3 * SECTOR:4 * SECTOR] == b"n" * SECTOR
    server.wait_for_log("rolled back to checkpoint 2")


def test_an_administrator_makes_and_removes_them(server, session, control, ctl, images):  # noqa: F811
    ctl("checkpoint", "a.img", "by hand")
    session.write(0, b"w" * SECTOR)
    assert (shelf(images) / "0001-by hand").read_bytes()[:SECTOR] != b"w" * SECTOR
    ctl("checkpoint", "a.img")
    assert (shelf(images) / "0002").read_bytes()[:SECTOR] == b"w" * SECTOR
    ctl("remove-checkpoint", "a.img", "BY HAND")
    assert [each["number"] for each in control.good("checkpoints", volume="a.img")["checkpoints"]] == [2]
    ctl("rollback", "a.img", "2", "--no-save")
    assert "no checkpoint '1'" in ctl("rollback", "a.img", "1", code=1).stderr
    assert "checkpoint 3" in ctl("rollback", "a.img", "2").stderr


def test_without_sessions(server, control, images):  # noqa: F811
    old = (images / "a.img").read_bytes()
    control.good("checkpoint", volume="a.img", label="x")
    (images / "a.img").write_bytes(bytes(100))  # another length, too
    control.good("rollback", volume="a.img", checkpoint="x")
    assert (images / "a.img").read_bytes() == old
    with server.peer() as peer:
        assert peer.open("a.img", 1).read(255) == old[-SECTOR:]


def test_a_partition_and_a_link_are_the_same_medium(server, control, images):  # noqa: F811
    os.link(images / "a.img", images / "link.img")
    with server.peer() as peer:
        session = peer.open("link.img", 1)
        control.good("checkpoint", volume="a.img")
        session.write(1, b"x" * SECTOR)
        control.good("rollback", volume="a.img", checkpoint="1")
        assert error_of(session.write, 1, b"y" * SECTOR) == BAD_SESSION


@pytest.mark.parametrize("keys, why", [
    ({"volume": "nosuch", "checkpoint": "1"}, "No such file"), ({"volume": "a.img", "checkpoint": "1"}, "no checkpoints"),
    ({"volume": ":list", "checkpoint": "1"}, "no file"), ({"volume": "a.img"}, '"checkpoint" is missing'),
    ({"checkpoint": "1"}, '"volume" is missing')])
def test_nonsense_ends_no_session(session, control, images, keys, why):  # noqa: F811
    if keys == {"volume": "a.img"}:
        keep(session)
    for do in ("rollback", "remove-checkpoint"):
        assert why in control.bad(do, **keys)
    assert session.alive()


def test_bad_labels(server, control):  # noqa: F811
    for label in ("a/b", "..", "7", "x" * 65, "a@b", "\x01"):
        assert "a label has" in control.bad("checkpoint", volume="a.img", label=label)


def test_a_read_only_server_rolls_nothing_back(serve, images, path):  # noqa: F811
    make_image(images / "a.img", SIZE, 1)
    serve("--control", path, "-r", images)
    with Control(path) as control:  # noqa: F811
        control.good("checkpoint", volume="a.img")
        assert "read-only" in control.bad("rollback", volume="a.img", checkpoint="1")


@pytest.fixture(params=["tmpfs", "ext4"])
def small(request, tmp_path):
    """A file system of some MiB."""
    path, disk = tmp_path / "small", tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", path]
    if request.param == "ext4":
        disk.write_bytes(b"")
        os.truncate(disk, 12 << 20)
        mount = ["sh", "-c", 'mkfs.ext4 -q "$0" && mount -o loop "$0" "$1"', disk, path]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip(f"cannot mount {request.param} here")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill_up(path, left):
    """All but `left` bytes of the file system."""
    with open(path, "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
        os.fsync(filler.fileno())
        filler.truncate(filler.seek(0, os.SEEK_END) - left)


def test_a_full_disk_leaves_all_as_it_was(serve, small, path, ctl):  # noqa: F811
    """Neither a client's checkpoint nor an administrator's, nor the one before a rollback, leaves a part of it."""
    data = bytearray(make_image(small / "a.img", 16 * SIZE, 1))
    server = serve("--control", path, small)
    with server.peer() as peer:
        session = peer.open("a.img", 1 | STRICT)
        keep(session, b"one")
        fill_up(small / "filler", 8 * SIZE)
        session.write(1, b"n" * SECTOR)
        for _ in range(2):
            assert error_of(keep, session, b"two") == NO_SPACE
        assert "No space left" in ctl("checkpoint", "a.img", "three", code=1).stderr
        session.write(2, b"m" * SECTOR)
        first, data[SECTOR:3 * SECTOR] = bytes(data), b"n" * SECTOR + b"m" * SECTOR
        assert "No space left" in ctl("rollback", "a.img", "one", code=1).stderr
        assert (small / "a.img").read_bytes() == data
        assert os.listdir(shelf(small)) == ["0001-one"] and (shelf(small) / "0001-one").read_bytes() == first
        server.wait_for_log("No space left on device")
        os.unlink(small / "filler")
        session = peer.open("a.img", 1 | STRICT)
        assert session.read(2) == b"m" * SECTOR
        keep(session, b"two")
    ctl("rollback", "a.img", "one")
    assert (small / "a.img").read_bytes() == first and len(os.listdir(shelf(small))) == 3


@pytest.mark.parametrize("order", ['{"do":"checkpoint","volume":"a.img"}',
                                   '{"do":"rollback","volume":"a.img","checkpoint":"one"}'])
def test_who_hangs_up_has_changed_nothing(serve, small, path, order):  # noqa: F811
    """A file system that cannot share data: it is copied, and before that the server looks who is there."""
    make_image(small / "a.img", SIZE, 1)
    server = serve("--control", path, small)
    with Control(path) as control:  # noqa: F811
        control.good("checkpoint", volume="a.img", label="one")
    data = make_image(small / "a.img", SIZE, 2)
    with Control(path) as control:  # noqa: F811
        control.send(order.encode() + b"\n")
    server.wait_for_log("given up: who asked for it has hung up")
    assert (small / "a.img").read_bytes() == data and os.listdir(shelf(small)) == ["0001-one"]
    with Control(path) as control, server.peer() as peer:  # noqa: F811
        assert peer.open("a.img", 1).read(0) == data[:SECTOR]
        control.good("rollback", volume="a.img", checkpoint="one")


def test_who_only_says_no_more_is_answered(serve, small, path):  # noqa: F811
    make_image(small / "a.img", SIZE, 1)
    serve("--control", path, small)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30)
        peer.connect(str(path))
        peer.sendall(b'{"do":"checkpoint","volume":"a.img"}\n')
        peer.shutdown(socket.SHUT_WR)
        assert b'"ok":true' in peer.recv(4096)
    assert len(os.listdir(shelf(small))) == 1


def test_another_program_has_the_image(server, control, images):  # noqa: F811
    import fcntl
    control.good("checkpoint", volume="a.img")
    with open(images / "a.img", "r+b") as other:
        fcntl.fcntl(other, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
        assert "cannot roll back" in control.bad("rollback", volume="a.img", checkpoint="1")
        assert "cannot make" in control.bad("checkpoint", volume="a.img")
    control.good("rollback", volume="a.img", checkpoint="1")


def test_a_mark_is_finished_at_the_start(serve, images, path):  # noqa: F811
    old = make_image(images / "a.img", SIZE, 1)
    first = serve("--control", path, images)
    with Control(path) as control:  # noqa: F811
        control.good("checkpoint", volume="a.img")
    first.end()
    make_image(images / "a.img", SIZE, 2)
    (shelf(images) / ".rollback-0001").touch()
    (shelf(images) / ".new").touch()
    server = serve(images)
    assert (images / "a.img").read_bytes() == old and os.listdir(shelf(images)) == ["0001"]
    (shelf(images) / ".rollback-0007").touch()  # of a checkpoint that is gone
    with server.peer() as peer:
        assert error_of(peer.open, "a.img", 1) != OK
    server.wait_for_log("not finished")


def test_a_fat_disk_is_damaged_and_rolled_back(serve, images, fat, files, path, ctl, tmp_path):  # noqa: F811
    shutil.copy(fat, images / "fat.img")
    server = serve("--control", path, images)
    with server.peer() as peer:
        session = peer.open("fat.img", 2 | STRICT)
        keep(session, b"good")
        assert_sound(shelf(images, "fat.img") / "0001-good", files, tmp_path / "kept")
        for lsn in range(0, 64):
            session.write(lsn, b"\xe5" * 512)
        session.flush()
        with pytest.raises(AssertionError):
            run("fsck.fat", "-n", images / "fat.img")
        ctl("rollback", "fat.img", "good")
        assert_sound(images / "fat.img", files, tmp_path / "back")
        assert error_of(session.read, 0) == CHANGED
        session.identify()
        session.write(0, fat.read_bytes()[:512])
        session.discon()
    assert_sound(images / "fat.img", files, tmp_path / "after")


def image_of(byte, size):
    return bytes([byte]) * size


def test_an_answer_is_never_of_two_images(serve, images, path):  # noqa: F811
    """A client reads all the time; each session sees either image alone until it ends."""
    size = 4 << 20
    (images / "a.img").write_bytes(image_of(1, size))
    server = serve("--control", path, images)
    seen, faults, stop = set(), [], threading.Event()

    def load():
        choose = random.Random(1)
        with server.peer() as peer:
            while not stop.is_set():
                try:
                    session = peer.open("a.img", 2 | 0x08)
                    first = session.read(0)[:1]
                    while not stop.is_set():
                        data = session.read(choose.randrange(size // 512))
                        seen.add(first)
                        if data != first * 512:
                            faults.append((first, data[:1]))
                except Refused as refused:
                    if refused.error != BAD_SESSION:
                        faults.append(refused.error)
                except Silence:
                    faults.append("silence")

    with Control(path) as control:  # noqa: F811
        control.good("checkpoint", volume="a.img", label="ones")
        (images / "a.img").write_bytes(image_of(2, size))
        control.good("checkpoint", volume="a.img", label="twos")
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(12):
                wait_until(lambda: (b"\1" if turn % 2 else b"\2") in seen)
                seen.clear()
                control.good("rollback", volume="a.img", checkpoint=("ones", "twos")[turn % 2], save=False)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not faults


@pytest.mark.parametrize("do", ["rollback", "checkpoint"])
def test_killed_at_any_moment(serve, images, path, do):  # noqa: F811
    size = 8 << 20
    one, two = image_of(1, size), image_of(2, size)
    (images / "a.img").write_bytes(one)
    server = serve("--control", path, images)
    with Control(path) as control:  # noqa: F811
        control.good("checkpoint", volume="a.img", label="one")
    for turn in range(12):
        (images / "a.img").write_bytes(two)
        with Control(path) as control:  # noqa: F811
            control.send(b'{"do":"%s","volume":"a.img","checkpoint":"one","save":false}\n' % do.encode())
            time.sleep(turn / 1000)
            server.kill()
            server.codes = (-signal.SIGKILL,)
        server = serve("--control", path, images)
        assert (images / "a.img").read_bytes() in ((one, two) if do == "rollback" else (two,))
        for entry in os.listdir(shelf(images)):
            assert not entry.startswith("."), entry
            assert (shelf(images) / entry).read_bytes() in (one, two)


# image@checkpoint

@pytest.mark.parametrize("name", ["a.img@one", "A.IMG@ONE", "a.img@1", ":1@one", "a.img@0001"])
def test_a_checkpoint_is_a_volume_that_nobody_writes(server, session, control, images, name):  # noqa: F811
    old = (images / "a.img").read_bytes()
    keep(session, b"one")
    session.write(1, b"n" * SECTOR)
    with server.peer() as peer, server.peer() as other:
        look = peer.open(name, 1)
        assert look.read(1) == old[SECTOR:2 * SECTOR]
        assert error_of(look.write, 1, b"x" * SECTOR) == IS_READ_ONLY
        assert look.identify().flags & 1
        assert other.open(name, 1 | 0x08).read(1) == look.read(1)
        assert session.alive()
        control.good("rollback", volume="a.img", checkpoint="1")
        assert look.alive() and not session.alive()
    assert "read-only" in control.bad("rollback", volume=name, checkpoint="1")
    assert "no checkpoints" in control.bad("remove-checkpoint", volume=name, checkpoint="1")


@pytest.mark.parametrize("name", ["a.img@two", "a.img@", "@one", "b.img@one", "a.img@one@one", "a.img@../one", "a.img#1@two"])
def test_names_of_no_checkpoint(server, session, name):
    keep(session, b"one")
    with server.peer() as peer:
        assert error_of(peer.open, name, 1) == NO_IMAGE


def test_a_file_of_that_name_comes_first(server, session, images):
    make_image(images / "a.img@one", SIZE, 9)
    keep(session, b"one")
    with server.peer() as peer:
        assert peer.open("a.img@one", 1).read(0) == (images / "a.img@one").read_bytes()[:SECTOR]


def test_a_checkpoint_has_header_and_partitions_of_its_image(serve, images, path):  # noqa: F811
    disk = bytearray(make_image(images / "d.img", 64 << 10, 3))
    disk[446:512] = struct.pack("<BxxxBxxxII", 0, 6, 8, 16) + bytes(48) + b"\x55\xaa"
    (images / "d.img").write_bytes(disk)
    atr = struct.pack("<HHHH8x", 0x0296, 720 * 128 // 16, 128, 0) + make_image(images / "x", 720 * 128, 4)
    (images / "a.atr").write_bytes(atr)
    server = serve("--control", path, images)
    with Control(path) as control, server.peer() as one, server.peer() as two:  # noqa: F811
        control.good("checkpoint", volume="d.img", label="x")
        control.good("checkpoint", volume="a.atr", label="y")
        assert one.open("D.IMG#1@X", 2).read(0) == disk[8 * 512:9 * 512]
        session = two.open("a.atr@y", 0)
        assert session.read(0) == atr[16:16 + 128] and session.identify().count == 720
