# SPDX-License-Identifier: MIT
"""Scratch volumes: each client writes for itself, and what it wrote goes with its session."""
import os
import pathlib
import re
import resource
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

from client import (BAD_FLAGS, BAD_SESSION, CHECKPOINT, IN_USE, IS_READ_ONLY, LOOK, NO_SPACE, OK, READ_ONLY, SHARED,
                    STORAGE, STRICT, Peer, discon_packet, error_of)
from conftest import BUILD, make_image, wait_until
from test_control import CTL, Control, control, ctl, path  # noqa: F401

SECTOR = 256
SIZE = 64 * SECTOR
LIMIT = 16 * SECTOR
TROUBLE = 2  # exit code
NOBODY = 65534


class Place:
    """A server with the scratch volume `games` on the image a.img, which is also served as `disk`."""

    def __init__(self, serve, images, tmp_path):
        self.serve, self.image, self.state = serve, images / "a.img", tmp_path / "state"
        self.data = make_image(self.image, SIZE, seed=1)
        self.config = f"[server]\nstate = {self.state}\n[volume games]\npath = {self.image}\nmode = scratch\n" \
            f"scratch-limit = {LIMIT}\n[volume disk]\npath = {self.image}\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.server = None

    def start(self, *arguments, **options):
        self.server = self.serve(*arguments, config=self.config, listen=(f"udp:127.0.0.1:{self.port}",), **options)
        return self

    def kill(self, number=signal.SIGKILL):
        self.server.kill(number)
        self.server.end = lambda: None

    def again(self):
        self.kill()
        return self.start()

    def peer(self, **options):
        return Peer(("127.0.0.1", self.port), **options)

    def open(self, name="games", flags=1, **options):
        return self.peer(**options).open(name, flags)

    @property
    def layers(self):
        """The files of layers that there are."""
        return sorted((self.state / "scratch").iterdir())

    def sector(self, lsn):
        return self.data[lsn * SECTOR:(lsn + 1) * SECTOR]


@pytest.fixture
def place(serve, images, tmp_path):
    return Place(serve, images, tmp_path)


def test_two_clients_at_once_each_see_their_own(place):
    place.start()
    a, b, reader, looker = place.open(), place.open(flags=1 | STRICT), place.open(flags=1 | READ_ONLY), \
        place.open(flags=1 | LOOK)
    a.write(3, b"a" * SECTOR)
    b.write(3, b"b" * SECTOR)
    b.zero(4, 2)
    assert a.read(3) == b"a" * SECTOR
    assert b.read(3) == b"b" * SECTOR
    assert (a.read(4), b.read(4)) == (place.sector(4), bytes(SECTOR))
    for other in (reader, looker):
        assert other.read(3) == place.sector(3)
        assert error_of(other.write, 3, bytes(SECTOR)) == IS_READ_ONLY
    assert a.identify().flags == b.identify().flags == reader.identify().flags == 0x10
    assert len(place.layers) == 2
    assert place.image.read_bytes() == place.data


def test_other_names_of_the_image_see_readers(place):
    place.start()
    session = place.open()
    assert error_of(place.open, "disk") == IN_USE
    assert error_of(place.open, "games", 1 | SHARED) == BAD_FLAGS
    reader = place.open("disk", 1 | READ_ONLY)
    assert session.discon() == OK and reader.discon() == OK
    writer = place.open("disk")
    assert error_of(place.open) == IN_USE
    assert writer.discon() == OK
    assert place.open().alive()


def test_a_kill_is_not_noticed(place):
    place.start()
    a, b = place.open(), place.open(flags=1 | STRICT)
    for turn in range(4):
        a.write(turn, bytes([turn]) * SECTOR)
        b.write(turn, bytes([turn + 100]) * SECTOR)
        if turn < 3:
            place.again()
        else:
            place.server.end()
            place.start()
        assert [a.read(lsn)[0] for lsn in range(turn + 1)] == list(range(turn + 1))
        assert [b.read(lsn)[0] for lsn in range(turn + 1)] == [lsn + 100 for lsn in range(turn + 1)]
    assert "2 sessions of an earlier server go on" in place.server.log()
    assert a.discon() == OK and b.discon() == OK
    wait_until(lambda: place.layers == [])
    assert place.image.read_bytes() == place.data


