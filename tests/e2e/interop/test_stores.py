# SPDX-License-Identifier: MIT
"""Volumes on real NBD servers, used through the plugin: NBD at both ends, and Blockhead between."""
import json
import random
import signal
import socket
import subprocess

import pytest

import killing
from client import OK, STORAGE, Refused, error_of
from conftest import make_image, wait_until
from plugin import PLUGIN, Nbdkit, needs_fio, needs_plugin, needs_qemu, qemu_io, run
from test_faulty_paths import fio
from test_nbd_backend import Load, Program, config, open_strict

KIB, MIB = 1 << 10, 1 << 20
LINE = 256  # bytes of a sector of raw clients

pytestmark = [*needs_plugin, pytest.mark.timeout(600)]
long = pytest.mark.long


@pytest.fixture(autouse=True)
def store(tmp_path):
    """store(COMMAND...): a server on the socket that {} stands for, there before the daemon and longer than it."""
    made = []

    def start(*command):
        path = tmp_path / f"store{len(made)}"
        made.append(Program(path, [path if word == "{}" else word for word in command]))
        return made[-1]

    yield start
    for program in made:
        program.end()


@pytest.fixture
def filtered(store):
    """filtered(FILTERS, PLUGIN AND PARAMETERS...): nbdkit, one connection at a time."""
    return lambda filters, *words: store("nbdkit", "-f", "-U", "{}", "--filter=limit",
                                         *(f"--filter={name}" for name in filters), *words, "limit=1")


@pytest.fixture
def front(serve, tmp_path):
    """front(server, OPTION...): nbdkit with the plugin, before the volume."""
    started = []

    def start(server, *options):
        one = Nbdkit(tmp_path / f"front{len(started)}", [*options, PLUGIN, server.url("v0", 512)])
        started.append(one)
        return one

    yield start
    for one in started:
        one.end()


@pytest.fixture
def qcow2(store, tmp_path):
    """qemu-nbd on an empty qcow2 of 16 MiB, and the image."""
    image = tmp_path / "disk.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", image, "16M")
    return store("qemu-nbd", "--persistent", "--socket", "{}", "--format=qcow2", image), image


@needs_qemu
def test_a_qcow2_is_filled_checked_and_read_back(serve, front, qcow2, tmp_path):
    export, image = qcow2
    data = bytearray(make_image(tmp_path / "in", 16 * MIB))
    for offset in (0, 70000, 5 * MIB, 16 * MIB - 700):
        part = random.Random(offset).randbytes(min(60000, 16 * MIB - offset))
        data[offset:offset + len(part)] = part
    (tmp_path / "in").write_bytes(data)
    server = serve(config=config(export.uri()))
    one = front(server)
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", tmp_path / "in", one.uri())
    qemu_io(one.uri(), "write -P 7 511 1026", "write -z 5M 5000", "discard 70000 4096", "flush")
    data[511:1537], data[5 * MIB:5 * MIB + 5000] = b"\7" * 1026, bytes(5000)
    run("nbdcopy", one.uri(), tmp_path / "out")
    one.end()
    server.end()
    export.kill(signal.SIGTERM)
    run("qemu-img", "check", "-q", image)
    run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", tmp_path / "out", image)
    out = (tmp_path / "out").read_bytes()
    data[70000:74096] = out[70000:74096]  # discarded: whatever it is, it is not the neighbours'
    assert out == data


@needs_qemu
@long
def test_a_qcow2_while_both_servers_are_killed(serve, front, qcow2, tmp_path):
    """In turn: what one has not yet made stable, the other has."""
    export, image = qcow2
    state = ("--state", tmp_path / "state")
    server = serve(*state, config=config(export.uri()))
    one = front(server, *killing.TRACE)
    data = make_image(tmp_path / "in", 4 * MIB, 7)
    turns = iter(range(100))

    def again(name):
        if next(turns) % 2:
            export.kill()
            export.start()
        return serve(*state, config=config(export.uri()), listen=[f"udp:{name}"])

    def copies():
        run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", tmp_path / "in", one.uri(), timeout=200)
        qemu_io(one.uri(), "flush")
        run("nbdcopy", "--request-size=4096", one.uri(), tmp_path / "out", timeout=200)
        assert (tmp_path / "out").read_bytes()[:4 * MIB] == data

    _, kills = killing.kill_under(copies, one, server, again, 20)
    assert kills == 20


