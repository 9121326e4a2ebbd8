# SPDX-License-Identifier: MIT
"""Serial lines on pseudo-terminals, and TCP in their place: frames, noise, lines that go and come back."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import pytest

import line
import vectors
from client import IN_USE, READ_RUN, STRICT, Refused, command_packet, connect_packet, error_of, strict_header
from conftest import BUILD, Process, make_image, wait_until
from line import Cable, Frames, LinePeer, Pty, TcpPeer, frame

SIZE = 64 * 512
VECTORS = pathlib.Path(vectors.HERE / "frames/frames.txt")


def frame_vectors():
    vector = {}
    for text in VECTORS.read_text("ascii").splitlines() + [""]:
        if text and not text.startswith("#"):
            key, _, value = text.partition(":")
            vector[key] = value.strip()
        elif vector and not text:
            yield pytest.param(vector, id=vector["name"])
            vector = {}


@pytest.mark.parametrize("vector", [v for v in frame_vectors() if v.values[0]["name"] not in ("too-long", "unending")])
def test_this_client_frames_as_the_vectors(vector):
    got = [f"good {datagram.hex()}" if datagram else "damaged"
           for datagram in Frames().feed(vectors.parse_bytes(vector["line"]))]
    wanted = [f"good {vectors.parse_bytes(part.strip()[4:]).hex()}" if part.strip().startswith("good") else "damaged"
              for part in vector["frames"].split("|") if part.strip()]
    assert got == wanted
    if vector.get("sent") == "yes":
        assert frame(vectors.parse_bytes(vector["frames"][4:])) == vectors.parse_bytes(vector["line"])


@pytest.fixture
def tty(tmp_path):
    """A line, for a test that is the client itself."""
    one = Pty(tmp_path / "tty")
    yield one
    one.unplug()


@pytest.fixture
def server(serve, images, tty):
    make_image(images / "disk.img", SIZE, 1)
    make_image(images / "other.img", SIZE, 2)
    made = serve(images, listen=("udp:127.0.0.1:0", f"serial:{tty.device}:115200"))
    tty.wait_for_program()
    return made


@pytest.fixture
def peer(server, tty):
    return LinePeer(tty.master)


def test_reads_writes_and_runs(peer, images):
    assert peer.keep()
    disk = peer.open("disk.img", 2 | STRICT)
    data = (images / "disk.img").read_bytes()
    assert disk.read(3) == data[3 * 512:4 * 512]
    disk.identify()
    first = disk.number
    peer.send(disk.packet(first, READ_RUN, 0, bytes([16])))
    for number in range(16):
        assert peer.receive() == strict_header(first + number, disk.id) + data[512 * number:][:512]
    disk.number += 16
    for value in (b"\x7e", b"\x7d", b"\0", b"\xff", b"\x11"):
        disk.write(5, value * 512)
        assert disk.read(5) == value * 512
    disk.flush()
    assert disk.discon() == 0


def test_largest_sectors_fit(peer, images):
    disk = peer.open("disk.img", 7)
    disk.write(1, b"\x7e" * 16384)
    assert disk.read(1) == b"\x7e" * 16384


def test_a_whole_connect_and_a_cut_one(peer):
    assert peer.ask(connect_packet(1, 2, b"disk.img"))[2] == 0
    assert peer.ask(connect_packet(2, 2, b"disk.img").ljust(259, b"\0"))[2] == 0


@pytest.mark.parametrize("noise", [
    b"", b"hello, world\r\n", bytes(range(256)) * 3, b"\x7e" * 100, b"\x7e" + b"\0" * 60000, b"\x7d", b"\x7e\x7d",
    b"\x7e\x04", b"\x7e" + b"\x7d\x5e" * 40000], ids=range(9))
def test_noise_costs_the_frames_in_it_alone(peer, noise):
    peer.send_raw(noise)
    assert peer.keep()  # with a flag before it, whatever came is over
    assert peer.open("disk.img", 2).read(0)


@pytest.mark.parametrize("change", [lambda good: good + b"\0", lambda good: good[:-1]], ids=["more", "less"])
def test_a_wrong_length_is_dropped_whatever_the_checksum_says(server, peer, change):
    session = peer.open("disk.img", 2)
    before = session.read(7)
    for packet in (command_packet(9, session.id, 1, 7, b"x" * 512), command_packet(10, session.id, 0, 7)):
        peer.send(change(packet))
        assert peer.receive(0.3) is None
    server.wait_for_log("length is not that of its request")
    assert session.read(7) == before
    assert server.log().count("length is not") == 1


def test_a_wrong_speed_is_said_once(serve, images, tty):
    make_image(images / "disk.img", SIZE, 1)
    server = serve(images, listen=("udp:127.0.0.1:0", f"serial:{tty.device}:9600"))
    tty.wait_for_program()
    peer = LinePeer(tty.master)
    for _ in range(4):
        peer.send_raw(bytes(byte | 0x80 for byte in frame(connect_packet(1, 2, b"disk.img"))) * 5)
    server.wait_for_log("same speed")
    peer.send_raw(bytes(range(128, 256)) * 4)
    assert peer.keep()
    assert server.log().count("same speed") == 1


def test_a_line_goes_and_comes_back_and_its_session_with_it(server, tty, peer):
    disk = peer.open("disk.img", 2 | STRICT)
    disk.write(1, b"before".ljust(512))
    tty.unplug()
    server.wait_for_log("the line is gone")
    with server.peer() as udp:
        assert udp.keep()
    tty.plug()
    tty.wait_for_program()
    disk.peer = LinePeer(tty.master)
    assert disk.read(1) == b"before".ljust(512)
    disk.write(2, b"behind".ljust(512))
    server.wait_for_log("the line is there")


def test_a_device_that_comes_later(serve, images, tmp_path):
    make_image(images / "disk.img", SIZE, 1)
    server = serve(images, listen=("udp:127.0.0.1:0", f"serial:{tmp_path}/later:115200"))
    server.wait_for_log("no such device")
    tty = Pty(tmp_path / "later")
    tty.wait_for_program()
    assert LinePeer(tty.master).keep()
    assert server.log().count("no such device") == 1
    tty.unplug()


def test_what_is_no_serial_device_is_said(serve, images, tmp_path):
    (tmp_path / "file").write_text("")
    server = serve(images, listen=("udp:127.0.0.1:0", f"serial:{tmp_path}/file:115200"))
    server.wait_for_log("no serial device")


def test_a_killed_server_s_sessions_go_on(serve, images, tty, tmp_path):
    make_image(images / "disk.img", SIZE, 1)
    arguments = dict(listen=("udp:127.0.0.1:0", f"serial:{tty.device}:115200"))
    first = serve(images, "-s", tmp_path / "state", **arguments)
    first.codes = (-signal.SIGKILL,)
    tty.wait_for_program()
    peer = LinePeer(tty.master)
    disk = peer.open("disk.img", 2 | STRICT)
    first.kill()
    serve(images, "-s", tmp_path / "state", **arguments)
    tty.wait_for_program()
    disk.write(1, b"again".ljust(512))
    assert disk.read(1) == b"again".ljust(512)


def test_two_lines_and_udp_share_the_lock(serve, images, tmp_path):
    make_image(images / "disk.img", SIZE, 1)
    ttys = [Pty(tmp_path / name) for name in ("one", "two")]
    server = serve(images, listen=("udp:127.0.0.1:0", *(f"serial:{tty.device}:115200" for tty in ttys)))
    for tty in ttys:
        tty.wait_for_program()
    one, two = (LinePeer(tty.master) for tty in ttys)
    disk = one.open("disk.img", 2 | STRICT)
    with server.peer() as udp:
        for other in (two, udp):
            assert error_of(other.open, "disk.img", 2 | STRICT) == IN_USE
        assert two.ask(command_packet(1, disk.id, 0))[2] == 4  # a line is a host: its ids are its own
        disk.discon()
        with pytest.raises(Refused):
            two.open("disk.img", 2 | STRICT)
            udp.open("disk.img", 2 | STRICT)
    for tty in ttys:
        tty.unplug()


def test_a_reset_machine_gets_its_disk_back_at_once(peer):
    peer.open("disk.img", 2 | STRICT)
    again = peer.open("disk.img", 2 | STRICT)
    assert again.read(0)


def test_a_slow_line_holds_up_nobody_and_drops_whole_frames(server, tty, peer):
    """Nobody reads while the server is asked for more than waits for a line: the rest is dropped, what comes is whole."""
    disk = peer.open("disk.img", 7 | STRICT)
    disk.identify()
    window = disk.window
    for turn in range(40):
        for i in range(window):
            peer.send(disk.packet(disk.number + i, 0, i % 2))
    with server.peer() as udp:
        assert udp.keep()
        assert udp.open("other.img", 2).read(0)
    replies = peer.receive_all(0.5)
    assert 0 < len(replies) < 40 * window
    assert all(len(reply) == 6 + 16384 for reply in replies)
    assert peer.damaged == 0
    disk.number += window
    assert disk.read(0)


def test_the_default_image_of_a_line(serve, images):
    make_image(images / "disk.img", SIZE, 1)
    with tempfile.TemporaryDirectory(prefix="bh", dir="/tmp") as directory:
        tty = Pty(pathlib.Path(directory) / "t")
        serve(images, listen=("udp:127.0.0.1:0", f"serial:{tty.device}:115200"),
              config=f"[host serial:{tty.device}]\ndefault = disk.img\n")
        tty.wait_for_program()
        assert LinePeer(tty.master).open("", 2).read(0) == (images / "disk.img").read_bytes()[:512]
        tty.unplug()


def test_an_orderly_end(images, tty, tmp_path):
    make_image(images / "disk.img", SIZE, 1)
    server = Process([BUILD / "blockheadd", "-l", f"serial:{tty.device}:115200", "-s", "none", images], tmp_path / "server")
    tty.wait_for_program()
    peer = LinePeer(tty.master)
    disk = peer.open("disk.img", 2 | STRICT)
    disk.write(0, b"kept".ljust(512))
    server.end()
    assert (images / "disk.img").read_bytes()[:4] == b"kept"


#
# TCP.
#

TCP = re.compile(r"tcp:127\.0\.0\.1:(\d+)")


@pytest.fixture
def tcp(serve, images):
    make_image(images / "disk.img", SIZE, 1)
    make_image(images / "other.img", SIZE, 2)
    server = serve(images, listen=("udp:127.0.0.1:0", "tcp:127.0.0.1:0"))
    server.tcp = ("127.0.0.1", int(TCP.search(server.out())[1]))
    return server


def test_tcp_reads_writes_and_goes_on_in_the_next_connection(tcp):
    with TcpPeer(tcp.tcp) as one:
        disk = one.open("disk.img", 2 | STRICT)
        disk.write(1, b"one".ljust(512))
    with TcpPeer(tcp.tcp) as two:
        disk.peer = two
        assert disk.read(1) == b"one".ljust(512)
    with TcpPeer(tcp.tcp, "127.9.9.9") as stranger:
        assert stranger.ask(command_packet(1, disk.id, 0))[2] == 4


def test_many_connections_the_one_silent_for_longest_goes(tcp):
    peers = [TcpPeer(tcp.tcp) for _ in range(32)]
    assert all(peer.keep() for peer in peers[:4])
    with TcpPeer(tcp.tcp) as newcomer:
        assert error_of(newcomer.connect, "disk.img", 2) == 0
    for peer in peers:
        peer.close()


def test_a_host_that_connects_without_end_drives_out_its_own(tcp):
    with TcpPeer(tcp.tcp, "127.9.9.9") as quiet:
        disk = quiet.open("disk.img", 2 | STRICT)
        crowd = [TcpPeer(tcp.tcp) for _ in range(80)]
        assert crowd[-1].keep()
        assert len(disk.read(1)) == 512
        for peer in crowd:
            peer.close()


def test_a_tcp_client_that_does_not_read_is_bounded(tcp):
    with TcpPeer(tcp.tcp) as lazy, tcp.peer() as udp:
        disk = lazy.open("disk.img", 7)
        for i in range(2000):
            try:
                os.write(lazy.fd, frame(command_packet(i % 256, disk.id, 0, 0)))
            except BlockingIOError:
                break
        assert udp.keep()
        status = pathlib.Path(f"/proc/{tcp.process.pid}/status").read_text()
        assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) < 600000


#
# The command, and libblockhead.
#

@pytest.fixture
def cable(tmp_path, request):
    one = Cable(tmp_path, getattr(request, "param", 0))
    yield one
    one.close()


def serial_url(cable, image=""):
    return f"blockhead+serial://{cable.ends[1].device}:115200/{image}"


def serve_cable(serve, images, cable, **options):
    server = serve(images, listen=("udp:127.0.0.1:0", f"serial:{cable.ends[0].device}:115200"), **options)
    cable.ends[0].wait_for_program()
    return server


@pytest.mark.parametrize("cable", [0, 3000], indirect=True, ids=["clean", "noisy"])
def test_the_command_copies_over_a_line(serve, images, cable, tmp_path, blockhead):
    """With noise in every sixth frame or so all arrives all the same, and as it was."""
    size = 48 * 512
    make_image(images / "disk.img", size, 1)
    server = serve_cable(serve, images, cable)
    data = make_image(tmp_path / "new.img", size, 9)
    blockhead("put", "-q", tmp_path / "new.img", serial_url(cable, "disk.img"))
    assert (images / "disk.img").read_bytes() == data
    blockhead("get", "-q", serial_url(cable, "disk.img"), tmp_path / "copy.img")
    assert (tmp_path / "copy.img").read_bytes() == data
    assert (cable.noise.hits > 8) == (cable.noise.every > 0)
    assert "only damaged" not in server.log()


def test_the_command_lists_and_pings(serve, images, cable, blockhead):
    make_image(images / "disk.img", SIZE, 1)
    serve_cable(serve, images, cable)
    assert b"disk.img" in blockhead("ls", serial_url(cable)).stdout
    assert blockhead("ping", "-c", "1", serial_url(cable)).stdout


def test_the_command_copies_over_tcp_while_the_server_is_killed(serve, images, tmp_path):
    data = make_image(images / "disk.img", 8 << 20, 5)
    first = serve(images, "-s", tmp_path / "state", listen=("udp:127.0.0.1:0", "tcp:127.0.0.1:0"))
    first.codes = (-signal.SIGKILL,)
    port = TCP.search(first.out())[1]
    reader = subprocess.Popen([BUILD / "blockhead", "get", "-q", "-t", "20",
                               f"blockhead+tcp://127.0.0.1:{port}/disk.img?sector=128", tmp_path / "copy"],
                              stderr=subprocess.PIPE)
    try:
        wait_until(lambda: (tmp_path / "copy").exists() or reader.poll() is not None)
        first.kill()
        time.sleep(0.2)
        serve(images, "-s", tmp_path / "state", listen=("udp:127.0.0.1:0", f"tcp:127.0.0.1:{port}"))
        _, errors = reader.communicate(timeout=60)
    finally:
        reader.kill()
        reader.wait()
    assert reader.returncode == 0, errors
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("url, code, words", [
    ("blockhead+serial:///nowhere/tty:9600", 2, b"is it plugged in"),
    ("blockhead+serial:///dev/null:9600", 2, b"no serial device"),
    ("blockhead+serial:///dev/ttyS0", 64, b"speed"),
    ("blockhead+tcp://127.0.0.1:1", 2, b"nobody listens"),
])
def test_the_command_says_what_is_wrong(blockhead, url, code, words):
    assert words in blockhead("ls", "-t", "2", url, code=code).stderr


def test_a_silent_line_has_advice_of_its_own(cable, blockhead):
    for words in (("ls",), ("info",)):
        assert b"same speed" in blockhead(*words, "-t", "1", serial_url(cable), code=2).stderr


def test_a_line_that_another_program_uses(serve, images, cable, blockhead):
    make_image(images / "disk.img", SIZE, 1)
    serve_cable(serve, images, cable)
    url = f"blockhead+serial://{cable.ends[0].device}:115200/"
    assert b"another program uses it" in blockhead("ls", url, code=2).stderr


def test_the_image_of_a_config_names_the_place(images, tmp_path):
    done = subprocess.run([BUILD / "blockheadd", "-l", "serial:/dev/ttyS0", images], capture_output=True, timeout=20)
    assert done.returncode == 78 and b"speed is missing" in done.stderr
    assert line.FLAG == 0x7E