def test_a_write_that_was_answered_is_there_after_a_kill(place):
    """Kills between and in the midst of writes: of each sector, what was last answered, or what was asked for then."""
    place.start()
    session = place.open(flags=1 | STRICT)
    for turn in range(20):
        session.write(turn % 8, bytes([turn]) * SECTOR)
        session.peer.send(session.packet(session.take_number(), 1, (turn + 1) % 8, bytes([turn + 1]) * SECTOR))
        place.again()
        assert session.read(turn % 8)[0] == turn
        old = bytes([turn - 7]) * SECTOR if turn >= 7 else place.sector(turn + 1)
        assert session.read((turn + 1) % 8) in (bytes([turn + 1]) * SECTOR, old)


# How a session ends: what it wrote goes with it

def test_a_machine_that_was_reset_begins_afresh(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("games")
        session.write(3, b"x" * SECTOR)
        again = peer.open("games")
        assert again.read(3) == place.sector(3)
        assert error_of(session.read, 3) == BAD_SESSION
        wait_until(lambda: len(place.layers) == 1)
        assert again.discon() == OK
    wait_until(lambda: place.layers == [])


def test_a_reset_while_the_server_is_down(place):
    place.start()
    with place.peer() as peer:
        session = peer.open("games")
        session.write(3, b"x" * SECTOR)
        place.again()
        assert peer.open("games").read(3) == place.sector(3)
        wait_until(lambda: len(place.layers) == 1)


def test_a_writer_by_another_name_takes_it_over(place):
    place.config = place.config.replace("[server]", "[server]\nidle = 100ms")
    place.start()
    session = place.open()
    session.write(3, b"x" * SECTOR)
    writer = wait_until(lambda: error_of(place.open, "disk") == OK or None)
    assert writer
    assert error_of(session.read, 3) == BAD_SESSION
    wait_until(lambda: place.layers == [])


@pytest.mark.skipif(not CTL.exists(), reason="built without jansson")
def test_an_administrator_sees_and_ends_it(place, ctl, path):  # noqa: F811
    place.start("--control", path)
    session, reader = place.open(), place.open(flags=1 | READ_ONLY)
    with Control(path) as control:  # noqa: F811
        found = {each["id"]: each for each in control.good("sessions")["sessions"]}
        assert (found[session.id]["scratch"], found[session.id]["access"]) == (True, "write")
        assert (found[reader.id]["scratch"], found[reader.id]["access"]) == (False, "read")
        volumes = {each["name"]: each for each in control.good("volumes")["volumes"]}
        assert (volumes["games"]["mode"], volumes["games"]["writers"], volumes["games"]["readers"]) == ("scratch", 1, 1)
        assert re.search(rf"{session.id} .* games +scratch +default", ctl("sessions").stdout)
        assert re.search(r"games +16384  scratch +1 writing, 1 reading", ctl("volumes").stdout)
        assert control.good("disconnect", id=session.id)["ended"]
    assert error_of(session.read, 3) == BAD_SESSION
    wait_until(lambda: place.layers == [])
    assert reader.alive()


@pytest.mark.skipif(not CTL.exists(), reason="built without jansson")
def test_checkpoints_are_of_the_image_and_a_rollback_ends_sessions(place, path):  # noqa: F811
    place.start("--control", path)
    session = place.open(flags=1 | STRICT)
    session.write(3, b"x" * SECTOR)
    assert error_of(session.command, CHECKPOINT, 0, b"\x01x") == NO_SPACE
    with Control(path) as control:  # noqa: F811
        control.good("checkpoint", volume="games", label="one")
        assert session.read(3) == b"x" * SECTOR
        control.good("rollback", volume="games", checkpoint="one")
    assert error_of(session.read, 3) == BAD_SESSION
    wait_until(lambda: place.layers == [])
    assert place.image.read_bytes() == place.data
    assert place.open("games@one").read(3) == place.sector(3)
    assert error_of(place.open("games@one").write, 3, bytes(SECTOR)) == IS_READ_ONLY


# Limits

def test_the_limit_is_of_what_differs(place):
    place.start()
    session = place.open(flags=1 | STRICT)
    sectors = LIMIT // SECTOR
    for lsn in range(sectors):
        session.write(lsn, bytes([lsn + 1]) * SECTOR)
    for _ in range(3):
        assert error_of(session.write, sectors, b"x" * SECTOR) == NO_SPACE
        session.write(0, b"again" * 51 + b"x")
    place.server.wait_for_log("scratch-limit")
    place.again()
    assert error_of(session.write, sectors, b"x" * SECTOR) == NO_SPACE
    assert session.read(sectors) == place.sector(sectors)
    session.trim(1, 1)
    session.write(sectors, b"x" * SECTOR)
    assert [session.read(lsn) for lsn in range(2, sectors + 1)] == \
        [bytes([lsn + 1]) * SECTOR for lsn in range(2, sectors)] + [b"x" * SECTOR]
    other = place.open()  # has a limit of its own
    other.write(0, b"y" * SECTOR)


def test_sectors_of_any_size_and_a_partial_last_one(place):
    place.image.write_bytes(place.data + b"tail")
    place.config = place.config.replace(f"scratch-limit = {LIMIT}\n", "")
    place.start()
    for n in (0, 1, 2, 3, 7):
        session = place.open(flags=n)
        count = session.identify().count
        session.write(count - 1, b"z" * session.sector)
        session.write(0, b"y" * session.sector)
        expected = (place.data + b"tail")[(count - 1) * session.sector:]
        assert session.read(count - 1) == (b"z" * len(expected)).ljust(session.sector, b"\0")
        place.again()
        assert session.read(0) == b"y" * session.sector
        assert error_of(session.write, count, bytes(session.sector)) == 5
        assert session.discon() == OK
    assert place.image.read_bytes() == place.data + b"tail"


@pytest.fixture
def small_scratch(place):
    """The directory for layers is a file system of 64 KiB."""
    directory = place.state / "scratch"
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


def test_a_full_disk(place, small_scratch):
    place.config = place.config.replace(f"scratch-limit = {LIMIT}\n", "")
    place.image.write_bytes(place.data * 32)
    place.start()
    session = place.open(flags=5)  # 4 KiB: a page
    errors = [error_of(session.write, lsn, bytes([lsn + 1]) * 4096) for lsn in range(32)]
    written = errors.index(NO_SPACE)
    assert 8 <= written <= 16 and set(errors[:written]) == {OK} and set(errors[written:]) == {NO_SPACE}
    for turn in range(2):
        for lsn in range(32):
            old = (place.data * 32)[lsn * 4096:(lsn + 1) * 4096]
            assert session.read(lsn) == (bytes([lsn + 1]) * 4096 if lsn < written else old)
        place.again()
    assert error_of(place.open) in (OK, NO_SPACE)  # a layer without room, or none
    assert session.alive()


def test_all_sessions_that_there_may_be(place):
    place.config = place.config.replace("[server]", "[server]\nsessions = 16")
    place.start()
    sessions = [place.open() for _ in range(16)]
    for number, session in enumerate(sessions):
        session.write(1, bytes([number]) * SECTOR)
    assert error_of(place.open) == 1
    place.again()
    assert [session.read(1)[0] for session in sessions] == list(range(16))
    assert sessions[5].discon() == OK
    assert place.open().read(1) == place.sector(1)


def test_as_many_files_as_sessions_need(place):
    """Two a session; the limit that a shell gives is 1024."""
    place.config = place.config.replace("[server]", "[server]\nsessions = 1000")
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, old[1]))
    try:
        place.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
    limits = open(f"/proc/{place.server.process.pid}/limits").read()
    assert int(re.search(r"Max open files +(\d+)", limits)[1]) >= min(2256, old[1])


