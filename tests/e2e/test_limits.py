# SPDX-License-Identifier: MIT
"""What strangers can provoke: rates, silence, noise, and how much of it the log repeats."""
import os
import random
import re
import socket
import struct
import time

import pytest

from client import KEEP, READ, Peer, command_packet, connect_packet, discon_packet, error_of
from conftest import make_image, wait_until


@pytest.fixture
def server(serve, images):
    make_image(images / "a.img", 65536)
    return serve(images)


def burst(peer, packet, count, quiet=0.15):
    """How many of `count` copies are answered.

    On a machine that is busy it takes longer than thought: answers come later than `quiet`, and more of them are
    allowed. So tests ask for few at least, and count what may come at most by the time that has passed.
    """
    for _ in range(count):
        peer.send(packet)
    return len(peer.receive_all(quiet))


def allowed(at_once, a_second, began):
    """The most that may be answered in the time since `began`: one more than the rate, for its edges."""
    return at_once + int((time.monotonic() - began) * a_second) + 1


# KEEP

def test_keep_is_answered_5_times_at_once_and_then_once_a_second(server):
    with server.peer() as peer:
        began = time.monotonic()
        answers = burst(peer, bytes([KEEP]), 50)
        assert 1 <= answers <= allowed(5, 1, began)
        while time.monotonic() < began + 2.6:
            answers += burst(peer, bytes([KEEP]), 1, 0.05)
        assert answers <= allowed(5, 1, began)
        wait_until(lambda: peer.keep(0.2))


def test_keeps_rate_is_of_the_host_not_of_the_port(server):
    with server.peer() as one, server.peer() as stranger:
        with server.peer(one.host) as two:
            began = time.monotonic()
            answers = burst(one, bytes([KEEP]), 10)
            assert answers >= 1
            assert answers + burst(two, bytes([KEEP]), 10) <= allowed(5, 1, began)
        assert burst(stranger, bytes([KEEP]), 10) >= 1


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def forged(source, destination, payload):
    """An IPv4 datagram with any source address."""
    udp = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp


@pytest.mark.skipif(os.geteuid() != 0, reason="forging addresses takes root")
@pytest.mark.parametrize("host", ["server", "127.255.255.255", "255.255.255.255", "224.0.0.1"])
def test_a_keep_from_the_servers_own_or_a_broadcast_address_is_not_answered(server, host):
    source = server.address if host == "server" else (host, 4444)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw, \
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire:
        wire.bind(("lo", 0x0800))
        try:
            raw.sendto(forged(source, server.address, bytes([KEEP])), server.address)
        except OSError as error:
            pytest.skip(f"the kernel does not send it: {error}")
        wire.settimeout(0.3)
        seen = []
        try:
            while True:
                packet, link = wire.recvfrom(2000)
                ports = struct.unpack(">HH", packet[20:24])
                ends = zip(map(socket.inet_ntoa, (packet[12:16], packet[16:20])), ports)
                if packet[9] == 17 and server.address in ends and link[2] == socket.PACKET_HOST:
                    seen.append(packet[28:])  # the server's, whoever else is on the loopback
        except TimeoutError:
            pass
    assert len(seen) <= 1, f"{len(seen)} datagrams"  # ours alone, if the kernel let it through


# Wrong ids

def test_wrong_ids_are_answered_5_times_at_once_and_then_20_times_a_second(server):
    with server.peer() as peer:
        wrong = command_packet(1, 1, READ)
        began = time.monotonic()
        answers = burst(peer, wrong, 100, 0.03)
        assert 1 <= answers <= allowed(5, 20, began)
        while time.monotonic() < began + 1.5:
            answers += burst(peer, wrong, 1, 0.002)
        assert answers <= allowed(5, 20, began)
        wait_until(lambda: burst(peer, wrong, 1, 0.2))


def test_wrong_ids_of_discons_count_too(server):
    with server.peer() as peer:
        began = time.monotonic()
        assert 1 <= burst(peer, discon_packet(1, 1), 100, 0.03) <= allowed(5, 20, began)


def test_who_guesses_ids_does_not_silence_others_nor_his_own_session(server):
    with server.peer() as guesser, server.peer() as other:
        session = guesser.open("a.img")
        burst(guesser, command_packet(1, session.id ^ 1, READ), 1000, 0.05)
        assert session.alive()
        assert error_of(other.command, session.id ^ 1, READ) == 4


# Replies are not longer than requests

