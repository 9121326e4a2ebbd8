# SPDX-License-Identifier: MIT
"""Sessions: pending and proven, who may have what, who yields to whom, and how sessions end."""
import fcntl
import os
import struct
import time

import pytest

from client import (BAD_FLAGS, BAD_SESSION, FLUSH, FORMAT, IN_USE, LOOK, NO_SESSIONS, OK, READ, READ_ONLY, SHARED,
                    UNKNOWN_OPCODE, command_packet, connect_packet, discon_packet, error_of)
from conftest import make_image, wait_until

SILENCE_S = 3.0  # a holder that says nothing for so long yields to its own host
MARGIN_S = 0.4


@pytest.fixture
def server(serve, images):
    for name in "abcd":
        make_image(images / f"{name}.img", 65536)
    config = (f"[volume shared]\npath = {images}/c.img\nmode = shared\n"
              f"[volume archive]\npath = {images}/d.img\nmode = read-only\n")
    return serve(images, config=config)


@pytest.fixture
def peers(server):
    """peers(host) makes a peer; without a host, on a new one."""
    made = []

    def make(host=None, port=0):
        made.append(server.peer(host, port))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


# Pending and proven

def test_a_pending_session_owns_nothing(peers):
    one, two = peers(), peers()
    pending = one.connect("a.img")
    session = two.open("a.img")
    assert error_of(one.command, pending, READ) == IN_USE
    assert error_of(one.command, pending, READ) == BAD_SESSION
    assert session.alive()


def test_a_volume_that_is_held_is_refused_at_once(peers):
    session = peers().open("a.img")
    assert error_of(peers().connect, "a.img") == IN_USE
    assert error_of(peers().connect, "A.IMG") == IN_USE
    assert error_of(peers().connect, "b.img") == OK
    assert session.alive()


def test_connect_is_idempotent_while_pending(peers):
    peer = peers()
    packet = connect_packet(9, 1, b"a.img")
    first = peer.ask(packet)
    assert [peer.ask(packet) for _ in range(5)] == [first] * 5
    assert peer.ask(connect_packet(10, 1, b"a.img"))[3:] != first[3:]
    assert peer.ask(connect_packet(9, 2, b"a.img"))[3:] != first[3:]
    assert peer.ask(connect_packet(9, 1, b"b.img"))[3:] != first[3:]
    assert peers(peer.host).ask(packet)[3:] != first[3:]
    assert peer.ask(packet) == first


def test_late_copies_of_a_connect_end_nothing(peers):
    peer = peers()
    packet = connect_packet(1, 1, b"a.img")
    session = int.from_bytes(peer.ask(packet)[3:], "big")
    assert error_of(peer.command, session, READ) == OK
    for _ in range(20):
        reply = peer.ask(packet)
        assert reply[2] == OK and reply[3:] != session.to_bytes(2, "big")
    assert error_of(peer.command, session, READ) == OK


def test_only_a_whole_command_proves(peers):
    """A second CONNECT of the same peer displaces the first session when it is proven, and not before."""
    peer = peers()
    old = peer.open("a.img")
    new = peer.connect("a.img")
    assert peer.keep() and old.alive()
    assert peer.ask(command_packet(77, new, READ)[:9])[2] == FORMAT and old.alive()
    assert error_of(peer.command, new, 200) == UNKNOWN_OPCODE and old.alive()
    assert error_of(peer.command, new, 1, 0, bytes(255)) == FORMAT and old.alive()
    assert error_of(peer.command, new, 2, 0) == UNKNOWN_OPCODE and old.alive()
    assert error_of(peer.command, new, FLUSH) == OK
    assert not old.alive()


def test_a_command_that_fails_later_proves(peers):
    peer = peers()
    old = peer.open("a.img")
    new = peer.connect("a.img")
    assert error_of(peer.command, new, READ, 1 << 31) == 5
    assert not old.alive() and error_of(peer.command, new, READ) == OK


def test_discon_of_a_pending_session_proves_nothing(peers):
    peer = peers()
    old = peer.open("a.img")
    new = peer.connect("a.img")
    assert peer.discon(new) == OK
    assert old.alive()
    assert error_of(peer.command, new, READ) == BAD_SESSION


