# SPDX-License-Identifier: MIT
"""Power failures, from the recorded log of the real daemon: what was promised is there, and no sector is torn."""
import collections
import contextlib
import random
import struct
import threading
import time

import pytest

from client import FLUSH, OK, STRICT, WRITE, Peer
from conftest import make_image, wait_until
from faults import Faults
from power import History, Lost

SECTORS = 48
SECTOR = 256
CONFIG = """[server]
serve = {images}
[volume v]
path = {images}/v.img
mode = shared
sync = {sync}
"""
HEADER = struct.Struct(">4sIII")  # word, writer, LSN, sequence


def content(writer, lsn, sequence):
    return HEADER.pack(b"POWR", writer, lsn, sequence) * (SECTOR // HEADER.size)


class PatientPeer(Peer):
    """To it a server that restarts is one that does not answer."""

    def send(self, packet):
        with contextlib.suppress(ConnectionRefusedError):
            super().send(packet)


class Writer(threading.Thread):
    """A strict session that writes and flushes with a full window under way."""

    def __init__(self, server, writer, rounds, retry_s=5):
        super().__init__()
        self.server, self.writer, self.rounds, self.retry_s = server, writer, rounds, retry_s
        self.chance = random.Random(writer)
        self.sent, self.acked, self.fault, self.sequence = {}, {}, None, 0

    def requests(self, session):
        """A window of WRITEs to sectors of its own, each at most once, with FLUSHes between them."""
        lsns = self.chance.sample(range(self.writer, SECTORS, 2), self.chance.randrange(1, SECTORS // 2))
        for lsn in lsns:
            number, self.sequence = session.take_number(), self.sequence + 1
            data = content(self.writer, lsn, self.sequence)
            self.sent[session.id, number] = data
            yield session.packet(number, WRITE, lsn, data), number, 0
            if self.chance.random() < 0.08:
                number = session.take_number()
                yield session.packet(number, FLUSH), number, 0

    def run(self):
        try:
            with PatientPeer(self.server.address) as peer:
                peer.retry_s = self.retry_s
                session = peer.open("v", 1 | STRICT)
                session.identify()
                for _ in range(self.rounds):
                    assert all(reply[2] == OK for reply in session.ask_many(list(self.requests(session))))
                assert session.discon() == OK
        except BaseException as fault:  # told by the test's thread
            self.fault = fault


Recorded = collections.namedtuple("Recorded", "records inode sent first sync")


@pytest.fixture(scope="module", params=["flush", "write"])
def recorded(request, serve_module, tmp_path_factory):
    """The log of a load, with what was sent."""
    directory = tmp_path_factory.mktemp("power")
    images, faults = directory / "images", Faults(directory / "faults")
    first = make_image(images / "v.img", SECTORS * SECTOR)
    with faults.loaded():
        server = serve_module(config=CONFIG.format(images=images, sync=request.param))
    faults.set("sync", delay_ms=5)  # so that much is under way meanwhile
    writers = [Writer(server, writer, 12) for writer in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        if writer.fault:
            raise writer.fault
    sent = {**writers[0].sent, **writers[1].sent}
    return Recorded(list(faults.records()), (images / "v.img").stat().st_ino, sent, first, request.param)


@pytest.mark.parametrize("sync", ["flush", "write"])
def test_what_was_promised_is_there_when_the_server_is_killed_on_the_way(serve, tmp_path, sync):
    """A FLUSH after the restart covers what was acknowledged before it."""
    images, faults, port = tmp_path / "images", Faults(tmp_path / "faults"), 0
    first = make_image(images / "v.img", SECTORS * SECTOR)
    arguments = {"config": CONFIG.format(images=images, sync=sync)}
    with faults.loaded():
        server = serve("--state", tmp_path / "state", **arguments)
    faults.set("sync", delay_ms=20, linger_ms=0)
    writers = [Writer(server, writer, 30, retry_s=0.2) for writer in (0, 1)]
    for writer in writers:
        writer.start()
    kills = 0
    while kills < 6 and all(writer.is_alive() for writer in writers):
        time.sleep(0.1 + 0.2 * random.random())
        server.kill()
        server.end, port = lambda: None, server.address[1]
        with faults.loaded():
            server = serve("--state", tmp_path / "state", listen=(f"udp:127.0.0.1:{port}",), **arguments)
        kills += 1
    for writer in writers:
        writer.join()
        if writer.fault:
            raise writer.fault
    sent = {**writers[0].sent, **writers[1].sent}
    recorded = Recorded(list(faults.records()), (images / "v.img").stat().st_ino, sent, first, sync)
    history = history_of(recorded)
    assert kills >= 3 and len(history.lives) == kills + 1
    assert len(history.carried_out) == len(sent) and history.check_every_moment(sync == "write") > 500


def history_of(recorded, records=None):
    return History(recorded.records if records is None else records, recorded.inode, SECTOR, recorded.sent)


def test_what_was_promised_is_there_at_every_moment(recorded):
    history = history_of(recorded)
    assert len(history.carried_out) == len(recorded.sent) > 100
    looked = history.check_every_moment(recorded.sync == "write")
    assert looked > 500
    print(f"{len(recorded.records)} moments, {looked} contents of promised sectors")


def test_every_image_that_may_be_left_is_whole(recorded):
    """Random ones, read as a client would read them: each sector one WRITE's whole data, and none older than promised."""
    history, chance, images = history_of(recorded), random.Random(1), 0
    promises = history.promises(recorded.sync == "write")
    for _ in range(150):
        at = chance.randrange(len(recorded.records) + 1)
        floors = collections.defaultdict(int)
        for since, lsn, place in promises:
            if since < at:
                floors[lsn] = max(floors[lsn], HEADER.unpack_from(history.writes[lsn][place].data)[3])
        for _ in range(10):
            image = history.image_after(at, recorded.first, chance)
            images += 1
            for lsn in range(SECTORS):
                data = image[lsn * SECTOR:(lsn + 1) * SECTOR]
                word, writer, its_lsn, sequence = HEADER.unpack_from(data)
                assert data in (bytes(SECTOR), content(writer, lsn, sequence)), lsn
                assert sequence >= floors[lsn]
                assert word == bytes(4) or (its_lsn, writer) == (lsn, lsn % 2)
    assert images == 1500


def test_the_check_notices_a_sync_that_was_left_out(recorded):
    """Without any one half of its syncs the same log is a daemon that lies."""
    calls = sorted({record.call for record in recorded.records if record.kind == "S"})
    assert len(calls) > 4
    half = set(calls[::2])
    records = [record for record in recorded.records if record.kind not in "sS" or record.call not in half]
    with pytest.raises(Lost):
        history_of(recorded, records).check_every_moment(recorded.sync == "write")


def test_the_check_notices_an_answer_that_came_before_the_write(recorded):
    records = list(recorded.records)
    end = next(i for i, record in enumerate(records) if record.kind == "W")
    records.append(records.pop(end))
    with pytest.raises(Lost):
        history_of(recorded, records)


def test_without_any_flush_a_sync_begins_soon(serve, tmp_path):
    """Within a second, as the core's tests say under a fake clock; here the machine may be slow."""
    images, faults = tmp_path / "images", Faults(tmp_path / "faults")
    make_image(images / "v.img", SECTORS * SECTOR)
    with faults.loaded():
        server = serve(config=CONFIG.format(images=images, sync="flush"))

    def seconds_until_sync():
        """From the end of the last write to the beginning of the first sync behind it, or None."""
        records = list(faults.records())
        written = max(i for i, record in enumerate(records) if record.kind == "W")
        begun = [record.time for record in records[written:] if record.kind == "s"]
        return (begun[0] - records[written].time) / 1e9 if begun else None

    with server.peer() as peer:
        session = peer.open("v", 1 | STRICT)
        for turn in range(3):
            session.write(turn, content(0, turn, turn + 1))
            wait_until(lambda: seconds_until_sync() is not None, 15)
            assert seconds_until_sync() < 10
