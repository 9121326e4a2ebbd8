# SPDX-License-Identifier: MIT
"""blockheadd from the outside: its banner, its signals, its configuration and its complaints."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from client import BAD_SESSION, IS_READ_ONLY, NO_IMAGE, OK, READ, Peer, error_of
from conftest import BUILD, SANITIZER, make_image, wait_until


def run(*arguments, timeout=10):
    """blockheadd that is to give up at once."""
    result = subprocess.run([BUILD / "blockheadd", *map(str, arguments)], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=timeout)
    assert not SANITIZER.search(result.stderr), result.stderr
    return result


def refused(*arguments):
    """The sentence with which it gives up."""
    result = run(*arguments)
    assert result.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT), result.stdout
    assert result.stderr.strip(), "it gave up without a word"
    return result.stderr


# Start

def test_the_banner_says_what_to_type(serve, images):
    make_image(images / "demo.img", 4096)
    server = serve(images)
    out = server.out()
    assert str(server.address[1]) in out
    assert "demo.img" in out
    assert re.search(r"blockhead (ls|get|info|ping) \S*" + str(server.address[1]), out), out


def test_the_command_in_the_banner_works(serve, images):
    make_image(images / "demo.img", 4096)
    server = serve(images)
    command = re.search(r"\bblockhead (?:ls|info|ping)[^\n]*", server.out())
    assert command, server.out()
    words = command[0].split()
    assert subprocess.run([BUILD / "blockhead", *words[1:]], capture_output=True, timeout=20).returncode == 0


def test_help_and_version():
    assert "usage" in run("--help").stdout.lower() and run("--help").returncode == 0
    assert run("--version").stdout.startswith("blockheadd ") and run("--version").returncode == 0


def test_several_addresses_at_once(serve, images):
    make_image(images / "a.img", 4096)
    server = serve(images, listen=["udp:127.0.0.1:0", "udp:127.0.0.3:0", "udp:[::1]:0"])
    bound = re.findall(r"udp:(\[[^\]]*\]|[\d.]+):(\d+)", server.out())
    hosts = {host.strip("[]"): int(port) for host, port in bound}
    assert set(hosts) == {"127.0.0.1", "127.0.0.3", "::1"}
    for host, port in hosts.items():
        with Peer((host, port)) as peer:
            assert peer.keep()
            session = peer.open("a.img", 1 | 0x18)
            assert session.alive()


def test_an_empty_directory_is_served(serve, images):
    server = serve(images)
    with server.peer() as peer:
        assert error_of(peer.connect, "a.img") == NO_IMAGE
        assert peer.open(":list").identify().count == 0
        make_image(images / "a.img", 4096)
        assert peer.open("a.img").alive()


def test_ipv6(serve, images, blockhead, tmp_path):
    data = make_image(images / "a.img", 4096, 1)
    server = serve(images, listen=["udp:[::1]:0"])
    assert server.address[0] == "::1"
    with server.peer() as peer:
        session = peer.open("a.img")
        session.write(1, b"6" * 256)
        assert session.read(0) == data[:256] and session.read(1) == b"6" * 256
        assert error_of(peer.connect, "a.img", 7) == OK  # the loopback carries 16 KiB
        session.discon()
    blockhead("get", "-q", server.url("a.img"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (images / "a.img").read_bytes()


def test_one_socket_for_both_families(serve, images):
    make_image(images / "a.img", 4096)
    server = serve(images, listen=["udp:*:0"])
    for host in ("127.0.0.1", "::1"):
        with Peer((host, server.address[1])) as peer:
            assert peer.open("a.img", 1 | 0x18).alive()
    with Peer(("127.0.0.7", server.address[1])) as peer:  # answered from where it was asked
        assert peer.keep()


def test_df_is_set(serve, images):
    if os.geteuid() != 0:
        pytest.skip("looking at headers takes root")
    make_image(images / "a.img", 4096)
    server = serve(images)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire, server.peer() as peer:
        wire.bind(("lo", 0x0800))
        wire.settimeout(2)
        peer.keep()
        while True:
            packet = wire.recv(2000)
            if packet[9] == 17 and int.from_bytes(packet[20:22], "big") == server.address[1]:
                break
    assert packet[6] & 0x40


# End

@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_written(serve, images, end):
    make_image(images / "a.img", 65536)
    server = serve(images)
    with server.peer() as peer:
        session = peer.open("a.img")
        for lsn in range(256):
            session.write(lsn, bytes([lsn]) * 256)
        began = time.monotonic()
        server.process.send_signal(end)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3
    assert (images / "a.img").read_bytes() == b"".join(bytes([lsn]) * 256 for lsn in range(256))


def test_it_ends_in_the_middle_of_a_load(serve, images):
    make_image(images / "a.img", 1 << 20)
    server = serve(images)
    with server.peer() as peer:
        session = peer.open("a.img")
        for lsn in range(500):
            peer.send(bytes([1, lsn % 256]) + session.id.to_bytes(2, "big") + bytes([1]) + lsn.to_bytes(4, "big") +
                      b"\0" + b"L" * 256)
        server.end()


# SIGHUP

def reload(server):
    server.process.send_signal(signal.SIGHUP)


def test_sighup_reads_the_configuration_again_and_loses_no_session(serve, images):
    make_image(images / "a.img", 4096)
    make_image(images / "b.img", 4096)
    section = "[volume {0}]\npath = {1}/{0}.img\n"
    server = serve(config=section.format("a", images))
    with server.peer() as peer, server.peer() as other:
        session, pending = peer.open("a"), other.connect("a", 1 | 0x18)
        session.write(1, b"h" * 256)
        assert error_of(other.connect, "b") == NO_IMAGE
        config = server.log_path.parent / "blockheadd.conf"
        config.write_text(section.format("a", images) + section.format("b", images))
        reload(server)
        wait_until(lambda: error_of(other.connect, "b") == OK)
        assert session.read(1) == b"h" * 256
        assert error_of(other.command, pending, READ) == OK
        config.write_text(section.format("b", images))
        reload(server)
        wait_until(lambda: error_of(other.connect, "a", 1 | 0x18) == NO_IMAGE)
        assert session.read(1) == b"h" * 256  # a session outlives its volume's section
        session.write(2, b"i" * 256)


def test_sighup_with_a_bad_configuration_keeps_the_old_one(serve, images):
    make_image(images / "a.img", 4096)
    server = serve(config=f"[volume a]\npath = {images}/a.img\n")
    with server.peer() as peer, server.peer() as other:
        session = peer.open("a")
        (server.log_path.parent / "blockheadd.conf").write_text("[volume a]\nnonsense\n")
        reload(server)
        server.wait_for_log(r"blockheadd\.conf.*2", 5)
        assert session.alive()
        assert error_of(other.connect, "a", 1 | 0x18) == OK


# Configurations that cannot be

@pytest.mark.parametrize("text, says", [
    ("nonsense\n", "1"),
    ("[server]\nnonsense = 1\n", "nonsense"),
    ("[server]\nsessions = 15\n", "sessions"),
    ("[server]\nsessions = 32769\n", "sessions"),
    ("[server]\nsessions = many\n", "many"),
    ("[server]\nlisten = udp:nowhere:x\n", "nowhere"),
    ("[server]\nlisten = sctp:127.0.0.1:0\n", "sctp"),
    ("[server]\nidle = soon\n", "soon"),
    ("[server]\ntakeover = perhaps\n", "perhaps"),
    ("[nosuch]\nx = 1\n", "nosuch"),
    ("[volume v]\nmode = shared\n", "path"),
    ("[volume v]\npath = {image}\nmode = odd\n", "odd"),
    ("[volume v]\npath = {image}\nsector = 100\n", "100"),
    ("[volume v]\npath = {image}\noffset = -1\n", "-1"),
    ("[volume v]\npath = {image}\nsize = 0x\n", "0x"),
    ("[volume v]\npath = {image}\nsync = never\n", "never"),
    ("[volume v]\npath = {image}\nroam = maybe\n", "maybe"),
    ("[volume v]\npath = {image}\nnosuch = 1\n", "nosuch"),
    ("[volume ]\npath = {image}\n", "volume"),
    ("[host nowhere]\ndefault = v\n", "nowhere"),
])
def test_a_bad_configuration_is_refused_with_a_sentence(images, tmp_path, text, says):
    make_image(images / "v.img", 4096)
    config = tmp_path / "bad.conf"
    config.write_text(text.replace("{image}", str(images / "v.img")))
    said = refused("-c", config, "-l", "udp:127.0.0.1:0")
    assert says in said, said


@pytest.mark.parametrize("arguments, says", [
    (["--nosuch"], "nosuch"),
    (["-l"], "argument"),
    (["-l", "udp:127.0.0.1:99999", "{images}"], "99999"),
    (["-l", "udp:192.0.2.1:0", "{images}"], "192.0.2.1"),
    (["-c", "/nonexistent.conf"], "/nonexistent.conf"),
    (["-l", "udp:127.0.0.1:0", "/nonexistent/dir"], "/nonexistent/dir"),
    (["-l", "udp:127.0.0.1:0"], ""),
])
def test_a_bad_command_line_is_refused_with_a_sentence(images, arguments, says):
    assert says in refused(*(word.replace("{images}", str(images)) for word in arguments))


def test_an_address_that_is_taken_is_named(serve, images):
    make_image(images / "a.img", 4096)
    server = serve(images)
    said = refused("-l", f"udp:{server.name}", images)
    assert server.name in said and "in use" in said
    with server.peer() as peer:
        assert peer.open("a.img").alive()


def test_ids_of_another_run_are_refused(serve, images):
    make_image(images / "a.img", 4096)
    one, two = serve(images), serve(images)
    with one.peer() as peer, two.peer() as other:
        session = peer.open("a.img", 1 | 0x18)
        assert error_of(other.command, session.id, READ) == BAD_SESSION


@pytest.mark.parametrize("order", ["before", "behind"])
def test_the_command_line_wins_over_the_file(serve, images, tmp_path, order):
    data = make_image(images / "a.img", 4096, 1)
    make_image(images / "b.img", 4096, 2)
    path = tmp_path / "given.conf"
    path.write_text("[server]\nread-only = no\ndefault = b.img\n")
    mine = ["-r", "-x", "a.img"]
    server = serve(*(mine + ["-c", path] if order == "before" else ["-c", path] + mine), images)
    with server.peer() as peer:
        session = peer.open("")
        assert session.read(1) == data[256:512]
        assert error_of(session.write, 1, bytes(256)) == IS_READ_ONLY