def test_the_seventeenth_pending_session_pushes_out_the_first(peers):
    peer, other = peers(), peers()
    others = other.connect("b.img")
    pending = [peer.connect("a.img") for _ in range(17)]
    assert len(set(pending)) == 17
    assert error_of(peer.command, pending[0], READ) == BAD_SESSION
    assert error_of(peer.command, pending[1], READ) == OK
    assert error_of(other.command, others, READ) == OK


def test_pending_sessions_do_not_push_out_a_proven_one(peers):
    peer = peers()
    session = peer.open("a.img")
    for _ in range(40):
        peer.connect("b.img")
    assert session.alive()


def test_32_wrong_ids_end_a_pending_session(peers):
    guesser, other = peers(), peers()
    guessed, spared = guesser.connect("a.img"), other.connect("b.img")
    proven = guesser.open("c.img")
    wrong = next(i for i in range(1, 65536) if i not in (guessed, spared, proven.id))
    for _ in range(32):
        guesser.send(command_packet(1, wrong, READ))
    guesser.receive_all(0.3)
    assert error_of(guesser.command, guessed, READ) == BAD_SESSION
    assert error_of(other.command, spared, READ) == OK
    assert proven.alive()


# Whose session it is

def test_another_host_cannot_use_a_session(peers):
    owner, thief = peers(), peers()
    session = owner.open("a.img")
    assert error_of(thief.command, session.id, READ) == BAD_SESSION
    assert error_of(thief.command, session.id, 1, 0, b"x" * 256) == BAD_SESSION
    assert thief.discon(session.id) == BAD_SESSION
    assert session.read(0) == bytes(256)


def test_another_host_cannot_prove_a_pending_session(peers):
    owner, thief = peers(), peers()
    pending = owner.connect("a.img")
    assert error_of(thief.command, pending, READ) == BAD_SESSION
    assert error_of(owner.command, pending, READ) == OK


def test_another_port_of_the_host_can_use_a_session(peers):
    peer = peers()
    session = peer.open("a.img")
    assert error_of(peers(peer.host).command, session.id, READ) == OK


def test_a_volume_may_let_sessions_roam(serve, images):
    make_image(images / "a.img", 4096)
    server = serve(config=f"[volume a]\npath = {images}/a.img\nroam = yes\n")
    with server.peer() as one, server.peer() as two:
        session = one.open("a")
        assert error_of(two.command, session.id, READ) == OK
        assert two.discon(session.id) == OK


# Who may have what

EXCLUSIVE = {"plain": {None: OK, "plain": IN_USE, "read-only": IN_USE, "look": OK},
             "read-only": {None: OK, "plain": IN_USE, "read-only": OK, "look": OK},
             "look": {None: OK, "plain": OK, "read-only": OK, "look": OK},
             "shared": {None: BAD_FLAGS, "plain": BAD_FLAGS, "read-only": BAD_FLAGS, "look": BAD_FLAGS}}
FLAGS = {"plain": 1, "read-only": 1 | READ_ONLY, "look": 1 | LOOK, "shared": 1 | SHARED}


@pytest.mark.parametrize("holder", [None, "plain", "read-only", "look"])
@pytest.mark.parametrize("newcomer", FLAGS)
def test_exclusive_volume(peers, holder, newcomer):
    held = peers().open("a.img", FLAGS[holder]) if holder else None
    assert error_of(peers().open, "a.img", FLAGS[newcomer]) == EXCLUSIVE[newcomer][holder]
    assert held is None or held.alive()


@pytest.mark.parametrize("newcomer", FLAGS)
def test_shared_volume_is_everybodys(peers, newcomer):
    held = [peers().open("shared", flags) for flags in FLAGS.values()]
    assert error_of(peers().open, "shared", FLAGS[newcomer]) == OK
    assert all(session.alive() for session in held)


@pytest.mark.parametrize("newcomer, want", [("plain", OK), ("read-only", OK), ("look", OK), ("shared", BAD_FLAGS)])
def test_read_only_volume_is_everybodys_to_read(peers, newcomer, want):
    held = [peers().open("archive", FLAGS[flags]) for flags in ("plain", "read-only", "look")]
    assert error_of(peers().open, "archive", FLAGS[newcomer]) == want
    assert all(session.alive() for session in held)
    assert all(error_of(session.write, 0, bytes(256)) == 8 for session in held)


