# SPDX-License-Identifier: MIT
"""What a power failure may leave of an image, from the log of faults.c: at every moment, in every order of the unsynced.

A kernel keeps what an fdatasync covered that had ended well: every pwrite that was over when it began. Of the others it may
have written back any, in any order; the last one written back to a sector is what it holds.

The process may be killed and started again on the way. What it had begun then is over: a pwrite may have been carried out
or not, and its request may be carried out again.
"""
import collections

from client import COMMAND, DISCON, FLUSH, OK, REPLY, WRITE

NEVER = float("inf")

Write = collections.namedtuple("Write", "lsn data begin end stable")  # places in the log
Request = collections.namedtuple("Request", "kind opcode lsn arrived replied status")


class Lost(AssertionError):
    """A promise is broken."""


def expect(condition, *what):
    if not condition:
        raise Lost(*what)


class History:
    """What happened to one image and to the strict sessions on it. `sent` has the data of each WRITE by session and
    number, and so says which sessions are meant."""

    def __init__(self, records, inode, sector, sent):
        self.sector, self.sent = sector, sent
        self.records = list(records)
        self.writes = collections.defaultdict(list)  # by LSN, in order
        self.requests = {}  # by session and number
        self.lives = []  # where processes begin
        self.read_storage(inode)
        self.read_datagrams()
        self.match()

    # What the log says

    def read_storage(self, inode):
        begun, syncs, sync_begun = {}, [], {}
        whole = []
        for at, record in enumerate(self.records):
            if record.kind == "l":
                whole += [(begin, at, first.offset, first.data) for begin, first in begun.values()]
                begun, sync_begun = {}, {}
                self.lives.append(at)
            if record.file != inode:
                continue
            if record.kind == "w":
                begun[record.call] = at, record
            elif record.kind == "W":
                begin, first = begun.pop(record.call)
                expect(record.result == len(first.data), "a short write", record)
                whole.append((begin, at, first.offset, first.data))
            elif record.kind == "s":
                sync_begun[record.call] = at
            elif record.kind == "S" and record.result == 0:
                syncs.append((sync_begun[record.call], at))
        expect(not begun, "a write never ended", begun)
        for begin, end, offset, data in sorted(whole):
            self.add_write(begin, end, offset, data, syncs)

    def add_write(self, begin, end, offset, data, syncs):
        expect(len(data) == self.sector and offset % self.sector == 0, "not a whole sector", offset, len(data))
        lsn = offset // self.sector
        expect(all(end_before < begin for _, _, _, end_before, _ in self.writes[lsn]), "two writes at once", lsn)
        stable = min((over for began, over in syncs if began > end), default=NEVER)
        self.writes[lsn].append(Write(lsn, data, begin, end, stable))

    def read_datagrams(self):
        sessions = {session for session, _ in self.sent}
        arrived = {}
        for at, record in enumerate(self.records):
            data = record.data
            if record.kind == "a" and data and data[0] in (COMMAND, DISCON) and len(data) >= 5:
                session = int.from_bytes(data[2:4], "big")
                high = data[9] if data[0] == COMMAND else data[4]
                opcode, lsn = (data[4], int.from_bytes(data[5:9], "big")) if data[0] == COMMAND else (None, None)
                arrived.setdefault((session, data[1] | high << 8), (data[0], opcode, lsn, at))
            elif record.kind == "r" and len(data) >= 6 and data[0] == REPLY:
                key = int.from_bytes(data[4:6], "big"), data[1] | data[3] << 8
                if key[0] in sessions and key in arrived:
                    self.requests.setdefault(key, Request(*arrived[key], at, data[2]))

    def match(self):
        """Which write is which request's: data are unique. Each was carried out once."""
        of_data = {}
        for writes in self.writes.values():
            for place, write in enumerate(writes):
                earlier = of_data.get(write.data)
                expect(earlier is None or self.life(earlier[1].begin) < self.life(write.begin), "carried out twice", write)
                of_data[write.data] = place, write
        self.carried_out = {}
        for key, request in self.requests.items():
            if request.opcode != WRITE:
                continue
            expect(request.status == OK, "a WRITE was refused", key, request)
            expect(self.sent[key] in of_data, "acknowledged and not written", key)
            place, write = of_data[self.sent[key]]
            expect(write.lsn == request.lsn and write.end < request.replied, "answered before it was written", key)
            self.carried_out[key] = place, write

    def life(self, at):
        return sum(start <= at for start in self.lives)

    # What was promised

    def promises(self, sync_write):
        """(place in the log, LSN, index of the write that must not be lost from then on)."""
        out = []
        for key, request in self.requests.items():
            if request.status != OK:
                continue
            if request.opcode == FLUSH:
                out += self.covered(request.replied, lambda _, other: other.replied < request.arrived)
            elif request.kind == DISCON:
                out += self.covered(request.replied, lambda session, _: session == key[0])
            elif request.opcode == WRITE and sync_write:
                place, write = self.carried_out[key]
                out.append((request.replied, write.lsn, place))
        return sorted(out)

    def covered(self, since, is_covered):
        for key, (place, write) in self.carried_out.items():
            if is_covered(key[0], self.requests[key]):
                yield since, write.lsn, place

    # What may be left

    def possible(self, lsn, at):
        """The indices of writes that the sector may hold after a failure before record `at`; -1: what was there first."""
        stable = max((i for i, write in enumerate(self.writes[lsn]) if write.stable < at), default=-1)
        return [stable] + [i for i, write in enumerate(self.writes[lsn]) if i > stable and write.begin < at]

    def check_every_moment(self, sync_write):
        """Every sector may hold any content that is possible at any moment; none may be older than promised. What is
        possible only gains newer contents and loses older ones as time goes on, so that it is enough to look where a
        promise begins. Returns the number of contents that were looked at."""
        floors, looked, promises = collections.defaultdict(lambda: -1), 0, self.promises(sync_write)
        expect(promises, "nothing was promised")
        turn = 0
        for at in range(len(self.records) + 1):
            changed = set()
            while turn < len(promises) and promises[turn][0] < at:
                _, lsn, place = promises[turn]
                floors[lsn] = max(floors[lsn], place)
                changed.add(lsn)
                turn += 1
            for lsn in changed:
                possible = self.possible(lsn, at)
                looked += len(possible)
                expect(min(possible) >= floors[lsn], "lost", lsn, at, possible, floors[lsn])
        return looked

    def image_after(self, at, first, chance):
        """An image that a failure before record `at` may leave."""
        image = bytearray(first)
        for lsn, writes in self.writes.items():
            place = chance.choice(self.possible(lsn, at))
            if place >= 0:
                image[lsn * self.sector:(lsn + 1) * self.sector] = writes[place].data
        return bytes(image)
