# SPDX-License-Identifier: MIT
"""A client on a raw socket, written from docs/protocol.md alone: no code of what it tests."""
import itertools
import socket
import struct
import time

CONNECT, COMMAND, REPLY, DISCON, KEEP = range(5)
READ, WRITE, IDENTIFY, FLUSH = range(4)
TRIM, ZERO, CHECKSUM, TIME, READ_RUN, CHECKPOINT = range(7, 13)
READ_ONLY, SHARED, LOOK, STRICT = 0x08, 0x10, 0x18, 0x20
BLKH = int.from_bytes(b"BLKH", "big")

OK, NO_SESSIONS, NO_IMAGE, FORMAT, BAD_SESSION, BAD_LSN, SHORT, BAD_FLAGS, IS_READ_ONLY, IN_USE = range(10)
NO_MEDIUM, CHANGED, STORAGE, NO_SPACE, UNKNOWN_OPCODE, AHEAD = 10, 11, 12, 13, 15, 17

N_OF = {128 << n: n for n in range(8)}
hosts = (f"127.{a}.{b}.{c}" for a in range(1, 255) for b in range(255) for c in range(1, 255))


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, error):
        super().__init__(f"error {error}")
        self.error = error


class Silence(Exception):
    """The server did not answer."""


def connect_packet(seq, flags, name):
    return bytes([CONNECT, seq, flags]) + name + (b"\0" if name else b"\0\0")


def command_packet(seq, session, opcode, lsn=0, data=b"", pad=0):
    return struct.pack(">BBHBIB", COMMAND, seq, session, opcode, lsn, pad) + data


def discon_packet(seq, session):
    return struct.pack(">BBH", DISCON, seq, session)


def strict_command_packet(number, session, opcode, lsn=0, data=b""):
    return command_packet(number & 255, session, opcode, lsn, data, number >> 8 & 255)


def strict_packet(kind, number, session):
    """A DISCON or KEEP."""
    return struct.pack(">BBHB", kind, number & 255, session, number >> 8 & 255)


def strict_header(number, session, error=OK):
    return struct.pack(">BBBBH", REPLY, number & 255, error, number >> 8 & 255, session)


class Peer:
    """One UDP socket. By default on a host of its own: rates are per host."""

    def __init__(self, server, host=None, port=0):
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        if host is None:
            host = "::1" if family == socket.AF_INET6 else next(hosts)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.socket.connect(server)
        self.server = server
        self.host, self.port = self.socket.getsockname()[:2]
        self.seq = itertools.count(1)
        self.retry_s = 0.5

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def next_seq(self):
        return next(self.seq) % 256

    def send(self, packet):
        self.socket.send(packet)

    def receive(self, timeout=2.0):
        """The next datagram, or None."""
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(65536)
        except (TimeoutError, BlockingIOError, ConnectionRefusedError):
            return None

    def receive_all(self, quiet=0.2):
        """All datagrams until none has come for `quiet` seconds."""
        return list(iter(lambda: self.receive(quiet), None))

    def ask(self, packet, tries=5):
        """The reply with the packet's number; the packet is sent again when retry_s have passed."""
        for turn in range(tries):
            self.send(packet)
            due = time.monotonic() + self.retry_s * 2 ** turn
            while (left := due - time.monotonic()) > 0:
                reply = self.receive(left)
                if reply and reply[:2] == bytes([REPLY, packet[1]]):
                    return reply
        raise Silence(packet[:16].hex(" "))

    def keep(self, timeout=2.0):
        self.send(bytes([KEEP]))
        return self.receive(timeout) == bytes([KEEP])

    def connect(self, name="", flags=1):
        """The id of a pending session."""
        name = name.encode() if isinstance(name, str) else name
        reply = self.ask(connect_packet(self.next_seq(), flags, name))
        assert len(reply) == 5, reply.hex(" ")
        error, session = struct.unpack(">BH", reply[2:])
        assert (error == 0) == (session != 0), reply.hex(" ")
        if error:
            raise Refused(error)
        return session

    def command(self, session, opcode, lsn=0, data=b"", pad=0):
        """The data of the reply."""
        reply = self.ask(command_packet(self.next_seq(), session, opcode, lsn, data, pad))
        assert len(reply) >= 4 and reply[3] == pad, reply[:8].hex(" ")
        if reply[2]:
            assert len(reply) == 4, reply[:8].hex(" ")
            raise Refused(reply[2])
        return reply[4:]

    def discon(self, session):
        reply = self.ask(discon_packet(self.next_seq(), session))
        assert len(reply) == 3, reply.hex(" ")
        return reply[2]

    def identify_server(self):
        packet = command_packet(self.next_seq(), 0, IDENTIFY, BLKH).ljust(132, b"\0")
        reply = self.ask(packet)
        return Identity(reply[4:])

    def open(self, name="", flags=1):
        """A proven session."""
        kind = StrictSession if flags & STRICT else Session
        session = kind(self, self.connect(name, flags), flags)
        try:
            session.read(0)
        except Refused as refused:
            if refused.error != BAD_LSN:  # an empty volume: proven all the same
                raise
        return session