def test_sessions_of_a_shared_volume_see_each_others_writes(peers):
    one, two = peers().open("shared", FLAGS["shared"]), peers().open("shared")
    one.write(3, b"1" * 256)
    assert two.read(3) == b"1" * 256
    two.write(3, b"2" * 256)
    assert one.read(3) == b"2" * 256
    reader = peers().open("shared", FLAGS["read-only"])
    assert error_of(reader.write, 3, bytes(256)) == 8
    assert one.identify().flags & 8


def test_a_look_sees_what_a_writer_wrote(peers):
    writer, look = peers().open("a.img"), peers().open("a.img", FLAGS["look"])
    writer.write(1, b"w" * 256)
    assert look.read(1) == b"w" * 256
    assert error_of(look.write, 1, bytes(256)) == 8


def test_a_look_keeps_nobody_out(peers):
    look = peers().open("a.img", FLAGS["look"])
    assert peers().open("a.img").alive() and look.alive()


def test_the_lock_is_on_the_medium(serve, images):
    make_image(images / "a.img", 65536)
    (images / "hard.img").hardlink_to(images / "a.img")
    (images / "soft.img").symlink_to("a.img")
    config = "".join(f"[volume {name}]\npath = {images}/a.img\noffset = {offset}\nsize = {size}\n"
                     for name, offset, size in [("low", 0, 32768), ("middle", 16384, 32768), ("high", 32768, 32768)])
    server = serve(images, config=config)

    def errors(held, names):
        with server.peer() as one, server.peer() as two:
            session = one.open(held)
            found = [error_of(two.open, name) for name in names]
            session.discon()
        return found

    assert errors("a.img", ["hard.img", "soft.img", "low", "middle", "high"]) == [IN_USE] * 5
    assert errors("low", ["a.img", "hard.img", "middle", "high"]) == [IN_USE, IN_USE, IN_USE, OK]


def ofd_lock(fd):
    """Locks the whole file against every other opening of it, as qemu and other servers do."""
    F_OFD_SETLK = 37
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def test_a_file_that_another_program_has_locked_is_refused(server, images, peers):
    with open(images / "a.img", "r+b") as file:
        ofd_lock(file.fileno())
        assert error_of(peers().open, "a.img") == IN_USE
        server.wait_for_log(rf"a.img.*process {os.getpid()} \(.*\) has the file locked")
    assert error_of(peers().open, "a.img") == OK


def test_a_second_server_on_the_same_image_is_refused(serve, images):
    make_image(images / "a.img", 65536)
    first, second = serve(images), serve(images)
    with first.peer() as one, second.peer() as two:
        session = one.open("a.img")
        assert error_of(two.open, "a.img") == IN_USE
        second.wait_for_log(rf"a.img.*process {first.process.pid} \(blockheadd\) has the file locked")
        assert error_of(two.open, "a.img", LOOK) == OK
        session.discon()  # the file is let go of just after the answer
        wait_until(lambda: error_of(two.open, "a.img") == OK)
        assert error_of(one.open, "a.img") == IN_USE


# Takeover

def test_the_same_peer_has_its_volume_back_at_once(peers):
    peer = peers()
    for flags in (1, 2, 1 | READ_ONLY, 1):
        old = peer.open("a.img", 1)
        new = peer.open("a.img", flags)
        assert not old.alive() and new.alive()
        assert old.discon() == BAD_SESSION
        new.discon()


def test_the_same_port_after_a_reset_has_its_volume_back_at_once(server):
    with server.peer("127.99.0.1", 0) as before:
        old = before.open("a.img")
        port = before.port
    with server.peer("127.99.0.1", port) as after, server.peer("127.99.0.1") as witness:
        assert after.open("a.img").alive()
        assert error_of(witness.command, old.id, READ) == BAD_SESSION


def test_a_displaced_session_keeps_what_it_wrote(peers):
    peer = peers()
    old = peer.open("a.img")
    old.write(5, b"5" * 256)
    assert peer.open("a.img").read(5) == b"5" * 256
    assert error_of(old.write, 5, bytes(256)) == BAD_SESSION
    assert peer.open("a.img").read(5) == b"5" * 256


def test_a_peers_new_session_ends_its_old_one_also_on_a_shared_volume(peers):
    peer = peers()
    plain, shared = peer.open("shared", FLAGS["plain"]), peer.open("shared", FLAGS["shared"])
    assert plain.alive() and shared.alive()  # other access flags
    again = peer.open("shared", FLAGS["shared"])
    assert not shared.alive() and plain.alive() and again.alive()
    neighbour = peers(peer.host).open("shared", FLAGS["shared"])
    assert again.alive() and neighbour.alive()


