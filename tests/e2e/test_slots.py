# SPDX-License-Identifier: MIT
"""Slots: media that are changed while clients use them."""
import json
import os
import random
import signal
import subprocess
import threading

import pytest

from client import BAD_SESSION, CHANGED, IN_USE, NO_MEDIUM, OK, STRICT, Refused, Session, Silence, error_of
from conftest import BUILD, make_image, wait_until
from test_control import Control

SIZE = 1 << 20


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control"


@pytest.fixture
def slots(serve, images, path, tmp_path):
    """A server with the slot drive0, which has a.img in it, and a silent one, which is empty."""
    for name, byte in (("a.img", 1), ("b.img", 2)):
        make_image(images / name, SIZE)
        (images / name).write_bytes(bytes([byte]) * SIZE)
    config = (f"[server]\nserve = {images}\ncontrol = {path}\nstate = {tmp_path / 'state'}\n"
              "[slot drive0]\nimage = a.img\n[slot quiet]\nimage =\nswap = silent\n")

    def start():
        return serve(config=config)

    return start


def put(path, slot, image=None, **keys):
    with Control(path) as control:
        if image is None:
            return control.good("eject", slot=slot, **keys)
        return control.good("insert", slot=slot, image=image, **keys)


def refusal(path, do, **keys):
    with Control(path) as control:
        control.send(json.dumps({"do": do, **keys}).encode() + b"\n")
        answer = control.line()
    assert not answer["ok"]
    return answer["error"]


def test_a_default_session_ends(slots, path):
    server = slots()
    with server.peer() as peer:
        session = peer.open("drive0", 2)
        assert session.read(0)[:1] == b"\1"
        assert put(path, "drive0", "b.img")["image"] == "b.img"
        assert error_of(session.read, 0) == BAD_SESSION
        again = peer.open("drive0", 2)
        assert again.read(0)[:1] == b"\2"
        put(path, "drive0")
        assert error_of(again.read, 0) == BAD_SESSION
        assert error_of(peer.open, "drive0", 2) == NO_MEDIUM
    server.wait_for_log("slot drive0 is empty now")


def test_a_strict_session_sees_a_floppy_swapped(slots, path):
    """Side one, side two, nothing, side one: one session all the time, and a restart on the way."""
    server = slots()
    with server.peer() as peer:
        session = peer.open("drive0", 2 | STRICT)
        assert session.read(5) == b"\1" * 512
        session.write(5, b"w" * 512)
        put(path, "drive0", "b.img")
        assert error_of(session.read, 5) == CHANGED
        assert error_of(session.write, 5, b"x" * 512) == CHANGED
        assert session.identify().count == SIZE // 512
        assert session.read(5) == b"\2" * 512
        put(path, "drive0")
        assert error_of(session.identify) == NO_MEDIUM
        put(path, "drive0", "a.img")
        assert error_of(session.read, 5) == CHANGED
        session.identify()
        assert session.read(5) == b"w" * 512


def test_a_locked_medium_stays(slots, path):
    server = slots()
    with server.peer() as peer:
        session = peer.open("drive0", 2 | STRICT)
        session.command(5)  # LOCK
        assert "has locked the medium" in refusal(path, "insert", slot="drive0", image="b.img")
        assert session.read(0)[:1] == b"\1"
        put(path, "drive0", "b.img", force=True)
        assert error_of(session.read, 0) == CHANGED


def test_a_silent_slot(slots, path):
    server = slots()
    with server.peer() as peer:
        session = Session(peer, peer.connect("quiet", 2), 2)
        assert error_of(session.read, 0) == NO_MEDIUM
        for image, byte in (("a.img", 1), ("b.img", 2)):
            put(path, "quiet", image)
            assert session.read(7) == bytes([byte]) * 512
            assert error_of(session.write, 7, bytes(512)) == OK
        put(path, "quiet")
        assert error_of(session.read, 0) == NO_MEDIUM


