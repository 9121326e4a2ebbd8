# SPDX-License-Identifier: MIT
"""Strict sessions: at most once, whatever happens to the datagrams. And clients that count."""
import json
import pathlib
import random
import re
import signal
import struct
import sys
import time

import pytest

from client import (DISCON, KEEP, LOOK, READ, SHARED, STRICT, WRITE, Peer, command_packet, error_of,
                    strict_command_packet, strict_header, strict_packet)
from conftest import Process, make_image

PROXY = pathlib.Path(__file__).with_name("proxy.py")
READY = re.compile(r"udp:(\S+):(\d+)")
SIZE = 65536
PLAIN = 1 | STRICT


@pytest.fixture
def server(serve, images):
    make_image(images / "a.img", SIZE)
    make_image(images / "b.img", SIZE)
    return serve(images)


def answers_nothing_more(peer):
    """Requests of one peer that need no disk are answered in turn."""
    peer.send(bytes([KEEP]))
    return peer.receive(10) == bytes([KEEP])


def answer(peer, packet):
    """The one reply to a packet that is sent once."""
    peer.send(packet)
    return peer.receive(10)


# At most once

def test_a_write_is_carried_out_once_however_often_it_comes(server, images):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        first, second = (strict_command_packet(n, session.id, WRITE, 3, bytes([n]) * 256) for n in (2, 3))
        assert answer(peer, first) == strict_header(2, session.id)
        assert answer(peer, first) == strict_header(2, session.id)
        assert answer(peer, second) == strict_header(3, session.id)
        assert answer(peer, first) == strict_header(2, session.id)  # late: answered, not carried out
        assert (images / "a.img").read_bytes()[768:1024] == bytes([3]) * 256


def test_a_write_that_left_the_window_is_met_with_silence(server, images):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        session.write(3, b"\x01" * 256)  # number 2
        late = strict_command_packet(2, session.id, WRITE, 3, b"\x01" * 256)
        for _ in range(63):
            session.keep()
        assert answer(peer, late) == strict_header(2, session.id)
        session.write(3, b"\x02" * 256)  # number 66
        peer.send(late)
        assert answers_nothing_more(peer)
        assert session.read(3) == b"\x02" * 256


