# SPDX-License-Identifier: MIT
"""Serial lines for tests: frames from docs/protocol.md alone, pseudo-terminals, and what goes wrong with a cable."""
import fcntl
import itertools
import os
import pty
import random
import select
import socket
import termios
import threading
import time

from client import Peer

FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20


def fcs16(data):
    fcs = 0xFFFF
    for byte in data:
        fcs ^= byte
        for _ in range(8):
            fcs = fcs >> 1 ^ 0x8408 if fcs & 1 else fcs >> 1
    return (fcs ^ 0xFFFF).to_bytes(2, "little")


def frame(datagram):
    body = datagram + fcs16(datagram)
    body = body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return b"\x7e" + body + b"\x7e"


class Frames:
    """Bytes in, (datagram, or None for damage) out."""

    def __init__(self):
        self.rest, self.hunting = b"", True

    def feed(self, data):
        *parts, self.rest = (self.rest + data).split(b"\x7e")
        for part in parts:
            hunting, self.hunting = self.hunting, False
            if hunting or not part:
                continue
            yield self.decode(part)

    @staticmethod
    def decode(part):
        out, escaped = bytearray(), False
        for byte in part:
            if escaped:
                out.append(byte ^ FLIP)
                escaped = False
            elif byte == ESCAPE:
                escaped = True
            else:
                out.append(byte)
        if escaped or len(out) < 3 or fcs16(out[:-2]) != out[-2:]:
            return None
        return bytes(out[:-2])


class Pty:
    """A pseudo-terminal whose far end has a path that stays when it is made anew: `device`."""

    def __init__(self, device):
        self.device = device
        self.plug()

    def plug(self):
        self.master, slave = pty.openpty()
        name = os.ttyname(slave)
        attributes = termios.tcgetattr(slave)
        attributes[0] = attributes[1] = attributes[3] = 0
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.close(slave)
        os.set_blocking(self.master, False)
        temporary = self.device.with_name(self.device.name + ".new")
        temporary.symlink_to(name)
        temporary.rename(self.device)

    def unplug(self):
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def wait_for_program(self, timeout=10):
        """Until somebody has the far end open: before that the kernel says that it hung up."""
        poll = select.poll()
        poll.register(self.master, select.POLLHUP)
        due = time.monotonic() + timeout
        while poll.poll(0):
            assert time.monotonic() < due, "nobody opened the line"
            time.sleep(0.01)


class LinePeer(Peer):
    """The client on a descriptor that carries frames."""

    def __init__(self, fd):
        self.fd = fd
        self.frames, self.ready = Frames(), []
        self.damaged = 0
        self.seq = itertools.count(1)
        self.retry_s = 0.5

    def close(self):
        pass

    def __exit__(self, *_):
        self.close()

    def send_raw(self, data, timeout=10):
        due = time.monotonic() + timeout
        while data:
            assert time.monotonic() < due, "the line takes no more"
            if select.select([], [self.fd], [], 0.1)[1]:
                try:
                    data = data[os.write(self.fd, data):]
                except BlockingIOError:
                    pass

    def send(self, packet):
        self.send_raw(frame(packet))

    def receive(self, timeout=2.0):
        due = time.monotonic() + timeout
        while not self.ready:
            left = due - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                continue
            except OSError:  # EIO: the far end is closed
                time.sleep(0.02)
                continue
            if not data:
                return None
            for datagram in self.frames.feed(data):
                self.damaged += datagram is None
                if datagram is not None:
                    self.ready.append(datagram)
        return self.ready.pop(0)


class TcpPeer(LinePeer):
    def __init__(self, address, host=None):
        self.socket = socket.create_connection(address, 10, source_address=(host, 0) if host else None)
        self.socket.setblocking(False)
        super().__init__(self.socket.fileno())

    def close(self):
        self.socket.close()


class Noise:
    """What a cable does to bytes: one in `every` is lost, flipped, or gets company."""

    def __init__(self, every, seed=1):
        self.every, self.random, self.hits = every, random.Random(seed), 0

    def spoil(self, data):
        if not self.every:
            return data
        out = bytearray()
        for byte in data:
            if self.random.randrange(self.every):
                out.append(byte)
                continue
            self.hits += 1
            kind = self.random.randrange(3)
            if kind == 1:
                out.append(byte ^ 1 << self.random.randrange(8))
            elif kind == 2:
                out += bytes([byte, self.random.randrange(256)])
        return bytes(out)


class Cable:
    """Two pseudo-terminals and a thread that carries bytes between them, spoiled."""

    def __init__(self, directory, every=0, seed=1):
        self.ends = Pty(directory / "server-end"), Pty(directory / "client-end")
        self.noise = Noise(every, seed)
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        masters = [end.master for end in self.ends]
        waiting = [b"", b""]
        while not self.stopping:
            readable, writable, _ = select.select(masters, [masters[i] for i in (0, 1) if waiting[i]], [], 0.05)
            for i, fd in enumerate(masters):
                try:
                    if fd in writable:
                        waiting[i] = waiting[i][os.write(fd, waiting[i]):]
                    if fd in readable and len(waiting[1 - i]) < 100000:
                        waiting[1 - i] += self.noise.spoil(os.read(fd, 4096))
                except BlockingIOError:
                    pass
                except OSError:  # nobody has that end open
                    time.sleep(0.005)

    def close(self):
        self.stopping = True
        self.thread.join()
        for end in self.ends:
            end.unplug()


def available():
    try:
        fcntl.fcntl(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY), fcntl.F_GETFD)
        return True
    except OSError:
        return False
