# SPDX-License-Identifier: MIT
"""The control socket and blockhead-ctl: what an administrator sees and does, and what a hostile peer there cannot."""
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

import pytest

from client import IN_USE, LOOK, STORAGE, STRICT, error_of
from conftest import BUILD, SANITIZER, make_image, wait_until
from faults import Faults

CTL = BUILD / "blockhead-ctl"
LINE_MAX = 65536
CALLERS = 8
UNAVAILABLE = 69

pytestmark = pytest.mark.skipif(not CTL.exists(), reason="built without jansson")


class Control:
    """A connection to a control socket."""

    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(timeout)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, or None at the end."""
        while b"\n" not in self.pending:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def ask(self, do, **keys):
        self.send(json.dumps({"do": do, **keys}).encode() + b"\n")
        return self.line()

    def good(self, do, **keys):
        answer = self.ask(do, **keys)
        assert answer["ok"] is True, answer
        return answer

    def bad(self, do, **keys):
        """The complaint."""
        answer = self.ask(do, **keys)
        assert answer["ok"] is False and list(answer) == ["ok", "error"], answer
        return answer["error"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control"


@pytest.fixture
def server(serve, images, path):
    make_image(images / "a.img", 65536, 1)
    make_image(images / "b.img", 65536, 2)
    return serve("--control", path, images)


@pytest.fixture
def control(server, path):
    with Control(path) as control:
        yield control


@pytest.fixture
def ctl(path):
    """Runs blockhead-ctl on the server of the test; `code` is the exit code that it must end with."""

    def run(*arguments, code=0, at=path, **options):
        command = [str(CTL), *(str(word) for word in arguments), *(["--socket", str(at)] if at else [])]
        result = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=100, text=True, **options)
        assert not SANITIZER.search(result.stderr), result.stderr
        assert result.returncode == code, f"{command}: exit code {result.returncode}:\n{result.stdout}{result.stderr}"
        return result

    return run


def is_socket(path):
    return stat.S_ISSOCK(os.lstat(path).st_mode)


# The socket

def test_it_is_for_the_servers_user_alone_and_gone_at_the_end(server, path):
    assert is_socket(path) and stat.S_IMODE(os.lstat(path).st_mode) == 0o600
    server.end()
    assert not path.exists()


def test_a_killed_servers_socket_is_replaced(server, serve, images, path):
    server.kill()
    server.codes = (-signal.SIGKILL,)
    assert is_socket(path)
    serve("--control", path, images)
    with Control(path) as control:
        control.good("status")


def test_a_live_servers_socket_is_not_replaced(server, images, path, control, tmp_path):
    result = subprocess.run([BUILD / "blockheadd", "-l", "udp:127.0.0.1:0", "--control", path, images],
                            capture_output=True, text=True, timeout=20)
    assert result.returncode == UNAVAILABLE
    assert "another server" in result.stderr
    assert control.good("status")["pid"] == server.process.pid


@pytest.mark.parametrize("what, why", [("file", "no socket"), ("nosuch/control", "No such file"), ("x" * 150, "107 bytes")])
def test_a_place_that_cannot_be_had_is_an_error(images, tmp_path, what, why):
    (tmp_path / "file").write_text("mine")
    result = subprocess.run([BUILD / "blockheadd", "-l", "udp:127.0.0.1:0", "--control", tmp_path / what, images],
                            capture_output=True, text=True, timeout=20)
    assert result.returncode == UNAVAILABLE and why in result.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_the_configuration_names_it_relative_to_itself(serve, images):
    server = serve(config=f"[server]\nserve = {images}\ncontrol = here.socket\n")
    assert is_socket(server.log_path.parent / "here.socket")


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """Where sockets are made that nobody has named."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return tmp_path / "run"