def test_a_read_is_carried_out_again(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        for number, value in ((3, b"\x01"), (4, b"\x02")):
            assert answer(peer, strict_command_packet(number, session.id, WRITE, 3, value * 256)) == \
                strict_header(number, session.id)
            assert answer(peer, strict_command_packet(2, session.id, READ, 3)) == \
                strict_header(2, session.id) + value * 256


def test_a_status_other_than_0_is_repeated_too(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        for _ in range(2):
            assert answer(peer, strict_command_packet(2, session.id, READ, 256)) == strict_header(2, session.id, 5)
            assert answer(peer, strict_command_packet(3, session.id, 200)) == strict_header(3, session.id, 15)


def test_sixty_four_in_flight_doubled_and_shuffled(server, images):
    chance = random.Random(64)
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        window = session.identify().window
        assert window == 64
        for turn in range(20):
            packets = {}
            for _ in range(window):
                number = session.take_number()
                packets[number] = session.packet(number, WRITE, number % 64, number.to_bytes(2, "big") * 128)
            order = list(packets.values()) * 2
            chance.shuffle(order)
            for packet in order:
                peer.send(packet)
            session.ask_many([(packet, number, 0) for number, packet in packets.items()])
            content = (images / "a.img").read_bytes()
            for number in packets:
                assert content[number % 64 * 256:][:256] == number.to_bytes(2, "big") * 128
        peer.receive_all()
        assert session.discon() == 0


def test_numbers_go_on_behind_65535(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        session.identify()
        while session.number < 65536 + 200:
            requests = []
            for _ in range(640):
                number = session.take_number()
                requests.append((strict_packet(KEEP, number, session.id), number, 0))
            assert all(reply[2] == 0 for reply in session.ask_many(requests))
        session.write(7, b"\x07" * 256)
        assert session.read(7) == b"\x07" * 256


def test_full_windows_of_one_host_that_arrive_merged_are_all_answered(server):
    """Sixteen windows are more requests than a host may have under way: each has its reply before the next come."""
    sol_udp, segment = 17, 103
    peers = [server.peer("127.200.0.1") for _ in range(16)]
    sessions = [peer.open("a.img", PLAIN | LOOK) for peer in peers]
    for lsn in range(64):
        sessions[0].read(lsn)  # what waits for the disk is under way for longer
    server.process.send_signal(signal.SIGSTOP)  # so that they are taken at once
    for session in sessions:
        packets = [session.packet(2 + i, READ, i) for i in range(64)]
        session.peer.socket.sendmsg([b"".join(packets)], [(sol_udp, segment, struct.pack("H", len(packets[0])))])
    server.process.send_signal(signal.SIGCONT)
    assert [len(peer.receive_all()) for peer in peers] == [64] * 16


# The window's edges, and what takes no number

def test_too_far_ahead_gets_17_and_may_come_again(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)  # U is 2
        assert answer(peer, strict_packet(KEEP, 65, session.id)) == strict_header(65, session.id)
        write = strict_command_packet(66, session.id, WRITE, 1, bytes(256))
        assert answer(peer, write) == strict_header(66, session.id, 17)
        assert answer(peer, strict_packet(KEEP, 2, session.id)) == strict_header(2, session.id)
        assert answer(peer, write) == strict_header(66, session.id)


def test_what_is_cut_short_takes_no_number(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        write = strict_command_packet(2, session.id, WRITE, 1, b"\x09" * 256)
        for length in range(10, len(write), 17):
            assert answer(peer, write[:length]) == strict_header(2, session.id, 3)
        for length in range(4, 10):
            assert answer(peer, write[:length]) == bytes([2, 2, 3, 0])
        discon = strict_packet(DISCON, 2, session.id)
        assert answer(peer, discon[:4]) == bytes([2, 2, 3])
        assert answer(peer, write) == strict_header(2, session.id)
        session.number = 3
        assert session.read(1) == b"\x09" * 256


def test_the_first_number_may_be_any_of_the_first_window(server):
    for number, error in ((1, 0), (64, 0), (65, 17)):
        with server.peer() as peer:
            session = peer.connect("a.img", PLAIN)
            reply = answer(peer, strict_command_packet(number, session, READ))
            assert reply[:6] == strict_header(number, session, error)
            peer.send(strict_packet(DISCON, 2, session))
            assert peer.receive(10) == strict_header(2, session)


# DISCON, KEEP, ids

def test_keeps_with_numbers_are_not_rationed(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        for number in range(2, 60):
            for _ in range(2):
                assert answer(peer, strict_packet(KEEP, number, session.id)) == strict_header(number, session.id)


def test_a_discon_is_answered_again(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        session.write(1, b"\x01" * 256)
        discon = strict_packet(DISCON, 3, session.id)
        for _ in range(3):
            assert answer(peer, discon) == strict_header(3, session.id)
        with server.peer() as other:
            assert other.open("a.img").read(1) == b"\x01" * 256


def test_the_form_of_error_4_says_whether_the_id_was_known(server):
    with server.peer() as peer:
        session = peer.open("a.img", PLAIN)
        unknown = session.id ^ 1
        assert answer(peer, strict_command_packet(0x102, unknown, READ)) == bytes([2, 2, 4, 1])
        assert answer(peer, strict_packet(DISCON, 0x102, unknown)) == bytes([2, 2, 4])
        assert answer(peer, strict_packet(KEEP, 2, unknown)) == bytes([KEEP])
        assert session.discon() == 0
        assert answer(peer, strict_command_packet(3, session.id, READ)) == strict_header(3, session.id, 4)


def test_a_reset_machine_ends_its_strict_session_and_hears_so_in_its_form(server):
    with server.peer() as peer:
        old = peer.open("a.img", PLAIN)
        new = peer.open("a.img", PLAIN)
        assert new.alive() and not old.alive()
        assert old.discon() == 4


@pytest.mark.long
def test_a_lease_lasts_30_seconds_and_keep_renews_it(server):
    with server.peer() as holder, server.peer() as other:
        session = holder.open("a.img", PLAIN)
        for _ in range(3):
            time.sleep(15)
            session.keep()
            assert error_of(other.connect, "a.img") == 9
        time.sleep(31)
        assert other.open("a.img").alive()
        assert error_of(session.read, 0) == 4


def test_strict_and_default_sessions_share_a_volume(serve, images):
    make_image(images / "a.img", SIZE)
    server = serve(config=f"[volume a.img]\npath = {images}/a.img\nmode = shared\n")
    with server.peer() as one, server.peer() as two:
        strict, default = one.open("a.img", 1 | SHARED | STRICT), two.open("a.img", 1 | SHARED)
        strict.write(1, b"\x01" * 256)
        assert default.read(1) == b"\x01" * 256
        default.write(1, b"\x02" * 256)
        assert strict.read(1) == b"\x02" * 256


# Through a path that does damage

def test_a_window_full_through_loss_doubling_and_reordering(serve, images, tmp_path):
    make_image(images / "a.img", SIZE)
    server = serve(images)
    proxy = Process([sys.executable, PROXY, "--listen", "127.0.0.1:0", "--to", server.name, "--drop", 10,
                     "--double", 20, "--reorder", 20, "--hold", 60, "--seed", 3], tmp_path / "proxy")
    try:
        host, port = proxy.wait_for_out(READY).groups()
        chance = random.Random(9)
        with Peer((host, int(port))) as peer:
            peer.retry_s = 0.03  # less than a datagram is held: copies come late
            session = peer.open("a.img", PLAIN)
            session.identify()
            model = {}
            for _ in range(20):
                sectors = {lsn: chance.randbytes(256) for lsn in chance.sample(range(80), 40)}
                session.write_many(sectors)
                model.update(sectors)
                read = session.read_many(range(80))
                assert all(read[lsn] == model.get(lsn, bytes(256)) for lsn in read)
            session.flush()
            assert session.discon() == 0
    finally:
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(10)
    counts = json.loads(proxy.out().splitlines()[-1])
    assert counts["dropped"] and counts["doubled"] and counts["reordered"], counts
    content = (images / "a.img").read_bytes()
    assert all(content[lsn * 256:][:256] == data for lsn, data in model.items())


# Clients that count, and those that do not

def write_packet(seq, session, value):
    return command_packet(seq, session.id, WRITE, 3, bytes([value]) * 256)


def test_a_late_write_of_one_that_counts_is_dropped(server):
    with server.peer() as peer:
        session = peer.open("a.img")
        for value in range(10):
            session.write(3, bytes([value]) * 256)
        seq = peer.next_seq()
        assert answer(peer, write_packet(seq, session, 100)) == bytes([2, seq, 0, 0])
        assert answer(peer, write_packet(seq + 1, session, 101)) == bytes([2, seq + 1, 0, 0])
        peer.send(write_packet(seq, session, 100))
        assert answers_nothing_more(peer)
        assert answer(peer, command_packet(seq, session.id, READ, 3)) == bytes([2, seq, 0, 0]) + bytes([101]) * 256
        assert answer(peer, write_packet(seq + 1, session, 102)) == bytes([2, seq + 1, 0, 0])  # the newest again


@pytest.mark.parametrize("numbers", ["constant", "random", "down"])
def test_one_that_does_not_count_loses_no_write(server, numbers):
    chance = random.Random(7)
    with server.peer() as peer:
        session = peer.open("a.img")
        for turn in range(1000):
            seq = {"constant": 9, "random": chance.randrange(256), "down": -turn % 256}[numbers]
            value = turn % 256
            assert answer(peer, write_packet(seq, session, value)) == bytes([2, seq, 0, 0])
            if turn % 50 == 0:
                assert answer(peer, command_packet(seq, session.id, READ, 3)) == \
                    bytes([2, seq, 0, 0]) + bytes([value]) * 256


def test_two_sessions_of_one_peer_lose_no_write(server):
    """Their numbers come from one counter, so that each sees gaps; neither is taken for one that counts."""
    with server.peer() as peer:
        one, two = peer.open("a.img"), peer.open("b.img")
        for value in range(20):
            one.write(3, bytes([value]) * 256)
        for value in range(100, 103):
            assert answer(peer, write_packet(5, one, value)) == bytes([2, 5, 0, 0])
        assert two.read(3) == bytes(256)


def test_one_that_has_lost_count_is_told_so(server):
    with server.peer() as peer:
        session = peer.open("a.img")
        for value in range(10):
            session.write(3, bytes([value]) * 256)
        lost = write_packet((next(peer.seq) + 128) % 256, session, 200)
        began, replies = time.monotonic(), []
        while not replies and time.monotonic() < began + 60:
            peer.send(lost)
            replies = peer.receive_all(0.5)
        assert time.monotonic() - began >= 4.9
        assert replies[0] == bytes([2, lost[1], 4, 0])
        assert not session.alive()