# What is found at the start

def test_what_no_session_names_is_swept(place):
    place.start()
    session = place.open()
    session.write(3, b"x" * SECTOR)
    other = place.open()
    other.write(3, b"y" * SECTOR)
    name = place.layers[0]
    place.kill()
    (place.state / "scratch/notes").write_text("mine")
    for stranger in ("0123456789abcdef", "fedcba9876543210"):
        (place.state / "scratch" / stranger).write_bytes(name.read_bytes())
    place.start()
    assert len(place.layers) == 3 and (place.state / "scratch/notes").exists()
    assert session.read(3) == b"x" * SECTOR and other.read(3) == b"y" * SECTOR
    place.kill()
    (place.state / "sessions").unlink()  # as another boot finds it
    place.start()
    assert [each.name for each in place.layers] == ["notes"]
    assert error_of(session.read, 3) == BAD_SESSION


def test_a_session_that_ended_is_not_brought_back_by_a_kill(place):
    for turn in range(5):
        place.start()
        sessions = [place.open() for _ in range(4)]
        for session in sessions:
            session.write(3, b"x" * SECTOR)
        for session in sessions[:3]:
            session.peer.send(discon_packet(9, session.id))
        assert sessions[2].peer.receive()
        place.again()
        assert len(place.layers) <= 2
        assert sessions[3].discon() == OK
        place.kill()


