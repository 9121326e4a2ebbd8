# SPDX-License-Identifier: MIT
"""Every vector against a running server, and every cut and padding of each packet."""
import pytest

from client import DISCON, KEEP, STRICT, command_packet, connect_packet, discon_packet, error_of
from conftest import make_image
import vectors

ALL = vectors.load()
KNOWN_OPCODES = {int(code) for code, name in vectors.opcodes()}
REQUESTS = [name for name, vector in ALL.items() if vector["from"] == "client"]
SESSION = b"\x12\x34"  # stands for a session's id in the vectors


@pytest.fixture(scope="module")
def server(serve_module, tmp_path_factory):
    directory = tmp_path_factory.mktemp("images")
    make_image(directory / "disk.img", 1 << 20)
    return serve_module("-x", "disk.img", directory)


def answers_nothing_more(peer):
    """Requests of one peer are answered in turn: a KEEP's answer comes next unless there is another."""
    peer.send(bytes([KEEP]))
    return peer.receive() == bytes([KEEP])


def in_session(packet, session):
    """The packet with a live session's id."""
    if packet[:1] in (b"\x01", b"\x03", b"\x04") and packet[2:4] == SESSION:
        return packet[:2] + session.id.to_bytes(2, "big") + packet[4:]
    return packet


def reply_in_session(pattern, session):
    """The same for a strict reply, which has the id behind its number."""
    if session and session.flags & STRICT and pattern[4:6] == list(SESSION):
        return pattern[:4] + list(session.id.to_bytes(2, "big")) + pattern[6:]
    return pattern


@pytest.mark.parametrize("name", REQUESTS)
def test_vector(server, name):
    vector = ALL[name]
    with server.peer() as peer:
        session = None
        if vector["bytes"][:1] in (b"\x01", b"\x03") or "session" in vector:
            session = peer.open("disk.img", int(vector.get("session", "01"), 16))
        peer.send(in_session(vector["bytes"], session) if session else vector["bytes"])
        for expected in vector.get("replies", []):
            reply = peer.receive()
            assert reply is not None, "no answer"
            assert vectors.matches(reply_in_session(expected, session), reply), reply[:140].hex(" ")
        assert answers_nothing_more(peer)
        if session:
            session.number = 64  # above that of every vector that takes one but 65
            session.discon()


def expected_of_cut(packet):
    """What the first bytes of a READ, FLUSH or DISCON are answered with."""
    kind, length = packet[0] if packet else None, len(packet)
    if kind == 1 and 4 <= length < 10:
        return bytes([2, packet[1], 3, 0])
    if kind == DISCON and length == 3:
        return bytes([2, packet[1], 3])
    return None


@pytest.mark.parametrize("kind", ["read", "flush", "discon"])
def test_every_cut_of_a_packet_is_refused_or_ignored(server, kind):
    with server.peer() as peer:
        session = peer.open("disk.img")
        whole = in_session(ALL[kind]["bytes"], session)
        for length in range(len(whole)):
            cut = whole[:length]
            peer.send(cut)
            want = expected_of_cut(cut)
            if want:
                assert peer.receive() == want, length
        assert session.alive()
        session.discon()


def test_every_cut_of_a_connect_is_refused_until_the_nul(server):
    whole = connect_packet(1, 1, b"disk.img")
    with server.peer() as peer:
        for length in range(1, len(whole)):
            peer.send(whole[:length])
            if length >= 5:
                assert peer.receive() == bytes([2, 1, 3, 0, 0]), length
        assert answers_nothing_more(peer)


def test_every_cut_of_a_write_changes_nothing(server):
    with server.peer() as peer:
        session = peer.open("disk.img", 0)
        whole = command_packet(9, session.id, 1, 3, b"\xff" * 128)
        for length in range(4, len(whole)):
            peer.send(whole[:length])
            reply = peer.receive()
            assert reply[:3] == bytes([2, 9, 3]) and len(reply) == 4, length
        assert session.read(3) == bytes(128)
        session.discon()


