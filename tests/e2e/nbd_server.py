# SPDX-License-Identifier: MIT
"""A small NBD server that can be made to misbehave, written from the NBD project's doc/proto.md: fixed newstyle
negotiation, NBD_OPT_GO, simple replies. It has a volatile cache, as servers may: a crash forgets what is not flushed."""
import random
import socket
import struct
import threading

MAGIC, OPTION_MAGIC, REPLY_MAGIC = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
REQUEST_MAGIC, SIMPLE_MAGIC = 0x25609513, 0x67446698
OPT_ABORT, OPT_GO = 2, 7
REP_ACK, REP_INFO, REP_UNSUP, REP_POLICY = 1, 3, 0x80000001, 0x80000002
INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3
HAS_FLAGS, READ_ONLY, SEND_FLUSH, SEND_FUA, SEND_ZEROES = 1, 2, 4, 8, 64
READ, WRITE, DISCONNECT, FLUSH, TRIM, ZERO = 0, 1, 2, 3, 4, 6
FUA = 1
EPERM, EIO, ENOMEM, EINVAL, ENOSPC, ESHUTDOWN = 1, 5, 12, 22, 28, 108


class Gone(Exception):
    """The connection is over."""


class NbdServer:
    """Serves `data` on the Unix socket `path` until end(). Attributes may be changed at any time."""

    def __init__(self, path, data, flags=SEND_FLUSH | SEND_FUA | SEND_ZEROES, block=None):
        self.path = path
        self.stable = bytearray(data)  # what a crash leaves
        self.data = bytearray(data)
        self.size = len(data)  # what it says
        self.flags = flags | HAS_FLAGS
        self.block = block  # (least, preferred, most), or None: nothing is said
        self.alone = True  # one connection at a time
        self.fail = {}  # errors by kind of request
        self.hold = set()  # kinds of requests that get no answer until release()
        self.held = []
        self.double = False  # each answer is sent twice
        self.garbage = None  # what is sent instead of answers
        self.cut_after = None  # bytes of the negotiation after which it hangs up
        self.greets = threading.Event()  # cleared: whoever connects waits
        self.greets.set()
        self.requests = []  # (kind, offset, length), as they came
        self.cached = []  # (offset, data) since the last FLUSH
        self.connections = 0  # that were made in all
        self.lock = threading.RLock()
        self.open = []
        self.listener = None
        self.start()

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.path.unlink(missing_ok=True)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def uri(self, export=""):
        return f"nbd+unix:///{export}?socket={self.path}"

    def accept(self, listener):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            with self.lock:
                if listener is not self.listener:
                    connection.close()
                    return
                self.connections += 1
                self.open.append(connection)
            thread.start()
            while self.alone and thread.is_alive():
                thread.join(0.05)
                if listener is not self.listener:
                    return

    def serve(self, connection):
        try:
            self.greets.wait()
            self.negotiate(connection)
            while True:
                self.one_request(connection)
        except (Gone, OSError, struct.error):
            pass
        with self.lock:
            self.held = [held for held in self.held if held[0] is not connection]
            if connection in self.open:
                self.open.remove(connection)
        connection.close()

    def receive(self, connection, count):
        data = b""
        while len(data) < count:
            part = connection.recv(count - len(data))
            if not part:
                raise Gone
            data += part
        return data

    def negotiate(self, connection):
        left = [self.cut_after]

        def send(data):
            if left[0] is not None:
                data, left[0] = data[:left[0]], left[0] - len(data)
            connection.sendall(data)
            if left[0] is not None and left[0] <= 0:
                raise Gone

        send(MAGIC + OPTION_MAGIC + struct.pack(">H", 3))  # fixed newstyle, no zeroes
        self.receive(connection, 4)
        while True:
            magic, option, length = struct.unpack(">8sII", self.receive(connection, 16))
            self.receive(connection, length)

            def reply(kind, data=b""):
                send(struct.pack(">QIII", REPLY_MAGIC, option, kind, len(data)) + data)

            if option == OPT_GO:
                reply(REP_INFO, struct.pack(">HQH", INFO_EXPORT, self.size, self.flags))
                if self.block:
                    reply(REP_INFO, struct.pack(">HIII", INFO_BLOCK_SIZE, *self.block))
                reply(REP_ACK)
                return
            reply(REP_ACK if option == OPT_ABORT else REP_UNSUP)
            if option == OPT_ABORT:
                raise Gone

    def one_request(self, connection):
        magic, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", self.receive(connection, 28))
        assert magic == REQUEST_MAGIC
        data = self.receive(connection, length) if kind == WRITE else b""
        if kind == DISCONNECT:
            raise Gone
        with self.lock:
            self.requests.append((kind, offset, length))
            if kind in self.hold:
                self.held.append((connection, flags, kind, cookie, offset, length, data))
            else:
                self.carry_out(connection, flags, kind, cookie, offset, length, data)

    def carry_out(self, connection, flags, kind, cookie, offset, length, data):
        error = self.fail.get(kind, 0)
        if not error and kind != FLUSH and offset + length > len(self.data):
            error = EINVAL
        if not error and self.block and kind != FLUSH and (offset | length) % self.block[0]:
            error = EINVAL
        if not error and self.block and kind in (READ, WRITE) and length > self.block[2]:
            error = EINVAL
        out = b""
        if not error:
            if kind == READ:
                out = bytes(self.data[offset:offset + length])
            elif kind in (WRITE, ZERO):
                data = data if kind == WRITE else bytes(length)
                self.data[offset:offset + length] = data
                if flags & FUA:
                    self.stable[offset:offset + length] = data
                else:
                    self.cached.append((offset, data))
            elif kind == FLUSH:
                self.make_stable(self.cached)
                self.cached = []
        answer = struct.pack(">IIQ", SIMPLE_MAGIC, error, cookie) + out
        connection.sendall(self.garbage or answer * (2 if self.double else 1))

    def make_stable(self, writes):
        for offset, data in writes:
            self.stable[offset:offset + len(data)] = data

    def release(self):
        """Answers what was held, in the order in which it came."""
        with self.lock:
            self.hold.clear()
            held, self.held = self.held, []
            for request in held:
                self.carry_out(*request)

    def hang_up(self):
        """All connections are closed; the next is welcome."""
        with self.lock:
            for connection in self.open:
                connection.shutdown(socket.SHUT_RDWR)

    def crash(self, rng=random):
        """It is gone, and of what was not flushed it has kept any part, in any order."""
        with self.lock:
            listener, self.listener = self.listener, None
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            self.path.unlink(missing_ok=True)
            self.hang_up()
            self.make_stable([write for write in self.cached if rng.random() < 0.5])
            self.cached, self.held = [], []
            self.data[:] = self.stable

    def end(self):
        self.greets.set()
        if self.listener is not None:
            self.crash()