class Session:
    """A session id and the peer that uses it."""

    def __init__(self, peer, session, flags):
        self.peer, self.id, self.flags = peer, session, flags
        self.sector = 128 << (flags & 7)

    def read(self, lsn):
        data = self.peer.command(self.id, READ, lsn)
        assert len(data) == self.sector, len(data)
        return data

    def write(self, lsn, data):
        assert len(data) == self.sector
        assert self.peer.command(self.id, WRITE, lsn, data) == b""

    def flush(self):
        assert self.peer.command(self.id, FLUSH) == b""

    def identify(self):
        return Identity(self.peer.command(self.id, IDENTIFY, BLKH))

    def checksum(self, lsn, count):
        return int.from_bytes(self.peer.command(self.id, CHECKSUM, lsn, struct.pack(">H", count)), "big")

    def time(self):
        return Moment(self.peer.command(self.id, TIME))

    def discon(self):
        return self.peer.discon(self.id)

    def alive(self):
        """Whether the id is still a session's. Renews it, as any request does."""
        return error_of(self.read, 0) in (OK, BAD_LSN)


class StrictSession(Session):
    """Numbers of 16 bits, the session's id in every reply, and a window of requests under way."""

    def __init__(self, peer, session, flags):
        super().__init__(peer, session, flags)
        self.number, self.window = 1, 1

    def take_number(self):
        self.number += 1
        return self.number - 1

    def packet(self, number, opcode, lsn=0, data=b""):
        return strict_command_packet(number, self.id, opcode, lsn, data)

    def is_answer(self, reply, number, data_len):
        """Of exactly the expected length: whatever else comes is dropped."""
        if len(reply) < 6 or reply[:2] != bytes([REPLY, number & 255]):
            return False
        return (reply[3], reply[4:6]) == (number >> 8 & 255, self.id.to_bytes(2, "big")) and \
            len(reply) == 6 + (data_len if reply[2] == OK else 0)

    def ask_many(self, requests, tries=9):
        """The replies to (packet, its number, length of its data), with at most a window of them under way."""
        replies, sent, turns, low = {}, {}, 0, 0
        while low < len(requests):
            now = time.monotonic()
            for index in range(low, min(low + self.window, len(requests))):
                if index in replies or (index in sent and now < sent[index] + self.peer.retry_s * 2 ** min(turns, 3)):
                    continue
                if index in sent and index == low:
                    turns += 1
                    if turns == tries:
                        raise Silence(requests[index][0][:16].hex(" "))
                self.peer.send(requests[index][0])
                sent[index] = now
            reply = self.peer.receive(self.peer.retry_s)
            for index in range(low, min(low + self.window, len(requests))) if reply else ():
                if index not in replies and self.is_answer(reply, *requests[index][1:]):
                    replies[index] = reply
                    break
            while low in replies:
                low, turns = low + 1, 0
        return [replies[index] for index in range(len(requests))]

    def ask(self, packet, number, data_len=0):
        """The data of the reply."""
        reply = self.ask_many([(packet, number, data_len)])[0]
        if reply[2]:
            raise Refused(reply[2])
        return reply[6:]

    def command(self, opcode, lsn=0, data=b"", data_len=0):
        number = self.take_number()
        return self.ask(self.packet(number, opcode, lsn, data), number, data_len)

    def read(self, lsn):
        return self.command(READ, lsn, data_len=self.sector)

    def write(self, lsn, data):
        assert len(data) == self.sector
        self.command(WRITE, lsn, data)

    def write_many(self, sectors):
        """All of {lsn: data}, a window at a time."""
        requests = []
        for lsn, data in sectors.items():
            number = self.take_number()
            requests.append((self.packet(number, WRITE, lsn, data), number, 0))
        assert all(reply[2] == OK for reply in self.ask_many(requests))

    def read_many(self, lsns):
        requests = []
        for lsn in lsns:
            number = self.take_number()
            requests.append((self.packet(number, READ, lsn), number, self.sector))
        return {lsn: reply[6:] for lsn, reply in zip(lsns, self.ask_many(requests))}

    def flush(self):
        self.command(FLUSH)

    def identify(self):
        identity = Identity(self.command(IDENTIFY, BLKH, data_len=128))
        self.window = min(identity.window, 64)
        return identity

    def trim(self, lsn, count):
        self.command(TRIM, lsn, struct.pack(">H", count))

    def zero(self, lsn, count):
        self.command(ZERO, lsn, struct.pack(">H", count))

    def checksum(self, lsn, count):
        return int.from_bytes(self.command(CHECKSUM, lsn, struct.pack(">H", count), 4), "big")

    def time(self):
        return Moment(self.command(TIME, data_len=18))

    def checkpoint(self, label=""):
        self.command(CHECKPOINT, data=bytes([len(label)]) + label.encode())

    def keep(self):
        number = self.take_number()
        self.ask(strict_packet(KEEP, number, self.id), number)

    def discon(self):
        number = self.take_number()
        return error_of(self.ask, strict_packet(DISCON, number, self.id), number)


class Identity:
    """The 128 bytes of IDENTIFY."""

    def __init__(self, data):
        assert len(data) == 128, len(data)
        (word, self.version, self.n, self.flags, self.count, self.change, self.utc, self.zone, self.window,
         self.run, self.lease, self.features, self.heavy, self.instance, zero, name) = struct.unpack(
             ">4sBBHQQQhHHHIIQ8s64s", data)
        assert word == b"BLKH" and zero == bytes(8)
        self.name = name.rstrip(b"\0").decode()


class Moment:
    """The 18 bytes of TIME."""

    def __init__(self, data):
        assert len(data) == 18, len(data)
        self.utc, self.zone, *self.local, self.weekday = struct.unpack(">QhHBBBBBB", data)


def error_of(call, *arguments):
    """The error code that a call ends with; 0 for none."""
    try:
        call(*arguments)
    except Refused as refused:
        return refused.error
    return OK