def test_each_address_has_a_socket_of_its_own(serve, images, runtime, ctl):
    first = serve(images, listen=("udp:127.121.7.1:4444",))
    assert os.listdir(runtime) == ["udp:127.121.7.1:4444.control"]
    assert stat.S_IMODE(os.stat(runtime).st_mode) == 0o700
    assert json.loads(ctl("status", "-j", at=None).stdout)["pid"] == first.process.pid
    second = serve(images, listen=("udp:127.121.7.2:4444",))
    result = ctl("status", at=None, code=2)
    assert "127.121.7.1" in result.stderr and "127.121.7.2" in result.stderr
    first.kill()
    first.codes = (-signal.SIGKILL,)
    assert json.loads(ctl("status", "-j", at=None).stdout)["pid"] == second.process.pid
    second.end()
    assert "start it again" in ctl("status", at=None, code=2).stderr


def test_none_is_none(serve, images, runtime):
    serve("--control", "none", images, listen=("udp:127.121.7.1:4444",))
    assert not runtime.exists()


def test_a_server_on_any_free_port_has_none(serve, images, runtime, ctl):
    serve(images)
    assert not runtime.exists()
    assert "no control socket" in ctl("status", at=None, code=2).stderr


def test_the_default_place_is_a_favour(serve, images, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "file"))
    server = serve(images, listen=("udp:127.121.7.1:4444",))
    server.wait_for_log("cannot make the control socket")


def test_a_reload_keeps_it(server, control, path):
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_log("configuration read again")
    control.good("status")
    with Control(path) as other:
        other.good("status")


# Orders

def test_status_tells_how_the_server_is(server, control):
    status = control.good("status")
    assert status["pid"] == server.process.pid and status["listen"] == [f"udp:{server.name}"]
    assert (status["sessions"], status["sessions_max"]) == (0, 256)
    assert status["failed"] is False and status["stopping"] is False
    with server.peer() as peer:
        assert int(status["instance"], 16) == peer.identify_server().instance
        peer.open("a.img")
        status = control.good("status")
        assert status["sessions"] == 1 and status["counters"]["reads"] == 1


def test_sessions_are_listed(server, control):
    assert control.good("sessions")["sessions"] == []
    with server.peer() as one, server.peer() as two:
        writer = one.open("a.img")
        reader = two.open("b.img", LOOK | STRICT | 2)
        reader.read(1)
        found = {session["id"]: session for session in control.good("sessions")["sessions"]}
        assert sorted(found) == sorted([writer.id, reader.id])
        first, second = found[writer.id], found[reader.id]
        assert first["peer"] == f"{one.host}:{one.port}" and second["peer"] == f"{two.host}:{two.port}"
        assert (first["volume"], first["access"], first["strict"], first["sector"]) == ("a.img", "write", False, 256)
        assert (second["volume"], second["access"], second["strict"], second["sector"]) == ("b.img", "look", True, 512)
        assert "carried_out" not in first and second["carried_out"] == 2
        assert first["under_way"] == 0 and first["ending"] is False and 0 <= first["idle_ms"] < 20000


def test_a_disconnected_client_gets_4_and_connects_again(server, control):
    with server.peer() as peer, server.peer() as other:
        session = peer.open("a.img")
        assert error_of(other.open, "a.img") == IN_USE
        assert control.good("disconnect", id=session.id)["ended"] is True
        server.wait_for_log(f"session {session.id} .*the administrator disconnected it")
        assert error_of(session.read, 0) == 4
        other.open("a.img")
        assert "no session" in control.bad("disconnect", id=session.id)
        assert len(control.good("sessions")["sessions"]) == 1


@pytest.mark.parametrize("id", [None, -1, 65536, "7", 1.5, [], 10 ** 18])
def test_an_id_is_a_number(control, id):
    assert '"id"' in control.bad("disconnect", id=id)


def test_volumes_are_listed_with_their_sessions(server, control):
    with server.peer() as one, server.peer() as two, server.peer() as three:
        one.open("a.img")
        two.open("b.img", 0x09)
        three.open("b.img", LOOK | 1)
        volumes = control.good("volumes")["volumes"]
    assert [(v["number"], v["name"], v["bytes"], v["mode"]) for v in volumes] == \
        [(1, "a.img", 65536, "exclusive"), (2, "b.img", 65536, "exclusive")]
    assert [(v["writers"], v["readers"], v["looks"]) for v in volumes] == [(1, 0, 0), (0, 1, 1)]
    assert not any(v["failed"] for v in volumes)


