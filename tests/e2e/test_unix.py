# SPDX-License-Identifier: MIT
"""Unix datagram sockets: who is answered, who is whom, and what becomes of the socket's file."""
import itertools
import os
import re
import socket
import stat
import subprocess
import tempfile

import pytest

from client import IN_USE, READ_RUN, STRICT, Peer, Refused, command_packet, connect_packet, error_of, strict_header
from conftest import BUILD, Process, make_image, wait_until

SIZE = 64 * 512
OTHER_USER = 12345


class UnixPeer(Peer):
    """The client over a Unix socket; the kernel names it."""

    def __init__(self, path, name=""):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(name))
        self.socket.connect(str(path))
        self.seq = itertools.count(1)
        self.retry_s = 0.5

    def receive(self, timeout=2.0):
        try:
            return super().receive(timeout)
        except ConnectionResetError:
            return None


@pytest.fixture
def place(tmp_path):
    return tmp_path / "s"


@pytest.fixture
def server(serve, images, place):
    make_image(images / "disk.img", SIZE, 1)
    make_image(images / "other.img", SIZE, 2)
    return serve(images, listen=("udp:127.0.0.1:0", f"unix:{place}"))


def test_reads_and_writes(server, place, images):
    with UnixPeer(place) as peer:
        assert peer.keep()
        disk = peer.open("disk.img", 2 | STRICT)
        assert disk.read(3) == (images / "disk.img").read_bytes()[3 * 512:4 * 512]
        disk.write(5, b"U" * 512)
        disk.flush()
        assert (images / "disk.img").read_bytes()[5 * 512:6 * 512] == b"U" * 512
        assert disk.identify().count == SIZE // 512


def test_runs_come_whole(server, place, images):
    with UnixPeer(place) as peer:
        disk = peer.open("disk.img", 2 | STRICT)
        disk.identify()
        first = disk.number
        peer.send(disk.packet(first, READ_RUN, 0, bytes([8])))
        data = (images / "disk.img").read_bytes()
        for number in range(8):
            assert peer.receive() == strict_header(first + number, disk.id) + data[512 * number:][:512]


def test_largest_sectors_fit(server, place, images):
    with UnixPeer(place) as peer:
        assert peer.open("disk.img", 7).read(0) == (images / "disk.img").read_bytes()[:16384]


def test_bound_path_is_answered(server, place):
    with tempfile.TemporaryDirectory() as directory, UnixPeer(place, f"{directory}/c") as peer:
        assert peer.keep()


def test_those_who_cannot_be_answered_are_told_of_once(server, place, tmp_path):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    for _ in range(3):
        peer.sendto(bytes([4]), str(place))
    server.wait_for_log("bind its socket")
    with UnixPeer(place) as other:
        assert other.keep()
    assert server.log().count("cannot be answered") == 1
    peer.close()


def test_a_relative_path_is_another_one_here(server, place, tmp_path, monkeypatch):
    """It would be looked for where the server runs."""
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(there)
    with UnixPeer(place, "mine") as peer:
        assert not peer.keep(0.3)
    server.wait_for_log(r"cannot be answered: the path of its socket is relative")


def open_to_all(place):
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    place.chmod(0o666)
    for directory in list(place.parents)[:-1]:
        directory.chmod(directory.stat().st_mode | 0o011)


def test_another_user_s_path_is_not_answered(server, place):
    """It may become a link to a socket that only the server's user may write to."""
    open_to_all(place)
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        script = ("import socket\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                  f"s.bind({directory + '/c'!r})\n"
                  f"s.sendto(bytes([4]), {str(place)!r})\n"
                  "s.settimeout(0.3)\n"
                  "try: print(s.recv(10))\n"
                  "except TimeoutError: print('silence')\n")
        other = subprocess.run(["/usr/bin/python3", "-c", script], user=OTHER_USER, capture_output=True, text=True,
                               timeout=20)
    assert other.stdout == "silence\n", other
    server.wait_for_log("another user's than the server's")


def test_udp_and_unix_share_the_lock(server, place):
    with UnixPeer(place) as peer, server.peer() as udp:
        disk = peer.open("disk.img", 2 | STRICT)
        with pytest.raises(Refused) as refused:
            udp.open("disk.img", 2 | STRICT)
        assert refused.value.error == IN_USE
        disk.discon()
        udp.open("disk.img", 2 | STRICT)


def test_an_id_of_another_user_is_none(server, place, images):
    """The kernel says who asks: nobody guesses the id of somebody else's session."""
    open_to_all(place)
    with UnixPeer(place) as peer:
        disk = peer.open("disk.img", 2)
        with UnixPeer(place) as same:  # another program of the same user may
            assert same.ask(command_packet(9, disk.id, 0))[2] == 0
        packet = command_packet(9, disk.id, 0)
        script = ("import socket\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                  "s.settimeout(5)\n"
                  "s.bind('')\n"
                  f"s.sendto({packet!r}, {str(place)!r})\n"
                  "print(s.recv(1000)[2])\n")
        other = subprocess.run(["/usr/bin/python3", "-c", script], user=OTHER_USER, capture_output=True, text=True,
                               timeout=20)
        assert other.stdout == "4\n", other