def test_slots_are_listed_and_wrong_orders_refused(slots, path):
    server = slots()
    with Control(path) as control:
        listed = {slot["slot"]: slot for slot in control.good("slots")["slots"]}
    assert listed["drive0"]["image"] == "a.img" and not listed["drive0"]["empty"]
    assert listed["quiet"]["empty"] and listed["quiet"]["silent"] and "image" not in listed["quiet"]
    assert "there is no slot 'drive9'" in refusal(path, "insert", slot="drive9", image="a.img")
    assert "is no slot, but a volume" in refusal(path, "eject", slot="a.img")
    assert "cannot insert 'z.img'" in refusal(path, "insert", slot="drive0", image="z.img")
    assert "is no image, but a slot" in refusal(path, "insert", slot="drive0", image="quiet")
    assert "virtual volume" in refusal(path, "insert", slot="drive0", image=":list")
    assert "nothing is in 'quiet'" in refusal(path, "eject", slot="quiet")
    with server.peer() as peer:
        assert peer.open("drive0", 2).read(0)[:1] == b"\1"


def test_who_holds_the_image_by_its_name_keeps_it(slots, path):
    server = slots()
    with server.peer() as peer, server.peer() as other:
        holder = peer.open("b.img", 2)
        session = other.open("drive0", 2)
        put(path, "drive0", "b.img")
        assert error_of(session.read, 0) == BAD_SESSION
        assert error_of(other.open, "drive0", 2) == IN_USE
        assert holder.read(0)[:1] == b"\2"


def test_what_is_in_a_slot_outlives_the_server(slots, path):
    server = slots()
    put(path, "drive0", "b.img")
    put(path, "quiet", "a.img")
    with server.peer() as peer:
        session = peer.open("quiet", 2)
        server.kill()
        server.codes = (-signal.SIGKILL,)
        again = slots()
        with again.peer() as other:
            assert other.open("drive0", 2 | 0x18).read(0)[:1] == b"\2"
            assert other.open("quiet", 2 | 0x18).read(0)[:1] == b"\1"
        assert session is not None


def test_an_image_that_vanishes_leaves_the_slot_empty(slots, path, images):
    server = slots()
    os.remove(images / "a.img")
    with server.peer() as peer:
        session = Session(peer, peer.connect("drive0", 2), 2)
        assert error_of(session.read, 0) == NO_MEDIUM
    put(path, "drive0", "b.img")
    with server.peer() as peer:
        assert peer.open("drive0", 2).read(0)[:1] == b"\2"


def test_an_answer_is_never_of_two_images(slots, path):
    """Clients read runs all the time, while the medium changes."""
    server = slots()
    seen, faults, stop = set(), [], threading.Event()

    def load(flags):
        choose = random.Random(flags)
        with server.peer() as peer:
            while not stop.is_set():
                try:
                    session = peer.open("drive0", flags)
                    first = session.read(0)[:1]
                    while not stop.is_set():
                        data = session.read(choose.randrange(SIZE // 512))
                        seen.add(first)
                        if data != first * 512:
                            faults.append((first, data[:1]))
                except Refused as refused:
                    if refused.error not in (BAD_SESSION, NO_MEDIUM):
                        faults.append(refused.error)
                except Silence:
                    faults.append("silence")

    threads = [threading.Thread(target=load, args=(2 | 0x08,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(20):
            wait_until(lambda: (b"\2" if turn % 2 else b"\1") in seen)
            seen.clear()
            put(path, "drive0", "a.img" if turn % 2 else "b.img")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not faults


def test_the_command(slots, path):
    slots()

    def ctl(*words):
        return subprocess.run([BUILD / "blockhead-ctl", *words, "--socket", path], capture_output=True, text=True,
                              timeout=60)

    assert ctl("insert", "drive0", "b.img").returncode == 0
    rows = [row.split() for row in ctl("slots").stdout.splitlines()]
    assert rows[0] == ["SLOT", "IMAGE", "STATE", "SESSIONS"]
    assert ["drive0", "b.img", "there", "0"] in rows and ["quiet", "-", "empty", "0"] in rows
    assert ctl("eject", "drive0").returncode == 0
    refused = ctl("eject", "drive0")
    assert refused.returncode == 1 and "nothing is in 'drive0'" in refused.stderr


def test_a_running_client_sees_a_swap(slots, path, blockhead):
    """libblockhead: what was meant for the medium of before is not done on the new one."""
    server = slots()
    info = json.loads(blockhead("info", "--json", server.url("drive0")).stdout)
    assert info["removable"] is True
    put(path, "drive0", "b.img")
    out = blockhead("read", server.url("drive0"), "0", "1").stdout
    assert out == b"\2" * 512
    blockhead("eject", server.url("drive0"))
    with Control(path) as control:
        listed = {slot["slot"]: slot for slot in control.good("slots")["slots"]}
    assert listed["drive0"]["empty"]