def test_long_lists_come_in_parts(serve, images, path, ctl):
    count = 600
    for number in range(count):
        make_image(images / f"{number:03}.img", 512)
    server = serve("--control", path, config=f"[server]\nserve = {images}\nsessions = 512\n")
    peers = [server.peer() for _ in range(300)]
    sessions = {peer.open(f"{number:03}.img").id for number, peer in enumerate(peers)}
    with Control(path) as control:
        part = control.good("sessions")
        assert len(part["sessions"]) == 128 and part["next"] > 0
        assert "next" not in control.good("sessions", **{"from": 2 ** 32 - 1})
        assert len(control.good("volumes")["volumes"]) == 512
        assert len(control.good("volumes", **{"from": 512})["volumes"]) == count - 512
    answer = json.loads(ctl("sessions", "--json").stdout)
    assert {session["id"] for session in answer["sessions"]} == sessions and "next" not in answer
    answer = json.loads(ctl("volumes", "--json").stdout)
    assert [volume["name"] for volume in answer["volumes"]] == [f"{number:03}.img" for number in range(count)]
    for peer in peers:
        peer.close()


def test_one_failed_volume_is_reopened(serve, images, path, tmp_path):
    faults = Faults(tmp_path / "faults")
    for name in ("a.img", "b.img"):
        make_image(images / name, 65536)
    os.link(images / "a.img", images / "link.img")
    with faults.loaded():
        server = serve("--control", path, images)
    server.codes = (0, 74)
    with Control(path) as control, server.peer() as one, server.peer() as two:
        assert control.good("reopen")["reopened"] == 0
        for peer, name in ((one, "a.img"), (two, "b.img")):
            session = peer.open(name)
            session.write(0, b"x" * 256)
            faults.set("sync", "error", times=1)
            assert error_of(session.flush) == STORAGE
        assert control.good("status")["failed"] is True
        assert [v["name"] for v in control.good("volumes")["volumes"] if v["failed"]] == ["a.img", "b.img", "link.img"]
        assert "nosuch" in control.bad("reopen", volume="nosuch.img")
        assert control.good("reopen", volume="link.img")["reopened"] == 1
        assert [v["name"] for v in control.good("volumes")["volumes"] if v["failed"]] == ["b.img"]
        assert error_of(session.read, 0) == STORAGE
        one.open("a.img").read(0)
        assert control.good("reopen", volume="a.img")["reopened"] == 0
        assert control.good("reopen")["reopened"] == 1
        assert control.good("status")["failed"] is False


def test_a_name_that_is_no_utf8_is_shown_and_has_its_number(serve, images, path, ctl):
    make_image(images / os.fsdecode(b"\xff\xfe.img"), 512)
    make_image(images / "\u00fcber.img", 512)
    serve("--control", path, images)
    with Control(path) as control:
        assert [v["name"] for v in control.good("volumes")["volumes"]] == ["\u00fcber.img", "\\xff\\xfe.img"]
        assert control.good("reopen", volume=":2")["reopened"] == 0
    assert "\u00fcber.img" in ctl("volumes").stdout


# Images

def test_a_new_image_is_sparse_and_served_at_once(server, control, images, blockhead):
    (images / "games").mkdir()
    answer = control.good("create", name="games/big.img", bytes=1 << 40)
    assert answer["bytes"] == 1 << 40 and answer["number"] == 3
    made = os.stat(images / "games/big.img")
    assert made.st_size == 1 << 40 and made.st_blocks == 0
    assert "games/big.img" in [v["name"] for v in control.good("volumes")["volumes"]]
    with server.peer() as peer:
        session = peer.open(":3", 2)
        assert session.read(12345) == bytes(512)
    assert sorted(os.listdir(images)) == ["a.img", "b.img", "games"]