@pytest.mark.parametrize("padding", [1, 36, 500, 20000])
def test_padding_of_any_length_is_ignored(server, padding):
    noise = b"\xff" * padding
    with server.peer() as peer:
        peer.send(connect_packet(1, 1, b"disk.img") + noise)
        reply = peer.receive()
        assert reply[:3] == b"\x02\x01\x00"
        session = int.from_bytes(reply[3:], "big")
        peer.send(command_packet(2, session, 0, 7) + noise)
        assert peer.receive() == b"\x02\x02\x00\x00" + bytes(256)
        peer.send(command_packet(3, session, 1, 7, bytes(256)) + noise)
        assert peer.receive() == b"\x02\x03\x00\x00"
        peer.send(discon_packet(4, session) + noise)
        assert peer.receive() == b"\x02\x04\x00"
        assert answers_nothing_more(peer)


def test_a_reply_repeats_any_number(server):
    with server.peer() as peer:
        session = peer.open("disk.img")
        for seq in range(256):
            peer.send(command_packet(seq, session.id, 3, 0, pad=255 - seq))
            assert peer.receive() == bytes([2, seq, 0, 255 - seq])
        session.discon()


def test_a_constant_number_will_do(server):
    with server.peer() as peer:
        session = peer.open("disk.img")
        for value in (b"\x11", b"\x22", b"\x00"):
            peer.send(command_packet(0, session.id, 1, 4, value * 256))
            assert peer.receive() == b"\x02\x00\x00\x00"
            peer.send(command_packet(0, session.id, 0, 4))
            assert peer.receive() == b"\x02\x00\x00\x00" + value * 256
        session.discon()


def test_every_opcode_that_is_not_known_is_refused(server):
    with server.peer() as peer:
        session = peer.open("disk.img")
        answers = {opcode: error_of(peer.command, session.id, opcode) for opcode in set(range(256)) - KNOWN_OPCODES}
        session.discon()
        assert set(answers.values()) == {15}, answers


def test_every_flag_that_is_reserved_is_refused(server):
    with server.peer() as peer:
        for flags in range(0x40, 0x100):
            assert error_of(peer.connect, "disk.img", flags) == 7, hex(flags)


@pytest.mark.parametrize("n", range(8))
def test_every_sector_size_reads_what_another_wrote(server, n):
    with server.peer() as peer:
        size = 128 << n
        data = bytes((i * 7 + n) % 256 for i in range(16384))
        with_n = peer.open("disk.img", n)
        for lsn in range(16384 // size):
            with_n.write(lsn + 16384 // size, data[lsn * size:(lsn + 1) * size])
        with_n.discon()
        whole = peer.open("disk.img", 7)
        assert whole.read(1) == data
        whole.write(1, bytes(16384))
        whole.discon()


def test_only_keep_of_all_single_bytes_is_answered(server):
    with server.peer() as peer:
        for byte in range(256):
            if byte != KEEP:
                peer.send(bytes([byte]))
        assert answers_nothing_more(peer)


def test_identify_says_what_the_protocol_says(server):
    with server.peer() as peer:
        session = peer.open("DISK.IMG", 2)
        volume, itself = session.identify(), peer.identify_server()
        session.discon()
        session = peer.open("DISK.IMG", 2 | STRICT)
        strict = session.identify()
        session.discon()
    assert (volume.window, volume.lease) == (1, 0)
    for identity in (strict, itself):
        assert (identity.window, identity.lease) == (64, 30)
    assert (volume.run, strict.run, itself.run) == (1, 64, 1)
    for identity in (volume, strict, itself):
        assert identity.version == 1
        assert identity.features == 0x1FFF and identity.heavy == 65536
        assert abs(identity.zone) <= 14 * 60
    for identity in (volume, strict):
        assert (identity.n, identity.count, identity.name, identity.flags) == (2, 2048, "disk.img", 0)
    assert (itself.n, itself.count, itself.change, itself.flags) == (0, 0, 0, 0)
    assert itself.name and itself.instance == volume.instance != 0


def test_the_change_counter_counts_writers(server):
    with server.peer() as peer:
        def counter(flags):
            session = peer.open("disk.img", flags)
            change = session.identify().change
            session.discon()
            return change

        first = counter(0x01)
        assert counter(0x01) == first + 1
        assert counter(0x09) == first + 1
        assert counter(0x19) == first + 1
        assert counter(0x01) == first + 2
