# SPDX-License-Identifier: MIT
"""A serial line between a simulated machine and a server on UDP: a terminal, frames, and what goes wrong on it."""
import fcntl
import os
import pathlib
import pty
import random
import select
import socket
import sys
import termios
import threading
import tty

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import line  # noqa: E402


class Frames(line.Frames):
    """Takes bytes, and gives the datagrams that were whole."""

    damaged = 0

    def take(self, data):
        found = list(self.feed(data))
        self.damaged += found.count(None)
        return [datagram for datagram in found if datagram is not None]


class Counted(Frames):
    """Datagrams with their lengths before them."""

    def take(self, data):
        self.rest += data
        found = []
        while len(self.rest) > 2 and len(self.rest) >= 2 + (size := int.from_bytes(self.rest[:2], "little")):
            found.append(self.rest[2:2 + size])
            self.rest = self.rest[2 + size:]
        return found


class Noise:
    """One byte of so many is lost, flipped, or has another put in before it."""

    def __init__(self, seed, one_of):
        self.random = random.Random(seed)
        self.one_of = one_of
        self.count = 0

    def __call__(self, data):
        out = bytearray()
        for byte in data:
            if self.random.randrange(self.one_of) == 0:
                self.count += 1
                out += self.random.choice((b"", bytes([byte ^ 1 << self.random.randrange(8)]),
                                           bytes([self.random.randrange(256), byte])))
            else:
                out.append(byte)
        return bytes(out)


def open_raw():
    """A terminal's two ends; the first does not block."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
    return master, slave


class Line:
    """Frames on the terminal `slave` are datagrams to `server`, and back. `at_request(number)` is called before the
    client's frame of that number is handed on; the first is 1."""

    frame = staticmethod(line.frame)
    frames_class = Frames

    def __init__(self, server, noise=None, at_request=None):
        self.server = server
        self.master, self.slave = open_raw()
        mode = termios.tcgetattr(self.slave)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 0, 1
        termios.tcsetattr(self.slave, termios.TCSANOW, mode)
        self.far = self.plug_in(server)
        self.noise = noise or (lambda data: data)
        self.at_request = at_request or (lambda number: None)
        self.requests = 0
        self.frames = self.frames_class()
        self.fault = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def plug_in(self, server):
        """The other end: something to select and close."""
        far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        far.connect(server)
        return far

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(10)
        for handle in (self.master, self.slave):
            os.close(handle)
        self.far.close()
        if self.fault:
            raise self.fault

    def run(self):
        try:
            while not self.over.is_set():
                for ready in select.select([self.master, self.far], [], [], 0.1)[0]:
                    self.from_client() if ready is self.master else self.from_server()
        except Exception as fault:  # the thread's; the test's when it leaves
            self.fault = fault

    def from_client(self):
        for datagram in self.frames.take(self.noise(os.read(self.master, 4096))):
            self.requests += 1
            self.at_request(self.requests)
            try:
                self.far.send(datagram)
            except ConnectionRefusedError:  # an answer to the one before
                self.far.send(datagram)

    def from_server(self):
        try:
            data = self.noise(self.frame(self.far.recv(65536)))
        except ConnectionRefusedError:
            return  # the server is away
        self.write(self.master, data)

    def write(self, handle, data):
        while data and not self.over.is_set():
            select.select([], [handle], [], 1)
            try:
                data = data[os.write(handle, data):]
            except BlockingIOError:
                pass


class Records(Line):
    """A line for machines with a network: it loses nothing."""

    frame = staticmethod(lambda datagram: len(datagram).to_bytes(2, "little") + datagram)
    frames_class = Counted


class Cable(Line):
    """A line with a terminal at its other end, too, which a server has opened: `device`. It carries bytes."""

    def __init__(self, noise=None):
        super().__init__(("", 0), noise)

    def plug_in(self, server):
        master, self.far_slave = open_raw()
        self.device = os.ttyname(self.far_slave)
        return os.fdopen(master, "rb", buffering=0)

    def __exit__(self, *words):
        os.close(self.far_slave)
        super().__exit__(*words)

    def from_client(self):
        data = os.read(self.master, 4096)
        self.requests += len(self.frames.take(data))
        self.write(self.far.fileno(), self.noise(data))

    def from_server(self):
        self.write(self.master, self.noise(self.far.read(4096)))