def test_the_file_has_the_mode_that_was_asked_for(serve, images, tmp_path):
    before = os.umask(0o077)
    try:
        serve(images, listen=("udp:127.0.0.1:0", f"unix:{tmp_path}/a", f"unix:{tmp_path}/b:0606"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o660
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o606


def test_a_killed_server_s_socket_is_replaced_and_sessions_go_on(serve, images, place, tmp_path):
    make_image(images / "disk.img", SIZE, 1)
    arguments = dict(listen=("udp:127.0.0.1:0", f"unix:{place}"))
    first = serve(images, "-s", tmp_path / "state", **arguments)
    first.codes = (-9,)
    with UnixPeer(place) as peer:
        disk = peer.open("disk.img", 2 | STRICT)
        first.kill()
        serve(images, "-s", tmp_path / "state", **arguments)
        peer.socket.connect(str(place))
        disk.write(1, b"again".ljust(512))


def test_a_living_server_s_socket_is_not_taken(server, place, images, tmp_path):
    second = Process([BUILD / "blockheadd", "-s", "none", "-l", f"unix:{place}", images], tmp_path / "second")
    second.process.wait(20)
    assert second.process.returncode == 69 and "another server has it" in second.log()
    with UnixPeer(place) as peer:
        assert peer.keep()


def test_a_file_that_is_no_socket_stays(images, tmp_path):
    (tmp_path / "precious").write_text("mine")
    second = Process([BUILD / "blockheadd", "-s", "none", "-l", f"unix:{tmp_path}/precious", images], tmp_path / "second")
    second.process.wait(20)
    assert second.process.returncode == 69 and "no socket" in second.log()
    assert (tmp_path / "precious").read_text() == "mine"


def test_unix_alone_and_an_orderly_end(images, place, tmp_path):
    make_image(images / "disk.img", SIZE, 1)
    server = Process([BUILD / "blockheadd", "-l", f"unix:{place}", images], tmp_path / "server")
    server.wait_for_out(re.compile("socket="))
    with UnixPeer(place) as peer:
        wait_until(lambda: peer.keep(0.2))
    server.end()
    assert not place.exists()


def test_a_default_image_for_unix(serve, images):
    directory = tempfile.TemporaryDirectory(prefix="bh", dir="/tmp")
    place = f"{directory.name}/s"
    make_image(images / "disk.img", SIZE, 1)
    make_image(images / "other.img", SIZE, 2)
    serve(images, listen=("udp:127.0.0.1:0", f"unix:{place}"), config=f"[host unix:{place}]\ndefault = other.img\n")
    with UnixPeer(place) as peer:
        assert peer.open("", 2).read(0) == (images / "other.img").read_bytes()[:512]


def test_a_full_client_loses_its_answers_and_holds_up_nobody(server, place):
    with UnixPeer(place) as lazy, UnixPeer(place) as other:
        lazy.socket.setblocking(False)
        disk = lazy.open("disk.img", 2)
        lazy.socket.setblocking(False)
        for lsn in range(200):
            try:
                lazy.send(command_packet(lsn % 256, disk.id, 0, lsn % 64))
            except BlockingIOError:
                pass
        assert other.keep()
        assert other.open("other.img", 2).read(1)
        assert error_of(other.connect, "disk.img", 2) in (0, IN_USE)
        assert len(other.ask(connect_packet(200, 2, b"nowhere.img"))) == 5


def url(place, image="", sector=None):
    return f"blockhead+unix:///{image}?socket={place}" + (f"&sector={sector}" if sector else "")


def test_the_command_reads_lists_and_writes(server, place, images, tmp_path, blockhead):
    assert b"disk.img" in blockhead("ls", url(place)).stdout
    assert blockhead("ping", "-c", "1", url(place)).stdout
    data = make_image(tmp_path / "new.img", SIZE, 9)
    blockhead("put", tmp_path / "new.img", url(place, "disk.img"))
    assert (images / "disk.img").read_bytes() == data
    blockhead("get", url(place, "disk.img", 1024), tmp_path / "copy.img")
    assert (tmp_path / "copy.img").read_bytes() == data
    assert b"512" in blockhead("info", url(place, "other.img", 512)).stdout


@pytest.mark.parametrize("arguments, code, words", [
    (("ls", "blockhead+unix:///?socket=/nowhere/s"), 2, b"no such socket"),
    (("ls", "blockhead+unix:///"), 64, b"socket is missing"),
    (("ls", "blockhead+unix://h/?socket=/s"), 64, b"socket has none"),
])
def test_the_command_says_what_is_wrong(blockhead, arguments, code, words):
    assert words in blockhead(*arguments, code=code).stderr


def test_a_client_goes_on_with_a_server_that_was_killed(serve, images, place, tmp_path, blockhead):
    data = make_image(images / "disk.img", 4 << 20, 5)
    arguments = dict(listen=("udp:127.0.0.1:0", f"unix:{place}"))
    first = serve(images, "-s", tmp_path / "state", **arguments)
    first.codes = (-9,)
    reader = subprocess.Popen([BUILD / "blockhead", "get", "-q", "-t", "20", url(place, "disk.img", 128), tmp_path / "copy"],
                              stderr=subprocess.PIPE)
    try:
        wait_until(lambda: (tmp_path / "copy").exists() or reader.poll() is not None)
        first.kill()
        serve(images, "-s", tmp_path / "state", **arguments)
        _, errors = reader.communicate(timeout=60)
    finally:
        reader.kill()
        reader.wait()
    assert reader.returncode == 0, errors
    assert (tmp_path / "copy").read_bytes() == data