@pytest.mark.parametrize("change", ["written", "other", "shorter", "mode", "gone", "damaged"])
def test_a_session_ends_if_it_cannot_go_on(place, change):
    place.start()
    session, reader = place.open(), place.open(flags=1 | READ_ONLY)
    session.write(3, b"x" * SECTOR)
    layer, = place.layers
    place.kill()
    if change == "written":
        with open(place.image, "r+b") as file:
            file.write(b"n")
    elif change == "other":
        place.image.rename(place.image.with_name("old"))
        make_image(place.image, SIZE, seed=1)
    elif change == "shorter":
        os.truncate(place.image, SIZE - 1)
    elif change == "mode":
        place.config = place.config.replace("mode = scratch\n", "").replace(f"scratch-limit = {LIMIT}\n", "")
    elif change == "gone":
        layer.unlink()
    else:
        os.truncate(layer, 5000)
    before = place.image.read_bytes()
    place.start()
    assert error_of(session.read, 3) == BAD_SESSION
    assert error_of(session.write, 3, bytes(SECTOR)) == BAD_SESSION
    wait_until(lambda: place.layers == [])
    assert reader.alive() == (change in ("written", "shorter", "gone", "damaged"))
    assert place.image.read_bytes() == before


def test_its_files_are_the_servers_users_alone(place):
    old = os.umask(0)
    try:
        place.start()
        place.open()
    finally:
        os.umask(old)
    directory = place.state / "scratch"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(layer.stat().st_mode) for layer in place.layers] == [0o600]
    place.server.end()
    directory.chmod(0o777)
    place.start()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["file", "link"])
def test_a_directory_that_cannot_be_had(place, tmp_path, what):
    place.state.mkdir()
    if what == "file":
        (place.state / "scratch").write_text("mine")
    else:
        (place.state / "scratch").symlink_to(tmp_path)
    place.start()
    place.server.wait_for_log("scratch volumes cannot be written to")
    assert error_of(place.open) == STORAGE
    assert place.open(flags=1 | READ_ONLY).read(3) == place.sector(3)


def test_without_a_state_directory_it_can_be_read(place):
    place.config = place.config.replace(f"state = {place.state}", "state = none")
    place.start()
    place.server.wait_for_log("volume 'games' cannot be served as configured: it is scratch")
    assert error_of(place.open) == STORAGE
    assert place.open(flags=1 | READ_ONLY).read(3) == place.sector(3)