def test_takeover_table(serve, images):
    """All waits of the table at once: each case has a volume and hosts of its own."""
    cases = "silent busy crowded stranger address address-busy never idle-none".split()
    for case in cases:
        make_image(images / f"{case}.img", 4096)
    config = "[server]\nidle = 1\n" + "".join(
        f"[volume {case}]\npath = {images}/{case}.img\n{rules}\n" for case, rules in [
            ("silent", "idle = 30m"), ("busy", "idle = 30m"), ("crowded", "idle = 30m"), ("stranger", ""),
            ("address", "takeover = address\nidle = 2"), ("address-busy", "takeover = address\nidle = 2"),
            ("never", "takeover = never\nidle = 1"), ("idle-none", "takeover = host\nidle = never")])
    server = serve(config=config)
    holders = {case: server.peer() for case in cases}
    sessions = {case: peer.open(case) for case, peer in holders.items()}
    neighbours = {case: server.peer(peer.host) for case, peer in holders.items()}
    strangers = {case: server.peer() for case in cases}
    third = server.peer(holders["crowded"].host)
    third_session = third.connect("stranger", LOOK)
    assert error_of(third.command, third_session, READ) == OK
    began = time.monotonic()

    def tries(who):
        return {case: error_of(peer.connect, case) for case, peer in who.items()}

    assert set(tries(neighbours).values()) == {IN_USE}
    assert set(tries(strangers).values()) == {IN_USE}
    while time.monotonic() < began + SILENCE_S + MARGIN_S:
        assert sessions["busy"].alive() and sessions["address-busy"].alive()
        if time.monotonic() < began + 0.7:
            assert error_of(strangers["stranger"].connect, "stranger") == IN_USE
        time.sleep(0.3)
    assert tries(neighbours) == {"silent": OK, "busy": IN_USE, "crowded": IN_USE, "stranger": OK, "address": OK,
                                 "address-busy": IN_USE, "never": IN_USE, "idle-none": OK}
    assert tries(strangers) == {"silent": IN_USE, "busy": IN_USE, "crowded": IN_USE, "stranger": OK, "address": OK,
                                "address-busy": IN_USE, "never": IN_USE, "idle-none": IN_USE}
    assert sessions["silent"].alive()  # until the newcomer is proven
    assert error_of(neighbours["silent"].open, "silent") == IN_USE  # it has spoken again
    assert neighbours["address"].open("address").alive() and not sessions["address"].alive()
    assert error_of(holders["never"].open, "never") == IN_USE  # not even the holder's own peer
    assert sessions["never"].discon() == OK
    assert strangers["never"].open("never").alive()
    for peer in [*holders.values(), *neighbours.values(), *strangers.values(), third]:
        peer.close()


@pytest.mark.long
def test_among_several_peers_of_a_host_30_seconds_of_silence_are_needed(peers):
    holder = peers()
    session = holder.open("a.img")
    neighbour, look = peers(holder.host), peers(holder.host).open("b.img")
    began = time.monotonic()
    while time.monotonic() < began + 29:
        assert error_of(neighbour.connect, "a.img") == IN_USE
        assert look.alive()
        time.sleep(1)
    time.sleep(began + 30 + MARGIN_S - time.monotonic())
    assert look.alive() and neighbour.open("a.img").alive() and not session.alive()


def test_whether_a_holder_yields_is_decided_again_at_the_proof(peers):
    holder = peers()
    session = holder.open("a.img")
    neighbour = peers(holder.host)
    time.sleep(SILENCE_S + 0.1)
    pending = neighbour.connect("a.img")
    assert session.alive()  # the holder speaks between CONNECT and proof
    assert error_of(neighbour.command, pending, READ) == IN_USE
    assert session.alive()


# Ending

def test_discon_is_repeated_with_the_same_answer(peers):
    peer = peers()
    session = peer.open("a.img")
    packet = discon_packet(50, session.id)
    assert [peer.ask(packet) for _ in range(10)] == [bytes([2, 50, OK])] * 10
    assert peer.ask(discon_packet(51, session.id)) == bytes([2, 51, OK])
    assert error_of(peer.command, session.id, READ) == BAD_SESSION
    stranger = peers()
    assert stranger.ask(packet) == bytes([2, 50, BAD_SESSION])  # another host learns nothing
    assert stranger.open("a.img").alive()