@pytest.mark.parametrize("name, why", [
    ("a.img", "a.img"), ("A.IMG", "a.img"), ("../out.img", "begin with '.'"), ("/tmp/out.img", "absolute"),
    (".hidden", "begin with '.'"), (":7", "virtual"), ("", "empty"), ("no/such.img", "does not exist"),
    ("x" * 256, "255 bytes"), ("a\nb", "control character"), ("link/x.img", "leads out"), ("a.img/b", "Not a directory"),
    (":list", "':list'"),
])
def test_a_bad_name_creates_nothing(control, images, tmp_path, name, why):
    (tmp_path / "elsewhere").mkdir()
    (images / "link").symlink_to(tmp_path / "elsewhere")
    before = sorted(os.listdir(images))
    assert why in control.bad("create", name=name, bytes=1024)
    assert sorted(os.listdir(images)) == before and os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("keys", [
    {"bytes": 1024}, {"name": "n.img"}, {"name": "n.img", "bytes": "1M"}, {"name": "n.img", "bytes": -1},
    {"name": "n.img", "bytes": 1 << 62}, {"name": 7, "bytes": 512},
    {"name": "n.img", "bytes": 512, "data": [{"at": 510, "hex": "000000"}]},
    {"name": "n.img", "bytes": 512, "data": [{"at": 1 << 62, "hex": "00"}]},
    {"name": "n.img", "bytes": 512, "data": [{"at": -1, "hex": "00"}]},
    {"name": "n.img", "bytes": 512, "data": [{"at": 0, "hex": "0"}]},
    {"name": "n.img", "bytes": 512, "data": [{"at": 0, "hex": "0g"}]},
    {"name": "n.img", "bytes": 512, "data": [{"at": 0, "hex": "00" * 513}]},
    {"name": "n.img", "bytes": 65536, "data": [{"at": 0, "hex": "00" * 4097}]},
    {"name": "n.img", "bytes": 512, "data": [None]},
])
def test_a_bad_request_creates_nothing(control, images, keys):
    control.bad("create", **keys)
    assert sorted(os.listdir(images)) == ["a.img", "b.img"]