@pytest.fixture
def unprivileged(serve):
    """A directory of an ordinary user's with two images that he may not write: b.atr says so itself, too."""
    with tempfile.TemporaryDirectory(prefix="bh-nobody-") as name:
        directory = pathlib.Path(name)
        data = make_image(directory / "a.img", SIZE, seed=1)
        header = b"\x96\x02" + (SIZE // 16).to_bytes(2, "little") + bytes([0, 1]) + bytes(9) + b"\x01"
        (directory / "b.atr").write_bytes(header + data)
        for image in ("a.img", "b.atr"):
            (directory / image).chmod(0o444)
        (directory / "conf").write_text(f"[server]\nstate = state\ncontrol = {directory}/control\n" + "".join(
            f"[volume {image}]\npath = {image}\nmode = scratch\n" for image in ("a.img", "b.atr")))
        (directory / "conf").chmod(0o644)
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        server = serve("-c", directory / "conf", user=NOBODY if os.geteuid() == 0 else None)
        yield directory, server
        server.end()


def test_an_image_that_nobody_may_write(unprivileged):
    """The wishes of its owner and of its header are kept: nothing is written to it."""
    directory, server = unprivileged
    before = [(directory / image).read_bytes() for image in ("a.img", "b.atr")]
    for image in ("a.img", "b.atr"):
        with server.peer() as peer:
            session = peer.open(image)
            assert session.identify().flags == 0x10
            session.write(3, b"x" * SECTOR)
            assert session.read(3) == b"x" * SECTOR
    assert before == [(directory / image).read_bytes() for image in ("a.img", "b.atr")]


@pytest.mark.skipif(not CTL.exists(), reason="built without jansson")
def test_and_nobody_rolls_it_back(unprivileged):
    directory, server = unprivileged
    with server.peer() as peer, Control(directory / "control") as control:  # noqa: F811
        session = peer.open("a.img")
        control.good("checkpoint", volume="a.img", label="one")
        answer = control.ask("rollback", volume="a.img", checkpoint="one")
        assert not answer["ok"] and "may not write" in answer["error"]
        assert session.alive()


def test_a_new_limit_is_for_new_sessions(place):
    place.start()
    old = place.open()
    config = re.sub("scratch-limit = .*", f"scratch-limit = {SECTOR}", place.config)
    next(place.server.out_path.parent.glob("*.conf")).write_text(config)
    place.server.process.send_signal(signal.SIGHUP)
    place.server.wait_for_log("configuration read again")
    new = place.open()
    new.write(0, b"x" * SECTOR)
    assert error_of(new.write, 1, b"x" * SECTOR) == NO_SPACE
    for lsn in range(LIMIT // SECTOR):
        old.write(lsn, b"x" * SECTOR)
    place.config = config
    place.again()  # its limit stays what it was
    assert old.read(15) == b"x" * SECTOR
    assert new.read(0) == b"x" * SECTOR


# The command

def test_the_command_says_scratch(place, blockhead):
    place.start()
    url = place.server.url("games")
    assert re.search(r"games +16384  scratch", blockhead("ls", place.server.name).stdout.decode())
    assert "scratch" in blockhead("info", url).stdout.decode()
    assert blockhead("get", url, "-").stdout == place.data


@pytest.mark.parametrize("words", [["put", "FILE", "URL"], ["sync", "FILE", "URL"], ["write", "URL", "0", "FILE"],
                                   ["trim", "URL", "0", "1"], ["checkpoint", "URL"]])
def test_what_would_be_lost_is_not_begun(place, blockhead, words, tmp_path):
    place.start()
    (tmp_path / "file").write_bytes(bytes(512))
    names = {"FILE": tmp_path / "file", "URL": place.server.url("games")}
    result = blockhead(*(names.get(word, word) for word in words), code=TROUBLE)
    assert "scratch volume" in result.stderr.decode()
    wait_until(lambda: place.layers == [])