def test_discon_of_an_unknown_id_is_refused(peers):
    peer = peers()
    known = peer.connect("a.img")
    assert peer.discon(0) == BAD_SESSION
    assert peer.discon(known ^ 1) == BAD_SESSION


def test_discon_frees_the_volume(peers):
    one, two = peers(), peers()
    for _ in range(20):
        for peer in (one, two):
            session = peer.open("a.img")
            assert session.discon() == OK


def test_another_name_of_a_file_is_no_way_around_its_lock(serve, images):
    """Two volumes of one file have a descriptor each, and the file's lock goes from one to the other."""
    make_image(images / "a.img", 4096)
    server = serve(images, config=f"[volume alias]\npath = {images}/a.img\n")
    with server.peer() as one, server.peer() as two:
        one.open("alias")
        assert error_of(two.connect, "a.img") == IN_USE
        for turn in range(50):
            session = one.open(("a.img", "alias")[turn % 2])
            session.write(turn % 16, bytes([turn]) * 256)
        assert session.read(1) == bytes([49]) * 256


def test_ids_are_random_and_not_used_again(peers):
    peer = peers()
    ids = []
    for _ in range(3000):
        session = peer.open("a.img")
        ids.append(session.id)
        session.discon()
    assert len(set(ids)) == len(ids) and 0 not in ids
    steps = {(after - before) % 65536 for before, after in zip(ids, ids[1:])}
    assert len(steps) > 300 and min(ids) < 16384 and max(ids) > 49152


def test_sessions_do_not_survive_a_restart(serve, images):
    make_image(images / "a.img", 65536)
    first = serve(images)
    with first.peer() as peer:
        session = peer.open("a.img")
        before = session.identify()
        session.write(1, b"k" * 256)
        first.end()
        second = serve(images, listen=[f"udp:127.0.0.1:{first.address[1]}"])
        assert second.address == first.address
        assert not session.alive()
        session = peer.open("a.img")
        assert session.read(1) == b"k" * 256
        assert session.identify().instance != before.instance


# A full table

def fill(server, count, flags=1 | SHARED):
    """`count` sessions on the shared volume, from hosts of their own."""
    return [server.peer().open("shared", flags) for _ in range(count)]


def shared_server(serve, images, idle):
    make_image(images / "a.img", 65536)
    return serve(config=f"[server]\nsessions = 16\nidle = {idle}\n"
                        f"[volume shared]\npath = {images}/a.img\nmode = shared\n")


def test_a_full_table_refuses_and_a_free_place_is_taken(serve, images):
    server = shared_server(serve, images, "30m")
    sessions = fill(server, 16)
    with server.peer() as late:
        assert error_of(late.open, "shared") == NO_SESSIONS
        assert all(session.alive() for session in sessions)
        assert sessions[7].discon() == OK
        assert late.open("shared").alive()
        assert error_of(server.peer().open, "shared") == NO_SESSIONS


def test_a_full_table_gives_up_the_one_that_was_idle_longest(serve, images):
    server = shared_server(serve, images, "1")
    sessions = fill(server, 16)
    time.sleep(1.2)
    assert all(session.alive() for session in sessions if session is not sessions[5])
    with server.peer() as late:
        assert late.open("shared").alive()
    assert not sessions[5].alive()
    assert all(session.alive() for session in sessions if session is not sessions[5])


def test_a_full_table_takes_from_the_host_that_has_most(serve, images):
    server = shared_server(serve, images, "1")
    others = fill(server, 8)
    many = [server.peer("127.77.0.1").open("shared") for _ in range(8)]
    time.sleep(1.2)
    with server.peer() as late:
        assert late.open("shared").alive()
    assert all(session.alive() for session in others)
    assert sum(session.alive() for session in many) == 7


def test_a_host_gets_half_of_the_table(serve, images):
    server = shared_server(serve, images, "30m")
    greedy = "127.77.0.1"
    for _ in range(8):
        server.peer(greedy).open("shared")
    assert error_of(server.peer(greedy).open, "shared") == NO_SESSIONS
    assert all(session.alive() for session in fill(server, 8))