@needs_fio
@long
def test_fio_on_a_slow_store(serve, filtered, front, tmp_path):
    """5 ms before each read and write."""
    export = filtered(["delay"], "memory", "1M", "rdelay=5ms", "wdelay=5ms")
    one = front(serve(config=config(export.uri())))
    fio(one.uri(), tmp_path, size=MIB // 2)


def ask_filter(path, letter):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(30)
        control.connect(str(path))
        control.sendall(letter)
        assert control.recv(1) == letter.upper()


def test_a_store_that_pauses_is_waited_for(serve, filtered, tmp_path):
    control = tmp_path / "control"
    export = filtered(["pause"], "memory", "1M", f"pause-control={control}")
    server = serve(config=config((export.uri(), "timeout = 1s")))
    with server.peer() as peer:
        session = open_strict(peer)
        session.write(1, b"1" * LINE)
        ask_filter(control, b"p")
        assert error_of(session.write, 1, b"2" * LINE) == STORAGE  # after the volume's time-out
        server.wait_for_log("the NBD server has not answered for 1 s")
        ask_filter(control, b"r")
        wait_until(lambda: error_of(session.read, 1) == OK)
        assert session.read(1) in (b"1" * LINE, b"2" * LINE)
        session.write(1, b"3" * LINE)
        session.flush()
        assert session.read(1) == b"3" * LINE


@long
def test_a_store_that_pauses_again_and_again_loses_nothing(serve, filtered, tmp_path):
    control = tmp_path / "control"
    export = filtered(["pause"], "memory", "64K", f"pause-control={control}")
    server = serve(config=config(export.uri()))
    load = Load(server, 6, range(64))
    load.start()
    for _ in range(20):
        load.wait_for_rounds(2)
        ask_filter(control, b"p")
        ask_filter(control, b"r")
    load.end()


@pytest.mark.parametrize("error, seen", [("EIO", "Input/output error"), ("ENOSPC", "No space left on device"),
                                         ("EPERM", "Operation not permitted")])
@needs_qemu
def test_an_error_of_the_store_reaches_the_client_as_itself(serve, filtered, front, tmp_path, error, seen):
    trigger = tmp_path / "trigger"
    export = filtered(["error"], "memory", "1M", f"error-pwrite={error}", "error-pwrite-rate=100%",
                      f"error-pwrite-file={trigger}")
    one = front(serve(config=config(export.uri())))
    qemu_io(one.uri(), "write -P 1 0 64k")
    trigger.touch()
    assert seen in qemu_io(one.uri(), "write -P 2 0 512", code=1)
    trigger.unlink()
    qemu_io(one.uri(), "read -P 1 0 64k", "write -P 3 0 512", "read -P 3 0 512", "flush")


def open_at_last(peer):
    """Its first READ may be one that fails."""
    for _ in range(20):
        try:
            return open_strict(peer)
        except Refused as refused:
            assert refused.error == STORAGE
    raise AssertionError("the volume is never open")


def read_at_last(session, lsn):
    for _ in range(20):
        try:
            return session.read(lsn)
        except Refused as refused:
            assert refused.error == STORAGE
    raise AssertionError(f"sector {lsn} is never read")


def test_a_store_that_fails_now_and_then(serve, filtered):
    """One request in ten: an error each time, and what was not refused is there."""
    export = filtered(["error"], "memory", "64K", "error-pwrite=EIO", "error-pwrite-rate=10%",
                      "error-pread=EIO", "error-pread-rate=10%")
    server = serve(config=config(export.uri()))
    rng, model, refused = random.Random(4), {}, 0
    with server.peer() as peer:
        session = open_at_last(peer)
        for _ in range(300):
            lsn, data = rng.randrange(64), rng.randbytes(LINE)
            if error_of(session.write, lsn, data) == OK:
                model[lsn] = data
            else:
                refused += 1
        for lsn, data in model.items():
            assert read_at_last(session, lsn) == data
    assert 0 < refused < 150


@needs_qemu
def test_a_store_that_has_become_shorter(serve, filtered, front, tmp_path):
    """nbdkit's truncate filter says how long it is; it comes back with less."""
    export = filtered(["truncate"], "memory", "1M", "truncate=1M")
    one = front(serve(config=config((export.uri(), "timeout = 1s"))))
    qemu_io(one.uri(), "write -P 1 1000k 4k", "flush")
    export.kill()
    export.command = [word if word != "truncate=1M" else "truncate=512K" for word in export.command]
    export.start()
    assert "Input/output error" in qemu_io(one.uri(), "read 1000k 4k", code=1)


def test_json_of_the_plugin(serve, filtered, front):
    """What nbdinfo makes of both ends: the plugin offers what the store does."""
    export = filtered([], "memory", "1M")
    one = front(serve(config=config(export.uri())))
    facts = json.loads(run("nbdinfo", "--json", one.uri()))["exports"][0]
    assert facts["export-size"] == MIB and facts["can_flush"] and facts["can_zero"] and not facts["is_read_only"]