def test_nothing_unproven_is_answered_with_more_than_was_sent(server):
    noise = random.Random(7)
    packets = [noise.randbytes(noise.randrange(1, 12)) for _ in range(2000)]
    packets += [bytes([kind]) + noise.randbytes(length) for kind in range(5) for length in range(140)]
    packets += [connect_packet(1, 1, b"a.img"), connect_packet(1, 1, b""), command_packet(1, 0, 2, 0x424C4B48)]
    packets += [command_packet(1, 0, 2, 0x424C4B48) + bytes(extra) for extra in range(130)]
    for number, packet in enumerate(packets):
        with server.peer() as peer:
            peer.send(packet)
            for reply in peer.receive_all(0.0005):
                assert len(reply) <= len(packet), f"{number}: {packet.hex()} -> {reply.hex()}"


def test_a_reply_or_an_unknown_type_is_not_answered(server):
    with server.peer() as peer:
        session = peer.open("a.img")
        for kind in [2, *range(5, 256)]:
            peer.send(bytes([kind, 1]) + session.id.to_bytes(2, "big") + bytes(20))
            peer.send(bytes([kind]))
        peer.send(b"")
        peer.send(command_packet(9, session.id, READ, 3))
        assert peer.receive(10) == b"\x02\x09\x00\x00" + bytes(256)
        assert peer.receive_all() == []


# Noise

def noise_packet(noise, session):
    """Random bytes, mostly behind a header that looks right."""
    kind = noise.randrange(8)
    length = noise.choice([0, 1, 2, 3, 4, 5, 9, 10, 11, 46, 132, 259, 266, 700, 1500])
    rest = noise.randbytes(length)
    if kind == 0:
        return b"\0" + rest
    if kind == 1:
        return bytes([1, noise.randrange(256)]) + session + bytes([noise.randrange(2, 256)]) + rest
    if kind == 2:
        return bytes([noise.randrange(5)]) + rest
    if kind == 3:
        return connect_packet(noise.randrange(256), noise.randrange(256), noise.randbytes(8).replace(b"\0", b"?"))
    return rest


def test_20000_random_datagrams_change_nothing(server, images):
    noise = random.Random(20211)
    (images / "a.img").write_bytes(data := noise.randbytes(65536))
    with server.peer() as witness, server.peer() as peer:
        session = witness.open("a.img")
        for number in range(20000):
            peer.send(noise_packet(noise, session.id.to_bytes(2, "big")))
            if number % 500 == 0:  # let the server keep pace: it is to read them, not to lose them
                assert session.read(noise.randrange(256)) is not None
        for lsn in range(256):
            assert session.read(lsn) == data[lsn * 256:][:256]
        assert session.alive()
    assert (images / "a.img").read_bytes() == data


def test_a_storm_of_connects_from_many_hosts_starves_nobody(server):
    with server.peer() as owner:
        session = owner.open("a.img")
        for number in range(3000):
            with server.peer() as peer:
                peer.send(connect_packet(number % 256, 1, b"a.img" if number % 2 else b"nosuch.img"))
        assert session.alive()
        with server.peer() as late:
            wait_until(late.keep)
            assert error_of(late.connect, "a.img") == 9
        assert session.discon() == 0


def test_the_log_names_the_cause_and_does_not_repeat_it(server):
    with server.peer() as peer:
        for _ in range(2000):
            peer.send(connect_packet(1, 1, b"nosuch.img"))
            peer.send(bytes([0, 1, 1]) + b"A" * 256)
            peer.send(command_packet(1, 0xBEEF, READ))
        peer.receive_all(0.3)
        server.wait_for_log("nosuch.img", 10)
        log = server.log() + server.out()
        assert peer.host in log
        assert "nosuch.img" in log
    assert len(log.splitlines()) < 120, log[:2000]


def test_the_log_has_no_complaint_about_what_went_well(server):
    with server.peer() as peer:
        for name in ("a.img", "A.IMG", ":list"):
            session = peer.open(name)
            session.flush()
            assert session.discon() == 0
    server.wait_for_log("ended.*a.img|a.img.*ended")
    assert not re.search("cannot|failed|error|nothing of this name", server.log()), server.log()


def test_two_servers_ping_each_other_to_silence(serve, images):
    """One KEEP with a forged sender makes two servers ping each other only a few times."""
    if os.geteuid() != 0:
        pytest.skip("forging addresses takes root")
    make_image(images / "a.img", 4096)
    one, two = serve(images), serve(images, listen=["udp:127.0.0.2:0"])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        began = time.monotonic()
        raw.sendto(forged(one.address, two.address, bytes([KEEP])), two.address)
    time.sleep(0.3)
    with Peer(one.address, "127.0.0.2") as as_two:  # its 5 at once are used up
        assert burst(as_two, bytes([KEEP]), 10) <= allowed(0, 1, began)
