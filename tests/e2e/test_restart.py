# SPDX-License-Identifier: MIT
"""A server that is killed and started again: what its clients see, and what it believes of its own files."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess

import pytest
from client import (BAD_SESSION, CHECKPOINT, IN_USE, OK, READ, STRICT, ZERO, Peer, connect_packet, discon_packet,
                    error_of)
from conftest import BUILD, make_image


@pytest.fixture
def place(serve, images, tmp_path):
    """A server that can be killed and started again on the same port, with its state in a directory."""
    make_image(images / "a.img", 65536, seed=1)
    return Place(serve, images, tmp_path / "state")


class Place:
    def __init__(self, serve, images, state):
        self.serve, self.images, self.state = serve, images, state
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.server = None

    def start(self, *arguments, **options):
        self.server = self.serve("--state", self.state, self.images, *arguments,
                                 listen=(f"udp:127.0.0.1:{self.port}",), **options)
        return self.server

    def kill(self, number=signal.SIGKILL):
        """The server is gone, and not to be ended in order any more."""
        self.server.kill(number)
        self.server.end = lambda: None

    def again(self, *arguments, number=signal.SIGKILL):
        self.kill(number)
        return self.start(*arguments)

    def peer(self):
        return Peer(("127.0.0.1", self.port))

    @property
    def sessions(self):
        return self.state / "sessions"


def test_a_client_does_not_notice_a_kill(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("a.img")
        session.write(3, b"x" * 256)
        for turn in range(5):
            place.again()
            assert session.read(3)[0] == ord("x") + turn
            session.write(3, bytes([ord("y") + turn]) * 256)
        assert "1 sessions of an earlier server go on" in place.server.log()
        assert session.discon() == OK
    assert (place.images / "a.img").read_bytes()[768:1024] == b"}" * 256


def test_nor_an_orderly_restart(place):
    place.start()
    with place.peer() as peer, place.peer() as other:
        session = peer.open("a.img")
        pending = other.connect("a.img", 0x19)
        session.write(3, b"x" * 256)
        place.server.end()
        place.start()
        assert session.read(3) == b"x" * 256
        assert len(other.command(pending, READ, 3)) == 256


def test_between_connect_and_the_first_command(place):
    place.start()
    with place.peer() as peer:
        packet = connect_packet(7, 1, b"a.img")
        reply = peer.ask(packet)
        place.again()
        assert peer.ask(packet) == reply
        assert len(peer.command(int.from_bytes(reply[3:5], "big"), READ)) == 256


def test_a_strict_number_is_answered_from_its_record(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("a.img", 1 | STRICT)
        number = session.take_number()
        packet = session.packet(number, 1, 5, b"q" * 256)
        session.ask(packet, number)
        place.again()
        with open(place.images / "a.img", "r+b") as image:
            image.seek(5 * 256)
            image.write(b"r" * 256)
        session.ask(packet, number)
        assert session.read(5) == b"r" * 256


def test_a_disconnect_is_answered_again(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("a.img")
        packet = discon_packet(99, session.id)
        assert peer.ask(packet)[2] == OK
        place.again()
        assert peer.ask(packet)[2] == OK
        assert error_of(session.read, 0) == BAD_SESSION


def test_the_image_is_locked_before_anybody_asks(place):
    place.start()
    with place.peer() as peer, place.peer() as other:
        session = peer.open("a.img")
        place.again()
        assert error_of(other.open, "a.img") == IN_USE
        assert session.alive()


def test_a_session_ends_if_the_image_is_another_or_served_otherwise(place):
    make_image(place.images / "b.img", 65536)
    place.start()
    with place.peer() as peer, place.peer() as other:
        session, second = peer.open("a.img"), other.open("b.img")
        place.kill()
        (place.images / "a.img").rename(place.images / "old")
        make_image(place.images / "a.img", 65536, seed=2)
        place.start()
        assert error_of(session.read, 0) == BAD_SESSION
        assert second.alive()
        place.again("-r")
        assert error_of(second.write, 0, bytes(256)) == BAD_SESSION


def test_a_session_ends_if_its_image_is_written_to_while_the_server_is_stopped(place):
    make_image(place.images / "b.img", 65536)
    place.start()
    with place.peer() as peer, place.peer() as other:
        session, second = peer.open("a.img"), other.open("b.img")
        session.write(1, b"1" * 256)
        second.write(1, b"2" * 256)
        place.server.end()
        with open(place.images / "a.img", "r+b") as image:
            image.write(b"x")
        place.start()
        assert error_of(session.read, 1) == BAD_SESSION
        place.server.wait_for_log("changed while the server was stopped")
        assert second.read(1) == b"2" * 256


def test_without_state_a_session_ends_with_its_server(serve, images):
    make_image(images / "a.img", 4096)
    first = serve("--state", "none", images)
    with first.peer() as peer:
        session = peer.open("a.img")
        first.end()
        serve("--state", "none", images, listen=(f"udp:{first.name}",))
        assert error_of(session.read, 0) == BAD_SESSION


def test_the_state_is_for_its_user_alone(place):
    place.start()
    assert place.state.stat().st_mode & 0o777 == 0o700
    assert place.sessions.stat().st_mode & 0o777 == 0o600


def test_by_default_it_is_in_the_users_state_directory(place):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = place.serve(place.images, listen=(f"udp:127.0.0.1:{port}",))
    home = server.log_path.parent
    assert [path for path in home.rglob("sessions")] or os.geteuid() == 0
    assert "will not outlive" not in server.log()


def run(*arguments):
    done = subprocess.run([BUILD / "blockheadd", *(str(word) for word in arguments)], capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr


def test_a_second_server_on_the_same_directory_refuses(place):
    place.start()
    code, text = run("--state", place.state, "-l", "udp:127.0.0.1:0", place.images)
    assert code == 69
    assert f"process {place.server.process.pid}" in text and "--state" in text
    with place.peer() as peer:
        assert peer.open("a.img").alive()


def test_a_lock_file_that_was_removed_lets_no_second_server_in(place):
    place.start()
    (place.state / "lock").unlink()
    code, text = run("--state", place.state, "-l", "udp:127.0.0.1:0", place.images)
    assert code == 69 and "another server" in text


@pytest.mark.parametrize("state, words", [("", "'': No such file"), ("/proc/x/y", "'/proc/x/y': "),
                                          ("d" * 300, "File name too long"), ("lock-is-a-directory", "lock to write")])
def test_a_directory_that_cannot_be_made_is_said(place, tmp_path, monkeypatch, state, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lock-is-a-directory" / "lock").mkdir(parents=True)
    code, text = run("--state", state, "-l", "udp:127.0.0.1:0", place.images)
    assert code == 69 and words in text and "--state none" in text


def test_a_directory_that_cannot_be_used_is_said(place, tmp_path):
    (tmp_path / "file").write_text("")
    code, text = run("--state", tmp_path / "file", "-l", "udp:127.0.0.1:0", place.images)
    assert code == 69 and "file': Not a directory" in text


def numbers_of(server):
    """{name: number} as the banner says."""
    return {name: int(number) for number, name in re.findall(r"^ +(\d+)  (\S+)  \(", server.out(), re.M)}


def test_numbers_stay(place):
    make_image(place.images / "z.img", 4096)
    before = numbers_of(place.start())
    assert before == {"a.img": 1, "z.img": 2}
    make_image(place.images / "b.img", 4096)
    (place.images / "a.img").unlink()
    after = numbers_of(place.again())
    assert after == {"b.img": 3, "z.img": 2}


def test_numbers_that_are_damaged_are_set_aside(place):
    place.start()
    place.kill()
    (place.state / "numbers").write_text("blockhead-numbers 1\n1 00000000 a.img\n")
    assert "numbers.set-aside" in place.start().log()
    assert numbers_of(place.again()) == {"a.img": 1}
    assert "set-aside" not in place.server.log()


#
# State files that are not to be believed.
#


def status_of(session):
    """The status of a READ; an id that the server does not know is answered in the default form."""
    return session.peer.ask(session.packet(session.take_number(), READ, 1))[2]


def loses_its_session(place, words):
    """After a change to the files: the server says why, begins anew, and goes on."""
    server = place.start()
    assert words in server.log(), server.log()
    assert (place.state / "sessions.set-aside").exists()
    with place.peer() as peer:
        assert peer.open("a.img").alive()


@pytest.fixture
def killed(place):
    """A place whose server was killed with a session, the bytes of its state, and that session."""
    place.start()
    peer = place.peer()
    session = peer.open("a.img", 1 | STRICT)
    session.write(1, b"1" * 256)
    place.kill()
    yield place, place.sessions.read_bytes(), session
    peer.close()


@pytest.mark.parametrize("length", [0, 1, 8, 100, 4095, 4096, 4097, 65536, -1])
def test_a_truncated_file_is_set_aside(killed, length):
    place, data, session = killed
    os.truncate(place.sessions, length if length >= 0 else len(data) - 1)
    loses_its_session(place, "set aside")
    assert status_of(session) == BAD_SESSION


def test_a_longer_file_is_set_aside(killed):
    place, data, _ = killed
    os.truncate(place.sessions, len(data) + 1)
    loses_its_session(place, "are damaged")


def interesting(data):
    """Places of the bytes that say something, and of some that do not."""
    used = [at for at in range(len(data)) if data[at]]
    chance = random.Random(5)
    return chance.sample(used, 12) + [chance.randrange(4096, len(data)) for _ in range(8)]


def test_a_flipped_byte_is_noticed_or_harmless(killed):
    """The tables' own tests flip every byte; here are some of the real file, to the end of a client's request."""
    place, data, session = killed
    for at in interesting(data):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with open(place.sessions, "r+b") as file:  # the same file: a copy is not believed at all
            file.write(changed)
        server = place.start()
        lost = "set aside" in server.log()
        assert status_of(session) == (BAD_SESSION if lost else OK), (at, server.log())
        place.kill()
        if lost:  # a new file is there: start from the old one again
            os.rename(place.state / "sessions.set-aside", place.sessions)


def test_another_version_is_set_aside(killed):
    place, data, _ = killed
    with open(place.sessions, "r+b") as file:
        file.write(b"BLKHSTB\n")
    loses_its_session(place, "not of this program")


def test_a_copy_of_another_directory_is_set_aside(killed):
    place, _, session = killed
    copy = place.state.with_name("copy")
    shutil.copytree(place.state, copy)
    place.state = copy
    loses_its_session(place, "copied from elsewhere")
    assert status_of(session) == BAD_SESSION


def test_what_is_no_file_is_set_aside(killed):
    place, _, _ = killed
    place.sessions.unlink()
    place.sessions.mkdir()
    loses_its_session(place, "set aside")


def test_another_number_of_sessions_begins_anew(killed):
    place, _, _ = killed
    server = place.start(config="[server]\nsessions = 16\n")
    assert "another number of sessions" in server.log()


def test_three_crashes_within_a_minute_set_it_aside(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("a.img")
        place.again(number=signal.SIGABRT)
        place.again(number=signal.SIGABRT)
        assert session.alive()
        place.kill(signal.SIGABRT)
        loses_its_session(place, "three crashes")


def test_kills_are_no_crashes(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("a.img")
        for _ in range(5):
            place.again()
        assert session.alive()


def test_a_checkpoint_and_a_zero_that_were_answered_are_not_done_again(place):
    with place.start().peer() as peer:
        session = peer.open("a.img", 1 | STRICT)
        checkpoint, zero = (session.take_number() for _ in range(2))
        asked = [(session.packet(checkpoint, CHECKPOINT, data=b"\x01a"), checkpoint),
                 (session.packet(zero, ZERO, 5, b"\0\x03"), zero)]
        for packet, number in asked:
            session.ask(packet, number)
        session.write(6, b"\x66" * 256)
        place.kill()
        place.start()
        for packet, number in asked:
            assert session.ask(packet, number) == b""
        assert session.read(6) == b"\x66" * 256
        assert [path.name for path in (place.images / ".checkpoints/a.img").iterdir()] == ["0001-a"]
        assert session.discon() == OK