def test_of_two_that_create_one_image_one_does(server, path, images):
    answers = []

    def create(fill):
        with Control(path) as control:
            answers.append((control.ask("create", name="n.img", bytes=512, data=[{"at": 0, "hex": fill * 512}])["ok"], fill))

    threads = [threading.Thread(target=create, args=(f"{number:02x}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner, = [fill for ok, fill in answers if ok]
    assert (images / "n.img").read_bytes() == bytes.fromhex(winner) * 512
    assert sorted(os.listdir(images)) == ["a.img", "b.img", "n.img"]


def test_single_images_have_no_directory_for_new_ones(serve, images, path):
    make_image(images / "a.img", 512)
    serve("--control", path, images / "a.img")
    with Control(path) as control:
        assert "single images" in control.bad("create", name="n.img", bytes=512)


def test_a_kill_leaves_a_whole_image_or_none(serve, images, path):
    for number in range(8):
        server = serve("--control", path, images)
        server.codes = (-signal.SIGKILL,)
        name = f"{number}.img"
        with Control(path) as control:
            control.send(json.dumps({"do": "create", "name": name, "bytes": 8192,
                                     "data": [{"at": 4096 * half, "hex": "55" * 4096} for half in (0, 1)]}).encode() + b"\n")
            time.sleep(number * 0.0005)
            server.kill()
        if (images / name).exists():
            assert (images / name).read_bytes() == b"\x55" * 8192


@pytest.mark.parametrize("size", ["360K", "1440K", "1000001", "32M", "64M", "3G"])
def test_a_fat_image_is_clean(server, ctl, images, size):
    ctl("create", "fat.img", size, "--fat")
    result = subprocess.run(["/usr/sbin/fsck.fat", "-nv", images / "fat.img"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert os.stat(images / "fat.img").st_blocks < 128


def test_without_mkfs_a_sentence_says_so(server, ctl, images, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("hiding a program takes root")
    hidden = f"mount -t tmpfs none /usr/sbin && exec {CTL} create n.img 1M --fat --socket {tmp_path}/control"
    result = subprocess.run(["unshare", "-m", "sh", "-c", hidden], capture_output=True, text=True)
    if "permission" in result.stderr.lower():
        pytest.skip("mounting is not allowed here")
    assert result.returncode == 2 and "dosfstools" in result.stderr
    assert sorted(os.listdir(images)) == ["a.img", "b.img"]


def test_a_size_that_no_fat_fits_creates_nothing(server, ctl, images):
    ctl("create", "n.img", "1K", "--fat", code=2)
    assert sorted(os.listdir(images)) == ["a.img", "b.img"]


# Hostile peers

@pytest.mark.parametrize("line", [
    b"", b" ", b"nonsense", b"{", b"[]", b"7", b"null", b'{"do":7}', b"{}", b'{"do":"frob"}', b'{"do":"status","do":"status"}',
    b"[" * 60000, b'{"do":' * 5000, b"\0", b"\xff\xfe", b'{"do":"\\u0000"}', b'{"do":"\xff"}', b'{"do":"\\ud800"}',
    b'{"do":"sessions","from":-1}', b'{"do":"reopen","volume":[]}', b'{"do":"' + b"x" * 60000 + b'"}',
])
def test_nonsense_is_answered_with_a_complaint(control, line):
    control.send(line + b"\n")
    answer = control.line()
    assert answer["ok"] is False and answer["error"]
    control.good("status")


def test_a_line_that_is_too_long_ends_the_connection(server, path, control):
    control.send(b"x" * (LINE_MAX - 1) + b"\n")
    assert "no JSON" in control.line()["error"]
    control.send(b"x" * LINE_MAX)
    assert "65535" in control.line()["error"]
    assert control.line() is None
    with Control(path) as other:
        other.good("status")


def test_lines_may_come_in_pieces_and_together(control):
    for byte in b'{"do": "status"}\r\n':
        control.send(bytes([byte]))
    assert control.line()["ok"]
    control.send(b'{"do":"status"}\n{"do":"volumes"}\n{"do":"frob"}\n{"do":"sessi')
    assert "pid" in control.line() and "volumes" in control.line() and not control.line()["ok"]
    control.send(b'ons"}\n')
    assert control.line()["sessions"] == []


def test_who_has_no_more_to_ask_still_gets_his_answer(control):
    control.send(b'{"do":"volumes"}\n{"do":"status"}\n{"do":')
    control.socket.shutdown(socket.SHUT_WR)
    assert control.line()["ok"] and control.line()["ok"] and control.line() is None


def test_connections_are_bounded_and_the_silent_go_first(server, path):
    with Control(path) as busy:
        silent = [Control(path) for _ in range(CALLERS - 1)]
        busy.good("status")
        for turn in range(5):
            others = [Control(path) for _ in range(CALLERS - 1)]
            for another in others:
                another.good("status")
            busy.good("status")
            silent += others
        assert all(control.line() is None for control in silent[:-CALLERS + 1])
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 60


def test_who_never_reads_costs_an_answer_and_no_more(server, path):
    """A client is served all the while."""
    pushers = [Control(path) for _ in range(CALLERS - 1)]
    memory = resident(server)
    for control in pushers:
        control.socket.setblocking(False)
    with server.peer() as peer:
        session = peer.open("a.img")
        for lsn in range(256):
            for control in pushers:
                try:
                    control.socket.send(b'{"do":"status"}\n' * 1000)
                except BlockingIOError:
                    pass
            session.read(lsn)
        assert resident(server) - memory < 24 << 20
    with Control(path) as control:
        control.good("status")


def resident(server):
    pages = int(open(f"/proc/{server.process.pid}/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_hanging_up_at_any_moment_harms_nobody(server, path, images):
    orders = [b'{"do":"volumes"}\n', b'{"do":"status"}\n', b'{"do":"create","name":"%d.img","bytes":512}\n', b'{"do":"sess', b""]
    for number in range(400):
        with Control(path) as control:
            order = orders[number % len(orders)]
            control.send(order % number if b"%d" in order else order)
            if number % 3 == 0:  # with a reset, if it is not all read
                control.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with Control(path) as control, server.peer() as peer:
        control.good("volumes")
        peer.open("a.img")
    assert not [name for name in os.listdir(images) if name.startswith(".")]


def test_a_storm_of_orders_starves_no_client(server, path):
    over = threading.Event()

    def storm():
        with Control(path) as control:
            while not over.is_set():
                control.send(b'{"do":"status"}\n' * 20)
                for _ in range(20):
                    control.line()

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with server.peer() as peer:
            session = peer.open("a.img")
            for lsn in range(256):
                session.read(lsn)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_it_answers_and_ends_while_peers_are_connected(server, path):
    controls = [Control(path) for _ in range(CALLERS)]
    controls[0].good("status")
    controls[1].send(b'{"do":')
    server.end()
    assert all(control.line() is None for control in controls)
    assert not path.exists()


def test_a_slow_disk_delays_nobody_else(serve, images, path, tmp_path):
    make_image(images / "a.img", 65536)
    faults = Faults(tmp_path / "faults", ".new-")
    with faults.loaded():
        server = serve("--control", path, images)
    faults.set("sync", delay_ms=3000)
    with Control(path) as slow, Control(path) as next_, Control(path) as quick, server.peer() as peer:
        began = time.monotonic()
        slow.send(b'{"do":"create","name":"n.img","bytes":512}\n')
        wait_until(lambda: faults.calls("sync"))
        next_.send(b'{"do":"volumes"}\n')
        session = peer.open("a.img")
        for lsn in range(256):
            session.read(lsn)
            quick.good("status")
        assert not (images / "n.img").exists() and time.monotonic() < began + 3
        faults.clear()
        assert slow.line()["ok"] and next_.line()["ok"]
    assert (images / "n.img").exists()


def test_it_ends_while_an_order_is_under_way(serve, images, path, tmp_path):
    faults = Faults(tmp_path / "faults", ".new-")
    with faults.loaded():
        server = serve("--control", path, images)
    faults.set("sync", delay_ms=500)
    with Control(path) as slow, Control(path) as next_:
        slow.send(b'{"do":"create","name":"n.img","bytes":512}\n')
        wait_until(lambda: faults.calls("sync"))
        next_.send(b'{"do":"volumes"}\n')
        server.end()
        assert slow.line() is None and next_.line() is None
    assert (images / "n.img").stat().st_size == 512


def test_a_disk_that_fails_leaves_no_image(serve, images, path, tmp_path):
    faults = Faults(tmp_path / "faults", ".new-")
    with faults.loaded():
        serve("--control", path, images)
    with Control(path) as control:
        faults.set("sync", "error", times=1)
        assert "Input/output error" in control.bad("create", name="n.img", bytes=512)
        faults.set("write", "error", times=1)
        assert "Input/output error" in control.bad("create", name="n.img", bytes=512, data=[{"at": 0, "hex": "00"}])
        assert os.listdir(images) == []
        control.good("create", name="n.img", bytes=512)


# blockhead-ctl

def test_tables_are_for_people(server, ctl):
    with server.peer() as peer:
        session = peer.open("a.img")
        lines = ctl("sessions").stdout.splitlines()
        assert re.fullmatch(r" *ID  PEER +VOLUME  ACCESS  KIND     IDLE  UNDER WAY", lines[0])
        assert re.fullmatch(rf" *{session.id}  {peer.host}:{peer.port} +a.img +write +default +0:\d\d  0", lines[1])
        assert ctl("volumes").stdout == ("NUMBER  NAME   BYTES  MODE       USE\n"
                                         "    :1  a.img  65536  exclusive  1 writing\n"
                                         "    :2  b.img  65536  exclusive  -\n")
        text = ctl("status").stdout
        assert f"udp:{server.name}" in text and "1 of 256" in text
        assert ctl("disconnect", session.id).stdout == ""
        assert error_of(session.read, 0) == 4


def test_json_is_for_scripts(server, ctl, images):
    assert json.loads(ctl("volumes", "--json").stdout)["volumes"][0]["name"] == "a.img"
    assert json.loads(ctl("sessions", "-j").stdout) == {"sessions": []}
    assert json.loads(ctl("reopen", "a.img", "-j").stdout) == {"reopened": 0}
    assert json.loads(ctl("create", "n.img", "1K", "-j").stdout) == {"name": "n.img", "bytes": 1024, "number": 3}


def test_a_refusal_is_1_and_a_sentence(server, ctl):
    assert ctl("disconnect", "7", code=1).stderr == "blockhead-ctl: there is no session 7; it may have ended\n"
    assert "'a.img'" in ctl("create", "a.img", "1M", code=1).stderr
    assert "No such file" in ctl("reopen", "nosuch", code=1).stderr


@pytest.mark.parametrize("words", [
    ["frob"], ["status", "x"], ["sessions", "--fat"], ["disconnect"], ["disconnect", "x"], ["disconnect", "0"],
    ["disconnect", "65536"], ["create", "n.img"], ["create", "n.img", "many"], ["create", "n.img", "0"],
    ["rollback", "a"], ["status", "--frob"], ["create", os.fsdecode(b"\xff.img"), "1M"],
    ["reopen", os.fsdecode(b"\xff")], ["checkpoints", os.fsdecode(b"\xff")],
])
def test_a_command_line_without_sense_is_64(server, ctl, words):
    result = ctl(*words, code=64)
    assert result.stderr.startswith("blockhead-ctl: ") and result.stdout == ""


def test_without_words_it_shows_its_commands():
    result = subprocess.run([CTL], capture_output=True, text=True)
    assert result.returncode == 64 and "usage:" in result.stderr
    result = subprocess.run([CTL, "--help"], capture_output=True, text=True)
    assert result.returncode == 0
    for name in re.findall(r"^  ([\w-]+)", result.stdout, re.M):
        one = subprocess.run([CTL, name, "--help"], capture_output=True, text=True)
        assert one.returncode == 0 and one.stdout.startswith(f"usage: blockhead-ctl {name}")
    assert subprocess.run([CTL, "--version"], capture_output=True).stdout.startswith(b"blockhead-ctl ")


def test_options_may_stand_before_the_command(server, ctl, path):
    assert json.loads(ctl("-s", path, "--json", "status", at=None).stdout)["sessions"] == 0
    assert "no option of this command" in ctl("-F", "status", code=64).stderr


def test_where_no_server_is_a_sentence_says_so(ctl, tmp_path):
    assert "no such socket" in ctl("status", at=tmp_path / "nosuch", code=2).stderr
    (tmp_path / "file").write_text("")
    ctl("status", at=tmp_path / "file", code=2)
    ctl("status", at=tmp_path / ("x" * 200), code=2)


def test_another_user_is_kept_out(server, path):
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    os.chmod(path.parent, 0o755)
    for parent in path.parents:
        if str(parent).startswith("/tmp/"):
            os.chmod(parent, 0o755)
    with pytest.raises(PermissionError):
        os.seteuid(65534)
        try:
            Control(path)
        finally:
            os.seteuid(0)


def test_a_full_output_is_no_success(server, ctl):
    with open("/dev/full", "w") as full:
        result = subprocess.run([CTL, "status", "--socket", server_path(server)], stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 2


def server_path(server):
    words = open(f"/proc/{server.process.pid}/cmdline").read().split("\0")
    return words[words.index("--control") + 1]


class FakeServer:
    """Answers one line with given bytes, and remembers it."""

    def __init__(self, path, answer):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.answer, self.line = answer, b""
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            while not self.line.endswith(b"\n") and (data := connection.recv(65536)):
                self.line += data
            try:
                connection.sendall(self.answer)
            except (BrokenPipeError, ConnectionResetError):
                pass

    def end(self):
        self.thread.join(20)
        self.listener.close()
        return self.line


@pytest.mark.parametrize("words, request_", [
    (["rollback", "a.img", "monday"], {"do": "rollback", "volume": "a.img", "checkpoint": "monday", "save": True}),
    (["rollback", "-n", "a.img", "2"], {"do": "rollback", "volume": "a.img", "checkpoint": "2", "save": False}),
    (["checkpoint", "a.img"], {"do": "checkpoint", "volume": "a.img"}),
    (["checkpoint", "a.img", "x"], {"do": "checkpoint", "volume": "a.img", "label": "x"}),
    (["remove-checkpoint", "a.img", "2"], {"do": "remove-checkpoint", "volume": "a.img", "checkpoint": "2"}),
    (["checkpoints", ":7"], {"do": "checkpoints", "volume": ":7"}),
    (["reopen"], {"do": "reopen"}),
    (["create", "n.img", "720K"], {"do": "create", "name": "n.img", "bytes": 737280}),
])
def test_what_a_command_asks(ctl, path, words, request_):
    fake = FakeServer(path, b'{"ok":true}\n')
    ctl(*words)
    assert json.loads(fake.end()) == request_


def test_checkpoints_are_a_table(ctl, path):
    fake = FakeServer(path, json.dumps({"ok": True, "checkpoints": [
        {"number": 1, "time": 1700000000, "bytes": 1474560, "label": "before\x1b[2J"}]}).encode() + b"\n")
    assert ctl("checkpoints", "a.img", env=os.environ | {"TZ": "UTC"}).stdout == (
        "NUMBER  TIME                   BYTES  LABEL\n"
        "     1  2023-11-14 22:13:20  1474560  before?[2J\n")
    fake.end()


@pytest.mark.parametrize("answer, code", [
    (b"", 2), (b"nonsense\n", 2), (b"[]\n", 2), (b"{}\n", 2), (b'{"ok":7}\n', 2), (b'{"ok":false}\n', 1),
    (b'{"ok":true}', 2), (b'{"ok":false,"error":7}\n', 1), (b"\0" * 100 + b"\n", 2), (b"x" * (20 << 20), 2),
    (b'{"ok":false,"error":"' + b"\\u001b" * 1000 + b'"}\n', 1),
    (b'{"ok":true,"sessions":7,"next":1e9}\n', 0), (b'{"ok":true,"sessions":[null,{"id":"x"},[]]}\n', 0),
    (b'{"ok":true,"sessions":[],"next":-5}\n', 0),
], ids=lambda value: str(value)[:40])
def test_a_strange_answer_harms_nobody(ctl, path, answer, code):
    fake = FakeServer(path, answer)
    result = ctl("sessions", code=code)
    assert "\x1b" not in result.stdout + result.stderr
    fake.end()


# While all of it goes on

def test_clients_do_not_notice(server, path, images):
    """One works while sessions of others come and go by the administrator's hand."""
    over = threading.Event()
    faults = []

    def administer():
        with Control(path) as control:
            number = 0
            while not over.is_set():
                for session in control.good("sessions")["sessions"]:
                    if session["volume"] == "b.img":
                        control.ask("disconnect", id=session["id"])
                number += 1
                if not control.ask("create", name=f"n{number}.img", bytes=512)["ok"]:
                    faults.append(number)

    thread = threading.Thread(target=administer)
    thread.start()
    try:
        with server.peer() as peer, server.peer() as other:
            session = peer.open("a.img")
            due = time.monotonic() + 2
            while time.monotonic() < due:
                error_of(other.open, "b.img")
                assert session.read(7) == (images / "a.img").read_bytes()[7 * 256:][:256]
            assert session.alive()
    finally:
        over.set()
        thread.join()
    assert not faults
