# SPDX-License-Identifier: MIT
"""A path on which replies are changed: for a client that path and server are one, which lies."""
import argparse
import struct
import threading

import proxy

HEADER_LEN, IDENTITY_LEN = 6, 128  # of a strict session's reply, and what IDENTIFY brings
FIELDS = {"magic": (0, "4s"), "version": (4, "B"), "exponent": (5, "B"), "flags": (6, "H"), "count": (8, "Q"),
          "change": (16, "Q"), "window": (34, "H"), "run": (36, "H"), "lease": (38, "H"), "features": (40, "I"),
          "heavy": (44, "I"), "instance": (48, "Q"), "name": (64, "64s")}


def truth(datagram):
    return [datagram]


class Liar(proxy.Proxy):
    """change(DATAGRAM), which may be exchanged at any time, says what each of the server's replies becomes: a list."""

    def __init__(self, server):
        host, port = server.address
        super().__init__(argparse.Namespace(listen=("127.0.0.1", 0), to=(host, port), drop=0, double=0, reorder=0,
                                            hold=0, delay=0, seed=1))
        self.change = truth
        self.name = "%s:%d" % self.front.getsockname()
        self.over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def add_client(self, client):
        up = super().add_client(client)
        back = self.backs[client]
        direction, send = self.links[back]
        self.links[back] = direction, lambda datagram: [send(one) for one in self.change(datagram)]
        return up

    def run(self):
        while not self.over:
            self.step()

    def end(self):
        self.over = True
        self.front.sendto(b"", self.front.getsockname())  # it may be asleep
        self.thread.join(10)
        for opened in (self.front, *self.backs.values()):
            opened.close()


def identity(**changes):
    """A change: every IDENTIFY says this instead of the truth."""
    def change(datagram):
        if len(datagram) != HEADER_LEN + IDENTITY_LEN or datagram[HEADER_LEN:HEADER_LEN + 4] != b"BLKH":
            return [datagram]
        out = bytearray(datagram)
        for name, value in changes.items():
            offset, form = FIELDS[name]
            struct.pack_into(">" + form, out, HEADER_LEN + offset, value)
        return [bytes(out)]

    return change


def is_data(datagram):
    """What READs are answered, in sectors above 128 bytes."""
    return len(datagram) > HEADER_LEN + IDENTITY_LEN


def status(code, more=b""):
    """A change: whatever brings data is this error instead."""
    return lambda datagram: [datagram[:2] + bytes([code]) + datagram[3:HEADER_LEN] + more
                             if is_data(datagram) else datagram]
