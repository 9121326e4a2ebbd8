#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A UDP path that does damage: it drops, doubles and reorders datagrams, both ways, by a seed.

A reordered datagram waits until the next one of its direction has passed, or for --hold milliseconds. With --delay
every datagram takes that long, each way.
When ended with SIGTERM or SIGINT it prints what it did, as JSON.
"""
import argparse
import collections
import json
import random
import select
import signal
import socket
import sys
import time

BATCH = 64  # datagrams from one socket before the others have their turn
BUFFER_LEN = 4 << 20


class Direction:
    """One way of one client's path: what to do to each datagram."""

    def __init__(self, options, seed, counts):
        self.options, self.counts = options, counts
        self.random = random.Random(seed)
        self.held, self.due = None, None

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def feed(self, datagram, now):
        """The datagrams to send now that this one has come."""
        self.counts["seen"] += 1
        if self.chance(self.options.drop):
            self.counts["dropped"] += 1
            return []
        if self.held is None and self.chance(self.options.reorder):
            self.counts["reordered"] += 1
            self.held, self.due = datagram, now + self.options.hold / 1000
            return []
        out = [datagram]
        if self.chance(self.options.double):
            self.counts["doubled"] += 1
            out.append(datagram)
        return out + self.release()

    def release(self):
        held, self.held, self.due = self.held, None, None
        return [] if held is None else [held]


class Proxy:
    def __init__(self, options):
        self.options = options
        self.front = open_socket(options.listen)
        self.backs = {}  # a client's address: its socket towards the server
        self.links = {}  # a socket: (where its datagrams come from, direction, how to send on)
        self.late = collections.deque()  # (when, link, datagrams) that are on their way
        self.counts = dict.fromkeys(("seen", "dropped", "doubled", "reordered"), 0)

    def add_client(self, client):
        back = open_socket(("0.0.0.0", 0))
        back.connect(self.options.to)
        seed = f"{self.options.seed}:{len(self.backs)}"
        up = Direction(self.options, seed + ":up", self.counts), back.send
        down = (Direction(self.options, seed + ":down", self.counts),
                lambda datagram: self.front.sendto(datagram, client))
        self.backs[client] = back
        self.links[client], self.links[back] = up, down
        return up

    def deliver(self, link, datagrams):
        if self.options.delay and datagrams:
            self.late.append((time.monotonic() + self.options.delay / 1000, link, datagrams))
        else:
            self.send(link, datagrams)

    def send(self, link, datagrams):
        for datagram in datagrams:
            try:
                link[1](datagram)
            except OSError:  # nobody listens there, or no room: lost, as on a network
                pass

    def take(self, ready):
        """What has arrived at one socket."""
        for _ in range(BATCH):
            try:
                datagram, sender = ready.recvfrom(65536)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue
            if ready is self.front:
                link = self.links.get(sender) or self.add_client(sender)
            else:
                link = self.links[ready]
            self.deliver(link, link[0].feed(datagram, time.monotonic()))

    def step(self):
        dues = [link[0].due for link in self.links.values() if link[0].due is not None]
        dues += [self.late[0][0]] if self.late else []
        wait = max(0.0, min(dues) - time.monotonic()) if dues else 1.0
        for ready in select.select([self.front, *self.backs.values()], [], [], wait)[0]:
            self.take(ready)
        now = time.monotonic()
        for link in self.links.values():
            if link[0].due is not None and link[0].due <= now:
                self.deliver(link, link[0].release())
        while self.late and self.late[0][0] <= now:
            self.send(*self.late.popleft()[1:])


def open_socket(address):
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_LEN)
    opened.bind(address)
    opened.setblocking(False)
    return opened


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=address, default=("127.0.0.1", 4445), help="127.0.0.1:4445")
    parser.add_argument("--to", type=address, default=("127.0.0.1", 4444), help="127.0.0.1:4444")
    for damage in ("drop", "double", "reorder"):
        parser.add_argument("--" + damage, type=float, default=0, metavar="PERCENT")
    parser.add_argument("--hold", type=float, default=5, metavar="MS")
    parser.add_argument("--delay", type=float, default=0, metavar="MS")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    proxy = Proxy(parse_options())
    print("proxy on udp:%s:%d" % proxy.front.getsockname(), flush=True)
    try:
        while True:
            proxy.step()
    except KeyboardInterrupt:
        print(json.dumps(proxy.counts), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
