# SPDX-License-Identifier: MIT
"""A client on a raw socket, written from docs/protocol.md alone: no code of what it tests."""
import itertools
import socket
import struct
import time

CONNECT, COMMAND, REPLY, DISCON, KEEP = range(5)
READ, WRITE, IDENTIFY, FLUSH = range(4)
READ_ONLY, SHARED, LOOK = 0x08, 0x10, 0x18
BLKH = int.from_bytes(b"BLKH", "big")

OK, NO_SESSIONS, NO_IMAGE, FORMAT, BAD_SESSION, BAD_LSN, SHORT, BAD_FLAGS, IS_READ_ONLY, IN_USE = range(10)
STORAGE, NO_SPACE, UNKNOWN_OPCODE = 12, 13, 15

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
        session = Session(self, self.connect(name, flags), flags)
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

    def discon(self):
        return self.peer.discon(self.id)

    def alive(self):
        """Whether the id is still a session's. Renews it, as any request does."""
        return error_of(self.read, 0) in (OK, BAD_LSN)


class Identity:
    """The 128 bytes of IDENTIFY."""

    def __init__(self, data):
        assert len(data) == 128, len(data)
        (word, self.version, self.n, self.flags, self.count, self.change, self.utc, self.zone, self.window,
         self.run, self.lease, self.features, self.heavy, self.instance, zero, name) = struct.unpack(
             ">4sBBHQQQhHHHIIQ8s64s", data)
        assert word == b"BLKH" and zero == bytes(8)
        self.name = name.rstrip(b"\0").decode()


def error_of(call, *arguments):
    """The error code that a call ends with; 0 for none."""
    try:
        call(*arguments)
    except Refused as refused:
        return refused.error
    return OK
